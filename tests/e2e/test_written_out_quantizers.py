"""Quantizers written out as arithmetic, in the forms of exporters and of hand-made graphs.

Scales are powers of two and inputs lie on their grid, so that float32 is exact and onnxruntime is a
reference for `exact` numerics.
"""

from itertools import count

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler

F32 = np.float32


class Graph:
    """Nodes and constants, with names of their own."""

    def __init__(self):
        self.nodes, self.constants, self.numbers = [], {}, count()

    def constant(self, value):
        name = f"c{next(self.numbers)}"
        self.constants[name] = np.asarray(value, F32)
        return name

    def op(self, kind, *inputs, out=None, **attributes):
        out = out or f"{kind.lower()}{next(self.numbers)}"
        names = [i if isinstance(i, str) else self.constant(i) for i in inputs]
        self.nodes.append(node(kind, names, [out], **attributes))
        return out


def clip(g, v, lo, hi):
    return g.op("Clip", v, F32(lo), F32(hi))


def min_max(g, v, lo, hi):
    return g.op("Max", F32(lo), g.op("Min", v, F32(hi)))


def torch_form(g, v, s, z, lo, hi, out=None, cut=clip):
    """Mul, Round, Add, Clip, Sub, Mul."""
    v = cut(g, g.op("Add", g.op("Round", g.op("Mul", v, 1 / F32(s))), F32(z)), lo, hi)
    return g.op("Mul", g.op("Sub", v, F32(z)), F32(s), out=out)


def extremes_form(g, v, s, z, lo, hi, out=None):
    return torch_form(g, v, s, z, lo, hi, out, min_max)


def symmetric_form(g, v, s, z, lo, hi, out=None):
    """Div, Round, Clip, Mul: without a zero point."""
    v = clip(g, g.op("Round", g.op("Div", v, F32(s))), lo - z, hi - z)
    return g.op("Mul", v, F32(s), out=out)


def clip_first_form(g, v, s, z, lo, hi, out=None):
    """Clip before Round, as in LSQ; then Div by the inverse of the scale."""
    v = g.op("Round", clip(g, g.op("Div", v, F32(s)), lo - z, hi - z))
    return g.op("Div", v, 1 / F32(s), out=out)


def floor_form(g, v, s, z, lo, hi, out=None):
    """floor(v / s + 1/2), zero point first."""
    v = g.op("Floor", g.op("Add", g.op("Add", F32(z), g.op("Div", v, F32(s))), F32(0.5)))
    return g.op("Mul", F32(s), g.op("Add", clip(g, v, lo, hi), F32(-z)), out=out)


FORMS = [torch_form, extremes_form, symmetric_form, clip_first_form, floor_form]


def weights(*shape):
    return np.random.default_rng(5).normal(0, 0.5, shape).astype(F32)


def dense(form, lo=-128, hi=127, z=3, scale=2**-6):
    g = Graph()
    a = form(g, "x", 2**-5, z, lo, hi)
    w = form(g, g.constant(weights(6, 4)), scale, 0, -127, 127)
    h = g.op("Relu", g.op("Add", g.op("MatMul", a, w), np.arange(4) / 8))
    form(g, h, 2**-4, lo, lo, hi, out="y")
    return model(g.nodes, g.constants, inputs={"x": [1, 6]}, opset=18)


def convolutions(form):
    """Two, with padding, a zero point between and a residual connection."""
    g = Graph()
    a = form(g, "x", 2**-4, 5, 0, 255)
    w = form(g, g.constant(weights(2, 2, 3, 3)), 2**-5, 0, -7, 7)
    h = form(g, g.op("Conv", a, w, pads=[1] * 4), 2**-3, 17, 0, 255)
    joined = form(g, g.op("Add", a, h), 2**-3, -9, -128, 127)
    v = form(g, g.constant(weights(3, 2, 3, 3)), 2**-5, 0, -7, 7)
    form(g, g.op("Conv", joined, v, pads=[1] * 4), 2**-2, 0, -128, 127, out="y")
    return model(g.nodes, g.constants, inputs={"x": [1, 2, 5, 5]}, opset=18)


def assert_equals_onnxruntime(proto, tmp_path, *, simulate=False):
    dims = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    x = (np.random.default_rng(7).integers(-120, 120, (40, *dims[1:])) / 32).astype(F32)
    x[0], x[1] = 50, -50
    proto.ir_version = 8
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    wanted = np.concatenate([session.run(None, {"x": frame[np.newaxis]})[0] for frame in x])
    design = qcompiler.compile(save(proto, tmp_path))
    np.testing.assert_array_equal(design.predict(x), wanted)
    if simulate:
        np.testing.assert_array_equal(design.simulate(x[:8]), wanted[:8])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bounds", [(-128, 127, 3), (0, 255, 100), (0, 15, 7), (-8, 7, 0)])
def test_dense_layers(tmp_path, form, bounds):
    lo, hi, z = bounds
    assert_equals_onnxruntime(dense(form, lo, hi, z), tmp_path, simulate=lo == -8)


@pytest.mark.parametrize("form", [torch_form, symmetric_form])
def test_scale_per_channel(tmp_path, form):
    scales = np.array([2**-6, 2**-5, 2**-7, 2**-4])
    assert_equals_onnxruntime(dense(form, scale=scales), tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_convolutions_with_zero_points_and_a_sum(tmp_path, form):
    assert_equals_onnxruntime(convolutions(form), tmp_path)


def test_scales_that_no_float_holds(tmp_path):
    """Weights go through a division by 0.1 and a factor of 0.1: their integers are exact."""
    g = Graph()
    a = torch_form(g, "x", 2**-5, 0, -128, 127)
    w = symmetric_form(g, g.constant(weights(6, 4)), 0.1, 0, -8, 7)
    torch_form(g, g.op("MatMul", a, w), 0.25, 0, 0, 15, out="y")
    proto = model(g.nodes, g.constants, inputs={"x": [1, 6]}, opset=18)
    design = qcompiler.compile(save(proto, tmp_path))
    x = np.random.default_rng(7).integers(-120, 120, (200, 6)) / 32
    codes = np.clip(np.rint(weights(6, 4).astype(float) / float(F32(0.1))), -8, 7)
    sums = x @ codes * float(F32(0.1))
    np.testing.assert_array_equal(design.predict(x), np.clip(np.rint(sums * 4), 0, 15) / 4)


def test_integer_input(tmp_path):
    """The input arrives as integers, and is quantized in hardware again."""
    design = qcompiler.compile(save(dense(torch_form), tmp_path), inputs={"x": "int8:0.03125"})
    codes = np.random.default_rng(7).integers(-128, 128, (40, 6))
    reals = codes.astype(F32) / 32
    assert np.array_equal(
        design.predict(codes), qcompiler.compile(save(dense(torch_form), tmp_path)).predict(reals)
    )
