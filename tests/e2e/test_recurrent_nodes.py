"""ONNX's LSTM and GRU between quantizers: their integers by hand, and near a runtime's floats."""

import numpy as np
import onnxruntime
import pytest
from onnx_models import save
from recurrent_nodes import F32, INPUTS, SIZE, STATES, by_hand, network, parameters

import qcompiler

KINDS = [
    ("LSTM", {}),
    ("GRU", {"linear_before_reset": 1}),
    pytest.param("GRU", {}, marks=pytest.mark.sweep),
]


def codes_of(count, seed=1):
    """Codes of x that wander, as a signal does."""
    steps = np.random.default_rng(seed).integers(-30, 31, (count, INPUTS))
    return np.clip(np.cumsum(steps, 0) % 400 - 200, -128, 127)


def runtime(path, x):
    session = onnxruntime.InferenceSession(path)
    return session.run(["y"], {"x": x.astype(F32)})[0]


def compiled(kind, attributes, given, folder):
    path = save(network(kind, given, **attributes), folder)
    return qcompiler.compile(path, states=STATES[kind], cycles=64)


def check_near_floats(kind, attributes, given, codes, wanted, folder):
    """A runtime's node computes in float: its codes are at most one apart."""
    whole = network(kind, given, steps=len(codes), kept=False, **attributes)
    floats = runtime(save(whole, folder, "whole.onnx"), codes[:, None] / 16)
    apart = np.abs(floats.reshape(wanted.shape) * 128 - wanted)
    assert apart.max() <= 1
    assert (apart > 0).mean() < (0.08 if len(codes) >= 1000 else 0.15)  # fewer steps vary more


@pytest.mark.parametrize(("kind", "attributes"), KINDS, ids=lambda v: str(v))
def test_a_hundred_steps(kind, attributes, tmp_path):
    given, codes = parameters(kind), codes_of(100)
    design = compiled(kind, attributes, given, tmp_path)
    wanted = by_hand(kind, given, codes, linear_first=bool(attributes))
    assert len(np.unique(wanted)) > 60
    np.testing.assert_array_equal(design.core([codes])[0].reshape(100, SIZE), wanted)
    check_near_floats(kind, attributes, given, codes, wanted, tmp_path)


@pytest.mark.sweep
@pytest.mark.simulation
@pytest.mark.parametrize(("kind", "attributes"), KINDS, ids=lambda v: str(v))
def test_a_thousand_steps_in_hardware(kind, attributes, tmp_path):
    given, codes = parameters(kind), codes_of(1000)
    design = compiled(kind, attributes, given, tmp_path)
    wanted = by_hand(kind, given, codes, linear_first=bool(attributes))
    np.testing.assert_array_equal(design.core([codes])[0].reshape(1000, SIZE), wanted)
    chances = {"stall_probability_in": 0.1, "stall_probability_out": 0.1, "seed": 1}
    (made,), _ = design.simulate_core([codes], **chances)
    np.testing.assert_array_equal(made.reshape(1000, SIZE), wanted)
    check_near_floats(kind, attributes, given, codes, wanted, tmp_path)
