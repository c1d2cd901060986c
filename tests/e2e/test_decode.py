"""A small GPT decodes token by token with caches of keys and values: as without a cache."""

import numpy as np
import onnxruntime
import pytest
from gpt_models import Shape, states, step, whole
from onnx_models import save

import qcompiler
from qcompiler.backends.verification import verify

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


def checked(shape, write, folder, cycles, *, weights="internal"):
    """Generates in the interpreter, as onnxruntime and without a cache; returns tokens, too."""
    path = save(step(shape, write), folder)
    design = qcompiler.compile(path, states=states(shape), cycles=cycles, weights=weights)
    tokens, scores = generated(design, shape)
    assert len({*tokens}) > 3
    path = save(whole(shape), folder, "whole.onnx")
    without = qcompiler.compile(path, cycles=100 * cycles)
    again = without.predict({"tokens": np.array([[tokens]])})
    np.testing.assert_array_equal(scores, np.reshape(again, scores.shape))
    np.testing.assert_array_equal(scores, runtime(path, tokens))
    return design, tokens


def with_prompt(design, tokens, count):
    """Scores of a sequence whose first tokens are known: they are one call, the others one each."""
    session, at = design.session(), np.arange(len(tokens))[:, None]
    tokens = np.reshape(tokens, (-1, 1, 1))
    parts = [slice(0, count), *(slice(place, place + 1) for place in range(count, len(tokens)))]
    made = [session.predict({"tokens": tokens[part], "position": at[part]}) for part in parts]
    return np.concatenate(made).reshape(len(tokens), -1)


def test_a_layer_with_a_cache_that_is_written(tmp_path):
    design, tokens = checked(SMALL, "scatter", tmp_path, 300)
    one_by_one = with_prompt(design, tokens, 1)
    np.testing.assert_array_equal(with_prompt(design, tokens, 5), one_by_one)
    beyond = {"tokens": np.array([[[0]]]), "position": np.array([[8]])}
    with pytest.raises(ValueError, match="input position takes integers from 0 to 7, got 8 to 8"):
        design.predict(beyond)


@pytest.mark.sweep
def test_a_layer_with_a_cache_that_moves_along(tmp_path):
    checked(SMALL, "shift", tmp_path, 300)


@pytest.mark.sweep
@pytest.mark.simulation
@pytest.mark.parametrize(
    ("write", "weights"), [("scatter", "internal"), ("shift", "internal"), ("scatter", "external")]
)
def test_two_layers_generate_64_tokens_in_hardware(write, weights, tmp_path):
    """Back to back, with stalls and a late memory, and with resets: the interpreter's integers."""
    design, tokens = checked(FULL, write, tmp_path, 3000, weights=weights)
    design.write(tmp_path / "gpt")
    given = {"tokens": np.reshape(tokens, (-1, 1, 1)), "position": np.arange(len(tokens))[:, None]}
    np.savez(tmp_path / "tokens.npz", **given)
    result = verify(tmp_path / "gpt", file=tmp_path / "tokens.npz", stalls=0.1, resets=3)
    assert result.passed, result.first_differences
    assert [run.frames for run in result.runs] == [64, 64, 64]
    told = design.report().weights
    if weights == "external":
        expected = told["external"]["bytes_per_frame"]
        assert [run.weight_bytes_per_frame for run in result.runs[:2]] == [expected, expected]
