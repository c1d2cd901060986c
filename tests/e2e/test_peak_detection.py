"""The trained peak detector: several pixels a clock, and what its example measures it by."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import qcompiler

FOLDER = Path(__file__).parents[2] / "examples" / "peak_detection"


@pytest.fixture(autouse=True)
def _example(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    yield
    for name in ("lines", "detectors"):
        sys.modules.pop(name, None)


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("peak_detector_small_w4a4", 0.28),
        pytest.param("peak_detector_w4a4", 0.22, marks=pytest.mark.sweep),
    ],
)
def test_the_committed_detector_simulates_as_it_predicts(name, error):
    from detectors import measure
    from lines import make_lines

    design = qcompiler.compile(FOLDER / f"{name}.onnx", pixels_per_clock=4)
    assert design.timing.cycles_per_frame == 256 // 4
    lines = make_lines(300, 3)
    pixels = lines.pixels[:, None] / 64
    np.testing.assert_array_equal(design.simulate(pixels[:2]), design.predict(pixels[:2]))

    def detect(some):
        made = design.predict(some[:, None] / 64).astype(np.float64)
        return made[:, 0], np.arange(some.shape[1]) + made[:, 1]

    result = measure(detect, lines, make_lines(300, 4))
    assert result.error < error  # a parabola has 0.31
    assert result.rate > 0.9


@pytest.mark.parametrize("name", ["results", "results_small"])
def test_results_are_strict_json(name):
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")

    def refused(word):
        raise AssertionError(word)

    assert len(json.loads(text, parse_constant=refused)) >= 3


def test_a_line_is_that_of_its_seed_and_the_bound_is_below_what_an_ideal_filter_does():
    """Of one peak on a known background, the best linear estimate is near the bound."""
    from lines import cramer_rao, make_lines

    one, other = make_lines(20, 5), make_lines(20, 5)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    lines = make_lines(400, 6)
    bound = cramer_rao(lines)
    assert (np.isnan(bound) == np.isnan(lines.centres)).all()
    step = 1e-3  # the derivative that the bound uses is that of the clean line
    estimates = []
    for line, slopes, centres in zip(lines.pixels, lines.slopes, lines.centres, strict=True):
        clean = lines.clean[len(estimates)]
        usable = clean < 230
        first = np.flatnonzero(~np.isnan(centres))[:1]
        weights = np.where(usable, slopes[first] / (clean + 9), 0) if first.size else 0
        moved = np.sum(weights * (line - clean)) / max(np.sum(weights * slopes[first]), step)
        estimates.append(moved if first.size else np.nan)
    seen = ~np.isnan(estimates)
    error, least = np.nanstd(estimates), np.sqrt(np.mean(bound[seen, 0]))
    assert 0.8 * least < error < 1.5 * least
