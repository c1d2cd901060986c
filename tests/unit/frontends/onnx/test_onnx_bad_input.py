"""Models that are wrong, or beyond what is supported: node, reason and remedy, all at once."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import F32, model, node, problems, quantized

IMAGE = {"inputs": {"x": [1, 2, 5, 5]}}
KERNEL = {"w": np.ones((2, 2, 3, 3), F32)}
PAIR = {"s": F32(0.5), "z": np.int8(0)}


def conv(**attributes):
    return quantized([node("Conv", ["q", "w"], ["y"], **attributes)], KERNEL, **IMAGE)


def stored(element):
    graph = quantized([node("MatMul", ["q", "w"], ["y"])])
    values = [b"a"] * 4 if element == TensorProto.STRING else [1.0] * 4
    graph.graph.initializer.append(helper.make_tensor("w", element, [4, 1], values))
    return graph


def qdq(opset=21, inputs=None, kind=np.int8, **constants):
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["i"]),
        node("DequantizeLinear", ["i", "s", "v"], ["y"]),
    ]
    values = {
        k: v for k, v in {**PAIR, "v": kind(0), **constants}.items() if k not in (inputs or ())
    }
    return model(nodes, values, inputs={"x": [1, 4], **(inputs or {})}, opset=opset)


def subgraph(op):
    body = helper.make_graph(
        [helper.make_node("Identity", ["i"], ["o"])],
        "body",
        [],
        [helper.make_tensor_value_info("o", TensorProto.FLOAT, [1])],
    )
    attributes = {
        "If": {"then_branch": body, "else_branch": body},
        "Loop": {"body": body},
        "Scan": {"body": body, "num_scan_inputs": 1},
    }
    return quantized([node(op, ["q"], ["y"], **attributes[op])])


CASES = {
    "padding as large as the pool": (
        quantized([node("MaxPool", ["q"], ["y"], kernel_shape=[2, 2], pads=[2] * 4)], **IMAGE),
        "y (ONNX MaxPool)", "padding of a pool must be smaller than its window of 2", "use a Pad",
    ),
    "groups that do not divide": (
        conv(group=3), "y (ONNX Conv)",
        "group must divide 2 input and 2 output channels, got 3", "export the model again",
    ),
    "no groups": (
        conv(group=0), "y (ONNX Conv)",
        "group must divide 2 input and 2 output channels, got 0", "export the model again",
    ),
    "no stride": (
        conv(strides=[0, 1]), "y (ONNX Conv)",
        "strides must be 2 integers of 1 or more, got [0, 1]", "export the model again",
    ),
    "an input without elements": (
        quantized([node("Relu", ["q"], ["y"])], inputs={"x": [1, 0]}), "x (input)",
        "extents of an input must be positive, got shape [1, 0]", "export the model again",
    ),
    "weights without elements": (
        quantized([node("MatMul", ["q", "w"], ["y"])], {"w": np.ones((4, 0), F32)}),
        "y (ONNX MatMul)", "tensor 'w' is empty", "remove the node",
    ),
    "zero point of another type": (
        qdq(kind=np.uint8), "y (ONNX DequantizeLinear)",
        "zero point has type uint8, but 'i' holds integers in [-128, 127]", "use one element type",
    ),
    "scale that is an input": (
        qdq(inputs={"s": [1]}), "i (ONNX QuantizeLinear)",
        "scale must be constant, but 's' is an input of the model", "freeze it",
    ),
    "scale that depends on the data": (
        model([node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
               node("DequantizeLinear", ["q", "s", "z"], ["y"])]),
        "q (ONNX DynamicQuantizeLinear)", "a scale that depends on the input is not supported",
        "quantize statically",
    ),
    "blocks with scales of their own": (
        quantized([node("DequantizeLinear", ["w", "bs"], ["d"], axis=0, block_size=2),
                   node("MatMul", ["q", "d"], ["y"])],
                  {"w": np.ones((4, 2), np.int8), "bs": np.ones((2, 2), F32)}, opset=21),
        "d (ONNX DequantizeLinear)", "blocked quantization (block_size 2) is not supported",
        "quantize per tensor or per axis",
    ),
    "a cast to float8": (
        quantized([node("Cast", ["q"], ["y"], to=TensorProto.FLOAT8E4M3FN)]), "y (ONNX Cast)",
        "a cast to float8e4m3fn is not supported", "cast to float",
    ),
    "codes of float8": (
        model([node("QuantizeLinear", ["x", "s"], ["y"], output_dtype=TensorProto.FLOAT8E5M2)],
              {"s": F32(1)}, opset=21),
        "y (ONNX QuantizeLinear)", "codes of type float8e5m2 are not supported", "e.g. int8",
    ),
    **{
        f"weights of {name}": (
            stored(element), "w (initializer)", f"elements of {name} are not supported",
            "store the tensor as float",
        )
        for name, element in {
            "float8e4m3fn": TensorProto.FLOAT8E4M3FN,
            "float8e5m2": TensorProto.FLOAT8E5M2,
            "string": TensorProto.STRING,
            "complex64": TensorProto.COMPLEX64,
        }.items()
    },
    **{
        f"control flow by {op}": (
            subgraph(op), f"y (ONNX {op})", "control flow is not supported", "run onnxsim",
        )
        for op in ("If", "Loop", "Scan")
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_is_refused(tmp_path, name):
    graph, where, what, remedy = CASES[name]
    (found,) = (problem for problem in problems(graph, tmp_path) if problem.where == where)
    assert what in found.what
    assert remedy in found.remedy


def test_all_at_once(tmp_path):
    nodes = [
        node("Conv", ["q", "w"], ["a"], strides=[0, 1]),
        node("Conv", ["q", "w"], ["b"], group=3),
        node("MaxPool", ["q"], ["c"], kernel_shape=[2, 2], pads=[2, 2, 2, 2]),
        node("LSTM", ["q"], ["y"]),
    ]
    found = problems(quantized(nodes, KERNEL, **IMAGE), tmp_path)
    assert [problem.where for problem in found] == [
        "a (ONNX Conv)",
        "b (ONNX Conv)",
        "c (ONNX MaxPool)",
        "y (ONNX LSTM)",
    ]
