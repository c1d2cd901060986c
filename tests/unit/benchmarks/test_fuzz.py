"""The fuzzer: what it makes is legal, and what exceeds its bounds is a failure."""

import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from benchmarks import fuzz
from benchmarks.bounded import Bounds, run_bounded
from benchmarks.random_graphs import random_graph

SEEDS = range(40)


def test_graphs_are_legal_and_vary():
    graphs = [random_graph(seed) for seed in SEEDS]
    for graph in graphs:
        onnx.checker.check_model(graph.model, full_check=True)
    inputs = [g.model.graph.input[0].type.tensor_type.shape.dim for g in graphs]
    assert {len(shape) for shape in inputs} == {1, 2, 3, 4}
    assert any(shape[0].dim_value > 1 and len(shape) > 2 for shape in inputs)
    assert {g.exact for g in graphs} == {g.wide for g in graphs} == {True, False}


def test_equal_seeds_give_equal_graphs():
    assert random_graph(3).model == random_graph(3).model


@pytest.mark.parametrize("seed", [0, 1, 4])
def test_graphs_compile_or_are_refused(tmp_path, seed):
    assert fuzz.fuzz_graph(seed, tmp_path, False).startswith(("compiled", "refused: "))


@pytest.mark.parametrize("seed", [930148, 930202, 940066])
def test_networks_that_once_failed_compile(tmp_path, seed):
    """Float32 noise of a softmax; a product of nothing in turns; a sum that is a port as it is."""
    assert fuzz.fuzz_network(seed, tmp_path, False) == "compiled"


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (lambda: str(np.ones(2**28).sum()), "took more than 1073741824 bytes"),
        (lambda: str(any(iter(int, 1))), "took more than 2 s of processor time"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: sys.exit(5), "ended with status 5"),
    ],
)
def test_what_exceeds_its_bounds_fails(job, words):
    outcome = run_bounded(job, Bounds(seconds=2, memory=2**30))
    assert outcome.failed
    assert words in outcome.said


def test_silence_is_not_waited_for():
    start = time.monotonic()
    outcome = run_bounded(lambda: str(time.sleep(60)), Bounds(seconds=1))
    assert outcome.said == "took more than 5 s by the clock"
    assert time.monotonic() - start < 30


def test_the_rest_is_handed_back():
    outcome = run_bounded(lambda: "compiled", Bounds())
    assert (outcome.said, outcome.failed) == ("compiled", False)
