"""Small transformers in torch, and what quantizers make of them."""

import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from torch import nn

from qcompiler.dialects.attributes import Array

_OPSET = 17


class Attention(nn.Module):
    """Attention of several heads over a fixed window, causal or not."""

    def __init__(self, width: int, heads: int, tokens: int, *, causal: bool):
        super().__init__()
        self.heads, self.each = heads, width // heads
        self.q, self.k, self.v, self.p = (nn.Linear(width, width) for _ in range(4))
        self.register_buffer("later", torch.ones(tokens, tokens).triu(1).bool())
        self.causal = causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns [batch, tokens, width]."""
        batch, tokens, width = x.shape
        q, k, v = (
            part(x).reshape(batch, tokens, self.heads, self.each).transpose(1, 2)
            for part in (self.q, self.k, self.v)
        )
        scores = q @ k.transpose(2, 3) / self.each**0.5
        if self.causal:
            scores = scores.masked_fill(self.later, -torch.inf)
        mixed = scores.softmax(-1) @ v
        return self.p(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Block(nn.Module):
    """A layer of an encoder, or of a decoder: there normalizations come first."""

    def __init__(self, width: int, heads: int, tokens: int, *, causal: bool):
        super().__init__()
        self.attention = Attention(width, heads, tokens, causal=causal)
        self.first, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.causal = causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns [batch, tokens, width]."""
        if self.causal:
            x = x + self.attention(self.first(x))
            return x + self.perceptron(self.last(x))
        x = self.first(x + self.attention(x))
        return self.last(x + self.perceptron(x))


class Gpt(nn.Module):
    """A decoder over a fixed window: embeddings, two layers, scores of the next token."""

    def __init__(self, words: int, width: int, heads: int, tokens: int):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(tokens, width)
        self.blocks = nn.Sequential(*(Block(width, heads, tokens, causal=True) for _ in range(2)))
        self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, words, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Returns [batch, tokens, words]."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return self.scores(self.norm(self.blocks(self.words(tokens) + self.places(places))))


def encoder(width: int, heads: int, tokens: int) -> nn.Module:
    """Returns a layer as BERT has them, with random weights."""
    torch.manual_seed(0)
    return Block(width, heads, tokens, causal=False).eval()


def gpt(words: int, width: int, heads: int, tokens: int) -> nn.Module:
    """Returns a decoder of two layers with random weights."""
    torch.manual_seed(1)
    return Gpt(words, width, heads, tokens).eval()


def vectors(tokens: int, width: int) -> Callable[[int, int], Array]:
    """Returns what makes frames of normal numbers, [count, 1, tokens, width]: (count, seed)."""

    def made(count: int, seed: int) -> Array:
        random = np.random.default_rng(seed)
        return random.standard_normal((count, 1, tokens, width)).astype(np.float32)

    return made


def sentences(words: int, tokens: int) -> Callable[[int, int], Array]:
    """Returns what makes frames of random tokens, [count, 1, tokens]: (count, seed)."""

    def made(count: int, seed: int) -> Array:
        return np.random.default_rng(seed).integers(0, words, (count, 1, tokens))

    return made


class _Calibration(CalibrationDataReader):
    def __init__(self, frames: Array):
        self.frames: Iterator[Array] = iter(frames)

    def get_next(self) -> dict[str, Array] | None:  # type of the base class
        """Returns the next frame."""
        frame = next(self.frames, None)
        return None if frame is None else {"x": frame}


def quantized(
    net: nn.Module, frames: Array, path: Path, without: Collection[str] = frozenset()
) -> Path:
    """Writes what quantize_static makes of a network; returns the file.

    Args:
        net: takes one tensor.
        frames: to calibrate with, [count, batch of 1, ...].
        path: of the model in float; that of the other one ends in .quantized.onnx.
        without: operations that stay in floating point.
    """
    made = path.with_suffix(".quantized.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, and advice to preprocess the model
        torch.onnx.export(
            net, (torch.from_numpy(frames[0]),), path, dynamo=False, opset_version=_OPSET,
            input_names=["x"], output_names=["y"],
        )  # fmt: skip
        quantize_static(
            str(path), str(made), _Calibration(frames), quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            op_types_to_quantize=[*({**QLinearOpsRegistry, **QDQRegistry}.keys() - without)],
        )  # fmt: skip
    return made


class QuantAttention(nn.Module):
    """Attention of one head, of weights and activations of a few bits, by Brevitas."""

    def __init__(self, width: int, bits: int):
        super().__init__()
        from brevitas import nn as layers
        from brevitas.quant import Int8ActPerTensorFloat, Uint8ActPerTensorFloat

        def signed() -> nn.Module:
            return layers.QuantIdentity(bit_width=bits, act_quant=Int8ActPerTensorFloat)

        self.input, self.qs, self.ks, self.vs, self.scores, self.mixed = (
            signed() for _ in range(6)
        )
        self.share = layers.QuantIdentity(bit_width=bits, act_quant=Uint8ActPerTensorFloat)
        self.q, self.k, self.v = (
            layers.QuantLinear(width, width, bias=False, weight_bit_width=bits) for _ in range(3)
        )
        self.root = width**0.5

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns [batch, tokens, width]."""
        x = self.input(x)
        q, k, v = self.qs(self.q(x)), self.ks(self.k(x)), self.vs(self.v(x))
        scores = self.scores(q @ k.transpose(1, 2) / self.root)
        return self.mixed(self.share(scores.softmax(-1)) @ v)


def brevitas(width: int, bits: int, frames: Array, path: Path) -> Path:
    """Writes attention of a few bits as QONNX, scales from `frames`; returns the file."""
    from brevitas.export import export_qonnx

    torch.manual_seed(2)
    net = QuantAttention(width, bits)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # Brevitas' own
        for frame in torch.from_numpy(frames):
            net(frame)
        export_qonnx(net.eval(), args=torch.from_numpy(frames[0]), export_path=str(path))
    return path
