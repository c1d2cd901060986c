"""How fast a transformer runs that is laid out in space, layer by layer, before it is compiled.

An analytic model for networks too large to be compiled here: multiply-accumulates a cycle of each
operation, what memories and bandwidth they take, and the latency of a prompt and of a token.

Source: Chen et al., "Understanding the Potential of FPGA-Based Spatial Acceleration for Large
Language Model Inference", ACM TRETS 2024 (arXiv 2312.15159), equations (2) to (14).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

PROJECTIONS, SCORES, FEED_FORWARD = ("q", "k", "v", "p"), ("a1", "a2"), ("f1", "f2")
OPERATIONS = (*PROJECTIONS, *SCORES, *FEED_FORWARD)
"""Products of a layer: query, key, value, projection, scores, mixture, those of the perceptron."""

WEIGHTED = (*PROJECTIONS, *FEED_FORWARD)
"""Those with weights."""

FIFO_DEPTH = 512
"""Of the 16 FIFOs between the operations of a layer."""


@dataclass(frozen=True)
class Transformer:
    """A decoder or encoder, as far as its cost depends on it.

    Attributes:
        layers: N.
        width: d, of a token.
        inner: d_ffn, of the perceptron.
        heads: of attention.
        length: l, tokens of a prompt.
        longest: l_max, tokens that keys and values are kept for.
        weight_bits: of a weight.
        activation_bits: of an activation.
    """

    layers: int
    width: int
    inner: int
    heads: int
    length: int
    longest: int
    weight_bits: int = 8
    activation_bits: int = 8

    def macs(self, operation: str, *, decode: bool = False) -> int:
        """Returns the multiply-accumulates of an operation in a layer, for a prompt or a token."""
        tokens = 1 if decode else self.length
        if operation in SCORES:
            return tokens * (self.longest + 1 if decode else self.length) * self.width
        inner = self.width if operation in PROJECTIONS else self.inner
        return tokens * self.width * inner

    @property
    def parameter_bits(self) -> int:
        """S_param: weights of a layer."""
        return (4 * self.width**2 + 2 * self.width * self.inner) * self.weight_bits

    @property
    def cache_bits(self) -> int:
        """S_KV: keys and values of a layer, double buffered."""
        return 4 * self.longest * self.width * self.activation_bits

    @property
    def fifo_bits(self) -> int:
        """S_FIFO: between operations, and the bypass of the perceptron."""
        return (16 * FIFO_DEPTH + self.length * self.width) * self.activation_bits


MODELS = {
    "gpt2": Transformer(12, 768, 3072, 12, 128, 1024),
    "gpt2-medium": Transformer(24, 1024, 4096, 16, 128, 1024),
    "gpt2-large": Transformer(36, 1280, 5120, 20, 128, 1024),
    "bert-base": Transformer(12, 768, 3072, 12, 512, 512),
    "bert-large": Transformer(24, 1024, 4096, 16, 512, 512),
    "bert-tiny": Transformer(2, 128, 512, 2, 32, 512),
}
"""Networks by name."""


@dataclass(frozen=True)
class Split:
    """M: multiply-accumulates a cycle of the operations of a layer.

    Attributes:
        projections: of each of q, k, v and p.
        scores: of each of a1 and a2.
        feed_forward: of each of f1 and f2.
    """

    projections: float
    scores: float
    feed_forward: float

    @staticmethod
    def balanced(model: Transformer, total: float) -> Split:
        """Returns the split of so many in all under which operations take as long, (10), (11)."""
        scores, inner = model.length / model.width, model.inner / model.width
        each = total / (4 + 2 * scores + 2 * inner)
        return Split(each, each * scores, each * inner)

    def of(self, operation: str) -> float:
        """Returns that of an operation."""
        if operation in SCORES:
            return self.scores
        return self.projections if operation in PROJECTIONS else self.feed_forward

    @property
    def total(self) -> float:
        """Of a layer."""
        return sum(self.of(operation) for operation in OPERATIONS)


@dataclass(frozen=True)
class Platform:
    """One device, and how several are joined.

    Attributes:
        macs: M_tot, a cycle.
        mhz: clock.
        sram_bits: of block memories of all kinds.
        blocks: block memories, in units of `block_bits`.
        block_bits: of one.
        ports: widths that a block's port may have, in bits.
        dram_bits: outside memory.
        dram_bits_a_second: its bandwidth.
        dram_channels: independent parts of that.
        link_bits_a_second: to another device; 0 if there is no link.
        link_share: alpha, of a link's rate that is reached.
    """

    macs: float
    mhz: float
    sram_bits: int
    blocks: int
    block_bits: int
    ports: tuple[int, ...]
    dram_bits: float
    dram_bits_a_second: float
    dram_channels: int
    link_bits_a_second: float = 0.0
    link_share: float = 0.8


def port_width(platform: Platform, bits: int) -> int:
    """Returns the narrowest port of a block that holds so many bits, the widest if none does."""
    return min((p for p in platform.ports if p >= bits), default=max(platform.ports))


def block_memories(platform: Platform, words: float, macs: float, bits: int, packed: int) -> int:
    """Returns R: blocks that feed `macs` weights a cycle from `words` of them, (4) and (6).

    Args:
        platform: its blocks.
        words: s, weights that are kept.
        macs: M / r, weights read a cycle.
        bits: of a weight.
        packed: k, weights that share a word of a block.
    """
    if macs <= 0:
        return 0
    banks = max(1, ceil(macs / packed))
    width = port_width(platform, bits * packed)
    return ceil(words / packed * width / (banks * platform.block_bits)) * banks


@dataclass(frozen=True)
class Estimate:
    """What a network takes on devices.

    Attributes:
        model: the network.
        platform: a device.
        split: of a layer.
        on_device: C, layers that a device computes at a time.
        tensor: p1, devices that share each layer.
        pipeline: p2, devices that follow one another.
    """

    model: Transformer
    platform: Platform
    split: Split
    on_device: int
    tensor: int = 1
    pipeline: int = 1

    def _stage(self, *, decode: bool) -> tuple[float, dict[str, float]]:
        """Returns cycles of the projections, and of each thing that bounds a layer."""
        cycles = {
            operation: self.model.macs(operation, decode=decode)
            / (self.tensor * self.split.of(operation))
            for operation in ("k", "a1", "f1")
        }
        bounds = {
            "projections": cycles["k"],
            "attention": cycles["a1"],
            "perceptron": cycles["f1"],
            "memory": self.memory_cycles,
        }
        if self.tensor * self.pipeline > 1:
            bounds["links"] = self.link_cycles(decode=decode)
        return cycles["k"], bounds

    @property
    def memory_cycles(self) -> float:
        """T_mem: what the layers of a device take to read their weights once."""
        bits = self.on_device * self.model.parameter_bits / self.tensor
        return bits / self.platform.dram_bits_a_second * self.platform.mhz * 1e6

    def link_cycles(self, *, decode: bool) -> float:
        """T_comm: cycles that activations take from device to device, (13)."""
        tokens = 1 if decode else self.model.length
        bits = tokens * self.model.width * self.model.activation_bits
        if not self.platform.link_bits_a_second:
            return float("inf")
        rate = self.platform.link_share * self.platform.link_bits_a_second
        # Sharing a layer takes two sums over all devices.
        return bits / rate * self.platform.mhz * 1e6 * (2 if self.tensor > 1 else 1)

    def cycles(self, *, decode: bool = False) -> float:
        """Returns the cycles of a prompt or of a token, (8), (9) and (14)."""
        first, bounds = self._stage(decode=decode)
        stages = self.pipeline * self.on_device
        return self.model.layers / stages * (first + stages * max(bounds.values()))

    def seconds(self, *, decode: bool = False) -> float:
        """Returns the same in seconds."""
        return self.cycles(decode=decode) / (self.platform.mhz * 1e6)

    def bottleneck(self, *, decode: bool = False) -> str:
        """Returns what bounds a layer."""
        _, bounds = self._stage(decode=decode)
        return max(bounds, key=lambda name: bounds[name])

    @property
    def bits_a_second(self) -> float:
        """Sum of B: weights that must be read for every product to have one, (7), r = length."""
        rate = sum(self.split.of(operation) for operation in WEIGHTED) / self.model.length
        return self.on_device * self.model.weight_bits * rate * self.platform.mhz * 1e6

    @property
    def block_memories(self) -> int:
        """Blocks of tiles of weights, double buffered, and of keys and values, (5) and (6)."""
        model, found = self.model, 0
        packed = max(1, min(max(self.platform.ports) // model.weight_bits, 8))
        for operation in WEIGHTED:
            macs = self.split.of(operation)
            found += block_memories(self.platform, 2 * macs, macs, model.weight_bits, packed)
        kept = 2 * model.longest * model.width / self.tensor
        packed = max(1, min(max(self.platform.ports) // model.activation_bits, 8))
        for operation in SCORES:
            macs = self.split.of(operation)
            found += block_memories(self.platform, kept, macs, model.activation_bits, packed)
        return self.on_device * found

    def excess(self) -> list[str]:
        """Returns which limits are broken, in words: (2), (3) and (5)."""
        model, platform = self.model, self.platform
        tiles = 2 * sum(self.split.of(op) for op in WEIGHTED) * model.weight_bits
        sram = self.on_device * (tiles + (model.cache_bits + model.fifo_bits) / self.tensor)
        wants = {
            "multiply-accumulates a cycle": (self.split.total * self.on_device, platform.macs),
            "bits of memory on the device": (sram, platform.sram_bits),
            "block memories": (self.block_memories, platform.blocks),
            "bits of outside memory": (
                self.on_device * model.parameter_bits / self.tensor,
                platform.dram_bits,
            ),
        }
        return [
            f"{what}: {needed:,.0f} of {there:,.0f}"
            for what, (needed, there) in wants.items()
            if needed > there * (1 + 1e-9)
        ]


def best(model: Transformer, platform: Platform, devices: int = 1) -> Estimate | None:
    """Returns the balanced estimate of least latency that fits; None if none does.

    The largest balanced split that fits is searched for every number of layers on a device and
    every way to use the devices.
    """
    found = list(_fitting(model, platform, devices))
    return min(found, key=lambda estimate: estimate.cycles(), default=None)


def _fitting(model: Transformer, platform: Platform, devices: int) -> Iterable[Estimate]:
    for tensor in (n for n in range(1, devices + 1) if devices % n == 0):
        pipeline = devices // tensor
        for count in range(1, max(1, model.layers // pipeline) + 1):
            low, high = 0, int(platform.macs // count)
            while low < high:  # the more, the more it takes
                middle = (low + high + 1) // 2
                split = Split.balanced(model, middle)
                fits = not Estimate(model, platform, split, count, tensor, pipeline).excess()
                low, high = (middle, high) if fits else (low, middle - 1)
            if low:
                split = Split.balanced(model, low)
                yield Estimate(model, platform, split, count, tensor, pipeline)


@dataclass(frozen=True)
class Gpu:
    """A graphics processor as a roofline.

    Attributes:
        bits_a_second: bandwidth of its memory.
        macs_a_second: peak.
    """

    bits_a_second: float
    macs_a_second: float

    def seconds(self, model: Transformer, *, decode: bool = False) -> float:
        """Returns the least time of a prompt or a token: of its products, or of its memory."""
        macs = sum(model.macs(operation, decode=decode) for operation in OPERATIONS)
        bits = model.parameter_bits + (model.cache_bits / 2 if decode else 0)
        return model.layers * max(macs / self.macs_a_second, bits / self.bits_a_second)
