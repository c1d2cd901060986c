"""Streaming convolutions and recurrent cells with states, against whole sequences and by hand."""

import numpy as np
import pytest
from onnx_models import save
from recurrent_models import causal_conv, gru, lstm

import qcompiler

RNG = np.random.default_rng(3)
WX, WH = RNG.integers(-7, 8, (4, 12)), RNG.integers(-7, 8, (3, 12))


def rounded(x, scale, bits=8):
    """The integers of a signed quantizer: halves to even."""
    return np.clip(np.rint(x / scale), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_by_hand(codes):
    h, made = np.zeros(3), []
    for x in codes:
        a, c = (x / 8) @ (WX[:, :9] / 8), (h / 64) @ (WH[:, :9] / 8)
        z, r = (rounded(sigmoid(a[k : k + 3] + c[k : k + 3]), 1 / 64) / 64 for k in (0, 3))
        reset = rounded(r * rounded(c[6:], 1 / 32) / 32, 1 / 32) / 32
        new = rounded(np.tanh(rounded(a[6:], 1 / 32) / 32 + reset), 1 / 64) / 64
        moved = rounded(z * rounded(h / 64 - new, 1 / 64) / 64, 1 / 64) / 64
        h = rounded(new + moved, 1 / 64)
        made.append(h)
    return np.array(made)


def lstm_by_hand(codes):
    h, cell, made = np.zeros(3), np.zeros(3), []
    for x in codes:
        total = (x / 8) @ (WX / 8) + (h / 64) @ (WH / 8)
        i, f, o = (rounded(sigmoid(total[k : k + 3]), 1 / 64) / 64 for k in (0, 3, 6))
        g = rounded(np.tanh(total[9:]), 1 / 64) / 64
        kept, new = rounded(f * cell / 64, 1 / 64, 10), rounded(i * g, 1 / 64, 10)
        cell = rounded((kept + new) / 64, 1 / 64, 10)
        h = rounded(o * rounded(np.tanh(cell / 64), 1 / 64) / 64, 1 / 64)
        made.append(h)
    return np.array(made)


CELLS = {
    "gru": (lambda: gru(WX[:, :9], WH[:, :9]), {"h": "h_out"}, gru_by_hand),
    "lstm": (lambda: lstm(WX, WH), {"h": "h_out", "c": "c_out"}, lstm_by_hand),
}


@pytest.mark.simulation
@pytest.mark.parametrize("name", CELLS)
def test_a_thousand_steps_of_a_cell(tmp_path, name):
    build, states, by_hand = CELLS[name]
    design = qcompiler.compile(save(build(), tmp_path), states=states)
    codes = np.random.default_rng(1).integers(-32, 32, (1000, 4))
    wanted = by_hand(codes)
    np.testing.assert_array_equal(design.core([codes[:40]])[0].reshape(40, 3), wanted[:40])
    assert len(np.unique(wanted)) > 60
    chances = {"stall_probability_in": 0.2, "stall_probability_out": 0.2, "seed": 1}
    (made,), _ = design.simulate_core([codes], **chances)
    np.testing.assert_array_equal(made.reshape(1000, 3), wanted)


def test_a_streaming_convolution_equals_that_of_the_whole_sequence(tmp_path):
    weights = np.random.default_rng(2).integers(-7, 8, (4, 2, 3))
    x = np.random.default_rng(4).integers(-8, 8, (1, 2, 40)) * 0.5
    whole = qcompiler.compile(save(causal_conv(weights, frames=40), tmp_path, "whole.onnx"))
    step = save(causal_conv(weights), tmp_path, "step.onnx")
    design = qcompiler.compile(step, states={"past": "past_out"})
    made = design.predict(np.moveaxis(x[0], 1, 0)[..., None])
    np.testing.assert_array_equal(made[..., 0].T, whole.predict(x)[0])
    assert len(np.unique(made)) > 10
