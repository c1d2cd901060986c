"""Matrix products."""

from xdsl.ir import SSAValue

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer


@importer("", "MatMul")
def _matmul(node: NodeContext) -> Value:
    return matmul(node, node.operand(0), node.operand(1))


def matmul(node: NodeContext, lhs: SSAValue, rhs: SSAValue) -> SSAValue:
    """Emits numpy's `lhs @ rhs`, whose operands may have one dimension.

    Raises:
        RefusalError: an operand is a scalar.
    """
    left, right = shape_of(lhs.type), shape_of(rhs.type)
    if not left or not right:
        raise RefusalError("operands must have rank 1 or more, got a scalar", "use Mul instead")
    if len(left) == 1:
        lhs = node.emit(nn.ReshapeOp(lhs, (1, *left)))
    if len(right) == 1:
        rhs = node.emit(nn.ReshapeOp(rhs, (*right, 1)))
    product = node.emit(nn.MatMulOp(lhs, rhs))
    if len(left) > 1 and len(right) > 1:
        return product
    shape = shape_of(product.type)
    rows = shape[-2:-1] if len(left) > 1 else ()
    columns = shape[-1:] if len(right) > 1 else ()
    return node.emit(nn.ReshapeOp(product, (*shape[:-2], *rows, *columns)))


@importer("", "Gemm")
def _gemm(node: NodeContext) -> Value:
    for index, what in enumerate("AB"):
        if len(node.shape(index)) != 2:
            raise RefusalError(
                f"{what} must be a matrix, got shape {list(node.shape(index))}",
                "flatten it before, or use MatMul",
            )
    lhs = _transposed(node, 0, "transA")
    rhs = _transposed(node, 1, "transB")
    product = _scaled(node, node.emit(nn.MatMulOp(lhs, rhs)), "alpha")
    if not node.has_input(2):
        return product
    result = node.emit(nn.AddOp(product, _scaled(node, node.operand(2), "beta")))
    if shape_of(result.type) != shape_of(product.type):
        raise RefusalError(
            f"C of shape {list(node.shape(2))} does not broadcast to "
            f"{list(shape_of(product.type))}",
            "export the model again, this node is not valid",
        )
    return result


def _transposed(node: NodeContext, index: int, attribute: str) -> SSAValue:
    operand = node.operand(index)
    if not node.int_attribute(attribute, 0):
        return operand
    return node.emit(nn.TransposeOp(operand, (1, 0)))


def _scaled(node: NodeContext, value: SSAValue, attribute: str) -> SSAValue:
    factor = node.float_attribute(attribute, 1.0)
    return value if factor == 1.0 else node.emit(nn.MulOp(value, node.scalar(factor)))
