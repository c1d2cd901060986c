"""Variables of TensorFlow Lite as state in hardware: 100 frames, stalls, sequences that restart."""

import numpy as np
import pytest
from tflite_layers import streaming
from tflite_reference import reference

import qcompiler


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return streaming(np.random.default_rng(4)).write(tmp_path_factory.mktemp("m") / "stream.tflite")


@pytest.fixture(scope="module")
def design(model):
    return qcompiler.compile(model, cycles=40, numerics="tflite-micro")


def frames(count, seed=0):
    return np.random.default_rng(seed).integers(-128, 128, (count, 1, 2, 4)).astype(np.int8)


def test_a_session_equals_the_reference_kernels(model, design):
    x = frames(100)
    expected = reference(model, x)[0]
    session = design.session()
    parts = [session.predict(x[:37]), session.predict(x[37:])]
    np.testing.assert_array_equal(np.concatenate(parts), expected.reshape(100, -1))
    np.testing.assert_array_equal(design.predict(x), expected.reshape(100, -1))
    session.reset()
    np.testing.assert_array_equal(session.predict(x[:5]), expected[:5].reshape(5, -1))


@pytest.mark.simulation
def test_hardware_keeps_state_under_stalls_and_begins_anew_where_asked(design):
    x = frames(100, 1).reshape(100, 2, 4)
    restart = np.zeros((100, 1), np.int64)
    restart[[0, 17, 18, 60]] = 1
    expected = design.core([x, restart])
    assert (expected[0] != design.core([x])[0]).any()
    for chances in ({}, {"stall_probability_in": 0.4, "stall_probability_out": 0.4, "seed": 2}):
        made, result = design.simulate_core([x, restart], **chances)
        np.testing.assert_array_equal(made[0].reshape(expected[0].shape), expected[0])
        assert not result.tlast_errors
