"""Models that other people made: every level equal, simulated, and against qonnx's executor."""

import sys
from pathlib import Path

import numpy as np
import pytest

import qcompiler

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.common import MODELS, ZOO
from benchmarks.qonnx_mlps import stimulus_integers as integers_for
from benchmarks.reference import compare_zoo

pytestmark = pytest.mark.skipif(
    not (MODELS / "qonnx_zoo").is_dir(), reason=f"no models of others at {MODELS}"
)


@pytest.fixture(scope="module", params=ZOO, ids=lambda model: model.name)
def compiled(request):
    model = request.param
    return model, qcompiler.compile(model.path, inputs=model.inputs, validate=True)


def test_every_pass_keeps_the_integers(compiled):
    """`validate=True` did that; and the prediction has a bottleneck."""
    _, design = compiled
    assert set(design.levels) >= {"nn", "qint", "stream", "rtl"}
    assert design.timing.cycles_per_frame > 0


def test_integers_are_those_of_qonnx(compiled):
    model, design = compiled
    found = compare_zoo(model, design, 20)
    assert found.mismatches == 0, found.notes
    assert found.integers > 0
    assert found.outputs > 0


def test_comparison_would_notice_one_wrong_integer(compiled, monkeypatch):
    """The comparison itself: a result that is off by one in one frame is a mismatch."""
    model, design = compiled
    core, highest = design.core, design.ports[-1][1].element.hi.data

    def off_by_one(integers):
        first, *rest = core(integers)
        changed = first.copy()
        changed[3] += np.where(changed[3] < highest, 1, -1)
        return changed, *rest

    monkeypatch.setattr(design, "core", off_by_one)
    assert compare_zoo(model, design, 20).mismatches > 0


@pytest.mark.simulation
def test_verilog_computes_the_same(compiled):
    _, design = compiled
    integers = integers_for(design, 50, seed=3)
    got, result = design.simulate_core(
        integers, stall_probability_in=0.2, stall_probability_out=0.2, seed=1
    )
    for want, have in zip(design.core(integers), got, strict=True):
        assert np.array_equal(want.reshape(have.shape), have)
    assert result.tlast_errors == []


def test_integers_are_asked_for_where_the_model_has_no_quantizer(compiled):
    """Reals given for an input that `--input` made integers must not pass as integers."""
    model, design = compiled
    for name in model.inputs:
        with pytest.raises(ValueError, match="takes integers from"):
            design.predict({name: np.full((2, 16 if "jet" in model.name else 600), 0.3)})
        with pytest.raises(ValueError, match=r"takes integers from -?\d+ to \d+, got"):
            design.predict({name: np.full((2, 16 if "jet" in model.name else 600), 40_000)})
