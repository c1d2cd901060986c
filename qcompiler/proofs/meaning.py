"""What processes of the stream dialect mean, as proofs compare it with what comes out of blocks."""

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Region

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.proofs.block import Difference, Meaning
from qcompiler.proofs.reference import Table
from qcompiler.proofs.terms import Terms, Word
from qcompiler.proofs.values import TermValues, elements_of

_MOST_CASES = 1 << 20
"""Values of a unit that are gone through one by one at most."""

_MOST_VALUES = 1 << 24
"""Values of an accumulator that are gone through at most."""

_AT_A_TIME = 1 << 15


def units_of(op: stream.Process) -> int:
    """Returns into how many units, all alike, a frame falls."""
    match op:
        case stream.FifoOp() | stream.DuplicateOp() | stream.AddOp() | stream.MulOp():
            return op.output_channels[0].beats
        case stream.WidthAdapterOp():
            return min(op.input_channel.beats, op.output_channel.beats)
        case stream.ConcatOp():
            return op.schedule().turns
        case stream.MvauOp() | stream.VvauOp() | stream.PoolOp() | stream.RequantizeOp():
            return prod(op.output_channel.frame_shape[:-1])
        case _:
            return 1


def units_held(op: stream.Process) -> int:
    """Returns how many units a block may hold at most, with what its slice does not hold."""
    latency = op.schedule().latency
    beats = min(channel.beats // units_of(op) for channel in op.output_channels)
    inside = -(-latency // max(1, beats)) + 2
    if isinstance(op, stream.FifoOp):
        return op.depth.value.data + 3
    return inside


def _sizes(op: stream.Process, channels: Sequence[stream.ChannelType]) -> list[int]:
    """Returns the elements of a unit, per channel."""
    count = units_of(op)
    return [channel.beats // count * channel.lanes.data for channel in channels]


def made_of(op: stream.Process, units: Sequence[Array]) -> list[Array]:
    """Returns what a process makes of units, the first ones of frames; the others are zero.

    Args:
        op: the process.
        units: [batch, elements] a port; what it makes is so, too.
    """
    frames: list[Array] = []
    for unit, channel in zip(units, op.input_channels, strict=True):
        range_ = channel.element.range
        rest = min(max(0, range_.lo), range_.hi)
        frame = np.full((len(unit), prod(channel.frame_shape)), rest, np.int64)
        frame[:, : unit.shape[1]] = unit
        frames.append(frame.reshape(-1, *channel.frame_shape))
    parts = zip(op.evaluate(frames), _sizes(op, op.output_channels), strict=True)
    return [frame.reshape(len(frame), -1)[:, :size] for frame, size in parts]


def alone(op: stream.Process, weights: Sequence[stream.WeightsOp] = ()) -> ModuleOp:
    """Returns a module whose core is a copy of a process, with one result."""
    block = Block(arg_types=[value.type for value in op.operands])
    copy = op.clone(dict(zip(op.operands, block.args, strict=True)))
    block.add_ops([copy, func.ReturnOp(copy.results[0])])
    core = func.FuncOp("core", (block.arg_types, [copy.results[0].type]), Region(block))
    return ModuleOp([*weights, core])


class ProcessMeaning(Meaning):
    """What a process says itself that it computes, `Process.evaluate`.

    Args:
        op: the process.
    """

    def __init__(self, op: stream.Process):
        self.op = op
        count = units_of(op)
        self.in_beats = tuple(channel.beats // count for channel in op.input_channels)
        self.out_beats = tuple(channel.beats // count for channel in op.output_channels)
        self.held = units_held(op)

    @property
    def in_sizes(self) -> list[int]:
        """Elements of a unit, per input."""
        return _sizes(self.op, self.op.input_channels)

    def evaluate(self, units: Sequence[Array]) -> list[Array]:
        """Returns what is made of units."""
        return made_of(self.op, units)


class AffineMeaning(ProcessMeaning):
    """The meaning of a process whose outputs are sums of inputs with constant factors."""

    def __init__(self, op: stream.Process):
        super().__init__(op)
        # Styles multiply in logic of their own.
        self.recognizes = isinstance(op, stream.Weighted)
        total = sum(self.in_sizes)
        cases = np.vstack([np.zeros((1, total), np.int64), np.eye(total, dtype=np.int64)])
        units = np.split(cases, np.cumsum(self.in_sizes)[:-1], axis=1)
        made = self.evaluate(units)
        self._constants = [one[0] for one in made]
        self._factors = [one[1:] - one[0] for one in made]
        self._starts = [0, *np.cumsum(self.in_sizes).tolist()]

    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Compares the factors of all inputs."""
        port, index = place
        form, modulus = terms.form(word), 1 << terms.widths[word]
        if form is None:
            return Difference(f"element {index} is not known to be a sum of inputs")
        wanted = self._factors[port][:, index]
        found = np.zeros(len(wanted), object)
        for element, factor in form.factors.items():
            if terms.kinds[element] != "element":
                return Difference(f"element {index} is not known to be a sum of inputs")
            what = terms.args[element][0]
            if what.unit != units[what.port]:
                return Difference(f"element {index} takes from another unit")
            found[self._starts[what.port] + what.index] = factor
        wrong = np.flatnonzero((found - wanted) % modulus)
        if wrong.size:
            at = int(wrong[0])
            words = f"element {index} has input {at} times {found[at]}, must be times {wanted[at]}"
            return Difference(words, 1)
        constant = int(self._constants[port][index])
        if (form.constant - constant) % modulus:
            return Difference(f"element {index} is {form.constant - constant} too large")
        return None


class ScalarMeaning(ProcessMeaning):
    """The meaning of a requantizer: a function of each element, on its whole range.

    Args:
        op: the process.
        table: the function.
    """

    def __init__(self, op: stream.RequantizeOp, table: Table):
        super().__init__(op)
        self.table = table

    def evaluate(self, units: Sequence[Array]) -> list[Array]:
        """Computes it, of inputs within the bounds of their channels."""
        (x,) = units
        inside = np.clip(x, self.table.lo[: x.shape[1]], self.table.hi[: x.shape[1]])
        columns = [self.table.compute(i, inside[:, i]) for i in range(x.shape[1])]
        return [np.stack(columns, axis=1)]

    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Goes through all values of the element that its channel can have."""
        _, index = place
        elements = elements_of(terms, word)
        if len(elements) > 1:
            return Difference(f"channel {index} depends on several elements")
        for element in elements:
            what = terms.args[element][0]
            if (what.unit, what.index) != (units[0], index):
                return Difference(f"channel {index} depends on another element")
        lo, hi = int(self.table.lo[index]), int(self.table.hi[index])
        for start in range(lo, hi + 1, _AT_A_TIME):
            cases = np.arange(start, min(start + _AT_A_TIME, hi + 1), dtype=np.int64)
            bits = TermValues(terms, dict.fromkeys(elements, cases), len(cases))(word)
            wanted = self.table.compute(index, cases)
            wrong = np.flatnonzero(bits != wanted % (1 << terms.widths[word]))
            if wrong.size:
                at = int(wrong[0])
                case = int(cases[at])
                words = f"channel {index} makes {bits[at]} of {case}, must be {wanted[at]}"
                return Difference(words, case)
        return None


class SliceMeaning(Meaning):
    """The meaning of a register slice: what comes in goes out."""

    in_beats = out_beats = (1,)
    held = 3

    def evaluate(self, units: Sequence[Array]) -> Sequence[Array]:
        """Returns what it is given."""
        return units

    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Compares with the beat that came in."""
        what = terms.args[word][0] if terms.kinds[word] == "element" else None
        if what is None or what.unit != units[0]:
            return Difference("it is not the beat that came in")
        return None


class EnumeratedMeaning(ProcessMeaning):
    """The meaning of a process that is none of those: all values of a unit are gone through.

    Raises:
        ValueError: they are too many.
    """

    def __init__(self, op: stream.Process):
        super().__init__(op)
        ranges: list[IntRange] = []
        for channel, size in zip(op.input_channels, self.in_sizes, strict=True):
            ranges += [channel.element.range] * size
        if prod(r.hi - r.lo + 1 for r in ranges) > _MOST_CASES:
            raise ValueError(f"its inputs have more than {_MOST_CASES} values")
        axes = [np.arange(r.lo, r.hi + 1, dtype=np.int64) for r in ranges]
        self._cases = np.stack([a.reshape(-1) for a in np.meshgrid(*axes, indexing="ij")], axis=1)
        self._starts = [0, *np.cumsum(self.in_sizes).tolist()]
        units = np.split(self._cases, self._starts[1:-1], axis=1)
        self._made = self.evaluate(units)

    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Goes through all values of the unit."""
        port, index = place
        inputs: dict[Word, Array] = {}
        for element in elements_of(terms, word):
            what = terms.args[element][0]
            if what.unit != units[what.port]:
                return Difference(f"element {index} takes from another unit")
            inputs[element] = self._cases[:, self._starts[what.port] + what.index]
        bits = TermValues(terms, inputs, len(self._cases))(word)
        wanted = self._made[port][:, index]
        wrong = np.flatnonzero(bits != wanted % (1 << terms.widths[word]))
        if not wrong.size:
            return None
        at = int(wrong[0])
        case = self._cases[at].tolist()
        return Difference(f"element {index} is {bits[at]} for inputs {case}, must be {wanted[at]}")


_AFFINE = (
    stream.FifoOp,
    stream.DuplicateOp,
    stream.AddOp,
    stream.WidthAdapterOp,
    stream.ConcatOp,
    stream.ButterflyOp,
    stream.MvauOp,
    stream.VvauOp,
    stream.SlidingWindowOp,
    stream.ReorderOp,
    stream.GatherOp,
    stream.SliceOp,
)


def meaning_of(op: stream.Process, tables: Mapping[stream.Process, Table]) -> Meaning:
    """Returns what a process must compute.

    Args:
        op: the process.
        tables: what requantizers compute by the model's parameters, see `ScalarMeaning`.

    Raises:
        ValueError: its values are too many to go through.
    """
    if isinstance(op, stream.RequantizeOp):
        range_ = op.input_channel.element.range
        if range_.hi - range_.lo > _MOST_VALUES:
            raise ValueError(f"its input has more than {_MOST_VALUES} values")
        return ScalarMeaning(op, tables[op])
    affine = isinstance(op, _AFFINE) or (isinstance(op, stream.PoolOp) and op.kind.data == "sum")
    return AffineMeaning(op) if affine else EnumeratedMeaning(op)
