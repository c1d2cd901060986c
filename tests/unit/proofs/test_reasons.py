"""Why a proof is given up or refused: each reason has a test, or a word on why it has none."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
from cli_runner import saved_mlp
from stream_networks import StreamNetwork, channel

import qcompiler
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.dialects import qint, stream
from qcompiler.proofs import recording
from qcompiler.proofs.block import Undecided
from qcompiler.proofs.blocks import whole_circuit
from qcompiler.proofs.circuit import check_clocks
from qcompiler.proofs.jobs import Effort, Proofs
from qcompiler.proofs.meaning import meaning_of

BYTE = IntRange(0, 255)
NO_TEST = {
    "which of two sets of weights": "in test_arriving",
    "its weights do not come once for each vector": "IR that no pass makes",
    "no operation of ours": "Yosys writes no other",
    "a circuit has no": "Yosys writes none without properties in the Verilog",
    "a factor of a sum has fewer zeros": "graphs are checked when they are made",
    "is in no state again after": "a certificate that comes again has been run once",
    "out_data or out_valid is no register": "slices are made in one place",
    "it has no input": "ports are made in one place",
    "^it has no": "ports are made in one place",
    r"^\.\.\. is not \.\.\.$": "in test_free_running",
    "a run of": "in test_liveness: is no certificate",
    "_tlast": "counters are broken in test_blocks",
    "ready follows other registers": "a pipeline of another form",
    "credits after reset": "a pipeline of another form",
    "is not empty after reset": "all registers of the chain are made alike",
    "when beats of .* move depends on data": "no block whose channels are known",
    "in the same cycle": "in test_blocks",
    "ready depends on an output within a cycle": "a pipeline of another form",
    "a beat that goes in does not come out": "then all states are gone through",
    "it does not stand still": "then all states are gone through",
    "it takes beats of one input only": "then all states are gone through",
    "ready of .* is unknown": "then all states are gone through",
    "of .* is unknown": "registers of the control are reset",
    "a beat comes out late": "then all states are gone through",
    "a beat comes out after reset": "then all states are gone through",
    "it is not the beat that came in": "in test_blocks",
}
"""Texts by a pattern, and why there is no test."""
_SAYS = {"Refuted", "Undecided", "TooLarge", "ValueError", "Problem", "_require"}


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reasons")
    qcompiler.compile(saved_mlp(folder), cycles=1).write(folder / "d")
    return Proofs.read(folder / "d", Effort())


@pytest.fixture(scope="module")
def fifo(tmp_path_factory):
    n = StreamNetwork()
    n.output(stream.FifoOp(n.input(channel(BYTE, (6,), 2)), 3))
    design = n.design()
    folder = tmp_path_factory.mktemp("fifo")
    return Proofs(design, design.rtl_design(folder).sources, folder)


@pytest.mark.parametrize(
    ("effort", "words"),
    [
        (Effort(states=3), "its control has more than 3 states"),
        (Effort(seconds=-1), "it took too long, after"),
    ],
)
def test_too_much_work_is_given_up(fifo, monkeypatch, effort, words):
    monkeypatch.setattr("qcompiler.proofs.jobs.Limits", lambda _: Limits(60))
    monkeypatch.setattr(fifo, "effort", effort)
    result = fifo.prove("n_fifo")
    assert (result.status, words in result.words) == ("undecided", True), result


def test_what_never_comes_again_is_given_up(fifo, monkeypatch):
    monkeypatch.setattr(recording, "_CHECKED", 1)

    def circuit_of(name):
        return whole_circuit(fifo.sources, fifo.module(name), Limits(60))

    with pytest.raises(Undecided, match="nothing came again in 1 cycles, 0 frames"):
        recording.record(fifo.design.network, circuit_of, 0.0)


PIPELINES = [
    ("dialects.stream.PipelineOp.runs_free", True, "it is part of a chain that runs free"),
    ("dialects.stream.PipelineOp.kept_parts", 2, "what it makes is kept in parts"),
    ("proofs.layers._MOST_VALUES", 8, "a sum has more than 8 values"),
    ("dialects.stream.AdderGraphOp", stream.MaximumOp,
     "proofs do not follow stream.adder_graph in a pipeline"),
    ("proofs.free_running._TRIES", 0, None),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "words"), PIPELINES)
def test_pipelines_that_are_not_followed_are_undecided(
    pipeline, tmp_path, monkeypatch, place, value, words
):
    monkeypatch.setattr(f"qcompiler.{place}", value)
    if words is None:
        monkeypatch.setattr("qcompiler.proofs.free_running.differs", lambda *_: "differs")
        words = "element 0 differs; no run that shows it was found"
    result = pipeline.prove("fc1_pipeline")
    assert (result.status, words in result.words) == ("undecided", True), result


def test_values_that_are_too_many_are_not_gone_through():
    n = StreamNetwork()
    n.output(stream.PoolOp(n.input(channel(BYTE, (1, 1, 4), 1)), "max", qint.IntType(0, 255), 4))
    wide = IntRange(-(1 << 25), 1 << 25)
    form = MulShift(np.array([1]), np.array([0]), 1, 0, 3)
    n.requantize(wide, IntRange(0, 3), form, (1,), 1)
    pool, requantize = (op for op in n.module().walk() if isinstance(op, stream.Process))
    with pytest.raises(ValueError, match="its inputs have more than"):
        meaning_of(pool, {})
    with pytest.raises(ValueError, match="its input has more than"):
        meaning_of(requantize, {})


def test_registers_of_another_kind_are_refused():
    cell = {"type": "$adff", "parameters": {}, "connections": {}}
    module = {"ports": {}, "cells": {"q": cell}}
    with pytest.raises(ValueError, match="q changes without ap_clk"):
        check_clocks(module)


def written(node):
    """Returns the texts of a call, with dots for what is computed."""
    for said in node.args:
        if isinstance(said, ast.Constant) and isinstance(said.value, str):
            yield said.value
        elif isinstance(said, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "..." for v in said.values)
            yield "".join(parts)


def test_each_reason_has_a_test():
    package = Path(qcompiler.__file__).parent / "proofs"
    tests = "".join(p.read_text(encoding="utf-8") for p in Path(__file__).parent.glob("test_*.py"))
    found: set[str] = set()
    for source in package.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in _SAYS:
                found |= {text for text in written(node) if len(text) > 12}
    assert len(found) > 30
    untested = {
        text
        for text in found
        if not any(part.strip() in tests for part in text.split("...") if len(part.strip()) > 6)
    }
    assert {t for t in untested if not any(re.search(p, t) for p in NO_TEST)} == set()
