"""The command `qcc`: one subcommand a file."""

import argparse
import ctypes
import gc
import os
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn, cast

from qcompiler.cli.interruption import interruptible
from qcompiler.version import VERSION

COMMANDS = {
    "compile": "compile a model to Verilog",
    "quantize": "from a float model to one that computes in integers",
    "crop": "a smaller float model to train, by a share of its weights or for a device",
    "evaluate": "accuracy of networks side by side: float, quantized, compiled",
    "check": "say what keeps a model from compiling, all of it at once",
    "import": "write a model as text in the model language (.qnn)",
    "fmt": "lay out files of the model language",
    "lsp": "serve editors of the model language over standard input and output",
    "verify": "simulate a design's Verilog against its integer interpreter",
    "prove": "prove a design's Verilog: handshakes, order and values, for all inputs and stalls",
    "estimate": "an analytic model's cycles and latency, of a network or a large transformer",
    "synth": "area and clock of a design on a device, with Yosys and nextpnr",
    "package": "a design for other tools: IP-XACT (Vivado), FuseSoC, a list of files",
    "explain": "what became of a node or layer, and why it is as it is",
    "explore": "many models, options and devices, on this machine or a cluster; results kept",
    "view": "one HTML page of a design: IR at every step, graph, widths, Verilog",
    "gui": "apply passes to textual IR in the terminal and see what they do (xDSL's application)",
    "reduce": "shrink IR on which something goes wrong to the smallest that still shows it",
    "completion": "print a script by which a shell completes command lines of qcc",
    "opt": "run passes on textual IR, with mlir-opt's habits",
}


class Parser(argparse.ArgumentParser):
    """A parser that suggests the option or command that a misspelt one may stand for."""

    def error(self, message: str) -> NoReturn:
        """Ends the program with a message, and a suggestion where there is one."""
        super().error(f"{message}{self._meant(message)}")

    def _meant(self, message: str) -> str:
        known = [option for action in self._actions for option in action.option_strings]
        if unknown := re.search(r"unrecognized arguments: (-\S+)", message):
            word = unknown[1].partition("=")[0]
        elif unknown := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            word, known = unknown[1], re.findall(r"[\w.-]+", unknown[2])
        else:
            return ""
        close = get_close_matches(word[:60], known, 1, 0.6)
        return f"; did you mean {close[0]}?" if close else ""

    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride] its overloads are as one
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> Any:
        """Parses; what a subcommand does not know is refused by its own parser."""
        parsed, rest = self.parse_known_args(args, namespace)
        if rest:
            chosen = subparsers(self).get(getattr(parsed, "command", ""), self)
            chosen.error(f"unrecognized arguments: {' '.join(rest)}")
        return parsed


def subparsers(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Returns the parsers of the subcommands."""
    for action in parser._actions:
        if action.dest == "command":
            return cast(Mapping[str, argparse.ArgumentParser], action.choices)
    return {}


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """Returns the parser of the command line.

    Args:
        only: the one subcommand whose options are wanted, "" for none; loading the others takes
            time.
    """
    parser = Parser(
        prog="qcc",
        description="Compiles quantized neural networks to bit-exact, readable, streaming Verilog.",
        epilog="exit status: 0 done; 1 the model or the result is at fault; 2 wrong usage; "
        "3 qcc or a plug-in is at fault; 128 + N ended by signal N",
    )
    parser.add_argument("--version", action="version", version=f"qcc {VERSION}")
    made = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_ in COMMANDS.items():
        subparser = made.add_parser(name, help=help_, description=help_)
        if name != "opt" and only in (None, name):  # opt has the parser of xDSL's own driver
            import_module(f"qcompiler.cli.{name}_command").add_arguments(subparser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status, 128 + its number if a signal ended it."""
    return interruptible(lambda: _main(arguments))


def _main(given: Sequence[str] | None) -> int:
    arguments = sys.argv[1:] if given is None else list(given)
    if arguments[:1] == ["opt"]:
        return import_module("qcompiler.cli.opt_command").run(arguments[1:])
    _keep_freed_memory()
    if given is None and arguments[:1] == ["compile"]:
        _multiply_in_one_thread()
    # What a compilation makes lives to its end: looking for cyclic garbage finds nothing, slowly.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _run(arguments)
    finally:
        if given is None:
            gc.freeze()  # the program ends: nothing is taken apart that its memory goes with
        elif collecting:
            gc.enable()


def _keep_freed_memory() -> None:
    """Lets glibc keep what numpy frees for the next array, instead of giving it back to the system.

    Arrays of a large model are freed and made again thousands of times; each page that the system
    gives anew it fills with zeros first. Other C libraries have no such setting and need none set.
    """
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mmap_threshold, trim_threshold = -3, -1  # names and numbers as in <malloc.h>
    adjust(mmap_threshold, 1 << 30)
    adjust(trim_threshold, 1 << 30)


def _multiply_in_one_thread() -> None:
    """Keeps numpy from threads for its matrix products, before it is loaded.

    Those of a compilation are small and many: threads that wait for the next one cost more time
    than they save, and the machine has other work for them.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _run(arguments: Sequence[str]) -> int:
    only = next((word for word in arguments if word in COMMANDS), None)
    parser = build_parser(only or "")
    if only is None:
        parser.parse_args(arguments)  # ends the program: help, version, or what is wrong
    from qcompiler.cli.common import report_failures

    with report_failures(only) as outcome:
        parsed = parser.parse_args(arguments)  # loads plugins, too
        command = import_module(f"qcompiler.cli.{parsed.command}_command")
        outcome.status = command.run(parsed)
    return outcome.status


if __name__ == "__main__":
    sys.exit(main())
