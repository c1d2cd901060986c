"""Each operation: which nn operations it becomes, and what is refused."""

import numpy as np
import pytest
from onnx import TensorProto
from onnx_models import F32, body, imported, last, messages, names, node, quantized, shape

W = np.arange(8, dtype=np.float32).reshape(4, 2)


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow"])
def test_binary(tmp_path, op):
    module = imported(quantized([node(op, ["q", "w"], ["y"])], {"w": F32([[2]])}), tmp_path)
    assert names(module) == [f"nn.{op.lower()}"]
    assert shape(module) == (1, 4)


def test_pow_with_integer_exponent(tmp_path):
    module = imported(quantized([node("Pow", ["q", "e"], ["y"])], {"e": np.int64(2)}), tmp_path)
    assert float(last(module).rhs.owner.array) == 2.0


def test_division_by_zero(tmp_path):
    graph = quantized([node("Div", ["q", "w"], ["y"])], {"w": F32([1, 0, 1, 1])})
    assert messages(graph, tmp_path) == ["y (ONNX Div): divides by the constant 'w', which holds 0"]


def test_integers_are_no_operands(tmp_path):
    graph = quantized([node("Add", ["q", "w"], ["y"])], {"w": np.int64(1)})
    assert messages(graph, tmp_path) == [
        "y (ONNX Add): tensor 'w' has elements of type int64, where reals are needed"
    ]


def test_neg_and_relu(tmp_path):
    module = imported(quantized([node("Neg", ["q"], ["n"]), node("Relu", ["n"], ["y"])]), tmp_path)
    assert names(module) == ["nn.mul", "nn.relu"]


@pytest.mark.parametrize(
    ("x", "w", "result", "ops"),
    [
        ((1, 4), (4, 2), (1, 2), ["nn.matmul"]),
        ((4,), (4, 2), (2,), ["nn.reshape", "nn.matmul", "nn.reshape"]),
        ((1, 4), (4,), (1,), ["nn.reshape", "nn.matmul", "nn.reshape"]),
        ((4,), (4,), (), ["nn.reshape", "nn.reshape", "nn.matmul", "nn.reshape"]),
        ((3, 1, 4), (4, 2), (3, 1, 2), ["nn.matmul"]),
        ((3, 5, 4), (4,), (3, 5), ["nn.reshape", "nn.matmul", "nn.reshape"]),
    ],
)
def test_matmul(tmp_path, x, w, result, ops):
    graph = quantized([node("MatMul", ["q", "w"], ["y"])], {"w": np.ones(w, F32)}, inputs={"x": x})
    module = imported(graph, tmp_path)
    assert shape(module) == result
    assert names(module) == ops


def test_matmul_that_does_not_fit(tmp_path):
    graph = quantized([node("MatMul", ["q", "w"], ["y"])], {"w": np.ones((3, 2), F32)})
    assert messages(graph, tmp_path) == [
        "y (ONNX MatMul): inner dimensions of [1, 4] and [3, 2] differ: 4 and 3"
    ]


def test_gemm(tmp_path):
    graph = quantized(
        [node("Gemm", ["q", "w", "c"], ["y"], transB=1, alpha=0.5, beta=2.0)],
        {"w": W.T.copy(), "c": F32([1, 2])},
    )
    module = imported(graph, tmp_path)
    assert names(module) == ["nn.transpose", "nn.matmul", "nn.mul", "nn.mul", "nn.add"]
    assert shape(module) == (1, 2)
    plain = imported(quantized([node("Gemm", ["q", "w"], ["y"])], {"w": W}), tmp_path)
    assert names(plain) == ["nn.matmul"]
    turned = quantized(
        [node("Gemm", ["q", "w"], ["y"], transA=1)], {"w": W[:1]}, inputs={"x": [1, 4]}
    )
    assert shape(imported(turned, tmp_path)) == (4, 2)


def test_gemm_refusals(tmp_path):
    graph = quantized([node("Gemm", ["q", "w"], ["y"])], {"w": W}, inputs={"x": [1, 1, 4]})
    assert messages(graph, tmp_path) == ["y (ONNX Gemm): A must be a matrix, got shape [1, 1, 4]"]
    graph = quantized([node("Gemm", ["q", "w", "c"], ["y"])], {"w": W, "c": np.ones((3, 2), F32)})
    assert messages(graph, tmp_path) == [
        "y (ONNX Gemm): C of shape [3, 2] does not broadcast to [1, 2]"
    ]


BN = {"scale": F32([1] * 4), "bias": F32([0] * 4), "mean": F32([0] * 4), "var": F32([1] * 4)}


def test_batch_normalization(tmp_path):
    graph = quantized([node("BatchNormalization", ["q", *BN], ["y"], epsilon=0.25)], BN)
    op = last(imported(graph, tmp_path))
    assert op.name == "nn.batch_norm"
    assert op.epsilon.value.data == 0.25


@pytest.mark.parametrize(
    ("change", "attributes", "message"),
    [
        ({}, {"training_mode": 1}, "training_mode must be 0, got 1"),
        (
            {"var": F32([1, -1, 1, 1])},
            {"epsilon": 0.5},
            "variance 'var' plus epsilon 0.5 must be positive, got -0.5",
        ),
        (
            {"mean": F32([0])},
            {},
            "parameters must have shape [4], got tensor<1xf32>",
        ),
    ],
)
def test_batch_normalization_refusals(tmp_path, change, attributes, message):
    graph = quantized([node("BatchNormalization", ["q", *BN], ["y"], **attributes)], BN | change)
    assert messages(graph, tmp_path) == [f"y (ONNX BatchNormalization): {message}"]


@pytest.mark.parametrize(
    ("opset", "attributes", "ops"),
    [
        (13, {}, [("nn.softmax", 2)]),
        (13, {"axis": 0}, [("nn.softmax", 0)]),
        (11, {"axis": -1}, [("nn.softmax", 2)]),
        (11, {}, ["nn.reshape", ("nn.softmax", 1), "nn.reshape"]),
    ],
)
def test_softmax(tmp_path, opset, attributes, ops):
    graph = quantized(
        [node("Softmax", ["q"], ["y"], **attributes)], inputs={"x": [2, 3, 4]}, opset=opset
    )
    module = imported(graph, tmp_path)
    found = [op for op in body(module) if op.name in ("nn.softmax", "nn.reshape")]
    assert ops == [
        (op.name, op.axis.value.data) if op.name == "nn.softmax" else op.name for op in found
    ]
    assert shape(module) == (2, 3, 4)


RESHAPES = [
    ("Reshape", (2, 3, 4), [0, -1], {}, (2, 12)),
    ("Reshape", (2, 3, 4), [4, 6], {"allowzero": 1}, (4, 6)),
    ("Reshape", (1, 1), [], {}, ()),
    ("Flatten", (2, 3, 4), None, {}, (2, 12)),
    ("Flatten", (2, 3, 4), None, {"axis": 0}, (1, 24)),
    ("Flatten", (2, 3, 4), None, {"axis": 3}, (24, 1)),
    ("Flatten", (2, 3, 4), None, {"axis": -1}, (6, 4)),
    ("Squeeze", (1, 3, 1), None, {}, (3,)),
    ("Squeeze", (1, 3, 1), [-1], {}, (1, 3)),
    ("Unsqueeze", (3,), [0, -1], {}, (1, 3, 1)),
    ("Transpose", (2, 3, 4), None, {}, (4, 3, 2)),
    ("Transpose", (2, 3, 4), None, {"perm": [0, 2, 1]}, (2, 4, 3)),
]


@pytest.mark.parametrize(("op", "x", "argument", "attributes", "result"), RESHAPES)
def test_shapes(tmp_path, op, x, argument, attributes, result):
    constants = {} if argument is None else {"a": np.array(argument, np.int64)}
    nodes = [node(op, ["q", *constants], ["y"], **attributes)]
    module = imported(quantized(nodes, constants, inputs={"x": x}), tmp_path)
    assert shape(module) == result
    assert len(names(module)) == 1


@pytest.mark.parametrize(
    ("op", "x", "result"), [("Squeeze", (1, 3), (3,)), ("Unsqueeze", (3,), (1, 3))]
)
def test_axes_as_attribute(tmp_path, op, x, result):
    graph = quantized([node(op, ["q"], ["y"], axes=[0])], inputs={"x": x}, opset=11)
    assert shape(imported(graph, tmp_path)) == result


@pytest.mark.parametrize(
    ("op", "argument", "attributes", "message"),
    [
        ("Reshape", [3, -1], {}, "cannot reshape [1, 4] to [3, -1]"),
        ("Reshape", [-1, -1], {}, "cannot reshape [1, 4] to [-1, -1]"),
        ("Reshape", [-2, -2], {}, "cannot reshape [1, 4] to [-2, -2]"),
        ("Reshape", [5], {}, "cannot reshape [1, 4] to [5]"),
        ("Reshape", [0, 4], {"allowzero": 1}, "cannot reshape [1, 4] to [0, 4]"),
        ("Flatten", None, {"axis": 3}, "axis must be in [-2, 1], got 3"),
        ("Squeeze", [1], {}, "cannot squeeze axis 1 of extent 4"),
        ("Unsqueeze", [0, 0], {}, "axes must differ, got [0, 0]"),
        ("Unsqueeze", None, {}, "axes are missing"),
        ("Transpose", None, {"perm": [0]}, "permutation [0] does not list each of 2 axes once"),
        ("Cast", None, {"to": TensorProto.BOOL}, "a cast to bool is not supported"),
    ],
)
def test_shape_refusals(tmp_path, op, argument, attributes, message):
    constants = {} if argument is None else {"a": np.array(argument, np.int64)}
    graph = quantized([node(op, ["q", *constants], ["y"], **attributes)], constants)
    assert messages(graph, tmp_path) == [f"y (ONNX {op}): {message}"]


def test_nodes_that_do_nothing(tmp_path):
    nodes = [
        node("Identity", ["q"], ["a"]),
        node("Dropout", ["a"], ["b", "mask"]),
        node("Cast", ["b"], ["y"], to=TensorProto.FLOAT),
    ]
    assert names(imported(quantized(nodes), tmp_path)) == []


def test_shape_that_depends_on_the_input(tmp_path):
    graph = quantized([node("Reshape", ["q", "x"], ["y"])])
    assert messages(graph, tmp_path) == [
        "y (ONNX Reshape): shape must be constant, but 'x' is an input of the model"
    ]


def test_a_name_is_registered_once():
    from qcompiler.frontends.onnx import importer

    with pytest.raises(ValueError, match="ONNX MatMul already has an importer"):
        importer("", "MatMul")(lambda node: [])


def test_users_add_operations(tmp_path, monkeypatch):
    from qcompiler.dialects import nn
    from qcompiler.frontends.onnx import importer
    from qcompiler.frontends.onnx.registry import IMPORTERS

    monkeypatch.setattr("qcompiler.frontends.onnx.registry.IMPORTERS", dict(IMPORTERS))
    importer("my.domain", "Halve")(
        lambda node: node.emit(nn.MulOp(node.operand(0), node.scalar(0.5)))
    )
    key = ("my.domain", "Halve")
    from qcompiler.frontends.onnx import registry

    monkeypatch.setitem(IMPORTERS, key, registry.IMPORTERS[key])
    graph = quantized([node("Halve", ["q"], ["y"], domain="my.domain")])
    assert names(imported(graph, tmp_path)) == ["nn.mul"]
