"""Runs passes one after the other: options by pass, verification, hooks between."""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, get_pass_option_infos
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError, ParseError

from qcompiler import plugins
from qcompiler.faults import guarded, verify_after
from qcompiler.provenance.keep_sources import keep_nodes, node_graph
from qcompiler.universe import PASSES
from qcompiler.verifying import Verifier

AfterPass = Callable[[str, ModuleOp], None]
"""Called after each pass with its name and the module."""

PassLike = str | ModulePass | Callable[[ModuleOp], None]
"""A pass: its name (options may follow, `name{option=1}`), an object, or a function on a module."""

Insertions = Mapping[str, PassLike | Sequence[PassLike]]
"""Passes to run next to a pass of the pipeline, by its name."""


def make_context() -> Context:
    """Returns a context that knows all dialects, ours and xDSL's, and those of plugins."""
    context = Context()
    for name, factory in plugins.known().all_dialects.items():
        context.register_dialect(name, factory)
    return context


def pass_class(name: str) -> type[ModulePass]:
    """Returns the class of the pass called `name`: ours, xDSL's, or a plugin's.

    Raises:
        ValueError: there is no such pass.
    """
    known = plugins.known().all_passes
    factory = PASSES.get(name) or known.get(name)
    if factory is None:
        close = get_close_matches(name, {*PASSES, *known}, 1)
        meant = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"no pass is called {name!r}; {meant}see qcc opt --list-passes")
    return factory()


def make_pass(text: str, options: Mapping[str, Any] | None = None) -> ModulePass:
    """Returns a pass by its name; options are in the text, `name{option=1}`, or given.

    Raises:
        ValueError: there is no such pass, or it has no such option.
    """
    if "{" not in text:
        return pass_class(text)(**(options or {}))
    (spec,) = _specs(text)
    return _with_options(spec)


def _with_options(spec: ArgSpec) -> ModulePass:
    kind = pass_class(spec.name)
    try:
        return kind.from_spec(spec)
    except ValueError as error:
        options = [
            f"{option.name.replace('_', '-')}: {option.expected_type}"
            for option in get_pass_option_infos(kind)
        ]
        known = f"its options are {', '.join(options)}" if options else "it has no options"
        raise ValueError(f"{spec}: {error}; {known}") from None


def _specs(text: str) -> tuple[ArgSpec, ...]:
    try:
        return tuple(parse_pipeline(text))
    except (ParseError, ArgSpecParseError) as error:
        said = error.msg if isinstance(error, ParseError) else str(error)
        raise ValueError(f"pipeline {text!r} is malformed: {said}") from None


def run_pass(
    context: Context, module: ModuleOp, pass_: PassLike, verifier: Verifier | None = None
) -> str:
    """Applies one pass and verifies the module; returns the pass's name.

    Nodes of the model whose operations the pass replaced stay known, see `keep_sources`.

    Raises:
        PassFailedException: the pass refuses the module (`ModelError` says why).
        InternalError: the pass stopped otherwise, or left a module that does not verify.
    """
    if isinstance(pass_, str):
        pass_ = make_pass(pass_)
    before = node_graph(module)
    name = pass_name(pass_)
    with guarded(f"pass {name}", pass_):
        if isinstance(pass_, ModulePass):
            pass_.apply(context, module)
        else:
            pass_(module)
    verify_after(pass_, name, module, verifier)
    keep_nodes(module, before)
    return name


def pass_name(pass_: PassLike) -> str:
    """Returns the name of a pass."""
    if isinstance(pass_, str):
        return pass_.partition("{")[0].strip()
    return type(pass_).name if isinstance(pass_, ModulePass) else getattr(pass_, "__name__", "pass")


def parse_passes(text: str) -> list[tuple[str, ModulePass | None]]:
    """Returns the passes of a pipeline as text, such as `infer-ranges,select-folding{pe=2}`.

    Returns:
        Name and, where options were written, the pass with them.

    Raises:
        ValueError: the text is malformed, or a pass or an option is unknown.
    """
    found: list[tuple[str, ModulePass | None]] = []
    for spec in _specs(text):
        pass_class(spec.name)
        found.append((spec.name, _with_options(spec) if spec.parameters else None))
    return found


def insert(
    passes: Sequence[PassLike], before: Insertions | None = None, after: Insertions | None = None
) -> tuple[PassLike, ...]:
    """Returns a pipeline with more passes, before or after those that are named.

    Example: `insert(pipelines.DEFAULT, after={"fold-scales": "canonicalize"})`

    Raises:
        ValueError: the pipeline has no pass of that name.
    """
    before, after = before or {}, after or {}
    names = [pass_name(pass_) for pass_ in passes]
    for name in (*before, *after):
        if name not in names:
            raise ValueError(f"the pipeline has no pass {name!r}; it is {', '.join(names)}")
    found: list[PassLike] = []
    for name, pass_ in zip(names, passes, strict=True):
        found += [*listed(before.get(name, ())), pass_, *listed(after.get(name, ()))]
    return tuple(found)


def listed(passes: PassLike | Sequence[PassLike]) -> Sequence[PassLike]:
    """Returns one pass, or several, as several."""
    if isinstance(passes, str | ModulePass) or not isinstance(passes, Sequence):
        return [passes]
    return cast(Sequence[PassLike], passes)


def run_passes(
    module: ModuleOp,
    passes: Sequence[PassLike],
    after: Sequence[AfterPass] = (),
    before: Sequence[AfterPass] = (),
) -> None:
    """Applies passes in order, verifies after each, and tells the listeners.

    Raises:
        PassFailedException, InternalError: as `run_pass`.
    """
    context, verifier = make_context(), Verifier()
    for pass_ in passes:
        for listener in before:
            listener(pass_name(pass_), module)
        name = run_pass(context, module, pass_, verifier)
        for listener in after:
            listener(name, module)
