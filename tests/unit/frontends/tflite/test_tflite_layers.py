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

from qcompiler.frontends.tflite import import_tflite
from qcompiler.interpreters import run_model


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


def test_tensorflow_lite_rounds_matrices_once(tmp_path):
    """By hand: `(sum * multiplier + half) >> shift`; that for microcontrollers rounds twice."""
    rng = np.random.default_rng(0)
    model = network(rng, [1, 40], lambda graph, x: [dense(graph, x, 40, 9, rng)])
    path, tensors = model.write(tmp_path / "m.tflite"), model.main.tensors
    (x_scale, x_zero), (y_scale, y_zero) = tensors[0][2:4], tensors[1][2:4]
    weights = np.frombuffer(model.buffers[tensors[2][5]], np.int8).reshape(9, 40)
    bias = np.frombuffer(model.buffers[tensors[3][5]], np.int32)
    x = rng.integers(-128, 128, (400, 1, 40))
    sums = (x[:, 0] - x_zero) @ weights.T.astype(np.int64) + bias
    product = np.float64(np.float32(x_scale) * np.float32(tensors[2][2][0]))
    fraction, exponent = np.frexp(product / np.float64(np.float32(y_scale)))
    multiplier, shift = round(fraction * 2**31), 31 - int(exponent)
    once = ((sums * multiplier + (1 << (shift - 1))) >> shift) + y_zero
    (made,) = run_model(import_tflite(path), [x])
    np.testing.assert_array_equal(made[:, 0], np.clip(once, -128, 127))
    (twice,) = run_model(import_tflite(path, "tflite-micro"), [x])
    assert 0 < (made != twice).sum() < 40


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


@pytest.mark.parametrize("seed", range(7))
def test_means_divide_the_multiplier(tmp_path, seed):
    rng = np.random.default_rng(seed)
    shape = [1, *rng.integers(1, 7, 2).tolist(), int(rng.integers(2, 7))]
    keeps, same = bool(seed % 2), seed % 3 == 2

    def build(graph, x):
        scale, zero = graph.tensors[x][2:4]
        if not same:
            scale, zero = scale * rng.uniform(0.2, 0.7), int(rng.integers(-30, 31))
        y = activation(graph, [1, 1, 1, shape[3]] if keeps else [1, shape[3]], rng, zero, scale)
        axes = graph.tensor([2], "INT32", data=np.array([1, 2], np.int32))
        graph.node("MEAN", [x, axes], [y], KeepDims=keeps)
        return [y]

    check(tmp_path, network(rng, shape, build), shape, rng, 100)
