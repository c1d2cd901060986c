"""The table of models never counts as equal what was not compared, and sees one wrong integer."""

import sys
from pathlib import Path

import numpy as np
import pytest

import qcompiler

sys.path.insert(0, str(Path(__file__).parents[3]))
from benchmarks.zoo.agreement import Agreement, compare, outputs_of
from benchmarks.zoo.rtl import Rtl
from benchmarks.zoo.vectors import Batch
from benchmarks.zoo.verdict import verdict

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_mlp"


def result(*comparisons: Agreement, rtl: Rtl | None = None, **more: object) -> dict:
    found = {"status": "compiled", "comparisons": [c.as_json() for c in comparisons]}
    return {**found, "predicted_cycles": 7, "rtl": (rtl or Rtl()).as_json(), **more}


EQUAL = Agreement("a", "onnxruntime", vectors=1, compared=5)
WRONG = Agreement("b", "onnxruntime", vectors=1, compared=5, differ=1)
GOLDEN_WRONG = Agreement("g", "golden", vectors=1, compared=5, differ=1)
SKIPPED = Agreement("c", "golden", reason="cannot run")
EMPTY = Agreement("d", "qonnx")
SIMULATED = Rtl("done", frames=2, outputs=10, measured_cycles=7)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (result(EQUAL, rtl=SIMULATED), "ok"),
        (result(EQUAL, WRONG, rtl=SIMULATED), "ok"),
        (result(EQUAL, GOLDEN_WRONG, rtl=SIMULATED), "MISMATCH"),
        (result(WRONG, SKIPPED, rtl=SIMULATED), "MISMATCH"),
        (result(SKIPPED, EMPTY, rtl=SIMULATED), "unchecked"),
        (result(EQUAL), "no RTL"),
        (result(EQUAL, rtl=Rtl("failed", "deadlock", 2, 10)), "MISMATCH"),
        (result(EQUAL, rtl=Rtl("done", "", 2, 10, 0, 1, 7)), "MISMATCH"),
        (result(EQUAL, rtl=Rtl("done", "", 2, 10, 0, 0, 8)), "CYCLES"),
        (result(EQUAL, rtl=SIMULATED, timeout="rtl"), "TIMEOUT"),
        (result(EQUAL, rtl=SIMULATED, crash="ValueError"), "CRASH"),
    ],
)
def test_verdict(found, expected):
    assert verdict(found) == expected


def test_one_wrong_integer_in_real_outputs_is_seen_and_float32_noise_is_not():
    design = qcompiler.compile(EXAMPLE / "digits_mlp.onnx", cycles=64)
    vectors = np.load(EXAMPLE / "test_vectors.npz")
    inputs = vectors["inputs"][:20].astype(np.float32)
    ours = outputs_of(design, Batch((inputs,), (inputs,)))
    logits = np.array(vectors["logits"][:20])
    assert compare("stored", "golden", design, ours, (logits,)).equal
    step = float(np.abs(ours.above[0] - ours.results[0]).max())
    logits[3].reshape(-1)[2] += step
    assert compare("stored", "golden", design, ours, (logits,)).differ == 1
