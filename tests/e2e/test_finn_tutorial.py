"""Networks as FINN's tutorial has them: MultiThreshold behind Unsqueeze, batch norm and scales."""

from functools import partial
from unittest.mock import patch

import numpy as np
import pytest
from onnx import helper
from onnx_models import QONNX, model, node, save
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

import qcompiler

F32 = np.float32
BIPOLAR = {"out_dtype": "BIPOLAR", "out_scale": 2.0, "out_bias": -1.0}
SIGNED = {"out_dtype": "INT4", "out_scale": 1.0, "out_bias": -4.0}
SCALED = {"out_dtype": "FLOAT32", "out_scale": 0.25, "out_bias": -0.5}
FIRST = {"out_dtype": "INT5", "out_scale": 1.0, "out_bias": -8.0}
LAYOUTS = {1: "NCW", 2: "NCHW"}
KINDS = {"bipolar": (BIPOLAR, 1), "signed": (SIGNED, 7), "scaled": (SCALED, 7)}


def thresholds(x, steps, y, layout, **attributes):
    return node("MultiThreshold", [x, steps], [y], domain=QONNX, data_layout=layout, **attributes)


def norm(x, y):
    return node("BatchNormalization", [x, "gain", "shift", "mean", "variance"], [y])


class Numbers:
    """Random parameters, the same at each run."""

    def __init__(self):
        self.random = np.random.default_rng(0)

    def steps(self, channels, count, largest):
        return np.sort(self.random.uniform(-largest, largest, (channels, count))).astype(F32)

    def integers(self, *shape):
        return self.random.integers(-3, 4, shape).astype(F32)

    def norm(self, channels):
        """One factor of three is negative."""
        signs = np.where(np.arange(channels) % 3 == 1, -1, 1)
        gain, variance = self.random.uniform(0.3, 1.5, (2, channels))
        shift, mean = self.random.uniform(-1, 1, (2, channels))
        parameters = {"gain": gain * signs, "shift": shift, "mean": mean, "variance": variance}
        return {name: array.astype(F32) for name, array in parameters.items()}


def dense(kind, axes):
    """Dense layers; a batch norm and thresholds between them have channels and unit axes."""
    attributes, count = KINDS[kind]
    channels = 1 if axes == [1] else 6
    numbers = Numbers()
    nodes = [
        thresholds("x", "t0", "a", "NC", **FIRST),
        node("MatMul", ["a", "w"], ["m"]),
        node("Mul", ["m", "k"], ["s"]),
        node("Unsqueeze", ["s", "axes"], ["u"]),
        norm("u", "n"),
        thresholds("n", "t1", "c", LAYOUTS[len(axes)], **attributes),
        node("Squeeze", ["c", "axes"], ["q"]),
        node("MatMul", ["q", "v"], ["y"]),
    ]  # fmt: skip
    constants = {
        "t0": numbers.steps(1, 15, 6), "w": numbers.integers(5, 6), "k": F32(0.37),
        "axes": np.int64(axes), **numbers.norm(channels), "t1": numbers.steps(channels, count, 3),
        "v": numbers.integers(6, 3),
    }  # fmt: skip
    return model(nodes, constants, inputs={"x": [1, 5]}, opset=13)


def convolution():
    """A row that becomes a channel; a factor before its thresholds, batch norm before the last."""
    numbers = Numbers()
    nodes = [
        node("Unsqueeze", ["x", "axes"], ["u"]),
        node("Mul", ["u", "k"], ["s"]),
        thresholds("s", "t0", "a", "NCW", **FIRST),
        node("Conv", ["a", "w"], ["c"], kernel_shape=[3], pads=[1, 1]),
        norm("c", "n"),
        thresholds("n", "t1", "y", "NCW", **SIGNED),
    ]
    constants = {
        "t0": numbers.steps(1, 15, 3), "axes": np.int64([1]), "k": F32(0.5),
        "w": numbers.integers(4, 1, 3), **numbers.norm(4), "t1": numbers.steps(4, 7, 9),
    }  # fmt: skip
    return model(nodes, constants, inputs={"x": [1, 10]}, opset=13)


def assert_is_qonnxs(proto, tmp_path):
    design = qcompiler.compile(save(proto, tmp_path), validate=True)
    shape = [d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim]
    frames = np.random.default_rng(1).uniform(-7, 7, (25, *shape)).astype(F32)
    wrapped = ModelWrapper(proto).transform(InferShapes())
    # qonnx hands each node to onnxruntime, as a model of the newest version unless told.
    with patch.object(helper, "make_model", partial(helper.make_model, ir_version=10)):
        wanted = np.stack([execute_onnx(wrapped, {"x": frame})["y"] for frame in frames])
    assert len(np.unique(wanted)) > 6
    np.testing.assert_array_equal(design.predict(frames).reshape(wanted.shape), wanted)
    return design, frames


@pytest.mark.parametrize("axes", [[1], [2], [-1], [2, 3]], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_dense_network_is_qonnxs(tmp_path, kind, axes):
    assert_is_qonnxs(dense(kind, axes), tmp_path)


def test_convolution_is_qonnxs(tmp_path):
    assert_is_qonnxs(convolution(), tmp_path)


@pytest.mark.simulation
@pytest.mark.parametrize("proto", [dense("bipolar", [2]), convolution()], ids=["dense", "conv"])
def test_verilog_computes_the_same(tmp_path, proto):
    design, frames = assert_is_qonnxs(proto, tmp_path)
    integers = design.quantize(frames[:8])
    got, _ = design.simulate_core(integers)
    for want, have in zip(design.core(integers), got, strict=True):
        np.testing.assert_array_equal(want.reshape(have.shape), have)
