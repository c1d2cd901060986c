"""How much of each process may work in parallel: what is legal, and how fast it is."""

from collections.abc import Iterable
from functools import cached_property
from math import log2

from msgspec import Struct
from msgspec.structs import replace

from qcompiler.analysis.network import Network
from qcompiler.arith.ranges import IntRange
from qcompiler.devices.family import Multiplier
from qcompiler.dialects import stream
from qcompiler.rtl.blocks.shift_codes import SHIFTS, fit_shifts
from qcompiler.rtl.blocks.weight_codes import LOGIC, PAIRS, PairCode, signed_width

CHOICE = "stream.choice"
"""Attribute of the core: in words, what bounds its folding, and its neighbours."""


class Folding(Struct, frozen=True):
    """Parallelism of one process.

    Attributes:
        pe: outputs in parallel.
        simd: inputs in parallel.
        style: how it multiplies by weights, see `Process.style`.
    """

    pe: int
    simd: int
    style: str | None = None


class Layer(Struct, frozen=True, dict=True):
    """A process whose parallelism can be chosen.

    Attributes:
        op: the process.
        work: cycles of a frame at PE = SIMD = 1.
        pe: legal factors for the outputs.
        simd: legal factors for the inputs; (1,) where each output has its own input.
        one_tap: the largest of them that needs no more than one tap of a sliding window a beat.
        window_lanes: lanes that the sliding window before it can send, if there is one.
    """

    op: stream.Foldable
    work: int
    pe: tuple[int, ...]
    simd: tuple[int, ...]
    one_tap: int
    window_lanes: tuple[int, ...] = ()

    @staticmethod
    def of(op: stream.Foldable) -> "Layer":
        """Returns what can be chosen for a process."""
        window = op.window
        pe, simd = op.legal_pe, op.legal_simd(window)
        return Layer(op, op.work, pe, simd, op.one_tap(window), op.window_lanes(window))

    @property
    def foldings(self) -> list[Folding]:
        """Every legal folding, without styles."""
        every = [Folding(pe, simd) for pe in self.pe for simd in self.simd]
        return [folding for folding in every if self.op.allows(folding.pe, folding.simd)]

    @property
    def widest(self) -> Folding:
        """The folding with hardware for every product."""
        return max(self.foldings, key=lambda folding: folding.pe * folding.simd)

    @property
    def chosen(self) -> Folding:
        """The folding that the process has now."""
        return Folding(*self.op.folding, self.op.style)

    def styles(self, folding: Folding, multiplier: Multiplier | None) -> list[Folding]:
        """Returns a folding with every style that saves hard multipliers, itself first."""
        legal = self.legal_styles(folding)
        if multiplier is None or not legal or self.op.style is not None:
            return [folding]
        x, weights = self.op.input_channel.element.range, self.weight_range
        a, b = signed_width(x), signed_width(weights)
        if (alone := multiplier.count(a, b, (x * weights).width_bits)) == 0:
            return [folding]
        found = [folding, replace(folding, style=LOGIC)]
        if PAIRS in legal:
            both = PairCode.of_range(weights, x).factor_width
            if multiplier.count(a, both, a + both) < 2 * alone:
                found.append(replace(folding, style=PAIRS))
        return found

    def legal_styles(self, folding: Folding) -> list[str]:
        """Returns the styles of multiplication that the hardware of a folding may have."""
        if self.op.weights_op is None or self.op.is_constant(folding.pe, folding.simd):
            return []
        if self.weight_range.lo >= -1 and self.weight_range.hi <= 1:
            return []
        if isinstance(self.op, stream.Weighted) and self.op.source is not None:
            return [LOGIC]  # they come one by one
        legal = [LOGIC, PAIRS] if self.op.shares_inputs and folding.pe % 2 == 0 else [LOGIC]
        return [*legal, SHIFTS] if self._fits_shifts else legal

    @cached_property
    def _fits_shifts(self) -> bool:
        assert self.op.weights_op is not None, "it has no weights"
        return fit_shifts(self.op.weights_op.array)

    @cached_property
    def weight_range(self) -> IntRange:
        """Every weight that may come."""
        assert isinstance(self.op, stream.Weighted), "it has no weights"
        return self.op.weight_range

    def cycles(self, folding: Folding) -> int:
        """Returns the cycles of a frame, those that its sliding window's input takes included."""
        own = self.op.folded_cycles(folding.pe, folding.simd)
        window = self.op.window
        if window is None:
            return own
        if not self.window_lanes:
            return max(own, window.frame_channel.with_lanes(folding.pe).beats)
        return max(own, self._window_cycles[self.lanes_of_window(folding)])

    @cached_property
    def _window_cycles(self) -> dict[int, int]:
        """Cycles of a frame that the window before the layer takes, by the lanes it sends."""
        window = self.op.window
        assert window is not None, "the caller looked"
        given = window.frame_channel.with_lanes(1).beats
        made = self.op.input_channel.with_lanes(1).beats
        return {n: max(given // min(n, self.one_tap), made // n) for n in self.window_lanes}

    def lanes_of_window(self, folding: Folding) -> int:
        """Returns the lanes that the sliding window before the layer sends a beat.

        Those that the unit takes, if they are channels of one tap or a block of taps. Else a width
        adapter goes between: the fewest lanes that keep pace, as the unit takes a vector once and
        works on it for several rounds.
        """
        if not self.window_lanes:
            return folding.pe * folding.simd
        if folding.simd in self.window_lanes:
            return folding.simd
        own = self.work // (folding.pe * folding.simd)
        fits = [n for n in self.window_lanes if n % folding.simd == 0 or folding.simd % n == 0]
        return min(fits, key=lambda lanes: (max(self._window_cycles[lanes], own), lanes))

    def needs_adapter(self, folding: Folding) -> bool:
        """Whether the sliding window before the layer cannot send what that takes a beat."""
        return bool(self.window_lanes) and folding.simd not in self.window_lanes


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
    return {name: Layer.of(p) for name, p in network.named() if isinstance(p, stream.Foldable)}
