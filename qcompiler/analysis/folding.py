"""How much of each process works in parallel: what is legal, how fast it is, and how it is set."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd, log2
from typing import TypeAlias

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream

CHOICE = "stream.choice"
"""Attribute of the core: in words, what bounds its folding, and its neighbours."""

Foldable: TypeAlias = stream.MvauOp | stream.VvauOp | stream.PoolOp
"""Processes whose parallelism is chosen; the others follow them."""


@dataclass(frozen=True)
class Folding:
    """Parallelism of one process."""

    pe: int
    simd: int


@dataclass(frozen=True)
class Layer:
    """A process whose parallelism can be chosen.

    Attributes:
        op: the process.
        work: cycles of a frame at PE = SIMD = 1.
        pe: legal factors for the outputs.
        simd: legal factors for the inputs; (1,) where each output has its own input.
        one_tap: the largest of them that needs no more than one tap of a sliding window a beat.
    """

    op: Foldable
    work: int
    pe: tuple[int, ...]
    simd: tuple[int, ...]
    one_tap: int

    @staticmethod
    def of(op: Foldable) -> "Layer":
        """Returns what can be chosen for a process."""
        window = op.input.owner
        blocks = window.window.tap_blocks if isinstance(window, stream.SlidingWindowOp) else []
        several = sorted(rows * columns for rows, columns in blocks)[1:]
        if isinstance(op, stream.MvauOp):
            inputs, outputs = op.matrix_shape
            work = op.vectors * op.mh * inputs
            if isinstance(window, stream.SlidingWindowOp):
                inputs = window.input_channel.channels // op.groups.value.data
            pe = stream.divisors(outputs)
        else:
            inputs = 1
            work = op.input_channel.with_lanes(1).beats
            pe = stream.divisors(op.output_channel.channels)
        simd = *stream.divisors(inputs), *(inputs * taps for taps in several)
        return Layer(op, work, tuple(pe), simd, inputs)

    @property
    def foldings(self) -> list[Folding]:
        """Every legal folding."""
        return [Folding(pe, simd) for pe in self.pe for simd in self.simd]

    @property
    def chosen(self) -> Folding:
        """The folding that the process has now."""
        return Folding(self.op.output_channel.lanes.data, self.op.simd.value.data)

    def cycles(self, folding: Folding) -> int:
        """Returns the cycles of a frame, those that its sliding window's input takes included."""
        own = self.work // (folding.pe * folding.simd)
        window = self.op.input.owner
        if not isinstance(window, stream.SlidingWindowOp):
            return own
        matrix = isinstance(self.op, stream.MvauOp)
        lanes = min(folding.simd, self.one_tap) if matrix else folding.pe
        return max(own, window.input_channel.with_lanes(lanes).beats)

    def fold(self, folding: Folding) -> None:
        """Gives the process, and the sliding window before it, their lanes."""
        window = self.op.input.owner
        if isinstance(self.op, stream.MvauOp):
            self.op.properties["pe"] = IntegerAttr(folding.pe, i64)
        self.op.properties["simd"] = IntegerAttr(folding.simd, i64)
        _set_lanes(self.op.result, folding.pe)
        if isinstance(window, stream.SlidingWindowOp):
            _set_lanes(window.result, self.op.input_lanes)
            window.properties["groups"] = IntegerAttr(self.op.window_groups, i64)


def choose(layer: Layer, target_cycles: int) -> Folding:
    """Returns the folding with fewest multipliers that takes at most `target_cycles` a frame.

    Among equals, no more than one tap of a window a beat, which needs one memory; then SIMD about
    twice PE: adders are cheaper than accumulators. The fastest folding if none is fast enough.
    """
    best: tuple[tuple[int, int, bool, float], Folding] | None = None
    for folding in layer.foldings:
        pe, simd = folding.pe, folding.simd
        late = max(0, layer.cycles(folding) - target_cycles)
        rank = (late, pe * simd, simd > layer.one_tap, abs(log2(simd / pe) - 1))
        if best is None or rank < best[0]:
            best = rank, folding
    assert best is not None
    return best[1]


def foldable_layers(network: Network) -> dict[str, Layer]:
    """Returns what can be chosen in a network, by name."""
    return {name: Layer.of(p) for name, p in network.named() if isinstance(p, Foldable)}


def fold(network: Network, chosen: Mapping[str, Folding], target_cycles: int) -> None:
    """Gives every process its lanes; width adapters and FIFOs of an earlier folding go.

    Args:
        network: to change.
        chosen: folding of each of its foldable layers, by name.
        target_cycles: for the processes between them, which follow.
    """
    _drop_buffers(network)
    for name, layer in foldable_layers(network).items():
        layer.fold(chosen[name])
    for value in network.inputs:
        _set_lanes(value, _input_lanes(value, target_cycles))
    for process in network.processes:
        _follow(process, target_cycles)
    network.update_type()


def _drop_buffers(network: Network) -> None:
    """Removes adapters and FIFOs, which belong to an earlier folding."""
    for process in network.processes:
        if isinstance(process, stream.WidthAdapterOp | stream.FifoOp):
            process.result.replace_all_uses_with(process.input)
            process.detach()
            process.erase()


def _set_lanes(value: SSAValue, lanes: int) -> None:
    Rewriter.replace_value_with_new_type(value, stream.channel_of(value).with_lanes(lanes))


def _input_lanes(value: SSAValue, target_cycles: int) -> int:
    """Returns the lanes of an input of the network: what its first user takes a cycle."""
    for use in value.uses:
        user = use.operation
        if isinstance(user, stream.MvauOp | stream.SlidingWindowOp):
            return user.input_lanes
        if isinstance(user, stream.DuplicateOp):
            return max(_input_lanes(copy, target_cycles) for copy in user.results)
    return _enough_lanes(stream.channel_of(value), target_cycles)


def _enough_lanes(channel: stream.ChannelType, target_cycles: int) -> int:
    """Returns the fewest lanes that move a frame in the target cycles."""
    elements = channel.with_lanes(1).beats
    fits = [d for d in stream.divisors(channel.channels) if elements <= target_cycles * d]
    return fits[0] if fits else channel.channels


def _follow(process: stream.Process, target_cycles: int) -> None:
    """Gives a process without parallelism of its own the lanes of what feeds it."""
    if isinstance(process, stream.RequantizeOp | stream.ReshapeOp | stream.DuplicateOp):
        for result in process.results:  # a reshaped frame may have fewer channels
            given = process.input_channels[0].lanes.data
            _set_lanes(result, gcd(given, stream.channel_of(result).channels))
    elif isinstance(process, stream.ReorderOp | stream.SliceOp):
        _set_lanes(process.result, _moving_lanes(process, target_cycles))
    elif isinstance(process, stream.SlidingWindowOp) and not _is_folded(process):
        _set_lanes(process.result, process.input_channel.lanes.data)
    elif isinstance(process, stream.AddOp | stream.MulOp | stream.ConcatOp):
        (made,) = process.output_channels
        legal = gcd(*(channel.channels for channel in process.input_channels))
        least = _enough_lanes(made, target_cycles)
        given = sorted(channel.lanes.data for channel in process.input_channels)
        wanted = next((lanes for lanes in given if lanes >= least), least)
        fits = [d for d in stream.divisors(legal) if d >= wanted]
        _set_lanes(process.result, fits[0] if fits else legal)


def _is_folded(window: stream.SlidingWindowOp) -> bool:
    """Whether the lanes of a window are the business of the layer behind it."""
    return any(isinstance(use.operation, Foldable) for use in window.result.uses)


def _moving_lanes(process: stream.ReorderOp | stream.SliceOp, target_cycles: int) -> int:
    """Returns the lanes of the input, if legal and enough, or else the fewest that are."""
    legal = stream.divisors(process.largest_lanes)
    sizes = [process.input_channel.with_lanes(1).beats, process.output_channel.with_lanes(1).beats]
    enough = [d for d in legal if max(sizes) <= target_cycles * d]
    given = process.input_channel.lanes.data
    if given in enough:
        return given
    return enough[0] if enough else legal[-1]
