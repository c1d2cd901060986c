"""A small GPT decodes token by token with caches of keys and values: as without a cache."""

import numpy as np
import onnxruntime
import pytest
from gpt_models import Shape, states, step, whole
from onnx_models import save

import qcompiler

SMALL, FULL = Shape(tokens=8, layers=1), Shape(tokens=64)


def generated(design, shape, first=3):
    """Generates as many tokens as the cache holds; returns them and the scores of each step."""
    session, tokens, scores = design.session(), [first], []
    for place in range(shape.tokens):
        frame = {"tokens": np.array([[[tokens[-1]]]]), "position": np.array([[place]])}
        scores.append(np.ravel(session.predict(frame)))
        tokens.append(int(np.argmax(scores[-1])))
    return tokens[:-1], np.array(scores)


def runtime(path, tokens):
    """Scores as onnxruntime computes them node by node."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    return session.run(None, {"tokens": np.array([tokens])})[0][0]


def checked(shape, write, folder, cycles, *, simulate=True):
    path = save(step(shape, write), folder)
    design = qcompiler.compile(path, states=states(shape), cycles=cycles)
    tokens, scores = generated(design, shape)
    assert len({*tokens}) > 3
    path = save(whole(shape), folder, "whole.onnx")
    without = qcompiler.compile(path, cycles=100 * cycles)
    again = without.predict({"tokens": np.array([[tokens]])})
    np.testing.assert_array_equal(scores, np.reshape(again, scores.shape))
    np.testing.assert_array_equal(scores, runtime(path, tokens))
    if not simulate:
        return design
    given = {"tokens": np.reshape(tokens, (-1, 1, 1)), "position": np.arange(len(tokens))[:, None]}
    integers = design.quantize(given)
    wanted = design.core(integers)
    chances = {"stall_probability_in": 0.1, "stall_probability_out": 0.1, "seed": 3}
    (made,), result = design.simulate_core(integers, **chances)
    np.testing.assert_array_equal(made.reshape(wanted[0].shape), wanted[0])
    assert not result.tlast_errors
    return design


def test_a_layer_with_a_cache_that_is_written(tmp_path):
    design = checked(SMALL, "scatter", tmp_path, 300, simulate=False)
    beyond = {"tokens": np.array([[[0]]]), "position": np.array([[8]])}
    with pytest.raises(ValueError, match="this input takes integers from 0 to 7, got 8 to 8"):
        design.predict(beyond)


@pytest.mark.sweep
def test_a_layer_with_a_cache_that_moves_along(tmp_path):
    checked(SMALL, "shift", tmp_path, 300, simulate=False)


@pytest.mark.sweep
@pytest.mark.simulation
@pytest.mark.parametrize("write", ["scatter", "shift"])
def test_two_layers_generate_64_tokens(write, tmp_path):
    checked(FULL, write, tmp_path, 3000)
