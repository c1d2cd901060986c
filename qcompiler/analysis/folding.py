"""How much of each process works in parallel: what is legal, how fast it is, and how it is set."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import gcd, log2
from typing import TypeAlias

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter

from qcompiler.analysis.area.family import Multiplier
from qcompiler.analysis.network import Network
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.rtl.blocks.weight_codes import LOGIC, PAIRS, PairCode, signed_width

CHOICE = "stream.choice"
"""Attribute of the core: in words, what bounds its folding, and its neighbours."""

Foldable: TypeAlias = stream.MvauOp | stream.VvauOp | stream.PoolOp
"""Processes whose parallelism is chosen; the others follow them."""


def window_before(op: Foldable) -> stream.SlidingWindowOp | None:
    """Returns the sliding window that sends a process its input, if it does, adapters aside."""
    owner = op.input.owner
    while isinstance(owner, stream.WidthAdapterOp | stream.FifoOp):
        owner = owner.input.owner
    return owner if isinstance(owner, stream.SlidingWindowOp) else None


@dataclass(frozen=True)
class Folding:
    """Parallelism of one process.

    Attributes:
        pe: outputs in parallel.
        simd: inputs in parallel.
        style: how it multiplies by weights, see `Process.style`.
    """

    pe: int
    simd: int
    style: str | None = None


@dataclass(frozen=True)
class Layer:
    """A process whose parallelism can be chosen.

    Attributes:
        op: the process.
        work: cycles of a frame at PE = SIMD = 1.
        pe: legal factors for the outputs.
        simd: legal factors for the inputs; (1,) where each output has its own input.
        one_tap: the largest of them that needs no more than one tap of a sliding window a beat.
        window_lanes: lanes that the sliding window before it can send, if there is one.
    """

    op: Foldable
    work: int
    pe: tuple[int, ...]
    simd: tuple[int, ...]
    one_tap: int
    window_lanes: tuple[int, ...] = ()

    @staticmethod
    def of(op: Foldable) -> "Layer":
        """Returns what can be chosen for a process."""
        window = window_before(op)
        blocks = [] if window is None else window.window.tap_blocks
        several = sorted(rows * columns for rows, columns in blocks)[1:]
        if isinstance(op, stream.MvauOp):
            inputs, outputs = op.matrix_shape
            work = op.vectors * op.mh * inputs
            pe, simd = tuple(stream.divisors(outputs)), tuple(stream.divisors(inputs))
            if window is None:
                return Layer(op, work, pe, simd, inputs)
            one = window.input_channel.channels // op.groups.value.data
            lanes = *stream.divisors(one), *(one * taps for taps in several)
            return Layer(op, work, pe, simd, one, lanes)
        work = op.input_channel.with_lanes(1).beats
        pe = tuple(stream.divisors(op.output_channel.channels))
        return Layer(op, work, pe, (1, *several), 1)

    @property
    def foldings(self) -> list[Folding]:
        """Every legal folding, without styles."""
        return [Folding(pe, simd) for pe in self.pe for simd in self.simd]

    @property
    def chosen(self) -> Folding:
        """The folding that the process has now."""
        return Folding(self.op.output_channel.lanes.data, self.op.simd.value.data, self.op.style)

    def styles(self, folding: Folding, multiplier: Multiplier | None) -> list[Folding]:
        """Returns a folding with every style that saves hard multipliers, itself first."""
        legal = self.legal_styles(folding)
        if multiplier is None or not legal or self.op.style is not None:
            return [folding]
        x, weights = self.op.input_channel.element.range, self.weight_range
        a, b = signed_width(x), signed_width(weights)
        if (alone := multiplier.count(a, b, a + b)) == 0:
            return [folding]
        found = [folding, replace(folding, style=LOGIC)]
        if PAIRS in legal:
            both = PairCode.of_range(weights, x).factor_width
            if multiplier.count(a, both, a + both) < 2 * alone:
                found.append(replace(folding, style=PAIRS))
        return found

    def legal_styles(self, folding: Folding) -> list[str]:
        """Returns the styles of multiplication that the hardware of a folding may have."""
        if isinstance(self.op, stream.PoolOp) or self._is_parallel(folding):
            return []
        if self.weight_range.lo >= -1 and self.weight_range.hi <= 1:
            return []
        in_pairs = isinstance(self.op, stream.MvauOp) and folding.pe % 2 == 0
        return [LOGIC, PAIRS] if in_pairs else [LOGIC]

    def _is_parallel(self, folding: Folding) -> bool:
        """Whether a matrix unit computes a frame a cycle: its weights are constants."""
        return isinstance(self.op, stream.MvauOp) and (
            (folding.pe, folding.simd) == self.op.matrix_shape[::-1]
            and self.op.groups.value.data == 1
        )

    @cached_property
    def weight_range(self) -> IntRange:
        """Range of the weights that there are."""
        assert not isinstance(self.op, stream.PoolOp), "it has no weights"
        return self.op.weights_op.range

    def cycles(self, folding: Folding) -> int:
        """Returns the cycles of a frame, those that its sliding window's input takes included."""
        own = self.work // (folding.pe * folding.simd)
        window = window_before(self.op)
        if window is None:
            return own
        if not isinstance(self.op, stream.MvauOp):
            return max(own, window.input_channel.with_lanes(folding.pe).beats)
        return max(own, self._window_cycles[self.lanes_of_window(folding)])

    @cached_property
    def _window_cycles(self) -> dict[int, int]:
        """Cycles of a frame that the window before a matrix unit takes, by the lanes it sends."""
        window = window_before(self.op)
        assert window is not None, "the caller looked"
        given = window.input_channel.with_lanes(1).beats
        made = self.op.input_channel.with_lanes(1).beats
        return {n: max(given // min(n, self.one_tap), made // n) for n in self.window_lanes}

    def lanes_of_window(self, folding: Folding) -> int:
        """Returns the lanes that the sliding window before a matrix unit sends a beat.

        Those that the unit takes, if they are channels of one tap or a block of taps. Else a width
        adapter goes between: the fewest lanes that keep pace, as the unit takes a vector once and
        works on it for several rounds.
        """
        if folding.simd in self.window_lanes:
            return folding.simd
        own = self.work // (folding.pe * folding.simd)
        fits = [n for n in self.window_lanes if n % folding.simd == 0 or folding.simd % n == 0]
        return min(fits, key=lambda lanes: (max(self._window_cycles[lanes], own), lanes))

    def needs_adapter(self, folding: Folding) -> bool:
        """Whether the sliding window before a matrix unit cannot send what that takes a beat."""
        return bool(self.window_lanes) and folding.simd not in self.window_lanes

    def fold(self, folding: Folding) -> None:
        """Gives the process, and the sliding window before it, their lanes."""
        window = window_before(self.op)
        if isinstance(self.op, stream.MvauOp):
            self.op.properties["pe"] = IntegerAttr(folding.pe, i64)
        self.op.properties["simd"] = IntegerAttr(folding.simd, i64)
        if folding.style is not None:
            self.op.style = folding.style
        _set_lanes(self.op.result, folding.pe)
        if window is not None:
            matrix = isinstance(self.op, stream.MvauOp)
            lanes = self.lanes_of_window(folding) if matrix else self.op.input_lanes
            _set_lanes(window.result, lanes)
            window.properties["groups"] = IntegerAttr(self.op.window_groups, i64)


def choose(layer: Layer, target_cycles: int, foldings: Iterable[Folding] | None = None) -> Folding:
    """Returns the folding with fewest multipliers that takes at most `target_cycles` a frame.

    It is one of `foldings`, if they are given.

    What needs no width adapter behind a window comes first. Among equals, no more than one tap of a
    window a beat, which needs one memory; then SIMD about twice PE: adders are cheaper than
    accumulators. The fastest folding if none is fast enough.
    """
    best: tuple[tuple[int, bool, int, bool, float], Folding] | None = None
    for folding in layer.foldings if foldings is None else foldings:
        pe, simd = folding.pe, folding.simd
        late = max(0, layer.cycles(folding) - target_cycles)
        adapted, taps = layer.needs_adapter(folding), simd > layer.one_tap
        rank = (late, adapted, pe * simd, taps, abs(log2(simd / pe) - 1))
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
            _set_lanes(result, gcd(given, process.largest_lanes))
    elif isinstance(process, stream.ReorderOp | stream.SliceOp):
        _set_lanes(process.result, _moving_lanes(process, target_cycles))
    elif isinstance(process, stream.SlidingWindowOp) and not _is_folded(process):
        _set_lanes(process.result, process.input_channel.lanes.data)
    elif isinstance(process, stream.AddOp | stream.MulOp | stream.ConcatOp):
        (made,) = process.output_channels
        legal = process.largest_lanes
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
