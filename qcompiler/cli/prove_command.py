"""qcc prove: proofs about the Verilog of a design, for all inputs, all stalls, and for ever."""

import argparse
import os
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import (
    add_plugin_argument,
    naming_nodes,
    out,
    positive,
    positive_int,
    print_json,
    print_table,
    table,
)
from qcompiler.cli.progress import showing_progress
from qcompiler.proofs.circuit import require_yosys
from qcompiler.proofs.jobs import Effort
from qcompiler.proofs.prove import Report, prove

_COLOURS = {"proven": "green", "control": "yellow", "refuted": "red", "undecided": "yellow"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    default = Effort()
    parser.add_argument("directory", metavar="DIR", type=Path, help="a design of qcc compile")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        default=(),
        help="blocks whose names have this in them; top is the top module (default: all)",
    )
    parser.add_argument(
        "--jobs",
        type=positive_int,
        metavar="N",
        default=os.cpu_count() or 1,
        help="proofs at a time (default: the number of processors)",
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        default=default.seconds,
        help=f"most time of a processor that each proof may take, and again without its data "
        f"(default: {default.seconds:g})",
    )
    parser.add_argument(
        "--states",
        type=positive_int,
        metavar="N",
        default=default.states,
        help=f"most states of a block's control to go through (default: {default.states})",
    )
    parser.add_argument(
        "--no-cache", action="store_true", help="prove again what an earlier run has proven"
    )
    add_plugin_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Proves; exit status 0 if nothing was refuted or left open, else 1."""
    require_yosys()
    with showing_progress() as progress, naming_nodes(parsed.directory):
        report = prove(
            parsed.directory,
            only=parsed.only,
            effort=Effort(parsed.timeout, parsed.states),
            jobs=parsed.jobs,
            cache=not parsed.no_cache,
            progress=progress,
        )
    if parsed.json:
        print_json(report.as_dict())
    else:
        _show(report)
    return 0 if report.passed else 1


def _show(report: Report) -> None:
    shown = table(f"{report.top}: proofs", "block", "kind", "result", "shown", "seconds")
    for result in report.results:
        colour = _COLOURS[result.status]
        where = f"; trace: {result.trace}" if result.trace else ""
        shown.add_row(
            escape(result.name),
            escape(result.kind),
            f"[{colour}]{result.status}[/{colour}]",
            escape(f"{result.words}{where}"),
            "known" if result.cached else f"{result.seconds:.1f}",
        )
    print_table(shown)
    counts = [f"{n} {status}" for status in _COLOURS if (n := report.count(status))]
    out.print(f"{', '.join(counts)}, of {len(report.results)}")
    if report.count("control"):
        out.print("control: how many beats move, and when, is proven; what they hold is not")
