"""Deeploy's integer activations: functions of one integer that end in a RequantShift.

Source: Deeploy's kernel iHardswish; its golden data are compared in the tests.
"""

from qcompiler.dialects import nn
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import Value
from qcompiler.frontends.onnx.registry import importer


def _hard_swish(node: NodeContext) -> Value:
    """`x * clip(x + three, 0, six) * one_over_six`, in integers."""
    three, six, sixth = (
        float(node.int_attribute(name)) for name in ("three", "six", "one_over_six")
    )
    x = node.operand(0)
    moved = node.emit(nn.AddOp(x, node.scalar(three)))
    gate = node.emit(nn.ClipOp(moved, 0.0, six))
    product = node.emit(nn.MulOp(x, gate))
    return node.emit(nn.MulOp(product, node.scalar(sixth)))


for _domain in ("", "PACTOps", "ai.onnx.contrib"):
    importer(_domain, "iHardswish")(_hard_swish)
