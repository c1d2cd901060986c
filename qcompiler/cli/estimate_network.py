"""qcc estimate MODEL: the analytic model of a network that compiles, beside its exact schedules."""

import argparse
from pathlib import Path
from typing import Any

from rich.markup import escape

from qcompiler.analysis.even_flows import Product, estimated_timing, products
from qcompiler.analysis.throughput import Timing
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.written import is_ours, load_design
from qcompiler.cli.common import (
    given_inputs,
    given_states,
    out,
    print_json,
    print_table,
    refuse_unused,
    table,
)
from qcompiler.compiler import compile_module, import_model, naming_places
from qcompiler.errors import ModelError, Problem
from qcompiler.options import Options


def run(parsed: argparse.Namespace) -> int:
    """Estimates a network; returns the exit status."""
    design = _design(parsed)
    if "stream" not in design.levels:
        what = "is not a network of processes, but one without a clock or a handshake of its own"
        raise ModelError([Problem(parsed.model, what, "compile it without --interface plain")])
    network = design.network
    found, estimated, exact = products(network), estimated_timing(network), design.timing
    if parsed.json:
        print_json(_as_dict(found, estimated, exact))
    else:
        _show(design.name, found, estimated, exact)
    return 0


def _design(parsed: argparse.Namespace) -> CompiledDesign:
    path = Path(parsed.model)
    if path.is_dir() and is_ours(path):
        given = {
            "--cycles": parsed.cycles is not None,
            "--input": bool(parsed.input),
            "--state": bool(parsed.state),
            "--numerics": parsed.numerics is not None,
            "--device": parsed.device is not None,
            "--mhz": parsed.mhz is not None,
        }
        refuse_unused("estimate", given, "with a design, which is compiled")
        return load_design(path)[0]
    options = Options(
        inputs=given_inputs(parsed.input),
        states=given_states(parsed.state),
        numerics=parsed.numerics,
        cycles=parsed.cycles,
        device=parsed.device,
        mhz=parsed.mhz,
    )
    with naming_places(path, options):
        return compile_module(import_model(path, options), options)


def _off(estimated: int, exact: int) -> float:
    return 100 * (estimated / exact - 1)


def _as_dict(found: list[Product], estimated: Timing, exact: Timing) -> dict[str, Any]:
    return {
        "products": [
            {"name": p.name, "macs": p.macs, "macs_per_cycle": p.macs_per_cycle, "cycles": p.cycles}
            for p in found
        ],
        "cycles_per_frame": estimated.cycles_per_frame,
        "latency_cycles": estimated.latency_cycles,
        "bottleneck": estimated.bottleneck,
        "exact": {
            "cycles_per_frame": exact.cycles_per_frame,
            "latency_cycles": exact.latency_cycles,
            "bottleneck": exact.bottleneck,
        },
    }


def _show(name: str, found: list[Product], estimated: Timing, exact: Timing) -> None:
    shown = table(f"{name}: products", "process", "MACs a frame", "MACs a cycle", "cycles")
    for product in found:
        cells = f"{product.macs:,}", f"{product.macs_per_cycle:,}", f"{product.cycles:,.0f}"
        shown.add_row(escape(product.name), *cells)
    if found:
        print_table(shown)
    for title, said, known in (
        ("cycles a frame", estimated.cycles_per_frame, exact.cycles_per_frame),
        ("latency", estimated.latency_cycles, exact.latency_cycles),
    ):
        out.print(
            f"{title}: {said:,} by the analytic model, {known:,} by the schedules "
            f"({_off(said, known):+.1f} %)"
        )
    out.print(f"slowest: {escape(estimated.bottleneck)}")
