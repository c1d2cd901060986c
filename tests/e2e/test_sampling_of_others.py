"""Sampling as others define it: ONNX's node tests, onnxruntime's, and CoDeNet's own vector.

Models of reals are quantized on grids of powers of two: onnxruntime's kernels and ONNX's reference
then compute without rounding, and all agree.
"""

from itertools import product

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator
from onnx_models import model, node, save

import qcompiler
from benchmarks.common import MODELS

SHARED = MODELS.parent
pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason=f"no models of others at {MODELS}")


def grid_of(values):
    """The coarsest power of two of which all values are multiples, at least 1/16."""
    for bits in range(4):
        codes = np.asarray(values, np.float64) * 2**bits
        if np.array_equal(codes, np.rint(codes)):
            return np.float32(2.0**-bits)
    return np.float32(1 / 16)


def golden_data(path):
    """The first case of a model's golden data: in0, in1, ..., out0."""
    beside = path.with_suffix(".io.npz")
    if beside.exists():
        return dict(np.load(beside))
    cases = np.load(path.with_suffix(".vectors.npz"))
    return {k.removesuffix("_0"): v for k, v in cases.items() if k.endswith("_0")}


def on_grids(proto, golden):
    """The model with its inputs and weights quantized, and its golden inputs."""
    (operation,) = proto.graph.node
    names = list(operation.input)
    nodes, constants, inputs = [], {"zero": np.int16(0)}, {}
    read = []
    for index, name in enumerate(names):
        value = golden[f"in{index}"]
        scale = grid_of(value)
        constants[f"{name}_s"] = scale
        if name == "B":
            constants[name] = value
            read.append(name)
            continue
        codes = name
        if name == "W":
            constants["W_q"] = np.rint(value / scale).astype(np.int16)
            codes = "W_q"
        else:
            inputs[name] = value.shape
            codes = f"{name}_q"
            nodes.append(node("QuantizeLinear", [name, f"{name}_s", "zero"], [codes]))
        nodes.append(node("DequantizeLinear", [codes, f"{name}_s", "zero"], [f"{name}_r"]))
        read.append(f"{name}_r")
    constants["y_s"] = np.float32(1 / 8)
    same = onnx.NodeProto()
    same.CopyFrom(operation)
    del same.input[:], same.output[:]
    same.input.extend(read)
    same.output.append("sampled")
    same.name = "sampled"
    nodes += [
        same,
        node("QuantizeLinear", ["sampled", "y_s", "zero"], ["y_q"]),
        node("DequantizeLinear", ["y_q", "y_s", "zero"], ["y"]),
    ]
    made = model(nodes, constants, inputs=inputs, opset=22)
    made.ir_version = 10
    frame = {name: golden[f"in{index}"] for index, name in enumerate(names) if name in inputs}
    return made, frame


NODES = [
    "onnx_node/test_basic_deform_conv_with_padding",
    "onnx_node/test_basic_deform_conv_without_padding",
    "onnx_node/test_deform_conv_with_mask_bias",
    "onnx_node/test_deform_conv_with_multiple_offset_groups",
    "onnx_node/test_gridsample_bilinear",
    "ort/deform_conv_test",
]


@pytest.mark.simulation
@pytest.mark.parametrize("name", NODES)
def test_models_of_onnx(name, tmp_path):
    path = MODELS / f"{name}.onnx"
    golden = golden_data(path)
    made, frame = on_grids(onnx.load(path), golden)
    wanted = onnxruntime.InferenceSession(made.SerializeToString()).run(None, frame)[0]
    (reference,) = ReferenceEvaluator(made).run(None, frame)
    np.testing.assert_array_equal(reference, wanted)
    near = golden["out0"]
    np.testing.assert_allclose(wanted, near, atol=0.2 * max(1, np.abs(near).max()))
    design = qcompiler.compile(save(made, tmp_path), numerics="exact", validate=True)
    x = {n: v[np.newaxis] for n, v in frame.items()}
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
    stalls = {"stall_probability_in": 0.3, "stall_probability_out": 0.3}
    np.testing.assert_array_equal(np.reshape(design.simulate(x, **stalls), wanted.shape), wanted)


CODENET = """\
network codenet(x: int8[1, 32, 32, 64], d: int<-7, 7>[1, 32, 32, 1]) {{
  u = affine(x, offset: 128)
  s = qint.sample(u, d, kernel: [3, 3], pads: [1, 1], steps: {anchors}, origins: {zeros},
    sources: {zeros})
  w: int4[3, 3, 1, 64] = load("codenet.npz", "weights")
  a = qint.conv(s, w, strides: [3, 3], group: 64)
  y = mul_shift(a, int8, multiplier: load("codenet.npz", "multiplier"),
    bias: load("codenet.npz", "bias"), shift: 16, axis: 3)
  return y
}}
"""


@pytest.mark.simulation
def test_codenet_depthwise_layer(tmp_path):
    """The authors' layer: codes are shifted by 128, offsets are those of an ordinary window."""
    given = np.load(SHARED / "data" / "codenet_depthwise3x3.npz")
    weights = given["weight_cgroup_tap_lane"].transpose(1, 0, 2).reshape(3, 3, 1, 64)
    scale, bias = (given[name].astype(np.int64) for name in ("scale", "bias"))
    # ((acc * scale + 2**15) >> 16) + bias, not below 0, less 128; acc is of codes not shifted.
    shift = 128 * weights.astype(np.int64).sum(axis=(0, 1, 2))
    np.savez(
        tmp_path / "codenet.npz",
        weights=weights,
        multiplier=scale,
        bias=((bias - 128) << 16) + 2**15 - shift * scale,
    )
    anchors = [place for pair in product((-1, 0, 1), repeat=2) for place in pair]
    path = tmp_path / "codenet.qnn"
    path.write_text(CODENET.format(anchors=anchors, zeros=[0] * 18), encoding="utf-8")
    design = qcompiler.compile(path, cycles=4096)
    wanted = given["output_hwc"]
    x = given["input_hwc"].astype(np.int64)[np.newaxis, np.newaxis]
    integers = design.quantize([x, np.zeros((1, 1, 32, 32, 1), np.int64)])
    for made in (design.core(integers), design.simulate_core(integers)[0]):
        assert int((made[0].reshape(wanted.shape) == wanted).sum()) == 65536
