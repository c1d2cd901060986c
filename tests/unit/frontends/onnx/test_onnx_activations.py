"""Elementwise functions, reductions and operations on pieces equal ONNX's reference."""

import numpy as np
import pytest
from onnx_models import messages, node
from onnx_reference import assert_equals_reference, quantized_linear

F32, I64 = np.float32, np.int64
CASES = [
    ("Sigmoid", [], {}), ("Tanh", [], {}), ("HardSwish", [], {}), ("Floor", [], {}),
    ("LeakyRelu", [], {"alpha": 0.1}), ("HardSigmoid", [], {}), ("Gelu", [], {}),
    ("HardSigmoid", [], {"alpha": 0.3, "beta": 0.25}), ("Gelu", [], {"approximate": "tanh"}),
    ("PRelu", [np.array([[[0.5]], [[-0.25]]], F32)], {}),
    ("Clip", [F32(-2), F32(6)], {}), ("Clip", [F32(0)], {}), ("Max", [F32(1), F32([2] * 6)], {}),
    ("Min", [F32(1)], {}), ("Neg", [], {}),
    ("ReduceMean", [np.array([2, -1], I64)], {"keepdims": 0}), ("ReduceMean", [], {}),
    ("ArgMax", [], {"axis": 1}),
    ("ArgMax", [], {"axis": -1, "keepdims": 0, "select_last_index": 1}),
    ("Slice", [np.array([1, -3], I64), np.array([9, -1], I64), np.array([2, 3], I64)], {}),
    ("Slice", [np.array([0], I64), np.array([5], I64), np.array([3], I64), np.array([2], I64)], {}),
    ("Pad", [np.array([0, 0, 1, 2, 0, 0, 0, 1], I64), F32(1.5)], {}),
    ("Pad", [np.array([1, 2], I64), F32(0), np.array([-1], I64)], {}),
    ("Resize", [F32([]), F32([1, 1, 2, 3])], {"mode": "nearest", "nearest_mode": "floor",
                                            "coordinate_transformation_mode": "asymmetric"}),
    ("Resize", [F32([]), F32([1, 1, 2, 2])], {"mode": "nearest"}),
    ("Concat", [np.ones((1, 3, 5, 6), F32)], {"axis": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("op", "extra", "attributes"), CASES)
def test_operation(tmp_path, op, extra, attributes):
    constants = {f"c{i}": np.asarray(array) for i, array in enumerate(extra)}
    operation = node(op, ["d", *constants], ["y"], **attributes)
    assert_equals_reference(quantized_linear([operation], constants), tmp_path)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(tmp_path, mode):
    operation = node("DepthToSpace", ["d"], ["y"], blocksize=2, mode=mode)
    assert_equals_reference(quantized_linear([operation], shape=(1, 8, 2, 3)), tmp_path)


def test_split_and_silu(tmp_path):
    nodes = [node("Split", ["d"], ["a", "b"], axis=2, num_outputs=2),
             node("Sigmoid", ["a"], ["g"]), node("Mul", ["a", "g"], ["y"])]  # fmt: skip
    assert_equals_reference(quantized_linear(nodes, outputs=["y", "b"]), tmp_path)


@pytest.mark.parametrize("axis", [1, -1])
def test_top_1(tmp_path, axis):
    nodes = [node("TopK", ["d", "k"], ["v", "i"], axis=axis)]
    graph = quantized_linear(nodes, {"k": np.array([1], I64)}, shape=(1, 7), outputs=["v", "i"])
    assert_equals_reference(graph, tmp_path)


@pytest.mark.parametrize(("op", "extra", "attributes", "expected"), [
    ("Pad", [np.zeros(8, I64)], {"mode": "edge"}, "mode must be constant, got edge"),
    ("Resize", [F32([]), F32([1, 1, 1.5, 2])], {"mode": "nearest"},
     "must enlarge 4 axes by integers, got 1, 1, 1.5, 2"),
    ("TopK", [np.array([3], I64)], {},
     "only the largest element is supported, got k [3] and largest 1"),
    ("Slice", [np.array([5], I64), np.array([0], I64), np.array([3], I64), np.array([-1], I64)], {},
     "steps must be positive, got -1"),
])  # fmt: skip
def test_refusals(tmp_path, op, extra, attributes, expected):
    constants = {f"c{i}": np.asarray(array) for i, array in enumerate(extra)}
    graph = quantized_linear([node(op, ["d", *constants], ["y"], **attributes)], constants)
    assert messages(graph, tmp_path) == [f"y (ONNX {op}): {expected}"]
