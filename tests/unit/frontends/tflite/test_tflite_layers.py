"""Layers from .tflite: each code equals that of TensorFlow Lite's reference kernels."""

import numpy as np
import pytest
from tflite_layers import (
    NONE,
    RELU,
    RELU6,
    SAME,
    VALID,
    activation,
    conv,
    dense,
    depthwise,
)
from tflite_models import ModelWriter
from tflite_reference import check


def network(rng, shape, build):
    """Returns a model whose outputs `build` adds behind its one input."""
    model = ModelWriter()
    graph = model.main
    x = activation(graph, shape, rng)
    graph.inputs, graph.outputs = [x], build(graph, x)
    return model


@pytest.mark.parametrize("act", [NONE, RELU, RELU6])
@pytest.mark.parametrize("padding", [SAME, VALID])
def test_convolutions_round_twice(tmp_path, act, padding):
    rng = np.random.default_rng(10 * act + padding)
    shape, side = [1, 6, 5, 3], (3, 3) if padding == SAME else (2, 2)

    def build(graph, x):
        made = [1, *side, 4]
        y = conv(graph, x, shape, made, (3, 2), rng, act=act, padding=padding, stride=2)
        return [y, depthwise(graph, y, made, [1, *side, 8], (2, 2), rng, padding=SAME)]

    check(tmp_path, network(rng, shape, build), shape, rng)


@pytest.mark.parametrize("seed", range(6))
def test_matrices_multiply_scales_in_float32(tmp_path, seed):
    rng = np.random.default_rng(seed)

    def build(graph, x):
        y = dense(graph, x, 40, 9, rng, act=[NONE, RELU][seed % 2], per_channel=seed > 3)
        return [y, dense(graph, y, 9, 5, rng)]

    check(tmp_path, network(rng, [1, 40], build), [1, 40], rng, 40)


def test_factors_above_one_shift_left(tmp_path):
    rng = np.random.default_rng(3)
    model = ModelWriter()
    g = model.main
    x = activation(g, [1, 8], rng, scale=0.5)
    w = g.tensor([4, 8], "INT8", np.float32(0.5), 0, data=rng.integers(-1, 2, (4, 8), np.int8))
    y = activation(g, [1, 4], rng, zero=3, scale=0.21)
    g.node("FULLY_CONNECTED", [x, w, -1], [y], FusedActivationFunction=NONE)
    z = activation(g, [1, 4], rng, zero=0, scale=0.13)
    g.node("QUANTIZE", [y], [z])
    g.inputs, g.outputs = [x], [y, z]
    check(tmp_path, model, [1, 8], rng)
