"""Requantizers take another form that is equal, once lanes and cycles are known."""

from pathlib import Path

import numpy as np
import pytest

import qcompiler
from qcompiler import pipelines
from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.folding.budget import Budget
from qcompiler.folding.forms import choose_forms
from qcompiler.interpreters import run

EXAMPLE = Path(__file__).parents[3] / "examples" / "digits_mlp" / "digits_mlp.onnx"


@pytest.fixture(scope="module")
def designs():
    return {
        form: qcompiler.compile(EXAMPLE, device="ice40-up5k", requantizer=form)
        for form in ("auto", "threshold", "mul_shift")
    }


def forms(design):
    network = Network.of(design.level("stream"))
    return [p.facts["form"] for p in network.processes if isinstance(p, stream.RequantizeOp)]


def test_what_takes_least_with_the_cycles_that_there_are(designs):
    """Without a rate, `select-requantizer` counts products at once, and compares instead."""
    areas = {form: design.report().area for form, design in designs.items()}
    assert forms(designs["auto"]) == ["mul_shift", "mul_shift"]
    assert areas["auto"]["LUT"] < 0.9 * areas["threshold"]["LUT"]
    assert areas["auto"] == areas["mul_shift"]


def test_a_form_that_is_asked_for_stays(designs):
    assert forms(designs["threshold"]) == ["threshold", "threshold"]


def test_every_integer_stays(designs):
    core = designs["auto"].level("qint")
    (bounds,) = Network.of(designs["auto"].level("stream")).inputs
    x = stream.channel_of(bounds)
    rng = np.random.default_rng(3)
    frames = rng.integers(x.element.range.lo, x.element.range.hi + 1, (200, *x.frame_shape))
    (expected,) = run(core, "core", [frames])
    for design in designs.values():
        (found,) = run(design.level("stream"), "core", [frames])
        np.testing.assert_array_equal(found.reshape(expected.shape), expected)


@pytest.mark.parametrize(("limits", "form"), [({}, "mul_shift"), ({"DSP": 0}, "threshold")])
def test_no_limit_is_broken_for_it(limits, form):
    passes = (*pipelines.QINT, *pipelines.STREAM[: pipelines.STREAM.index("form-pipelines")])
    design = qcompiler.compile(EXAMPLE, cycles=4096, requantizer="threshold", passes=passes)
    module = design.level("last").clone()
    prices = {"LUT": 1.0, "FF": 0.0, "BRAM": 0.0, "DSP": 0.0}  # products take multipliers
    budget = Budget("ecp5", limits, prices)
    cost = DeviceCost.of("ecp5-25k")
    area = choose_forms(Network.of(module), 4096, budget, cost, Area())
    found = [p for p in Network.of(module).processes if isinstance(p, stream.RequantizeOp)]
    assert [p.facts["form"] for p in found] == [form, form]
    assert (area.luts < 0) == (form == "mul_shift")
