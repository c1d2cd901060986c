"""A small decoder of quantized ONNX: whole sequences under a causal mask, or a step with a cache.

Scales are powers of two: float32 is exact in the runtime's products, and no tie is its noise.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper
from onnx_models import model, node

U8, F32 = np.uint8, np.float32
LEFT_OUT = F32(-np.inf)
"""What a mask adds to a score."""


@dataclass(frozen=True)
class Shape:
    """How large a decoder is.

    Attributes:
        tokens: of the longest sequence, and of the cache.
        width: of an embedding.
        heads: of attention.
        layers: one after the other.
        words: that there are.
    """

    tokens: int
    width: int = 8
    heads: int = 2
    layers: int = 2
    words: int = 16

    @property
    def each(self) -> int:
        """Width of a head."""
        return self.width // self.heads


class Decoder:
    """Nodes and constants of one, as they grow.

    Attributes:
        rows: tokens of a frame.
        cached: whether keys and values of earlier frames come as inputs.
    """

    def __init__(self, shape: Shape, rows: int, *, cached: bool, seed: int = 0):
        self.shape, self.rows, self.cached = shape, rows, cached
        self.random = np.random.default_rng(seed)
        self.nodes = []
        self.inputs = {}
        self.outputs = ["y"]
        self.filled = "filled"
        one = [1, rows, shape.heads, shape.each]
        self.constants = {
            "z0": U8(0), "z128": U8(128), "zw": np.int8(0), "sw": F32(2**-6), "s8": F32(1 / 256),
            "s3": F32(2**-3), "s4": F32(2**-4),
            "s5": F32(2**-5), "root": F32(2.0),
            "split": np.array(one), "joined": np.array([1, rows, shape.width]),
            "gain": np.ones(shape.width, F32), "shift": np.zeros(shape.width, F32),
        }  # fmt: skip

    def add(self, kind, inputs, output, **attributes):
        self.nodes.append(node(kind, inputs, [output], **attributes))
        return output

    def quantized(self, x, output, scale="s4", zero="z128"):
        """x on a grid of bytes."""
        self.add("QuantizeLinear", [x, scale, zero], f"{output}_q")
        return self.add("DequantizeLinear", [f"{output}_q", scale, zero], output)

    def dense(self, x, name, inputs, outputs, scale="s4"):
        """A product with random weights."""
        weights = self.random.integers(-60, 60, (inputs, outputs)).astype(np.int8)
        self.constants[f"{name}_w"] = weights
        self.add("DequantizeLinear", [f"{name}_w", "sw", "zw"], f"{name}_r")
        self.add("MatMul", [x, f"{name}_r"], f"{name}_m")
        return self.quantized(f"{name}_m", name, scale)

    def normed(self, x, name):
        """A layer normalization."""
        self.add("LayerNormalization", [x, "gain", "shift"], f"{name}_n", axis=-1)
        return self.quantized(f"{name}_n", name, "s5")

    def heads_of(self, x, name):
        """[1, rows, width] as [1, heads, rows, width of a head]."""
        self.add("Reshape", [x, "split"], f"{name}_s")
        return self.add("Transpose", [f"{name}_s"], f"{name}_h", perm=[0, 2, 1, 3])

    def kept(self, x, name, write):
        """Keys or values of all tokens so far."""
        x = self.heads_of(x, name)
        if not self.cached:
            return x
        shape = self.shape
        self.inputs[f"{name}_past"] = [1, shape.heads, shape.tokens, shape.each]
        past = self.quantized(f"{name}_past", f"{name}_before")
        if write == "shift":
            self.add("Concat", [past, x], f"{name}_all", axis=2)
            for cut, value in (("one", 1), ("end", shape.tokens + 1), ("rows", 2)):
                self.constants[cut] = np.array([value])
            present = self.add("Slice", [f"{name}_all", "one", "end", "rows"], f"{name}_present")
        else:
            inputs = [past, x, "position"]
            present = self.add("TensorScatter", inputs, f"{name}_present", axis=2)
        self.outputs.append(present)
        return present

    def masked(self, scores, name):
        """Scores without those of later tokens, and of rows that are not written yet."""
        if not self.cached:
            return self.add("Add", [scores, "later"], f"{name}masked")
        return self.add("Where", [self.filled, scores, "never"], f"{name}masked")

    def attention(self, x, name, write):
        """Attention under the mask."""
        width = self.shape.width
        q, k, v = (self.dense(x, f"{name}{part}", width, width) for part in "qkv")
        q = self.heads_of(q, f"{name}q")
        k, v = self.kept(k, f"{name}k", write), self.kept(v, f"{name}v", write)
        self.add("Transpose", [k], f"{name}kt", perm=[0, 1, 3, 2])
        self.add("MatMul", [q, f"{name}kt"], f"{name}qk")
        self.add("Div", [f"{name}qk", "root"], f"{name}qkr")
        scores = self.quantized(f"{name}qkr", f"{name}scores", "s4")
        masked = self.masked(scores, name)
        self.add("Softmax", [masked], f"{name}p_r", axis=-1)
        p = self.quantized(f"{name}p_r", f"{name}p", "s8", "z0")
        self.add("MatMul", [p, v], f"{name}pv")
        mixed = self.quantized(f"{name}pv", f"{name}mixed")
        self.add("Transpose", [mixed], f"{name}back", perm=[0, 2, 1, 3])
        self.add("Reshape", [f"{name}back", "joined"], f"{name}flat")
        return self.dense(f"{name}flat", f"{name}o", width, width)

    def plus(self, a, b, name):
        self.add("Add", [a, b], f"{name}_a")
        return self.quantized(f"{name}_a", name, "s3")

    def embedded(self):
        """Rows of two tables, of tokens and of their places."""
        shape = self.shape
        for name, rows in (("words", shape.words), ("places", shape.tokens)):
            codes = self.random.integers(-60, 60, (rows, shape.width)).astype(np.int8)
            self.constants[f"{name}_q"] = codes
            self.add("DequantizeLinear", [f"{name}_q", "s4", "zw"], f"{name}_r")
        self.add("Gather", ["words_r", "tokens"], "word", axis=0)
        place = "places_r"
        if self.cached:
            place = self.add("Gather", ["places_r", "position"], "place", axis=0)
        self.add("Add", ["word", place], "x")
        return self.quantized("x", "xr", "s3")

    def finished(self, write="scatter", opset=24):
        """The model: tokens in, scores of the next one out."""
        width = self.shape.width
        self.constants |= {"never": LEFT_OUT, "spread": np.arange(self.shape.tokens)}
        if self.cached:  # the newest row is last if the cache moves along
            at = {"scatter": ["spread", "position"], "shift": ["position", "reversed"]}[write]
            kind = {"scatter": "LessOrEqual", "shift": "GreaterOrEqual"}[write]
            self.constants["reversed"] = np.arange(self.shape.tokens)[::-1].copy()
            self.add(kind, at, "filled")
        x = self.embedded()
        for layer in range(self.shape.layers):
            name = f"l{layer}"
            attended = self.attention(self.normed(x, f"{name}n"), name, write)
            x = self.plus(x, attended, f"{name}x")
            h = self.dense(self.normed(x, f"{name}m"), f"{name}up", width, 2 * width)
            h = self.quantized(self.add("Relu", [h], f"{name}act"), f"{name}g", "s4", "z0")
            x = self.plus(x, self.dense(h, f"{name}down", 2 * width, width), f"{name}z")
        y = self.dense(self.normed(x, "last"), "scores", width, self.shape.words)
        self.add("Identity", [y], "y")
        proto = model(
            self.nodes, self.constants, inputs=self.inputs, outputs=self.outputs, opset=opset
        )
        proto.ir_version = 10
        indices = {"tokens": [1, self.rows]} | ({"position": [1]} if self.cached else {})
        for name, extents in indices.items():
            info = helper.make_tensor_value_info(name, TensorProto.INT64, extents)
            proto.graph.input.append(info)
        return proto


def whole(shape: Shape, seed: int = 0):
    """The decoder of whole sequences."""
    decoder = Decoder(shape, shape.tokens, cached=False, seed=seed)
    later = np.triu(np.ones((shape.tokens, shape.tokens), bool), 1)
    decoder.constants["later"] = np.where(later, LEFT_OUT, F32(0))
    return decoder.finished(opset=17)


def step(shape: Shape, write: str, seed: int = 0):
    """The decoder of one token; `write` is how its caches change: scatter or shift."""
    decoder = Decoder(shape, 1, cached=True, seed=seed)
    return decoder.finished(write, opset=17 if write == "shift" else 24)


def states(shape: Shape) -> dict[str, str]:
    """The caches, as --state takes them."""
    names = [f"l{layer}{part}" for layer in range(shape.layers) for part in "kv"]
    return {f"{name}_past": f"{name}_present" for name in names}
