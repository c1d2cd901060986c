"""Grouped convolutions, dense groups and channel multipliers: model, integers and Verilog agree."""

from functools import partial
from unittest.mock import patch

import numpy as np
import onnxruntime
import pytest
from onnx import helper
from onnx_models import PARAMETERS, model, node, quant, save
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

import qcompiler

RANDOM = np.random.default_rng(5)
ZERO = {"z": np.int8(0), "u": np.uint8(0), "i": np.int32(0)}
# Powers of two: the runtime's float arithmetic is exact.
SCALES = {f"s{n}": np.float32(2.0**-n) for n in (2, 4, 6)}


def qdq(x, q, zero="u"):
    """Quantizes x to q and back to q_real."""
    return [
        node("QuantizeLinear", [x, "s4", zero], [q]),
        node("DequantizeLinear", [q, "s4", zero], [f"{q}_real"]),
    ]


def layer(n, x, weights, **attributes):
    """A convolution and what it needs, from x to codes q<n>, and its constants."""
    w, bias = f"w{n}", f"b{n}"
    nodes = [
        node("DequantizeLinear", [w, "s2", "z"], [f"{w}_real"]),
        node("DequantizeLinear", [bias, "s6", "i"], [f"{bias}_real"]),
        node("Conv", [x, f"{w}_real", f"{bias}_real"], [f"conv{n}"], **attributes),
        *qdq(f"conv{n}", f"q{n}"),
    ]
    return nodes, {w: weights, bias: RANDOM.integers(-9, 9, len(weights), np.int32)}


def qdq_model(shape, layers):
    nodes, constants = qdq("x", "q"), {**ZERO, **SCALES}
    given = "q_real"
    for n, (weights, attributes) in enumerate(layers):
        w = RANDOM.integers(-3, 4, weights).astype(np.int8)
        more, parameters = layer(n, given, w, **attributes)
        nodes += more
        constants |= parameters
        given = f"q{n}_real"
    nodes.append(node("Identity", [given], ["y"]))
    proto = model(nodes, constants, inputs={"x": shape})
    proto.ir_version = 10  # the runtime refuses newer ones
    return proto


LAYERS = [
    ((8, 2, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),  # 4 channels in two groups
    ((16, 1, 3, 2), {"group": 8, "strides": [2, 1]}),  # two outputs for each channel
    ((4, 4, 1, 1), {"group": 4}),  # one output for each group, one tap
]
ROWS = [((6, 3, 3), {"group": 2, "pads": [2, 0]}), ((6, 1, 2), {"group": 6, "dilations": [2]})]


@pytest.mark.parametrize(
    ("shape", "layers"), [((1, 4, 6, 5), LAYERS), ((1, 6, 9), ROWS)], ids=["2-D", "1-D"]
)
@pytest.mark.parametrize("cycles", [1, 2000])
def test_qdq_model_is_onnxruntimes(tmp_path, shape, layers, cycles):
    path = save(qdq_model(shape, layers), tmp_path)
    design = qcompiler.compile(path, cycles=cycles, validate=True)
    x = RANDOM.uniform(-1, 17, (20, *shape)).astype(np.float32)
    session = onnxruntime.InferenceSession(path)
    wanted = np.stack([session.run(None, {"x": frame})[0] for frame in x])
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(design.predict(x).reshape(wanted.shape), wanted)


@pytest.mark.simulation
@pytest.mark.parametrize("cycles", [1, 500])
def test_verilog_computes_the_same(tmp_path, cycles):
    design = qcompiler.compile(save(qdq_model((1, 4, 6, 5), LAYERS), tmp_path), cycles=cycles)
    x = RANDOM.uniform(-1, 17, (12, 1, 4, 6, 5)).astype(np.float32)
    integers = design.quantize(x)
    got, result = design.simulate_core(integers)
    for want, have in zip(design.core(integers), got, strict=True):
        np.testing.assert_array_equal(want.reshape(have.shape), have)
    assert result.cycles_per_frame == design.timing.cycles_per_frame


def test_qonnx_model_is_qonnxs(tmp_path):
    w = RANDOM.integers(-7, 8, (6, 2, 3, 3)).astype(np.float32) / 2
    nodes = [
        quant("x", "q"),
        quant("w", "w_quantized"),
        node("Conv", ["q", "w_quantized"], ["conv"], group=2, pads=[0, 1, 1, 0]),
        quant("conv", "y"),
    ]
    proto = model(nodes, {**PARAMETERS, "w": w}, inputs={"x": (1, 4, 5, 5)})
    design = qcompiler.compile(save(proto, tmp_path), validate=True)
    x = RANDOM.uniform(-5, 5, (10, 1, 4, 5, 5)).astype(np.float32)
    wrapped = ModelWrapper(proto).transform(InferShapes())
    # qonnx hands each node to onnxruntime, as a model of the newest version unless told.
    with patch.object(helper, "make_model", partial(helper.make_model, ir_version=10)):
        wanted = np.stack([execute_onnx(wrapped, {"x": frame})["y"] for frame in x])
    np.testing.assert_array_equal(design.predict(x).reshape(wanted.shape), wanted)
