"""What subcommands share: model options, error reports, tables."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from traceback import format_exception
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import DiagnosticException, ParseError

from qcompiler.assembly import WeightFile, describe, print_module
from qcompiler.backends.simulators import SimulationError
from qcompiler.backends.source_map import explain_places
from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.errors import ModelError, Problem, printable
from qcompiler.faults import TRACEBACK, InternalError, fault_of
from qcompiler.frontends.onnx import InputSpec, parse_input_option
from qcompiler.options import DECLARED, Kind, Options, flag
from qcompiler.passes.pipeline import PassLike, parse_passes
from qcompiler.plugins import load_plugin

if TYPE_CHECKING:
    from qcompiler.frontends.text.diagnostics import Diagnostic

# Output that goes to a file or a pipe keeps its tables in one piece.
_WIDTH = None if sys.stdout.isatty() else 160
out = Console(highlight=False, soft_wrap=True, width=_WIDTH)
err = Console(stderr=True, highlight=False, soft_wrap=True)


FAULT = 3
"""Exit status if the program is at fault, ours or a plug-in."""


class Outcome(Struct):
    """The exit status of a command."""

    status: int = 0


@contextmanager
def report_failures(command: str | None) -> Generator[Outcome]:
    """Turns errors into messages on stderr: exit status 1 if users can mend them, else 3."""
    outcome = Outcome()
    try:
        yield outcome
    except ModelError as error:
        _print_refusal(error)
        outcome.status = 1
    except (SimulationError, SynthesisError, DiagnosticException, ParseError) as error:
        said = describe(error) if isinstance(error, ParseError) else str(error)
        lines = [escape(printable(line, 1000)) for line in said.splitlines()]
        err.print("[red]error:[/red]", "\n".join(lines[:40]))
        outcome.status = 1
    except BrokenPipeError:  # the reader of our output went away
        sys.stderr.close()
        outcome.status = 1
    except OSError as error:
        said = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        err.print("[red]error:[/red]", escape(printable(said or str(error))))
        outcome.status = 1
    except Exception as error:  # nobody expected it, so the program is at fault
        found = error if isinstance(error, InternalError) else fault_of(error, f"qcc {command}")
        _print_fault(found, found.__cause__ or error)
        outcome.status = FAULT


def _print_refusal(error: ModelError) -> None:
    from qcompiler.frontends.text.diagnostics import LanguageError  # lark is seldom needed

    if isinstance(error, LanguageError):
        print_diagnostics(error.diagnostics)
    else:
        print_problems(error.problems)


def _print_fault(error: InternalError, cause: BaseException) -> None:
    if os.environ.get(TRACEBACK):
        sys.stderr.write("".join(format_exception(cause)))
    head = f"[red]internal error:[/red] [bold]{escape(printable(error.where))}[/bold]"
    what = escape(printable(error.what, 2000))
    remedy = f"[green]remedy:[/green] {escape(printable(error.remedy))}"
    if error.plugin is None:
        err.print(f"{head}\n  {what}\n  {remedy}")
    else:  # who writes a pass sees its last line again and again: all is in it
        err.print(f"{remedy}\n{head}: {what}")


@contextmanager
def naming_nodes(directory: Path) -> Generator[None]:
    """Adds to what a tool says of a design's Verilog which nodes of the model the lines are of."""
    try:
        yield
    except (SimulationError, SynthesisError) as error:
        places = explain_places(str(error), directory)
        raise type(error)("\n".join([str(error), *places])) from None


def print_diagnostics(diagnostics: "Sequence[Diagnostic]") -> None:
    """Prints what is wrong with a text on stderr: place, line, mark, remedy."""
    for diagnostic in diagnostics:
        kind = "[yellow]warning:[/yellow]" if diagnostic.warns else "[red]error:[/red]"
        err.print(kind, escape(str(diagnostic)))
    errors = sum(not diagnostic.warns for diagnostic in diagnostics)
    if errors > 1:
        err.print(f"{errors} problems")


def print_problems(problems: Sequence[Problem]) -> None:
    """Prints problems on stderr, one after the other."""
    for problem in problems:
        err.print(f"[red]error:[/red] [bold]{escape(printable(problem.where))}[/bold]")
        err.print(f"  {escape(printable(problem.what))}")
        err.print(f"  [green]remedy:[/green] {escape(printable(problem.remedy))}")
    if len(problems) > 1:
        err.print(f"{len(problems)} problems")


def print_notes(notes: Iterable[str]) -> None:
    """Prints what should be known of a model that compiled, on stderr, a line each."""
    for note in notes:
        err.print(f"[yellow]note:[/yellow] {escape(printable(note))}")


def print_json(data: Any) -> None:
    """Prints data for a machine on stdout."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def table(title: str, *columns: str) -> Table:
    """Returns an empty table."""
    made = Table(title=escape(title), title_justify="left", title_style="bold")
    first, *others = columns
    # What a row is about is never cut, however narrow the terminal; the rest is folded.
    made.add_column(first, no_wrap=True, overflow="ignore")
    for column in others:
        made.add_column(column, overflow="fold")
    return made


def print_table(shown: Table) -> None:
    """Prints a table; where the terminal is narrow, all columns but the first are folded."""
    first = shown.columns[0]
    # Of markup, the cells of the first column have escapes only.
    names = [Text.from_markup(str(cell)).cell_len for cell in first.cells]
    first.min_width = max(names, default=0)
    out.print(shown)


def input_option(text: str) -> tuple[str, InputSpec]:
    """Parses --input for argparse."""
    try:
        return parse_input_option(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def given_inputs(given: Sequence[tuple[str, InputSpec]]) -> dict[str, InputSpec]:
    """Returns what --input gave, by name.

    Raises:
        ModelError: an input was given twice.
    """
    found: dict[str, InputSpec] = {}
    for name, spec in given:
        if name in found:
            what = f"is given twice for {name}"
            raise ModelError([Problem("--input", what, "give each input once")])
        found[name] = spec
    return found


def state_option(text: str) -> tuple[str, str]:
    """Returns input and output of a state from INPUT=OUTPUT."""
    name, equals, left = text.rpartition("=")
    if not equals or not name or not left:
        raise argparse.ArgumentTypeError(f"must have the form INPUT=OUTPUT, got {text!r}")
    return name, left


def given_states(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Returns what --state gave, by input.

    Raises:
        ModelError: an input was given twice.
    """
    found = dict(given)
    if len(found) < len(given):
        what = "one input is given twice"
        raise ModelError([Problem("--state", what, "give each input once")])
    return found


def refuse_unused(command: str, given: Mapping[str, bool], why: str) -> None:
    """Ends the command with status 2 if options were given that it would not follow.

    Args:
        command: for the message.
        given: by option, whether it was given.
        why: in words.
    """
    unused = [option for option, was_given in given.items() if was_given]
    if unused:
        err.print(f"qcc {command}: {escape(', '.join(unused))} has no effect {escape(why)}")
        raise SystemExit(2)


def positive(text: str) -> float:
    """Parses a positive number for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number, got {text}")
    return value


def positive_int(text: str) -> int:
    """Parses a positive integer for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, got {text}")
    return value


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what compile and check take to read a model."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="an ONNX file, a .tflite file, a .qnn file, textual IR (.mlir), or a project file "
        "(.toml) that names one (default: qcc.toml)",
    )
    parser.set_defaults(wrong_usage=parser.error)
    add_meaning_arguments(parser)
    rate = parser.add_mutually_exclusive_group()
    for name, row in DECLARED.items():
        if name == "weights":
            parser.add_argument(
                flag(name), metavar=row.metavar, action=_Weights, default=None, help=row.help
            )
        elif name != "numerics":
            _add_option(rate if row.excludes else parser, name)
    add_plugin_argument(parser)
    for where in ("before", "after"):
        parser.add_argument(
            f"--pass-{where}",
            metavar="NAME=PASSES",
            type=insertion,
            action="append",
            default=[],
            help=f"run more passes {where} the pass NAME, e.g. infer-ranges=mine{{depth=2}}",
        )


class _Weights(argparse.Action):
    """Joins the places of weights, in the order given; NAME.npz is where IR has its constants."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Notes one of them."""
        if Path(values).suffix == ".npz" and hasattr(namespace, CONSTANTS):
            try:
                setattr(namespace, CONSTANTS, weight_file(values))
            except argparse.ArgumentTypeError as error:
                raise argparse.ArgumentError(self, str(error)) from None
            return
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if before is None else f"{before},{values}")


CONSTANTS = "constants_file"
"""Where commands that write IR find the file of its constants."""


def add_meaning_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what a model file may leave open: integers of inputs, and numerics."""
    parser.add_argument(
        "--input",
        metavar="NAME=TYPE:SCALE[:ZERO_POINT]",
        type=input_option,
        action="append",
        default=[],
        help="the integers of an input that has no quantizer, e.g. x=uint8:0.00392 or x=bipolar:1",
    )
    _add_option(parser, "numerics")
    parser.add_argument(
        "--state",
        metavar="INPUT=OUTPUT",
        type=state_option,
        action="append",
        default=[],
        help="an output that is left for an input of the next frame, 0 before the first",
    )


_TYPES: Mapping[Kind, Callable[[str], Any]] = {
    "rate": positive,
    "count": positive_int,
    "text": str,
    "choice": str,
}


def _add_option(parser: argparse._ActionsContainer, name: str) -> None:  # pyright: ignore[reportPrivateUsage]
    row = DECLARED[name]
    parser.add_argument(
        flag(name),
        type=_TYPES[row.kind],
        choices=row.choices or None,
        default=None,  # also where silence has a value: that may be said, too
        metavar=row.metavar,
        help=row.help,
    )


def add_plugin_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --plugin, which must be known before the passes that plugins define are looked up."""
    parser.add_argument(
        "--plugin",
        metavar="FILE",
        action=_LoadPlugin,
        default=[],
        help="a Python file: passes, operations, targets, devices of your own; may be repeated",
    )


class _LoadPlugin(argparse.Action):
    """Loads a plugin as soon as its option is read, and lists it."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Loads it."""
        load_plugin(values)
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), values])


def non_negative_int(text: str) -> int:
    """Parses a count for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"must not be negative, got {text}")
    return value


SHOWN_ELEMENTS = 100
"""Most elements of a constant in IR that is printed for people to look at."""


def print_ir(
    when: str,
    name: str,
    module: ModuleOp,
    elide: int | None = None,
    *,
    locations: bool = False,
) -> None:
    """Prints the IR before or after a pass on stderr, for people: without large constants."""
    most = SHOWN_ELEMENTS if elide is None else elide
    text = print_module(module, elide=most, locations=locations)
    sys.stderr.write(f"// ----- IR {when} {name} ----- //\n{text}\n")


def weight_file(text: str) -> str:
    """Parses --weights for argparse."""
    try:
        return WeightFile(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def insertion(text: str) -> tuple[str, list[PassLike]]:
    """Parses --pass-before and --pass-after for argparse; passes are looked up later."""
    name, separator, passes = text.partition("=")
    if not separator or not name or not passes:
        raise argparse.ArgumentTypeError(f"must be NAME=PASSES, got {text!r}")
    return name, [passes]


def _insertions(given: Sequence[tuple[str, list[PassLike]]]) -> dict[str, list[PassLike]]:
    """Returns what to insert by name.

    Raises:
        ModelError: a pass or an option of it is unknown.
    """
    found: dict[str, list[PassLike]] = {}
    for name, passes in given:
        for text in passes:
            try:
                listed = [pass_ or known for known, pass_ in parse_passes(str(text))]
            except ValueError as error:
                remedy = "qcc opt --list-passes names passes, --explain-pass NAME their options"
                raise ModelError([Problem(f"{name}={text}", str(error), remedy)]) from None
            found.setdefault(name, []).extend(listed)
    return found


def model_options(parsed: argparse.Namespace, **more: Any) -> Options:
    """Returns the options that `add_model_arguments` read."""
    return Options(
        inputs=given_inputs(parsed.input),
        states=given_states(parsed.state),
        pass_before=_insertions(parsed.pass_before),
        pass_after=_insertions(parsed.pass_after),
        **{
            name: row.silent if (value := getattr(parsed, name)) is None else value
            for name, row in DECLARED.items()
        },
        **more,
    )
