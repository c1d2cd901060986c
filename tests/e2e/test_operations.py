"""Every operation between two quantizers has onnxruntime's integers, down to the stream level.

Scales are powers of two, so that float32 holds every number and no runtime's order of additions
matters. The blocks themselves are simulated in tests/unit/rtl.
"""

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler
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


def quantized_model(nodes, constants):
    pairs = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        *nodes,
        node("QuantizeLinear", ["r", "ys", "yz"], ["y"]),
    ]
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


@pytest.mark.parametrize("name", CASES)
def test_integers_equal_onnxruntime_at_every_level(tmp_path, name):
    nodes, constants = CASES[name]
    proto = quantized_model(nodes, constants)
    x = np.random.default_rng(1).integers(-600, 600, (8, *SHAPE)).astype(F32) / 8
    design = qcompiler.compile(save(proto, tmp_path), cycles=200)
    wanted = reference(proto, x)
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
    np.testing.assert_array_equal(through_stream(design, x).reshape(wanted.shape), wanted)
    assert design.verilog.files
