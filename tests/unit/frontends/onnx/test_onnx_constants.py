"""Constants: their forms, and what is folded while importing."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import F32, body, imported, last, messages, names, node, quant, quantized, shape


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"value": numpy_helper.from_array(F32([1, 2]))}, [1, 2]),
        ({"value_float": 3.0}, 3),
        ({"value_floats": [1.0, 2.0]}, [1, 2]),
    ],
)
def test_constant_forms(tmp_path, attributes, expected):
    graph = quantized(
        [node("Constant", [], ["c"], **attributes), node("Add", ["k", "c"], ["y"])],
        {"k": F32([0])},
    )
    constant = last(imported(graph, tmp_path)).rhs.owner
    assert constant.array.tolist() == expected
    assert constant.location.desc.data == "c"


def test_constant_of_strings(tmp_path):
    graph = quantized(
        [node("Constant", [], ["c"], value_string="a"), node("Add", ["q", "c"], ["y"])]
    )
    assert messages(graph, tmp_path) == [
        "c (ONNX Constant): a constant must be a dense tensor, numbers or a number, got "
        "attributes: value_string"
    ]


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.array([1.5], np.float16), np.float32),
        (np.array([0.1], np.float64), np.float64),
    ],
)
def test_other_float_types(tmp_path, array, dtype):
    graph = quantized([node("Add", ["q", "c"], ["y"])], {"c": array})
    constant = last(imported(graph, tmp_path)).rhs.owner
    assert constant.array.dtype == dtype
    assert constant.array[0] == array[0]


def test_bfloat16(tmp_path):
    graph = quantized([node("Add", ["q", "c"], ["y"])], inputs={"x": [1, 2]})
    graph.graph.initializer.append(
        helper.make_tensor("c", TensorProto.BFLOAT16, [1, 2], [1.5, -0.25])
    )
    assert last(imported(graph, tmp_path)).rhs.owner.array.tolist() == [[1.5, -0.25]]


def test_shape_arithmetic(tmp_path):
    """What PyTorch writes for `x.view(x.size(0), -1)`."""
    nodes = [
        node("Shape", ["q"], ["shape"]),
        node("Constant", [], ["zero"], value_int=0),
        node("Gather", ["shape", "zero"], ["batch"], axis=0),
        node("Unsqueeze", ["batch"], ["batch1"], axes=[0]),
        node("Constant", [], ["rest"], value_ints=[-1]),
        node("Concat", ["batch1", "rest"], ["target"], axis=0),
        node("Reshape", ["q", "target"], ["y"]),
    ]
    module = imported(quantized(nodes, inputs={"x": ["N", 2, 3]}, opset=12), tmp_path)
    assert shape(module) == (1, 6)
    assert names(module) == ["nn.reshape"]
    assert "nn.constant" not in [op.name for op in body(module)]


def test_shape_with_bounds(tmp_path):
    nodes = [node("Shape", ["q"], ["s2"], start=-2, end=9), node("Reshape", ["k", "s2"], ["y"])]
    graph = quantized(nodes, {"k": np.ones(6, F32)}, inputs={"x": [5, 2, 3]})
    assert shape(imported(graph, tmp_path)) == (2, 3)


def test_constants_are_moved_but_not_computed(tmp_path):
    nodes = [
        node("Transpose", ["w"], ["t"]),
        node("Mul", ["t", "w2"], ["m"]),
        node("MatMul", ["q", "m"], ["y"]),
    ]
    graph = quantized(nodes, {"w": np.ones((2, 4), F32), "w2": F32([2, 3])})
    assert names(imported(graph, tmp_path)) == ["nn.mul", "nn.matmul"]


@pytest.mark.parametrize(("kind", "wanted"), [("Sqrt", 2), ("Reciprocal", 0.25), ("Abs", 4)])
def test_constants_that_are_folded_to_float32(kind, wanted, tmp_path):
    nodes = [node(kind, ["v"], ["r"]), node("Mul", ["q", "r"], ["y"])]
    number = last(imported(quantized(nodes, {"v": F32(4)}), tmp_path)).rhs.owner
    assert float(number.array) == wanted


def test_computed_scale(tmp_path):
    nodes = [
        node("Pow", ["two", "e"], ["p"]),
        node("Unsqueeze", ["p", "axes"], ["p1"]),
        node(
            "Quant",
            ["x", "p1", "q_zero", "q_bits"],
            ["y"],
            domain="onnx.brevitas",
            signed=1,
            narrow=0,
        ),
    ]
    graph = quantized(nodes, {"two": F32(2), "e": F32(-3), "axes": np.array([0])})
    module = imported(graph, tmp_path)
    assert last(module).scale_array.tolist() == [0.125]
    assert names(module) == []


def test_computed_scale_that_depends_on_the_input(tmp_path):
    nodes = [
        node(
            "Quant",
            ["x", "q", "q_zero", "q_bits"],
            ["y"],
            domain="onnx.brevitas",
            signed=1,
            narrow=0,
        )
    ]
    assert messages(quantized(nodes), tmp_path) == [
        "y (onnx.brevitas Quant): scale must be constant, but 'q' depends on the network's input"
    ]


def test_result_of_folding_is_bounded(tmp_path):
    nodes = [
        node("ConstantOfShape", ["huge"], ["c"]),
        node("ReduceSum", ["c"], ["d"]),
        node("Add", ["q", "d"], ["y"]),
    ]
    graph = quantized(nodes, {"huge": np.array([2**20, 2**20])})
    assert messages(graph, tmp_path) == [
        "c (ONNX ConstantOfShape): a result while compiling may have at most 16777216 elements, "
        "got shape [1048576, 1048576]"
    ]


def test_folding_that_fails(tmp_path):
    nodes = [node("Concat", ["a", "a"], ["c"], axis=7), node("Reshape", ["q", "c"], ["y"])]
    (message,) = messages(quantized(nodes, {"a": np.array([1])}), tmp_path)
    assert message.startswith("c (ONNX Concat): cannot be evaluated on its constants: ")


def test_random_numbers_are_not_folded(tmp_path):
    nodes = [node("RandomNormalLike", ["w"], ["r"]), node("Add", ["q", "r"], ["y"])]
    (message,) = messages(quantized(nodes, {"w": F32([1])}), tmp_path)
    assert message == "r (ONNX RandomNormalLike): operation ONNX RandomNormalLike is not supported"


def test_quantized_weights_stay_symbolic(tmp_path):
    nodes = [quant("w", "wq"), node("MatMul", ["q", "wq"], ["y"])]
    module = imported(quantized(nodes, {"w": np.ones((4, 2), F32)}), tmp_path)
    assert [op.name for op in body(module)].count("qint.quantize") == 2
