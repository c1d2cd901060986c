"""A block of a design as its proof sees it: ports, the circuit, what it must compute."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.proofs.circuit import Circuit
from qcompiler.proofs.terms import Terms, Word
from qcompiler.proofs.vcd import Trace


@dataclass(frozen=True)
class Port:
    """A channel of a block.

    Attributes:
        name: `in`, `out1`, ...
        data, valid, ready: nodes of the circuit.
        element: range of an element.
        lanes: elements a beat.
    """

    name: str
    data: int
    valid: int
    ready: int
    element: IntRange
    lanes: int


@dataclass(frozen=True)
class Block:
    """A block of a design, up to the register slices behind it, which are proven on their own.

    Attributes:
        name: of its module.
        circuit: what it does.
        inputs, outputs: its ports; an output's are those of the slice that it feeds.
        reset: node of the active-low reset.
    """

    name: str
    circuit: Circuit
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    reset: int


@dataclass(frozen=True)
class Difference:
    """How what comes out differs from what must.

    Attributes:
        words: says it.
        value: of all inputs, for which it does; None if that is nothing in particular.
    """

    words: str
    value: int | None = None


class Meaning(ABC):
    """What a block must compute, unit by unit: a unit is what repeats, for example a frame.

    Attributes:
        in_beats, out_beats: of a unit, per port.
        held: units that may be inside at most.
        recognizes: whether words are tried for being sums where operations do not tell.
        early: whether a beat is used that is offered, before it is taken.
    """

    recognizes = False
    early = False

    in_beats: tuple[int, ...]
    out_beats: tuple[int, ...]
    held: int

    @abstractmethod
    def evaluate(self, units: Sequence[Array]) -> Sequence[Array]:
        """Returns what is made of units, [batch, elements] a port."""

    @abstractmethod
    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Returns how a word differs from what must come out; None if it never does.

        Args:
            terms: of the proof.
            place: output port, and element in its unit.
            word: that comes out, known in every bit.
            units: of each input port, the unit that this one is made of, as `Element.unit`.
        """


class Refuted(Exception):
    """A block does not do what it must; the message says how.

    Args:
        words: how.
        steps: valid of each input and ready of each output, cycle by cycle after reset.
        value: see `Difference`.
        certain: whether any data show it, as it is about when beats move.
        trace: that shows it, where it is known without a run.
    """

    def __init__(
        self,
        words: str,
        steps: Sequence[tuple[int, ...]] = (),
        value: int | None = None,
        *,
        certain: bool = False,
        trace: Trace | None = None,
    ):
        super().__init__(words)
        self.trace = trace
        self.steps = tuple(steps)
        self.value, self.certain = value, certain


class Undecided(Exception):
    """A proof came to no end; the message says why."""


class TooLarge(Undecided):
    """A block has too many states for the time or memory that a proof may take."""
