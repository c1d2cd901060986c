"""The network: its graph, and what it computes on integers. All scales are powers of two.

`Network` has the graph once, in terms of a few operations, which three classes implement:
`Integers` here, `Cnn` in train.py (torch) and `Graph` in export.py (ONNX).
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Codes:
    """Integers of `bits` bits that stand for multiples of 2**exponent."""

    bits: int
    signed: bool
    exponent: int = 0

    @property
    def bounds(self):
        """The smallest and the largest integer."""
        half = 2 ** (self.bits - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


@dataclass(frozen=True)
class Layer:
    """A convolution with padding around, or a dense layer.

    Attributes:
        source: quantizer of the input; its scale times that of the weights is that of the bias.
        shape: of the weights: outputs, inputs of a group, and the kernel of a convolution.
        bits: of the weights, which are signed.
    """

    source: str
    shape: tuple[int, ...]
    bits: int
    groups: int = 1
    stride: int = 1

    @property
    def is_dense(self):
        """Whether there is no kernel."""
        return len(self.shape) == 2

    @property
    def pad(self):
        """Zeros on each side."""
        return self.shape[-1] // 2

    def per_output(self, values):
        """Returns one value per output so that it broadcasts to the weights."""
        return values.reshape(-1, *[1] * (len(self.shape) - 1))


QUANTIZERS = {
    "input_quant": Codes(8, signed=False),  # pixels are the integers 0 to 16, kept as they are
    "act1": Codes(4, signed=False, exponent=-2),
    "act2": Codes(4, signed=False, exponent=-2),
    "branch_quant": Codes(8, signed=True, exponent=-4),
    "skip_quant": Codes(8, signed=True, exponent=-4),  # the same, so that integers can be added
    "act3": Codes(4, signed=False, exponent=-2),
    "act4": Codes(4, signed=False, exponent=-2),
    "pool_quant": Codes(8, signed=False, exponent=-5),
    "logits": Codes(8, signed=True, exponent=-3),
}
LAYERS = {
    "conv": Layer("input_quant", (8, 1, 3, 3), bits=8),
    "depthwise": Layer("act1", (8, 1, 3, 3), bits=4, groups=8),
    "pointwise": Layer("act2", (8, 8, 1, 1), bits=4),
    "strided": Layer("act3", (32, 8, 3, 3), bits=4, stride=2),
    "dense": Layer("pool_quant", (10, 32), bits=8),
}


class Network(ABC):
    """The graph, in terms of operations on values of any kind. Names are those of ONNX nodes."""

    def forward(self, pixels):
        """Returns the logits [n, 10] of the pixels [n, 1, 8, 8]."""
        x = self.quant("input_quant", pixels)
        first = self.quant("act1", self.relu("relu1", self.layer("conv", x)))
        x = self.quant("act2", self.relu("relu2", self.layer("depthwise", first)))
        branch = self.quant("branch_quant", self.layer("pointwise", x))
        skip = self.quant("skip_quant", first)
        x = self.quant("act3", self.relu("relu3", self.add("add", branch, skip)))
        x = self.quant("act4", self.relu("relu4", self.layer("strided", x)))
        x = self.flatten("flatten", self.quant("pool_quant", self.mean("pool", x)))
        return self.quant("logits", self.layer("dense", x))

    @abstractmethod
    def quant(self, name, x):
        """Rounds half to even, and saturates, as QUANTIZERS says."""

    @abstractmethod
    def layer(self, name, x):
        """Multiplies with weights and adds a bias, as LAYERS says."""

    @abstractmethod
    def relu(self, name, x):
        """Replaces what is negative by 0."""

    @abstractmethod
    def add(self, name, x, y):
        """Adds two activations."""

    @abstractmethod
    def mean(self, name, x):
        """Averages over space, which stays with extent 1; over 4 x 4 pixels here."""

    @abstractmethod
    def flatten(self, name, x):
        """Leaves batch and channels only."""


class Integers(Network):
    """The network on pairs: integers, and the exponent of their scale.

    Attributes:
        parameters: `<layer>_weights`, `<layer>_exponents` (of their scales, one per output) and
            `<layer>_bias` (with the scale of the sums).
        codes: what each quantizer gave in the last run, by name.
    """

    def __init__(self, parameters):
        self.parameters = {name: values.astype(np.int64) for name, values in parameters.items()}
        self.codes = {}

    def run(self, pixels):
        """Returns the codes [n, 10] of the logits of pixels [n, 1, 8, 8]."""
        return self.forward((pixels, 0))[0]

    def quant(self, name, x):
        values, exponent = x
        to = QUANTIZERS[name]
        # Multiplying by a power of two is exact in float64; rint rounds half to even.
        rounded = np.rint(values * 2.0 ** (exponent - to.exponent))
        self.codes[name] = np.clip(rounded, *to.bounds).astype(np.int64)
        return self.codes[name], to.exponent

    def layer(self, name, x):
        codes, exponent = x
        layer = LAYERS[name]
        weights, exponents, bias = (
            self.parameters[f"{name}_{key}"] for key in ("weights", "exponents", "bias")
        )
        if layer.is_dense:
            return codes @ weights.T + bias, exponent + exponents
        sums = _convolve(codes, weights, layer)
        return sums + bias[:, None, None], exponent + exponents[:, None, None]

    def relu(self, name, x):
        return np.maximum(x[0], 0), x[1]

    def add(self, name, x, y):
        assert x[1] == y[1], "summands have one scale"
        return x[0] + y[0], x[1]

    def mean(self, name, x):
        return x[0].sum((2, 3), keepdims=True), x[1] - 4  # of 2**4 pixels

    def flatten(self, name, x):
        return x[0].reshape(len(x[0]), -1), x[1]


def _convolve(x, weights, layer):
    """Returns the sums of products [n, outputs, height, width]."""
    around = (layer.pad, layer.pad)
    padded = np.pad(x, ((0, 0), (0, 0), around, around))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weights.shape[2:], (2, 3))
    windows = windows[:, :, :: layer.stride, :: layer.stride]
    n, _, height, width, *kernel = windows.shape
    windows = windows.reshape(n, layer.groups, -1, height, width, *kernel)
    weights = weights.reshape(layer.groups, -1, *weights.shape[1:])
    sums = np.einsum("ngihwkl,goikl->ngohw", windows, weights)
    return sums.reshape(n, -1, height, width)
