"""nn operations against the reference evaluator of ONNX, in both float types."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Region

from qcompiler.dialects import nn
from qcompiler.interpreters import numpy_ops, run

RANDOM = np.random.default_rng(3)
X = RANDOM.standard_normal((2, 3, 4)).astype(np.float32)
POSITIVE = np.abs(X) + np.float32(0.5)
CHANNELS = [RANDOM.uniform(0.5, 2, 3).astype(np.float32) for _ in range(4)]

# Name in ONNX, its attributes, inputs, and how to build ours from values.
CASES = {
    "add": ("Add", {}, [X, X[0, 0]], nn.AddOp),
    "sub": ("Sub", {}, [X[:, :1], X], nn.SubOp),
    "mul": ("Mul", {}, [X, POSITIVE], nn.MulOp),
    "div": ("Div", {}, [X, POSITIVE], nn.DivOp),
    "pow": ("Pow", {}, [POSITIVE, X[0]], nn.PowOp),
    "relu": ("Relu", {}, [X], nn.ReluOp),
    "sqrt": ("Sqrt", {}, [POSITIVE], nn.SqrtOp),
    "softmax of the last axis": ("Softmax", {"axis": 2}, [X], lambda x: nn.SoftmaxOp(x, 2)),
    "softmax of the first axis": ("Softmax", {"axis": 0}, [X], lambda x: nn.SoftmaxOp(x, 0)),
    "matmul": ("MatMul", {}, [X, X[0].T], nn.MatMulOp),
    "matmul of stacks": ("MatMul", {}, [X, X.transpose(0, 2, 1)], nn.MatMulOp),
    "batch_norm": (
        "BatchNormalization",
        {"epsilon": 1e-3},
        [X, *CHANNELS],
        lambda *values: nn.BatchNormOp(*values, 1e-3),
    ),
    "transpose": (
        "Transpose", {"perm": [2, 0, 1]}, [X], lambda x: nn.TransposeOp(x, [2, 0, 1]),
    ),
}  # fmt: skip


def reference(op_type, attributes, inputs):
    names = [f"x{i}" for i in range(len(inputs))]
    node = helper.make_node(op_type, names, ["y"], **attributes)
    floats = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in [*names, "y"]]
    graph = helper.make_graph([node], "g", floats[:-1], floats[-1:])
    return ReferenceEvaluator(helper.make_model(graph)).run(None, dict(zip(names, inputs)))[0]  # noqa: B905


def module_of(build, inputs, numerics):
    block = Block(arg_types=[nn.ConstantOp(array).result.type for array in inputs])
    op = build(*block.args)
    block.add_ops([op, func.ReturnOp(op.results[0])])
    types = block.arg_types, [op.results[0].type]
    module = ModuleOp(
        [func.FuncOp("main", types, Region(block))], {"qint.numerics": StringAttr(numerics)}
    )
    module.verify()
    return module


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
@pytest.mark.parametrize("case", CASES)
def test_operation_is_that_of_onnx(case, numerics):
    op_type, attributes, inputs, build = CASES[case]
    module = module_of(build, inputs, numerics)
    expected = reference(op_type, attributes, inputs)
    second = -X if build is nn.ReluOp else inputs[0]
    batch = [np.stack([inputs[0], second]), *(array[np.newaxis] for array in inputs[1:])]
    (result,) = run(module, "main", batch)
    assert result.dtype == (np.float32 if numerics == "onnxruntime" else np.float64)
    np.testing.assert_allclose(result[0], expected, rtol=2e-6, atol=1e-6)
    if build is nn.ReluOp:  # entries of a batch are independent
        np.testing.assert_array_equal(result[1], np.maximum(-X, 0))


def test_constants_and_reshapes_keep_row_major_order():
    block = Block()
    constant = nn.ConstantOp(X)
    reshaped = nn.ReshapeOp(constant.result, [4, 6])
    block.add_ops([constant, reshaped, func.ReturnOp(reshaped.result)])
    types = [], [reshaped.result.type]
    module = ModuleOp([func.FuncOp("main", types, Region(block))])
    (result,) = run(module, "main", [])
    np.testing.assert_array_equal(result[0], X.reshape(4, 6))


def test_products_of_equal_numbers_are_equal_however_they_lie():
    """Else folding a transposition of weights would look like another network in float32."""
    random = np.random.default_rng(0)
    x = random.standard_normal((5, 1, 16)).astype(np.float32)
    turned = random.standard_normal((1, 2, 16)).astype(np.float32).transpose(0, 2, 1)
    made = [numpy_ops.matmul(x, w) for w in (turned, np.ascontiguousarray(turned))]
    np.testing.assert_array_equal(*made)
