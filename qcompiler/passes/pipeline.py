"""Runs passes one after the other: options by pass, verification, hooks between."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.universe import Universe
from xdsl.utils.arg_spec import parse_pipeline
from xdsl.utils.exceptions import ParseError

from qcompiler.universe import PASSES

AfterPass = Callable[[str, ModuleOp], None]
"""Called after each pass with its name and the module."""

PassLike = str | ModulePass | Callable[[ModuleOp], None]
"""A pass: its name, an object, or a function that changes a module."""


def make_context() -> Context:
    """Returns a context that knows all dialects, ours and xDSL's, and those of plugins."""
    context = Context()
    for name, factory in Universe.get_multiverse().all_dialects.items():
        context.register_dialect(name, factory)
    return context


def make_pass(name: str, options: Mapping[str, Any] | None = None) -> ModulePass:
    """Returns the pass called `name`, ours or any that xDSL's universes know.

    Raises:
        ValueError: there is no such pass.
    """
    factory = PASSES.get(name) or Universe.get_multiverse().all_passes.get(name)
    if factory is None:
        raise ValueError(f"no pass is called {name!r}; see qcc opt --list-passes")
    return factory()(**(options or {}))


def run_pass(context: Context, module: ModuleOp, pass_: PassLike) -> str:
    """Applies one pass and verifies the module; returns the pass's name.

    Raises:
        PassFailedException: the pass refuses the module (`ModelError` says why).
        VerifyException: the pass left a module that does not verify.
    """
    if isinstance(pass_, str):
        pass_ = make_pass(pass_)
    if isinstance(pass_, ModulePass):
        pass_.apply(context, module)
    else:
        pass_(module)
    module.verify()
    return pass_name(pass_)


def pass_name(pass_: PassLike) -> str:
    """Returns the name of a pass."""
    if isinstance(pass_, str):
        return pass_
    return type(pass_).name if isinstance(pass_, ModulePass) else getattr(pass_, "__name__", "pass")


def parse_passes(text: str) -> list[tuple[str, ModulePass | None]]:
    """Returns the passes of a pipeline as text, such as `infer-ranges,select-folding{pe=2}`.

    Returns:
        Name and, where options were written, the pass with them.

    Raises:
        ValueError: the text is malformed, or a pass or an option is unknown.
    """
    found: list[tuple[str, ModulePass | None]] = []
    try:
        for spec in parse_pipeline(text):
            kind = type(make_pass(spec.name))
            found.append((spec.name, kind.from_spec(spec) if spec.parameters else None))
    except ParseError as error:
        raise ValueError(f"pipeline {text!r} is malformed: {error.msg}") from None
    return found


def run_passes(
    module: ModuleOp,
    passes: Sequence[PassLike],
    after: Sequence[AfterPass] = (),
    before: Sequence[AfterPass] = (),
) -> None:
    """Applies passes in order, verifies after each, and tells the listeners.

    Raises:
        PassFailedException, VerifyException: as `run_pass`.
    """
    context = make_context()
    for pass_ in passes:
        for listener in before:
            listener(pass_name(pass_), module)
        name = run_pass(context, module, pass_)
        for listener in after:
            listener(name, module)
