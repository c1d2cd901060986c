"""QONNX's operations that have their channels last, as its converter for hls4ml writes them.

Each is ONNX's operation of the same name between two transposes, which cancel with those of its
neighbours.

Source: `ChannelsLastWrappedOp` in qonnx/custom_op/channels_last/base_wrapped_op.py.
"""

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.dialects import nn, qint
from qcompiler.frontends.onnx.node import NodeContext, is_integer
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import IMPORTERS, importer

DOMAIN = "qonnx.custom_op.channels_last"
_WITH_CHANNELS = {"Conv": (0, 1), "MaxPool": (0,), "BatchNormalization": (0,)}
"""Which inputs have channels last, by operation; a convolution's weights have them, too."""
_RANKS = (3, 4)


def _moved(node: NodeContext, value: Value, permutation: list[int]) -> Value:
    if not isinstance(value, SSAValue):
        return np.ascontiguousarray(value.transpose(permutation))
    transpose = qint.TransposeOp if is_integer(value) else nn.TransposeOp
    return node.emit(transpose(value, permutation))


def _channels_last(node: NodeContext) -> Value:
    rank = len(node.shape(0))
    if rank not in _RANKS:
        raise RefusalError(
            f"channels last needs a tensor of rank 3 or 4, got {rank}",
            "reshape the tensor before this node, to [1, height, width, channels]",
        )
    first, last = [0, rank - 1, *range(1, rank - 1)], [0, *range(2, rank), 1]
    moved: dict[int, Value] = {}
    for index in _WITH_CHANNELS[node.proto.op_type]:
        if len(node.shape(index)) != rank:
            raise RefusalError(
                f"input {index} must have rank {rank} as the first, got shape "
                f"{list(node.shape(index))}",
                "export the model again, this node is not valid",
            )
        moved[index] = _moved(node, node.value(index), first)
    inner = node.with_inputs(moved, "channels first")
    result = IMPORTERS["", node.proto.op_type].function(inner)
    if not isinstance(result, SSAValue | np.ndarray):
        result = result[0]
    return _moved(node, result, last)


for _op_type in _WITH_CHANNELS:
    importer(DOMAIN, _op_type)(_channels_last)
