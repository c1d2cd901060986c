"""qcc synth: what a design takes of a device, and the clock that it reaches there."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.markup import escape

from qcompiler.backends.synthesis.flow import (
    ESTIMATED,
    Request,
    SynthesisResult,
    synthesize,
)
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.backends.written import device_of
from qcompiler.cli.common import (
    add_plugin_argument,
    err,
    naming_nodes,
    out,
    positive,
    positive_int,
    print_json,
    print_table,
    refuse_unused,
    table,
)
from qcompiler.cli.progress import showing_progress
from qcompiler.devices import DEFAULT_DEVICE, device_names, load_device

_COLUMNS = ("LUT", "FF", "BRAM", "LARGE", "DSP")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="a design of qcc compile")
    parser.add_argument(
        "--device",
        metavar="NAME|FILE",
        help="the part, or a device file that ends in .toml (default: the one that the design was "
        f"compiled for, or {DEFAULT_DEVICE}); there are {', '.join(device_names())}",
    )
    parser.add_argument(
        "--mhz", type=positive, help="clock to aim at (default: the one it was compiled for)"
    )
    parser.add_argument(
        "--place", action="store_true", help="place and route: clock, critical path, bitstream"
    )
    parser.add_argument(
        "--no-dsp", action="store_true", help="multiply in look-up tables, not in DSP blocks"
    )
    parser.add_argument(
        "--seed", type=positive_int, metavar="N", help="of the placement (default: 1)"
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        help="most that each tool may take (default: 1800)",
    )
    parser.add_argument(
        "--memory",
        type=positive,
        metavar="GIB",
        help="most memory that each tool may take, on Linux (default: 8)",
    )
    parser.add_argument(
        "--project",
        choices=("vivado", "quartus"),
        help="write a project for the vendor's tool instead, and run nothing",
    )
    add_plugin_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Synthesizes; exit status 0 if the design fits and, once placed, reaches its clock; else 1."""
    _refuse_unused(parsed)
    device = load_device(parsed.device) if parsed.device else device_of(parsed.directory)
    if parsed.project:
        from qcompiler.backends.synthesis.vendor import write_project

        folder = write_project(parsed.directory, device, parsed.project, parsed.mhz)
        if parsed.json:
            print_json({"project": str(folder), "tool": parsed.project})
        else:
            out.print(f"project: {escape(str(folder))}; to build it: make -C {escape(str(folder))}")
        return 0
    request = Request(
        device,
        parsed.mhz,
        parsed.place,
        not parsed.no_dsp,
        parsed.seed or 1,
        Limits(parsed.timeout or 1800.0, int((parsed.memory or 8.0) * 2**30)),
    )
    with showing_progress() as progress, naming_nodes(parsed.directory):
        result = synthesize(parsed.directory, request, progress)
    if parsed.json:
        print_json(result.as_dict())
    else:
        _show(result)
    return 1 if result.excess or _too_slow(result) else 0


def _refuse_unused(parsed: argparse.Namespace) -> None:
    """Ends the command if options are given for tools that do not run."""
    placing = {"--seed": parsed.seed is not None}
    if parsed.project:
        running = {
            "--place": parsed.place,
            "--no-dsp": parsed.no_dsp,
            **placing,
            "--timeout": parsed.timeout is not None,
            "--memory": parsed.memory is not None,
        }
        refuse_unused("synth", running, "with --project, which runs no tool")
    elif not parsed.place:
        timed = {"--mhz": parsed.mhz is not None, **placing}
        refuse_unused("synth", timed, "without --place: nothing is placed and timed")


def _too_slow(result: SynthesisResult) -> bool:
    return result.timing is not None and result.timing.fmax_mhz < result.mhz


def _show(result: SynthesisResult) -> None:
    kinds = [kind for kind in _COLUMNS if result.capacity[kind] or result.total[kind]]
    columns = [c for kind in kinds for c in ([kind, "est."] if kind in ESTIMATED else [kind])]
    shown = table(f"{result.top} on {result.device}, Yosys", "layer", *columns)
    for layer in dict.fromkeys([*result.layers, *result.estimates]):
        usage, estimate = result.layers.get(layer, {}), result.estimates.get(layer, {})
        shown.add_row(escape(layer), *_cells(kinds, usage, estimate))
    shown.add_section()
    shown.add_row("total", *_cells(kinds, result.total, result.estimate))
    errors = {kind: f"{error:+.1f} %" for kind, error in result.errors_percent.items()}
    shown.add_row("estimate's error", *_cells(kinds, {}, errors))
    shown.add_row("device", *_cells(kinds, result.capacity, {}))
    shown.add_row("share", *_cells(kinds, {kind: _share(result, kind) for kind in kinds}, {}))
    print_table(shown)
    for kind, number in result.excess.items():
        out.print(f"[red]does not fit:[/red] {number} {kind} too many")
    if result.timing is not None:
        _show_timing(result)
    took = ", ".join(f"{tool} {seconds:.1f} s" for tool, seconds in result.seconds.items())
    out.print(f"files:   {escape(result.directory)}")
    err.print(f"took {took}")


def _cells(
    kinds: Sequence[str], found: Mapping[str, object], estimated: Mapping[str, object]
) -> list[str]:
    """Returns a row's cells: what was found, and beside it what was estimated."""
    cells: list[str] = []
    for kind in kinds:
        cells.append(str(found.get(kind, "")))
        if kind in ESTIMATED:
            cells.append(str(estimated.get(kind, "")))
    return cells


def _share(result: SynthesisResult, kind: str) -> str:
    used, available = result.total[kind], result.capacity[kind]
    text = f"{100 * used / available:.1f} %" if available else "-"
    return f"[red]{text}[/red]" if used > available else text


def _show_timing(result: SynthesisResult) -> None:
    timing = result.timing
    assert timing is not None, "the caller looked"
    path = table(
        f"critical path, {1e3 / timing.fmax_mhz:.1f} ns", "layer", "cells", "logic ns", "routing ns"
    )
    for step in timing.critical_path:
        path.add_row(
            escape(step.layer), str(step.cells), f"{step.logic_ns:.1f}", f"{step.routing_ns:.1f}"
        )
    print_table(path)
    if _too_slow(result):
        out.print(
            f"[red]too slow: {timing.fmax_mhz:.1f} MHz[/red] after routing, not the "
            f"{result.mhz:g} MHz aimed at: use it at that clock, compile with --mhz "
            f"{result.mhz * result.mhz / timing.fmax_mhz:.0f} for more registers, or try --seed"
        )
    else:
        out.print(
            f"clock:   [green]{timing.fmax_mhz:.1f} MHz[/green] after routing, "
            f"{result.mhz:g} MHz aimed at"
        )
    out.print(f"from:    {escape(timing.start)}\nto:      {escape(timing.end)}")
    sites = ", ".join(f"{kind} {used}/{all_}" for kind, (used, all_) in timing.utilization.items())
    out.print(f"sites:   {escape(sites)} (nextpnr, with the measuring wrapper)")
    if result.bitstream is None:
        out.print("bitstream: none; no wheel packs one for this family")
    else:
        out.print(f"bitstream: {escape(result.bitstream)} (of the measuring wrapper, any pins)")
