"""ONNX's Attention, written out as products and a softmax.

Source: the ONNX operator reference, versions 23 and 24.
"""

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.dialects import nn
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.frontends.onnx.node import LOWEST, NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"
_CACHES = {4: "past_key", 5: "past_value", 6: "nonpad_kv_seqlen"}


@importer("", "Attention")
def _attention(node: NodeContext) -> Value:
    for index, what in _CACHES.items():
        if node.has_input(index):
            raise RefusalError(
                f"takes {what}, and a cache of keys and values is not supported",
                "export it over a fixed window of tokens, without a cache",
            )
    if node.float_attribute("softcap", 0.0):
        raise RefusalError("softcap is not supported", "leave the attribute softcap out")
    for name in ("softmax_precision", "qk_matmul_output_mode"):
        node.int_attribute(name, 0)
    q, k, v = (_heads(node, index) for index in range(3))
    heads, given = shape_of(q.type)[1], shape_of(k.type)[1]
    if given < 1 or heads % given:
        raise RefusalError(f"{heads} heads of queries do not share {given} of keys", _NOT_VALID)
    if heads != given:
        k, v = (node.emit(nn.ResizeNearestOp(x, (1, heads // given, 1, 1))) for x in (k, v))
    scores = node.emit(nn.MatMulOp(q, node.emit(nn.TransposeOp(k, (0, 1, 3, 2)))))
    default = float(np.float32(1 / np.sqrt(shape_of(q.type)[-1])))
    scale = node.scalar(node.float_attribute("scale", default))
    scores = _masked(node, node.emit(nn.MulOp(scores, scale)))
    mixed = node.emit(nn.MatMulOp(node.emit(nn.SoftmaxOp(scores, 3)), v))
    if len(node.shape(0)) == 4:
        return mixed
    batch, heads, tokens, each = shape_of(mixed.type)
    side_by_side = node.emit(nn.TransposeOp(mixed, (0, 2, 1, 3)))
    return node.emit(nn.ReshapeOp(side_by_side, (batch, tokens, heads * each)))


def _heads(node: NodeContext, index: int) -> SSAValue:
    """Returns queries, keys or values as [batch, heads, tokens, size]."""
    x = node.operand(index)
    shape = shape_of(x.type)
    counts = [node.int_attribute(name, 0) for name in ("q_num_heads", "kv_num_heads")]
    heads = counts[index > 0]
    if len(shape) == 4:
        return x
    if len(shape) != 3 or heads < 1 or shape[2] % heads:
        raise RefusalError(
            f"{node.input_name(index)!r} of shape {list(shape)} has no {heads} heads", _NOT_VALID
        )
    split = node.emit(nn.ReshapeOp(x, (*shape[:2], heads, shape[2] // heads)))
    return node.emit(nn.TransposeOp(split, (0, 2, 1, 3)))


def _masked(node: NodeContext, scores: SSAValue) -> SSAValue:
    """Returns scores plus the mask that the node has, and those of later tokens left out."""
    shape = shape_of(scores.type)
    if node.int_attribute("is_causal", 0):
        earlier = np.tril(np.ones(shape[-2:], np.bool_))
        scores = _added(node, scores, np.where(earlier, np.float32(0), LOWEST))
    if not node.has_input(3):
        return scores
    mask = node.constant(3, "mask")
    if mask.dtype.kind == "b":
        mask = np.where(mask, np.float32(0), LOWEST)
    missing = shape[-1] - mask.shape[-1] if mask.ndim else 0
    if missing > 0 and mask.shape[-1] > 1:  # what the mask is too short for does not count
        ends = [(0, 0)] * (mask.ndim - 1) + [(0, missing)]
        mask = np.pad(mask, ends, constant_values=LOWEST)
    return _added(node, scores, np.where(np.isneginf(mask), LOWEST, mask))


def _added(node: NodeContext, scores: SSAValue, mask: Array) -> SSAValue:
    shape = shape_of(scores.type)
    padded = (1,) * (len(shape) - mask.ndim) + mask.shape
    if len(padded) != len(shape) or any(
        a not in (1, b) for a, b in zip(padded, shape, strict=False)
    ):
        raise RefusalError(
            f"a mask of shape {list(mask.shape)} does not broadcast to scores of shape "
            f"{list(shape)}",
            _NOT_VALID,
        )
    return node.emit(nn.AddOp(scores, node.emit(nn.ConstantOp(mask.astype(np.float32)))))
