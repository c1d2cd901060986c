"""Pools, sums, activations and moves from .tflite, compared with the reference kernels."""

import numpy as np
import pytest
from tflite_layers import NONE, RELU, VALID, activation
from tflite_models import ModelWriter
from tflite_reference import check

SHAPE = [1, 6, 4, 3]


def model_of(rng, *, scale=None, zero=None):
    model = ModelWriter()
    x = activation(model.main, SHAPE, rng, scale=scale, zero=zero)
    model.main.inputs = [x]
    return model, model.main, x


def const(graph, values):
    data = np.asarray(values, np.int32)
    return graph.tensor(data.shape, "INT32", data=data)


@pytest.mark.parametrize("kind", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
def test_pools_keep_the_scale_and_averages_round_away_from_zero(tmp_path, kind):
    rng = np.random.default_rng(1)
    model, g, x = model_of(rng, scale=0.1, zero=-20)
    y = activation(g, [1, 3, 2, 3], rng, scale=0.1, zero=-20)
    options = {"StrideH": 2, "StrideW": 2, "FilterHeight": 2, "FilterWidth": 2}
    g.node(kind, [x], [y], Padding=VALID, FusedActivationFunction=RELU, **options)
    g.outputs = [y]
    check(tmp_path, model, SHAPE, rng, 40)


@pytest.mark.parametrize("act", [NONE, RELU])
def test_sums_of_two_scales(tmp_path, act):
    rng = np.random.default_rng(act)
    model, g, x = model_of(rng)
    other, y = activation(g, SHAPE, rng), activation(g, SHAPE, rng)
    g.node("QUANTIZE", [x], [other])
    g.node("ADD", [x, other], [y], FusedActivationFunction=act)
    g.outputs = [y]
    check(tmp_path, model, SHAPE, rng, 40)


@pytest.mark.parametrize("scale", [0.03, 0.19, 0.0625])
def test_logistic_is_that_of_fixed_point(tmp_path, scale):
    rng = np.random.default_rng(5)
    model, g, x = model_of(rng, scale=scale)
    y, z = activation(g, SHAPE, rng, scale=1 / 256, zero=-128), g.tensor(SHAPE, "UINT8", 1 / 256, 0)
    g.node("LOGISTIC", [x], [y])
    g.node("QUANTIZE", [y], [z])
    g.outputs = [y, z]
    check(tmp_path, model, SHAPE, rng, 10)


@pytest.mark.parametrize(("scale", "beta"), [(0.03, 1.0), (0.19, 1.0), (1.7, 0.5)])
def test_softmax_is_that_of_fixed_point(tmp_path, scale, beta):
    rng = np.random.default_rng(8)
    model = ModelWriter()
    g = model.main
    x, y = activation(g, [1, 12], rng, scale=scale), activation(g, [1, 12], rng, -128, 1 / 256)
    g.node("SOFTMAX", [x], [y], Beta=beta)
    g.inputs, g.outputs = [x], [y]
    check(tmp_path, model, [1, 12], rng, 200)


def test_moves_keep_codes(tmp_path):
    rng = np.random.default_rng(6)
    model, g, x = model_of(rng, scale=0.1, zero=3)

    def like(shape):
        return activation(g, shape, rng, scale=0.1, zero=3)

    cut, joined, flat = like([1, 3, 4, 3]), like([1, 9, 4, 3]), like([1, 108])
    parts = [like([1, 6, 4, 1]), like([1, 6, 4, 2])]
    halves = [like([1, 6, 2, 3]), like([1, 6, 2, 3])]
    bounds = [const(g, v) for v in ([0, 1, 0, 0], [0, 6, 0, 0], [1, 2, 1, 1])]
    g.node("STRIDED_SLICE", [x, *bounds], [cut], BeginMask=0b1101, EndMask=0b1101)
    g.node("CONCATENATION", [x, cut], [joined], Axis=1)
    g.node("RESHAPE", [joined, const(g, [1, 108])], [flat])
    g.node("SPLIT_V", [x, const(g, [1, 2]), const(g, [-1])], parts, NumSplits=2)
    g.node("SPLIT", [const(g, [2]), x], halves, NumSplits=2)
    g.outputs = [flat, *parts, *halves]
    check(tmp_path, model, SHAPE, rng)
