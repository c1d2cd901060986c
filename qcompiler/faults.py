"""Faults of the program: what neither the model nor the request is to blame for.

A pass or a front end refuses with `ModelError`. Whatever else stops it, or IR that does not verify
behind it, is a fault of its own: ours, or of the plug-in that it comes from.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from traceback import walk_tb
from types import FrameType, TracebackType

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException, VerifyException

from qcompiler import plugins
from qcompiler.arith.ranges import WidthError
from qcompiler.errors import ModelError, Problem, printable
from qcompiler.provenance.sources import place_of, source_of
from qcompiler.verifying import Verifier
from qcompiler.version import VERSION

TRACEBACK = "QCC_TRACEBACK"
"""Environment variable: if it is set, `qcc` prints the traceback of a fault."""


class InternalError(Exception):
    """The program is at fault, not the model. What stopped it is its `__cause__`.

    Attributes:
        where: the pass, and the operation that it worked on.
        what: what happened, and whose fault it is.
        remedy: what helps.
        plugin: file, or file and line, of the plug-in at fault; None if the fault is ours.
        kind: the type of what stopped it; VerifyException for IR that does not verify.
    """

    def __init__(self, where: str, said: str, plugin: str | None, kind: type[Exception]):
        self.where, self.kind, self.plugin = where, kind, plugin
        said = printable(said, 500)
        if plugin is None:
            program = f"qcompiler {VERSION}"
            self.remedy = (
                f"report it with the model, the command line and what {TRACEBACK}=1 prints; "
                "docs/faq.md says how, and what to try"
            )
        else:
            program = f"the plug-in {plugin}"
            self.remedy = f"mend it there; {TRACEBACK}=1 prints the traceback"
        self.what = f"{said}; this is a fault of {program}, not of the model"
        super().__init__(f"{where}: {self.what}; {self.remedy}")


@contextmanager
def guarded(
    stage: str, program: object = None, at: str = "", refusals: tuple[type[Exception], ...] = ()
) -> Generator[None]:
    """Turns what is no refusal into an `InternalError` that says what stopped, and where.

    Args:
        stage: what is being done: `pass fold-scales`.
        program: the pass, if it may be a plug-in's.
        at: node of the model that is being worked on, if the stage knows.
        refusals: what else than `PassFailedException` is a refusal here.

    Raises:
        ModelError: integers grow beyond what is computed with.
        InternalError: whatever else than a refusal was raised inside.
    """
    try:
        yield
    except WidthError as error:
        op = _operation([frame for frame, _ in walk_tb(error.__traceback__)])
        where = at or (stage if op is None else place_of(op))
        remedy = "quantize the activation or the weights of this node with fewer bits"
        raise ModelError([Problem(where, str(error), remedy)]) from error
    except (PassFailedException, InternalError, *refusals):
        raise
    except Exception as error:  # whatever it is: a refusal it is not, so the program is at fault
        raise fault_of(error, stage, program, at) from error


def fault_of(error: Exception, stage: str, program: object = None, at: str = "") -> InternalError:
    """Returns what to say of an exception that nobody expected; arguments as for `guarded`."""
    where = at or _worked_on([frame for frame, _ in walk_tb(error.__traceback__)])
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    plugin = _plugin_line(error.__traceback__, program) or _plugin_of(program)
    return InternalError(_place(stage, where), said, plugin, type(error))


def verify_after(
    program: object, name: str, module: ModuleOp, verifier: Verifier | None = None
) -> None:
    """Verifies what the pass called `name` left, with a verifier that may have seen it before.

    Raises:
        InternalError: names the pass, and the operation that is refused with its source node.
    """
    try:
        (verifier or Verifier()).verify(module)
    except Exception as error:  # also of xDSL's printer, which cannot print what is no attribute
        op, said = _refused(module, error)
        said = f"this pass left IR that does not verify: {said}"
        where = _place(f"pass {name}", "" if op is None else source_of(op))
        raise InternalError(where, said, _plugin_of(program), VerifyException) from error


def _refused(module: ModuleOp, error: Exception) -> tuple[Operation | None, str]:
    for op in module.walk(region_first=True):  # inner operations before those around them
        held: dict[str, object] = {**op.attributes, **op.properties}
        for name, value in held.items():
            if not isinstance(value, Attribute):  # types do not keep a pass from it
                said = f"{name} is {value!r}, of Python's {type(value).__name__}"
                return op, f"{said}, where an attribute belongs, such as IntegerAttr"
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException as found:
            return op, str(found)
    return None, str(error)


def _place(stage: str, where: str) -> str:
    return f"{stage}, at {where}" if where else stage


def _worked_on(frames: list[FrameType]) -> str:
    """Returns the source of the operation that was worked on."""
    op = _operation(frames)
    return "" if op is None else source_of(op)


def _operation(frames: list[FrameType]) -> Operation | None:
    """Returns the operation that the innermost function with one works on."""
    for frame in reversed(frames):
        values = frame.f_locals
        candidates = [values[name] for name in ("op", "process") if name in values]
        for value in (*candidates, *values.values()):
            made = isinstance(value, Operation) and hasattr(value, "location")  # not half made
            if made and not isinstance(value, ModuleOp):
                return value
    return None


def _module_of(program: object) -> str:
    """Returns the name of the Python module that a pass, an object or a function, comes from."""
    kind = type(program) if isinstance(program, ModulePass) else program
    return str(getattr(kind, "__module__", "") or "")


def _is_foreign(module: str) -> bool:
    return module.partition(".")[0] not in (*plugins.OURS, "builtins", "")


def _plugin_of(program: object) -> str | None:
    """Returns the file of a pass that is not ours."""
    name = _module_of(program) if program is not None else ""
    return _file(name) if _is_foreign(name) else None


def _file(module: str) -> str:
    file = getattr(sys.modules.get(module), "__file__", None)
    return str(file or module)


def _plugin_line(trace: TracebackType | None, program: object) -> str | None:
    """Returns file and line of the innermost function of a plug-in, if one takes part."""
    own = _module_of(program) if program is not None else ""
    names = {*plugins.modules(), *([own] if _is_foreign(own) else [])}
    found: str | None = None
    for frame, line in walk_tb(trace):
        name = str(frame.f_globals.get("__name__", ""))
        if name in names or name.partition(".")[0] in names:
            found = f"{frame.f_code.co_filename}:{line}"
    return found
