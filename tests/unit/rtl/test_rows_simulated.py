"""Reductions of rows and integer formulas: simulated against the interpreter."""

import numpy as np
import pytest
from stream_networks import Simulated, StreamNetwork, channel

from qcompiler.arith.formula import Formula
from qcompiler.arith.ranges import IntRange
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.passes.pipeline import run_passes

NIBBLE, SIGNED, BYTE = IntRange(0, 15), IntRange(-8, 7), IntRange(-128, 127)
DIVISOR = IntRange(1, 37)
TABLES = {"t": np.arange(16)[::-1] ** 2 - 90}

FORMULAS = [
    ("a + b * 3 - (a << 2)", (BYTE, SIGNED)),
    ("max(a, b) - min(a, -b) + abs(a)", (BYTE, SIGNED)),
    ("a * b + a * a", (BYTE, SIGNED)),
    ("(a if a > b else 100 - b) + (a == b) + (a <= 3) + (b != 2) + (a >= b) + (a < b)",
     (BYTE, SIGNED)),
    ("a // b", (BYTE, DIVISOR)),
    ("trunc_div(a * 5, b) + trunc_div(b * 9, b)", (BYTE, DIVISOR)),
    ("round_div(a * 3, b)", (BYTE, DIVISOR)),
    ("(a * a + 1000) // (b + 11)", (BYTE, DIVISOR)),
    ("sqrt(a * a + b) + (sqrt(b) << 3)", (BYTE, NIBBLE)),
    ("sqrt(a)", (NIBBLE,)),
    ("t[a] + t[max(a - 3, 0)] * position + t[position]", (NIBBLE,)),
    ("a * element + t[element + 1]", (NIBBLE,)),
    ("a % 8 - 5 * (b % 4) + a % 256 + (element % 4) * 3", (BYTE, SIGNED)),
    ("k = a >> 2; clipped = min(max(k * 7 // 3 + c, -30), 30); clipped - d",
     (BYTE, NIBBLE, SIGNED, NIBBLE)),
]  # fmt: skip


def formulas(lanes: int, count: int) -> StreamNetwork:
    """The formulas on rows of four, the last operand now and then one for a row."""
    n = StreamNetwork()
    for number, (text, ranges) in enumerate(FORMULAS):
        shared = len(ranges) > 1 and number % 2
        given = [
            n.input(channel(r, (3, 1) if shared and i == len(ranges) - 1 else (3, count),
                            1 if shared and i == len(ranges) - 1 else lanes))
            for i, r in enumerate(ranges)
        ]  # fmt: skip
        bounds = Formula.of(text, ranges, TABLES, (count, 3 * count)).range
        process = stream.FormulaOp(given, text, qint.IntType(bounds.lo, bounds.hi), TABLES)
        stream.set_lanes(process.result, lanes)
        n.output(process)
    return n


def reductions() -> StreamNetwork:
    n = StreamNetwork()
    for kind in ("max", "min", "sum"):
        for bounds, lanes in ((SIGNED, 1), (NIBBLE, 3), (BYTE, 6)):
            n.output(stream.RowReduceOp(n.input(channel(bounds, (4, 6), lanes)), kind))
    return n


def softmax() -> StreamNetwork:
    """Largest, exponentials, sum, quotients: the ways meet twice."""
    n = StreamNetwork()
    x = n.input(channel(SIGNED, (5, 8), 2))
    first = stream.DuplicateOp(x, 2)
    largest = stream.RowReduceOp(first.results[0], "max")
    tables = {"t": 256 >> np.arange(16)}
    exps = stream.FormulaOp(
        [first.results[1], largest.result], "t[max(b - a, 0)]", qint.IntType(0, 256), tables
    )
    stream.set_lanes(exps.result, 2)
    second = stream.DuplicateOp(exps.result, 2)
    total = stream.RowReduceOp(second.results[0], "sum")
    made = stream.FormulaOp(
        [second.results[1], total.result], "round_div(255 * a, max(b, 256))", qint.IntType(0, 255)
    )
    stream.set_lanes(made.result, 2)
    n.output(first, largest, exps, second, total, made)
    return n


@pytest.fixture(scope="module", params=[(1, 4), (2, 4)], ids=str)
def simulated_formulas(request, tmp_path_factory):
    return Simulated(formulas(*request.param).design(), tmp_path_factory.mktemp("formulas"))


@pytest.mark.simulation
def test_formulas(simulated_formulas):
    result = simulated_formulas.check(frames=60)
    assert result.cycles_per_frame == simulated_formulas.design.timing.cycles_per_frame
    simulated_formulas.check(frames=30, stall_probability_in=0.4, stall_probability_out=0.4)


@pytest.mark.simulation
def test_reductions(tmp_path):
    simulated = Simulated(reductions().design(250), tmp_path)
    result = simulated.check()
    assert result.cycles_per_frame == simulated.design.timing.cycles_per_frame
    simulated.check(stall_probability_in=0.4, stall_probability_out=0.4)


@pytest.mark.simulation
def test_ways_that_meet_wait_for_a_row_without_loss_of_rate(tmp_path):
    module = softmax().module()
    run_passes(module, ["insert-width-adapters", "pipeline-registers", "size-fifos"])
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    simulated = Simulated(Design({"stream": module, "rtl": hardware, "last": hardware}), tmp_path)
    result = simulated.check()
    assert result.cycles_per_frame == simulated.design.timing.cycles_per_frame == 20
    simulated.check(stall_probability_in=0.4, stall_probability_out=0.4)
