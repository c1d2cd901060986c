"""qcc reduce: the smallest module that still fails, for a bug report or a night's sleep."""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import InterpretationError

from qcompiler.analysis.validation import ValidationError, Validator
from qcompiler.assembly import print_module, read_module
from qcompiler.backends.scratch import scratch_folder
from qcompiler.child_programs import run_to_end
from qcompiler.cli.common import add_plugin_argument, err
from qcompiler.delta_debugging import Test, count_operations, reduce_module
from qcompiler.errors import ModelError, Problem
from qcompiler.faults import InternalError
from qcompiler.passes.pipeline import make_context, make_pass, run_pass

_NULL = subprocess.DEVNULL
_BUILT_IN = ("validate", "fails")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("file", metavar="FILE", type=Path, help="IR for which the test holds")
    parser.add_argument(
        "--test",
        metavar="TEST",
        required=True,
        help="validate:PASS (the pass changes what the network computes), fails:PASS (the pass "
        "ends in an error), or a command that succeeds (status 0) on files worth keeping; the "
        "file's name is put in place of {}, or at the end",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="default: stdout")
    parser.add_argument(
        "--print-debuginfo", action="store_true", help="print the nodes that operations come from"
    )
    add_plugin_argument(parser)


def _validates(text: str) -> Test:
    """Returns a test for modules whose meaning a pass changes."""
    pass_ = make_pass(text)

    def test(module: ModuleOp) -> bool:
        try:
            validator = Validator(module)
            run_pass(make_context(), module, pass_)
        except Exception:  # whatever else is wrong with it, it is another matter
            return False
        try:
            validator.check(type(pass_).name, module)
        except ValidationError:
            return True
        except (InterpretationError, KeyError, ValueError):
            return False
        return False

    return test


def _fails(text: str) -> Test:
    """Returns a test for modules on which a pass ends in the same kind of error."""
    pass_ = make_pass(text)
    kinds: list[type[Exception]] = []

    def test(module: ModuleOp) -> bool:
        try:
            run_pass(make_context(), module, pass_)
        except Exception as error:
            kind = error.kind if isinstance(error, InternalError) else type(error)
            if not kinds:
                kinds.append(kind)
            return kind is kinds[0]
        return False

    return test


def _command(text: str) -> Test:
    words = shlex.split(text)

    def test(module: ModuleOp) -> bool:
        with scratch_folder(prefix="qcompiler-reduce") as folder:
            path = folder / "reduced.mlir"
            path.write_text(print_module(module), encoding="utf-8")
            given = [word.replace("{}", str(path)) for word in words]
            if given == words:
                given.append(str(path))
            done = run_to_end(given, stdin=_NULL, stdout=_NULL, stderr=_NULL)
        return done.returncode == 0

    return test


def _test_of(text: str) -> Test:
    kind, _, pass_ = text.partition(":")
    try:
        if kind in _BUILT_IN:
            return {"validate": _validates, "fails": _fails}[kind](pass_)
    except ValueError as error:
        problem = Problem("--test", str(error), "name a pass of qcc opt --list-passes")
        raise ModelError([problem]) from None
    return _command(text)


def run(parsed: argparse.Namespace) -> int:
    """Reduces; exit status 1 if the test does not hold for the input."""
    module = read_module(parsed.file, make_context())
    before = count_operations(module)
    try:
        with err.status("reducing"):
            reduced = reduce_module(module, _test_of(parsed.test))
    except (ValueError, FileNotFoundError) as error:
        raise ModelError(
            [Problem(str(parsed.file), str(error), f"check the test: {parsed.test}")]
        ) from None
    text = print_module(reduced, locations=parsed.print_debuginfo)
    if parsed.output is None:
        sys.stdout.write(text)
    else:
        parsed.output.write_text(text, encoding="utf-8")
    err.print(f"reduced from {before} operations to {count_operations(reduced)}")
    return 0
