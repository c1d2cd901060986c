"""A small GPT decodes token by token with caches of keys and values: as without a cache."""

import numpy as np
import pytest
from gpt_models import Shape, masks, states, step, whole
from onnx_models import save

import qcompiler

SMALL, FULL = Shape(tokens=8, layers=1), Shape(tokens=64)
EMBEDDINGS = {
    shape: np.random.default_rng(7).normal(size=(shape.words, shape.width)).astype(np.float32) * 4
    for shape in (SMALL, FULL)
}


def embedded(shape, tokens):
    """Embeddings of tokens, and of their places."""
    places = np.random.default_rng(8).normal(size=(shape.tokens, shape.width)) * 2
    return (EMBEDDINGS[shape][tokens] + places[: len(tokens)]).astype(np.float32)


def generated(design, shape, write, first=3):
    """Generates as many tokens as the cache holds; returns them and the scores of each step."""
    session, tokens, scores = design.session(), [first], []
    for place in range(shape.tokens):
        frame = {
            "x": embedded(shape, tokens)[place][None, None],
            "mask": masks(shape, write)[place][None],
        }
        if write == "scatter":
            frame["position"] = np.array([[place]])
        scores.append(np.ravel(session.predict(frame)))
        tokens.append(int(np.argmax(scores[-1])))
    return tokens[:-1], np.array(scores)


def frames(shape, write, tokens):
    """What the hardware takes for tokens."""
    given = {"x": embedded(shape, tokens)[:, None, None], "mask": masks(shape, write)}
    if write == "scatter":
        given["position"] = np.arange(shape.tokens)[:, None]
    return given


def checked(shape, write, folder, cycles, *, simulate=True):
    design = qcompiler.compile(
        save(step(shape, write), folder), states=states(shape), cycles=cycles
    )
    tokens, scores = generated(design, shape, write)
    assert len({*tokens}) > 3
    without = qcompiler.compile(save(whole(shape), folder, "whole.onnx"), cycles=100 * cycles)
    again = without.predict(embedded(shape, tokens)[None])
    np.testing.assert_array_equal(scores, np.reshape(again, scores.shape))
    if not simulate:
        return design
    integers = design.quantize(frames(shape, write, tokens))
    wanted = design.core(integers)
    chances = {"stall_probability_in": 0.1, "stall_probability_out": 0.1, "seed": 3}
    (made,), result = design.simulate_core(integers, **chances)
    np.testing.assert_array_equal(made.reshape(wanted[0].shape), wanted[0])
    assert not result.tlast_errors
    return design


def test_a_layer_with_a_cache_that_is_written(tmp_path):
    design = checked(SMALL, "scatter", tmp_path, 300, simulate=False)
    with pytest.raises(ValueError, match="this input takes integers from 0 to 7, got 8 to 8"):
        design.predict({**{n: v[:1] for n, v in frames(SMALL, "scatter", [0] * 8).items()},
                        "position": np.array([[8]])})  # fmt: skip


@pytest.mark.sweep
def test_a_layer_with_a_cache_that_moves_along(tmp_path):
    checked(SMALL, "shift", tmp_path, 300, simulate=False)


@pytest.mark.sweep
@pytest.mark.simulation
@pytest.mark.parametrize("write", ["scatter", "shift"])
def test_two_layers_generate_64_tokens(write, tmp_path):
    checked(FULL, write, tmp_path, 3000)
