"""A design as an object: what it asks of a simulator."""

from pathlib import Path

import numpy as np
import pytest

import qcompiler
from qcompiler.analysis.throughput import Timing
from qcompiler.backends.simulators.base import TIMEOUT_CYCLES

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"


class Asked(Exception):
    def __init__(self, stimulus):
        self.stimulus = stimulus


class Simulator:
    def run(self, rtl, stimulus, progress):
        raise Asked(stimulus)


@pytest.mark.parametrize(
    ("cycles", "options", "expected"),
    [
        (64, {}, TIMEOUT_CYCLES),
        (200_000, {}, 4 * 500_000),  # it is silent for longer than any other's deadlock
        (200_000, {"timeout_cycles": 7}, 7),
    ],
)
def test_slow_designs_are_given_time(monkeypatch, cycles, options, expected):
    monkeypatch.setattr("qcompiler.backends.compiled.simulator", lambda tool: Simulator())
    design = qcompiler.compile(EXAMPLE, cycles=64)
    design.__dict__["timing"] = Timing(cycles, "fc1_mvau", int(1.5 * cycles))
    with pytest.raises(Asked) as asked:
        design.simulate_core([np.zeros((2, 64), np.int64)], **options)
    assert asked.value.stimulus.timeout_cycles == expected
