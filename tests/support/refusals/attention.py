"""Attention, its masks, and embeddings."""

import numpy as np
from onnx import TensorProto, helper

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "Attention and embeddings"
_ROWS = (1, 3, 4)


def _attention(title: str, change: str, inputs=(), at: str = "attention_0", **attributes):
    """A node with something that is not supported, and without it."""

    def decorated(name: str):
        @refused(_CHAPTER, title, at, change, shape=_ROWS)
        def build(net: Net, mended: bool):
            net.opset, x = 24, net.quantized()
            heads = {"q_num_heads": 2, "kv_num_heads": 2}
            more = [net.const(values) if values is not None else "" for values in inputs]
            wrong = {} if mended else attributes
            mixed = net.op("Attention", x, x, x, *([] if mended else more), **{**heads, **wrong})
            net.quantized(mixed)

        build.__name__ = name

    return decorated


_attention(
    "attention with a cache of keys", "without the cache",
    [None, np.zeros((1, 2, 5, 2)), np.zeros((1, 2, 5, 2))],
)("attention_with_cache")  # fmt: skip
_attention("attention with softcap", "without softcap", softcap=1.0)("attention_with_softcap")
_attention("heads that do not divide the width", "2 heads", q_num_heads=3)("attention_of_odd_heads")
_attention("queries of more heads than keys share", "as many", kv_num_heads=1, q_num_heads=0)(
    "attention_of_no_heads"
)
_attention("a mask of another shape", "without it", [np.zeros((2, 3))])("attention_mask_of_a_shape")


@refused(_CHAPTER, "heads of queries that keys do not share", "attention_0", "as many heads",
         shape=(1, 3, 3, 4))  # fmt: skip
def attention_of_shared_heads(net: Net, mended: bool):
    net.opset, x = 24, net.quantized()
    kept = x if mended else net.op("Slice", x, *(net.const([n], np.int64) for n in (0, 2, 1)))
    net.quantized(net.op("Attention", x, kept, kept))


@refused(_CHAPTER, "another fused form of attention", "multiheadattention_0", "ONNX's Attention",
         shape=_ROWS)  # fmt: skip
def fused_attention(net: Net, mended: bool):
    x = net.quantized()
    if mended:
        net.quantized(net.op("Attention", x, x, x, q_num_heads=1, kv_num_heads=1))
    else:
        net.op("MultiHeadAttention", x, x, x, domain="com.microsoft", num_heads=1)


def _masked(net: Net, mask, mended: bool):
    scores = net.quantized(net.dense(net.quantized()))
    scores = scores if mended else net.op("Add", scores, net.const(mask))
    net.dense(net.quantized(net.op("Softmax", scores)))


@refused(_CHAPTER, "a mask that leaves nothing of a row", "softmax_0", "no mask")
def empty_mask(net: Net, mended: bool):
    _masked(net, np.full((1, 4), -np.inf), mended)


@refused(_CHAPTER, "a quantized mask of -inf", "dequantizelinear_3", "no quantizer behind the mask")
def quantized_mask(net: Net, mended: bool):
    scores, mask = net.quantized(net.dense(net.quantized())), net.const([[0, -np.inf, 0, 0]])
    mask = mask if mended else net.dq(net.const([[255, 0, 255, 255]], np.uint8), np.inf, 255)
    net.dense(net.quantized(net.op("Softmax", net.op("Add", scores, mask))))


@refused(_CHAPTER, "a condition that depends on an input", "which", "a constant condition")
def condition_of_an_input(net: Net, mended: bool):
    x = net.quantized()
    chosen = net.const([[True, False, True, True]], np.bool_) if mended else net.input(
        "which", [1, 4], TensorProto.BOOL
    )  # fmt: skip
    net.dense(net.quantized(net.op("Where", chosen, x, net.const(0.0))))


@refused(_CHAPTER, "a condition of numbers", "where_0", "booleans")
def condition_of_numbers(net: Net, mended: bool):
    x, kind = net.quantized(), np.bool_ if mended else np.int8
    net.dense(net.quantized(net.op("Where", net.const([[1, 0, 1, 1]], kind), x, net.const(0.0))))


def _embedding(net: Net, table: str, kind=TensorProto.INT64):
    net.inputs[:] = [helper.make_tensor_value_info("x", kind, [1, 4])]
    net.dense(net.quantized(net.op("Gather", table, "x")))


@refused(_CHAPTER, "an embedding in floating point", "gather_0", "a quantized table")
def real_table(net: Net, mended: bool):
    _embedding(net, net.quantized(net.normal(9, 4)) if mended else net.normal(9, 4))


@refused(_CHAPTER, "an embedding with a scale for each row", "gather_0", "one scale for the table")
def table_of_scales(net: Net, mended: bool):
    codes = net.codes(9, 4, kind=np.uint8)
    scales = [0.05] * 9
    _embedding(net, net.dq(codes, 0.05) if mended else net.dq(codes, scales, [0] * 9, axis=0))


@refused(_CHAPTER, "tokens beyond the table", "gather_0", "a type that fits",
         options={"inputs": ["x=uint8:1"]}, mended_options={"inputs": ["x=uint3:1"]})  # fmt: skip
def long_tokens(net: Net, mended: bool):
    _embedding(net, net.dq(net.codes(9, 4, kind=np.uint8), 0.05))


@refused(_CHAPTER, "tokens that are no integers", "gather_0", "a type for the input",
         mended_options={"inputs": ["x=uint3:1"]})  # fmt: skip
def real_tokens(net: Net, mended: bool):
    _embedding(net, net.dq(net.codes(9, 4, kind=np.uint8), 0.05), TensorProto.FLOAT)


@refused(_CHAPTER, "scores with a bias for each place", "softmax_0", "a quantizer behind the sum")
def biased_scores(net: Net, mended: bool):
    scores = net.op("Add", net.quantized(net.dense(net.quantized())), net.normal(1, 4))
    scores = net.quantized(scores) if mended else scores
    net.dense(net.quantized(net.op("Softmax", scores)))


@refused(_CHAPTER, "products of products of 32 bits", "matmul_2", "a quantizer between them",
         shape=(1, 3, 4), options={"inputs": ["x=int32:1", "b=int32:1", "c=int32:1"]},
         mended_options={"inputs": ["x=int16:1", "b=int16:1", "c=int16:1"]})  # fmt: skip
def wide_products(net: Net, mended: bool):
    kept = [net.input(name, [1, 4, 4]) for name in "bc"]
    y = net.op("MatMul", "x", kept[0])
    y = net.op("MatMul", net.quantized(y, 2**14.0) if mended else y, kept[1])
    y = y if mended else net.op("MatMul", y, kept[0])
    net.quantized(y)
