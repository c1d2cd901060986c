"""Extents of one, few channels, the batch: whatever is moved, the integers are onnxruntime's.

Scales are powers of two, so that float32 holds every number. An extent of one hides which axis
counts channels, and lanes must divide the channels on both sides of a process.
"""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from onnx_models import model, node, save

import qcompiler
from qcompiler.interpreters import run

F32 = np.float32
PARAMETERS = {"s": F32(0.5), "z": np.int8(3), "ys": F32(1), "yz": np.int8(2), "ws": F32(0.125)}
CYCLES = (None, 1, 7)


def weights(*shape):
    return {"w": np.random.default_rng(3).integers(-8, 8, shape).astype(np.int8)}


def weighted(op, *more, **attributes):
    """An operation with the weights `w`, `r` being its result."""
    return [
        node("DequantizeLinear", ["w", "ws"], ["wr"]),
        node(op, ["d", "wr", *more], ["r"], **attributes),
    ]


TWO = node("Concat", ["d", "d"], ["m"], axis=0)


def resized(*scales, x="d"):
    how = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    nodes = [node("Resize", [x, "", "sc"], ["r"], mode="nearest", **how)]
    return nodes, {"sc": F32([1, 1, *scales])}


def then(op, constant, last="Flatten", **attributes):
    """An operation with a constant, then a move."""
    return [node(op, ["d", "c"], ["m"]), node(last, ["m"], ["r"], **attributes)], {"c": constant}


NORMAL = {"g": F32([1.5]), "be": F32([0.5]), "mu": F32([0.25]), "va": F32([0.25])}
NORMALIZED = node("BatchNormalization", ["d", *NORMAL], ["m"], epsilon=0.0)
ONE = F32([[[[1.5]]]])
CASES = {
    "resize": ((1, 1, 2, 3), *resized(2, 2)),
    "resize columns": ((1, 1, 2, 3), *resized(1, 3)),
    "resize rows": ((1, 1, 3, 1), *resized(2, 1)),
    "resize two channels": ((1, 2, 2, 2), *resized(2, 2)),
    "depth to one channel": ((1, 4, 2, 2), [node("DepthToSpace", ["d"], ["r"], blocksize=2)], {}),
    "depth to three channels": ((1, 12, 2, 2),
                                [node("DepthToSpace", ["d"], ["r"], blocksize=2, mode="CRD")], {}),
    "transposed to one": ((1, 2, 2, 3), weighted("ConvTranspose", strides=[2, 2]),
                          weights(2, 1, 2, 2)),
    "transposed from one": ((1, 1, 2, 3), weighted("ConvTranspose", strides=[2, 1]),
                            weights(1, 3, 2, 2)),
    "transposed one to one": ((1, 1, 1, 3), weighted("ConvTranspose", strides=[1, 3]),
                              weights(1, 1, 1, 3)),
    "conv to one": ((1, 3, 1, 4), weighted("Conv"), weights(1, 3, 1, 3)),
    "conv from one": ((1, 1, 4, 1), weighted("Conv", pads=[1, 0, 1, 0]), weights(4, 1, 3, 1)),
    "mul": ((1, 1, 3, 3), *then("Mul", ONE)),
    "mul of three axes": ((1, 1, 3, 3), *then("Mul", ONE[0])),
    "div, transpose": ((1, 1, 3, 2), *then("Div", ONE / 3, "Transpose", perm=[2, 3, 0, 1])),
    "sub of more axes": ((1, 1, 9), *then("Sub", ONE)),
    "add, squeeze": ((1, 1, 3, 3), *then("Add", ONE, "Squeeze")),
    "prelu": ((1, 1, 3, 3), *then("PRelu", ONE[0] / 6)),
    "normalized": ((1, 1, 3, 3), [NORMALIZED, node("Flatten", ["m"], ["r"])], NORMAL),
    "normalized rows": ((1, 1, 9), [NORMALIZED, node("Reshape", ["m", "to"], ["r"])],
                        {**NORMAL, "to": np.array([3, 3])}),
    "one value": ((1, 1, 1, 1), *then("Mul", ONE)),
    "pool of one column": ((1, 3, 4, 1), [node("MaxPool", ["d"], ["r"], kernel_shape=[2, 1])], {}),
    "average of one channel": ((1, 1, 4, 4),
                               [node("AveragePool", ["d"], ["r"], kernel_shape=[2, 2])], {}),
    "slice to one channel": ((1, 6, 2, 2), [node("Slice", ["d", "b", "e", "ax"], ["r"])],
                             {"b": np.array([4]), "e": np.array([5]), "ax": np.array([1])}),
    "pad one channel": ((1, 1, 2, 2), [node("Pad", ["d", "p"], ["r"])],
                        {"p": np.array([0, 1, 0, 1, 0, 1, 1, 0])}),
    "rows to channels": ((1, 3, 4, 1), [node("Transpose", ["d"], ["r"], perm=[0, 2, 3, 1])], {}),
    "concat of one and two": ((1, 2, 2, 3),
                              [node("ReduceMax", ["d", "ax"], ["m"]),
                               node("Concat", ["d", "m"], ["r"], axis=1)], {"ax": np.array([1])}),
    "concat along the batch": ((1, 2, 2, 3),
                               [node("Relu", ["d"], ["m"]),
                                node("Concat", ["d", "m", "d"], ["r"], axis=0)], {}),
    "resize of two images": ((1, 2, 2, 3), [TWO, *resized(2, 3, x="m")[0]], resized(2, 3)[1]),
    "depth of two images": ((1, 4, 2, 3), [TWO, node("DepthToSpace", ["m"], ["r"], blocksize=2)],
                            {}),
    "mean of two images": ((1, 2, 2, 3), [TWO, node("ReduceMean", ["m", "ax"], ["r"])],
                           {"ax": np.array([0, 1])}),
    "mean of one image": ((1, 4, 1, 3), [node("ReduceMean", ["d", "ax"], ["r"], keepdims=0)],
                          {"ax": np.array([0, 2])}),
    "mean of a row": ((1, 1, 4), [node("Squeeze", ["d"], ["m"]), node("ReduceMean", ["m"], ["r"])],
                      {}),
    "concat rows of two axes": ((1, 2, 6),
                                [node("Reshape", ["d", "to"], ["m"]),
                                 node("Concat", ["m", "m"], ["r"], axis=0)],
                                {"to": np.array([3, 4])}),
    "pad the batch and channels": ((1, 2, 2, 3), [node("Pad", ["d", "p", "pv"], ["r"])],
                                   {"p": np.array([1, 1, 0, 0, 0, 2, 1, 0]), "pv": F32(1.5)}),
    "pad rows of two axes": ((1, 2, 6),
                             [node("Reshape", ["d", "to"], ["m"]), node("Pad", ["m", "p"], ["r"])],
                             {"to": np.array([3, 4]), "p": np.array([1, 0, 2, 1])}),
    "slice rows of two axes": ((1, 2, 6),
                               [node("Reshape", ["d", "to"], ["m"]),
                                node("Slice", ["m", "b", "e", "ax"], ["r"])],
                               {"to": np.array([3, 4]), "b": np.array([1, 2]),
                                "e": np.array([3, 3]), "ax": np.array([0, 1])}),
}  # fmt: skip
SIMULATED = ("resize of two images", "concat along the batch", "pad the batch and channels",
             "slice rows of two axes", "resize", "depth to one channel", "depth to three channels",
             "transposed to one", "conv from one", "normalized",
             "concat of one and two")  # fmt: skip


def between_layers(shape, nodes, constants):
    """The operations between two quantizers, behind a max pool of one element.

    The pool makes hardware of what else would be the driver's.
    """
    before = node("MaxPool", ["d0"], ["d"], kernel_shape=[1] * (len(shape) - 2))
    quantizers = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d0"]),
        before,
        *nodes,
        node("QuantizeLinear", ["r", "ys", "yz"], ["y"]),
    ]
    proto = model(quantizers, {**PARAMETERS, **constants}, inputs={"x": list(shape)}, opset=20)
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    proto.ir_version = 10
    return proto


def reference(proto, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return np.stack([session.run(None, {"x": image})[0] for image in x])


def images(shape, count=8):
    return np.random.default_rng(1).integers(-600, 600, (count, *shape)).astype(F32) / 8


@pytest.mark.parametrize("name", CASES)
def test_integers_equal_onnxruntime_in_every_folding(tmp_path, name):
    shape, nodes, constants = CASES[name]
    proto, x = between_layers(shape, nodes, constants), images(shape)
    path, wanted = save(proto, tmp_path), reference(proto, x)
    for cycles in CYCLES:
        design = qcompiler.compile(path, cycles=cycles)
        np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
        core = run(design.level("stream"), "core", design.quantize(x))
        (made,) = run(design.level("qint"), "tail", core)
        np.testing.assert_array_equal(made.reshape(wanted.shape), wanted)


@pytest.mark.simulation
@pytest.mark.parametrize("name", SIMULATED)
def test_verilog_computes_the_same(tmp_path, name):
    shape, nodes, constants = CASES[name]
    proto, x = between_layers(shape, nodes, constants), images(shape)
    design, wanted = qcompiler.compile(save(proto, tmp_path)), reference(proto, x)
    made = design.simulate(x)
    np.testing.assert_array_equal(np.reshape(made, wanted.shape), wanted)
