"""Every operation between two quantizers has onnxruntime's integers, down to the stream level.

Scales are powers of two, so that float32 holds every number and no runtime's order of additions
matters. The blocks themselves are simulated in tests/unit/rtl.
"""

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler
from qcompiler.errors import ModelError
from qcompiler.interpreters import run
from qcompiler.interpreters.host_calls import Array

F32 = np.float32
SHAPE = (1, 4, 5, 6)
PARAMETERS = {
    "s": F32(0.5), "z": np.int8(3), "t": F32(0.25), "u": np.int8(-7), "ys": F32(1),
    "yz": np.int8(2), "ws": F32(0.125), "wz": np.int8(0),
}  # fmt: skip


def weights(*shape, seed=0):
    return np.random.default_rng(seed).integers(-8, 8, shape).astype(np.int8)


def real(name="w"):
    return node("DequantizeLinear", [name, "ws", "wz"], [f"{name}r"])


def branch(x="d", y="e"):
    """A second activation, with a scale and zero point of its own."""
    return [
        node("Neg", [x], [f"{y}n"]),
        node("QuantizeLinear", [f"{y}n", "t", "u"], [f"{y}q"]),
        node("DequantizeLinear", [f"{y}q", "t", "u"], [y]),
    ]


def one(op, *inputs, **attributes):
    return [node(op, ["d", *inputs], ["r"], **attributes)]


def means(axes, **attributes):
    return one("ReduceMean", "ax", **attributes), {"ax": np.array(axes)}


WITHIN = {
    "average pool, padding not counted": (one("AveragePool", kernel_shape=[3, 2], strides=[2, 1],
                                              pads=[1, 1, 1, 0]), {}),
    "average pool ceil": (one("AveragePool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), {}),
    "mean over rows": means([3]),
    "mean over channels": means([1]),
    "mean over channels and space": means([1, 2, 3]),
    "bias for columns": (one("Add", "c"), {"c": F32([1, 2, 3, 4, -5, 6])}),
    "bias for pixels": (one("Add", "c"), {"c": np.arange(30).reshape(5, 6).astype(F32)}),
    "bias for rows of channels": (one("Add", "c"),
                                  {"c": np.arange(20).reshape(4, 5, 1).astype(F32)}),
    "factors for all": (one("Mul", "c"), {"c": (np.arange(120) % 8).reshape(SHAPE).astype(F32)}),
    "bias for pixels of a sum": ([*branch(), node("Add", ["d", "e"], ["a"]),
                                  node("Add", ["a", "c"], ["r"])],
                                 {"c": np.arange(30).reshape(5, 6).astype(F32)}),
    "spatial gate": ([node("ReduceMean", ["d", "ax"], ["g"]),
                      node("QuantizeLinear", ["g", "t", "u"], ["gq"]),
                      node("DequantizeLinear", ["gq", "t", "u"], ["gd"]),
                      node("Mul", ["d", "gd"], ["r"])], {"ax": np.array([1])}),
    "sum of a row and all": ([node("ReduceMean", ["d", "ax"], ["g"]),
                              node("QuantizeLinear", ["g", "t", "u"], ["gq"]),
                              node("DequantizeLinear", ["gq", "t", "u"], ["gd"]),
                              node("Add", ["gd", "d"], ["r"])], {"ax": np.array([3])}),
}  # fmt: skip
"""What the host would compute at the end of a network, between pools that are in hardware."""

ROWS = {"ps": F32([0.125, 0.25, 0.5]), "pz": np.zeros(3, np.int8)}
HEAD = [node("DequantizeLinear", ["w", "ps", "pz"], ["wr"], axis=0),
        node("GlobalAveragePool", ["d"], ["g"]),
        node("QuantizeLinear", ["g", "t", "u"], ["gq"]),
        node("DequantizeLinear", ["gq", "t", "u"], ["gd"])]  # fmt: skip
WITHIN |= {
    "a scale for each channel of one pixel": (
        [*HEAD, node("Conv", ["gd", "wr"], ["r"])], {"w": weights(3, 4, 1, 1), **ROWS}),
    "padded channels and rows": (
        one("Pad", "pp", "pv"),
        {"pp": np.array([0, 2, 1, 0, 0, 3, 0, 2]), "pv": F32(1.5)}),
    "a slope for each channel of one pixel": (
        [*HEAD[1:], node("PRelu", ["gd", "slope"], ["r"])],
        {"slope": F32([0.5, 0.25, 2, 0.125]).reshape(4, 1, 1)}),
}  # fmt: skip

I64 = np.int64
CASES = {
    "add": ([*branch(), node("Add", ["d", "e"], ["r"])], {}),
    "add relu": ([*branch(), node("Add", ["d", "e"], ["a"]), node("Relu", ["a"], ["r"])], {}),
    "sub": ([*branch(), node("Sub", ["d", "e"], ["r"])], {}),
    "mul": ([*branch(), node("Mul", ["d", "e"], ["r"])], {}),
    "concat channels": ([*branch(), node("Concat", ["d", "e"], ["r"], axis=1)], {}),
    "concat rows": ([*branch(), node("Concat", ["d", "e"], ["r"], axis=2)], {}),
    "slice": (one("Slice", "b", "e2", "ax", "st"),
              {"b": np.array([1, 1]), "e2": np.array([4, 6]), "ax": np.array([1, 3]),
               "st": np.array([1, 2])}),
    "split": ([node("Split", ["d"], ["p", "r"], axis=1, num_outputs=2)], {}),
    "pad": (one("Pad", "p"), {"p": np.array([0, 0, 1, 2, 0, 0, 0, 1])}),
    "resize": (one("Resize", "", "sc", mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor"), {"sc": F32([1, 1, 2, 3])}),
    "depth to space": (one("DepthToSpace", blocksize=2), {}),
    "depth to space crd": (one("DepthToSpace", blocksize=2, mode="CRD"), {}),
    "transpose": (one("Transpose", perm=[0, 3, 1, 2]), {}),
    "conv transpose": ([real(), *one("ConvTranspose", "wr", strides=[2, 2], pads=[1, 0, 1, 1])],
                       {"w": weights(4, 3, 3, 3)}),
    "conv transpose dilated": ([real(), *one("ConvTranspose", "wr", strides=[3, 2],
                                             dilations=[1, 2], output_padding=[1, 0])],
                               {"w": weights(4, 2, 2, 3)}),
    "conv transpose groups": ([real(), *one("ConvTranspose", "wr", strides=[2, 2], group=2)],
                              {"w": weights(4, 3, 2, 2)}),
    "conv groups": ([real(), *one("Conv", "wr", group=2, pads=[1, 0, 1, 1], strides=[1, 2])],
                    {"w": weights(6, 2, 3, 3)}),
    "max pool ceil": (one("MaxPool", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1), {}),
    "average pool": (one("AveragePool", kernel_shape=[2, 2], pads=[1, 1, 0, 0],
                         count_include_pad=1), {}),
    "global average pool": (one("GlobalAveragePool"), {}),
    "argmax": ([node("ArgMax", ["d"], ["am"], axis=1), node("Cast", ["am"], ["r"], to=1)], {}),
    "reduce max": (one("ReduceMax", "ax", keepdims=1), {"ax": np.array([1, 3])}),
    "sum": ([*branch(), node("Sum", ["d", "e"], ["r"])], {}),
    "gate": ([node("GlobalAveragePool", ["d"], ["g"]),
              node("QuantizeLinear", ["g", "t", "u"], ["gq"]),
              node("DequantizeLinear", ["gq", "t", "u"], ["gd"]),
              node("Mul", ["d", "gd"], ["r"])], {}),
    "leaky relu": (one("LeakyRelu", alpha=0.25), {}),
    "prelu": (one("PRelu", "slope"), {"slope": F32([0.5, 0.25, 2, 0.125]).reshape(4, 1, 1)}),
    "sigmoid": (one("Sigmoid"), {"ys": F32(2**-8)}),
    "tanh": (one("Tanh"), {"ys": F32(2**-7)}),
    "hard swish": (one("HardSwish"), {}),
    "hard sigmoid": (one("HardSigmoid", alpha=0.25, beta=0.5), {"ys": F32(2**-7)}),
    "silu": ([node("Sigmoid", ["d"], ["g"]), node("Mul", ["d", "g"], ["r"])], {}),
    "relu6": (one("Clip", "lo", "hi"), {"lo": F32(0), "hi": F32(6)}),
    "flatten": ([real(), node("Flatten", ["d"], ["f"]), node("MatMul", ["f", "wr"], ["r"])],
                {"w": weights(120, 3)}),
}  # fmt: skip


def quantized_model(nodes, constants, within=False):
    before = [node("DequantizeLinear", ["q", "s", "z"], ["d"])]
    after = [node("QuantizeLinear", ["r", "ys", "yz"], ["y"])]
    if within:
        before = [
            node("DequantizeLinear", ["q", "s", "z"], ["d0"]),
            node("MaxPool", ["d0"], ["d"], kernel_shape=[1, 1]),
        ]
        after = [
            node("QuantizeLinear", ["r", "ys", "yz"], ["rq"]),
            node("DequantizeLinear", ["rq", "ys", "yz"], ["rd"]),
            node("MaxPool", ["rd"], ["p"], kernel_shape=[1, 1]),
            node("QuantizeLinear", ["p", "ys", "yz"], ["y"]),
        ]
    pairs = [node("QuantizeLinear", ["x", "s", "z"], ["q"]), *before, *nodes, *after]
    proto = model(pairs, {**PARAMETERS, **constants}, inputs={"x": list(SHAPE)}, opset=20)
    proto.graph.output[0].type.tensor_type.elem_type = 3  # int8
    proto.ir_version = 10
    return proto


def reference(proto, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return np.stack([session.run(None, {"x": image})[0] for image in x])


def through_stream(design, x) -> Array:
    """What the head, the streaming core and the tail make of a batch."""
    core = run(design.level("stream"), "core", design.quantize(x))
    return run(design.level("qint"), "tail", core)[0]


@pytest.mark.parametrize("name", [*CASES, *WITHIN])
def test_integers_equal_onnxruntime_at_every_level(tmp_path, name):
    nodes, constants = (CASES | WITHIN)[name]
    proto = quantized_model(nodes, constants, name in WITHIN)
    x = np.random.default_rng(1).integers(-600, 600, (8, *SHAPE)).astype(F32) / 8
    design = qcompiler.compile(save(proto, tmp_path), cycles=200)
    wanted = reference(proto, x)
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
    np.testing.assert_array_equal(through_stream(design, x).reshape(wanted.shape), wanted)
    assert design.verilog.files


REFUSED = {
    "concatenation of scales that are far apart": (
        [*branch(), node("Concat", ["d", "e"], ["c"], axis=1), real(),
         node("Conv", ["c", "wr"], ["r"])],
        {"w": weights(3, 8, 1, 1), "t": F32(1.3e-7)},
        r"c \(ONNX Concat.*different scales, and its result reaches r .*add a quantizer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_integers_is_refused_with_a_remedy(tmp_path, name):
    nodes, constants, message = REFUSED[name]
    with pytest.raises(ModelError, match=message):
        qcompiler.compile(save(quantized_model(nodes, constants), tmp_path))


@pytest.mark.parametrize(
    ("before", "after"), [(0.0213, 0.0426), (0.0213, 0.0284), (0.0173, 0.0346)]
)
@pytest.mark.parametrize("op", ["MaxPool", "Concat"])
def test_codes_that_only_move_are_scaled_apart(tmp_path, op, before, after):
    """One factor for both scales would round other ties than two operations in float32."""
    moved = {
        "MaxPool": node("MaxPool", ["d"], ["r"], kernel_shape=[1, 1]),
        "Concat": node("Concat", ["d", "d"], ["r"], axis=1),
    }
    scales = {"s": F32(before), "ys": F32(after)}
    proto = quantized_model([moved[op]], scales)
    codes = np.arange(-128, 128).repeat(8)[: 8 * 120 * 2].reshape(-1, *SHAPE)
    x = ((codes - 3) * F32(before)).astype(F32)
    design = qcompiler.compile(save(proto, tmp_path))
    np.testing.assert_array_equal(np.reshape(design.predict(x), reference(proto, x).shape),
                                  reference(proto, x))  # fmt: skip


@pytest.mark.parametrize("scale", [0.0173, 0.0235, 0.0473])
def test_products_of_rounded_factors_are_exact(tmp_path, scale):
    """A gate of scale 1/256, as converters give to a sigmoid: halves depend on float32."""
    nodes = [
        node("Sigmoid", ["d"], ["g"]),
        node("QuantizeLinear", ["g", "gs", "gz"], ["gq"]),
        node("DequantizeLinear", ["gq", "gs", "gz"], ["gd"]),
        node("Mul", ["d", "gd"], ["r"]),
    ]
    constants = {"s": F32(scale), "ys": F32(scale), "gs": F32(1 / 256), "gz": np.int8(-128)}
    proto = quantized_model(nodes, constants)
    x = np.random.default_rng(1).uniform(-128, 128, (20, *SHAPE)).astype(F32) * F32(scale)
    design = qcompiler.compile(save(proto, tmp_path))
    wanted = reference(proto, x)
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
    np.testing.assert_array_equal(through_stream(design, x).reshape(wanted.shape), wanted)
