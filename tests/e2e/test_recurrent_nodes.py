"""ONNX's LSTM and GRU between quantizers: their integers by hand, and near a runtime's floats."""

import numpy as np
import onnxruntime
import pytest
from onnx_models import save
from recurrent_nodes import F32, INPUTS, SIZE, STATES, by_hand, network, parameters

import qcompiler

KINDS = [("LSTM", {}), ("GRU", {}), ("GRU", {"linear_before_reset": 1})]


def codes_of(count, seed=1):
    """Codes of x that wander, as a signal does."""
    steps = np.random.default_rng(seed).integers(-30, 31, (count, INPUTS))
    return np.clip(np.cumsum(steps, 0) % 400 - 200, -128, 127)


def runtime(path, x):
    session = onnxruntime.InferenceSession(path)
    return session.run(["y"], {"x": x.astype(F32)})[0]


@pytest.mark.parametrize(("kind", "attributes"), KINDS, ids=lambda v: str(v))
def test_a_thousand_steps(kind, attributes, tmp_path):
    given, codes = parameters(kind), codes_of(1000)
    path = save(network(kind, given, **attributes), tmp_path)
    design = qcompiler.compile(path, states=STATES[kind])
    wanted = by_hand(kind, given, codes, linear_first=bool(attributes))
    assert len(np.unique(wanted)) > 100
    np.testing.assert_array_equal(design.core([codes])[0].reshape(1000, SIZE), wanted)
    whole = network(kind, given, steps=1000, kept=False, **attributes)
    floats = runtime(save(whole, tmp_path, "whole.onnx"), codes[:, None] / 16)
    apart = np.abs(floats.reshape(1000, SIZE) * 128 - wanted)
    assert apart.max() <= 1
    assert (apart > 0).mean() < 0.06


@pytest.mark.simulation
@pytest.mark.parametrize(("kind", "attributes"), KINDS[::2], ids=lambda v: str(v))
def test_a_thousand_steps_in_hardware(kind, attributes, tmp_path):
    given, codes = parameters(kind), codes_of(1000)
    path = save(network(kind, given, **attributes), tmp_path)
    design = qcompiler.compile(path, states=STATES[kind], cycles=64)
    chances = {"stall_probability_in": 0.1, "stall_probability_out": 0.1, "seed": 1}
    (made,), _ = design.simulate_core([codes], **chances)
    wanted = by_hand(kind, given, codes, linear_first=bool(attributes))
    np.testing.assert_array_equal(made.reshape(1000, SIZE), wanted)
