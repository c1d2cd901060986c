"""Small attention as a quantizer of onnxruntime writes it, and that runtime.

Scales are powers of two: float32 is exact in the runtime's products, and no tie is its noise.
"""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper
from onnx_models import model, node

U8, F32 = np.uint8, np.float32
CONSTANTS = {
    "s1": F32(2**-6), "z1": U8(128), "s2": F32(2**-7), "zw": np.int8(0), "s3": F32(2**-4),
    "z3": U8(120), "s4": F32(1 / 256), "z4": U8(0), "root": F32(2.0),
}  # fmt: skip


def qdq(x, y, scale, zero):
    return [
        node("QuantizeLinear", [x, scale, zero], [f"{y}_q"]),
        node("DequantizeLinear", [f"{y}_q", scale, zero], [y]),
    ]


def heads_of(x, channels, weights):
    """x -> q, k, v, split into heads."""
    nodes = []
    for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("DequantizeLinear", [f"w{name}", "s2", "zw"], [f"w{name}r"]),
            node("MatMul", [x, f"w{name}r"], [f"{name}m"]),
            *qdq(f"{name}m", f"{name}r", "s3", "z3"),
            node("Reshape", [f"{name}r", "split"], [f"{name}s"]),
            node("Transpose", [f"{name}s"], [f"{name}t"], perm=perm),
        ]
    return nodes


def attention(tokens, channels, heads, rng, masked=None, inner=True):
    """x -> q, k, v -> softmax(q k^T / 2) v, as a quantizer of onnxruntime writes it.

    Args:
        tokens, channels, heads: sizes.
        rng: of the weights.
        masked: nodes and constants from the quantized scores `sr` to `masked`.
        inner: whether there is a quantizer behind the softmax.
    """
    each = channels // heads
    weights = {f"w{n}": rng.integers(-60, 60, (channels, channels)).astype(np.int8) for n in "qkv"}
    shapes = {
        "split": np.array([1, tokens, heads, each]), "joined": np.array([1, tokens, channels])
    }  # fmt: skip
    mask_nodes, mask_constants = masked or ([], {})
    nodes = [
        *qdq("x", "xr", "s1", "z1"),
        *heads_of("xr", channels, weights),
        node("MatMul", ["qt", "kt"], ["scores"]),
        node("Div", ["scores", "root"], ["scaled"]),
        *qdq("scaled", "sr", "s3", "z3"),
        *mask_nodes,
        node("Softmax", ["masked" if masked else "sr"], ["p"], axis=-1),
        *(qdq("p", "pr", "s4", "z4") if inner else []),
        node("MatMul", ["pr" if inner else "p", "vt"], ["mixed"]),
        *qdq("mixed", "mr", "s3", "z3"),
        node("Transpose", ["mr"], ["back"], perm=[0, 2, 1, 3]),
        node("Reshape", ["back", "joined"], ["y"]),
    ]
    constants = CONSTANTS | weights | shapes | mask_constants
    proto = model(nodes, constants, inputs={"x": [1, tokens, channels]})
    proto.ir_version = 10
    return proto


def runtime(path, x, name="x"):
    """Codes as onnxruntime computes them node by node, without fusing any."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    return np.stack([session.run(None, {name: frame})[0] for frame in x])


def decoder(words, tokens, channels, rng):
    """Tokens -> rows of a table, plus those of places -> causal attention of one head -> scores."""
    weights = {f"w{n}": rng.integers(-60, 60, (channels, channels)).astype(np.int8) for n in "qkv"}
    weights["wo"] = rng.integers(-60, 60, (channels, words)).astype(np.int8)
    weights["words"] = rng.integers(0, 256, (words, channels)).astype(U8)
    weights["places"] = rng.integers(0, 256, (1, tokens, channels)).astype(U8)
    later = np.triu(np.ones((tokens, tokens), np.bool_), 1)
    constants = {
        "split": np.array([1, tokens, 1, channels]), "joined": np.array([1, tokens, channels]),
        "later": later, "never": F32(-np.inf),
    }  # fmt: skip
    nodes = [
        node("DequantizeLinear", ["words", "s1", "z1"], ["table"]),
        node("Gather", ["table", "tokens"], ["rows"]),
        *qdq("rows", "rr", "s1", "z1"),
        node("DequantizeLinear", ["places", "s1", "z1"], ["pr"]),
        node("Add", ["rr", "pr"], ["x"]),
        *qdq("x", "xr", "s1", "z1"),
        *heads_of("xr", channels, weights),
        node("MatMul", ["qt", "kt"], ["scores"]),
        node("Where", ["later", "never", "scores"], ["masked"]),
        node("Softmax", ["masked"], ["p"], axis=-1),
        *qdq("p", "pq", "s4", "z4"),
        node("MatMul", ["pq", "vt"], ["mixed"]),
        *qdq("mixed", "mr", "s3", "z3"),
        node("Transpose", ["mr"], ["back"], perm=[0, 2, 1, 3]),
        node("Reshape", ["back", "joined"], ["j"]),
        node("DequantizeLinear", ["wo", "s2", "zw"], ["wor"]),
        node("MatMul", ["j", "wor"], ["o"]),
        *qdq("o", "y", "s3", "z3"),
    ]
    proto = model(nodes, CONSTANTS | weights | constants, inputs={"tokens": [1, tokens]},
                  element=TensorProto.INT64)  # fmt: skip
    proto.ir_version = 10
    return proto


def in_one_node(op_set, shapes, **attributes):
    """q, k, v between quantizers around ONNX's Attention; the output is quantized, too."""
    nodes = [
        *(n for name in "qkv" for n in qdq(name, f"{name}r", "s1", "z1")),
        helper.make_node("Attention", ["qr", "kr", "vr"], ["a"], name="attention", **attributes),
        *qdq("a", "y", "s1", "z1"),
    ]
    proto = model(nodes, CONSTANTS, inputs=shapes, opset=op_set)
    proto.ir_version = 11
    return proto


def rotated(tokens, channels, rng):
    """x, each half turned by an angle of its place and channel, into a product."""
    half = channels // 2
    angles = np.arange(tokens)[:, None] / 100 ** (np.arange(half) / half)
    constants = {
        "cos": np.tile(np.cos(angles), 2).astype(F32),
        "sin": np.tile(np.sin(angles), 2).astype(F32),
        "zero": np.array([0]), "half": np.array([half]), "full": np.array([channels]),
        "axis": np.array([2]), "w": rng.integers(-60, 60, (channels, channels)).astype(np.int8),
    }  # fmt: skip
    nodes = [
        *qdq("x", "xr", "s1", "z1"),
        node("Mul", ["xr", "cos"], ["straight"]),
        node("Slice", ["xr", "zero", "half", "axis"], ["first"]),
        node("Slice", ["xr", "half", "full", "axis"], ["second"]),
        node("Neg", ["second"], ["negative"]),
        node("Concat", ["negative", "first"], ["turned"], axis=2),
        node("Mul", ["turned", "sin"], ["across"]),
        node("Add", ["straight", "across"], ["q"]),
        *qdq("q", "qr", "s1", "z1"),
        node("DequantizeLinear", ["w", "s2", "zw"], ["wr"]),
        node("MatMul", ["qr", "wr"], ["m"]),
        *qdq("m", "y", "s3", "z3"),
    ]
    proto = model(nodes, CONSTANTS | constants, inputs={"x": [1, tokens, channels]})
    proto.ir_version = 10
    return proto
