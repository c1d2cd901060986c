"""What units mean whose weights come through a channel, and what brings these weights."""

from collections.abc import Sequence

import numpy as np

from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.proofs.block import Difference, Meaning
from qcompiler.proofs.meaning import ProcessMeaning, alone, made_of, units_of
from qcompiler.proofs.terms import Element, Terms, Word


class BilinearMeaning(ProcessMeaning):
    """The meaning of a unit whose weights come: sums of products of an input and a weight.

    Args:
        op: the unit.

    Raises:
        ValueError: its weights do not come once for each vector.
    """

    recognizes = True

    def __init__(self, op: stream.Weighted):
        super().__init__(op)
        if op.weight_uses != units_of(op):
            raise ValueError("its weights do not come once for each vector")
        self.places = _places(op, self.in_sizes[0])

    def evaluate(self, units: Sequence[Array]) -> list[Array]:
        """Returns what is made of vectors and weights."""
        x, weights = units
        chosen = np.where(self.places < 0, 0, weights[:, self.places])
        return [np.einsum("bi,bio->bo", x, chosen)]

    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Compares the products that are added."""
        _, index = place
        form, modulus = terms.form(word), 1 << terms.widths[word]
        if form is None:
            return Difference(f"element {index} is not known to be a sum of products")
        column: list[int] = self.places[:, index].tolist()
        wanted = {one: weight for one, weight in enumerate(column) if weight >= 0}
        for product, factor in form.factors.items():
            if factor % modulus == 0:
                continue
            if terms.kinds[product] != "product":
                return Difference(f"element {index} is not known to be a sum of products")
            pair: list[Element] = [terms.args[one][0] for one in terms.args[product]]
            by_port = {one.port: one for one in pair}
            if len(by_port) != len(pair) or factor % modulus != 1:
                return Difference(f"element {index} has other products than it must")
            if [by_port[port].unit for port in range(2)] != list(units):
                return Difference(f"element {index} takes from another unit")
            x, weight = by_port[0].index, by_port[1].index
            if wanted.pop(x, -1) != weight:
                return Difference(f"element {index} has input {x} times weight {weight}", 1)
        if wanted:
            x, weight = next(iter(wanted.items()))
            return Difference(f"element {index} lacks input {x} times weight {weight}", 1)
        if form.constant % modulus:
            return Difference(f"element {index} is {form.constant} too large")
        return None


def _places(op: stream.Weighted, inputs: int) -> Array:
    """Returns which weight, in the order in which they come, each input of a vector has, or -1.

    Returns:
        [inputs, outputs], of a vector.
    """
    shape = op.weights_op.array.shape
    labels = np.arange(1, np.prod(shape) + 1, dtype=np.int64).reshape(shape)
    name = op.weights.root_reference.data
    module = alone(op, [stream.WeightsOp(name, labels)])
    (copy,) = [found for found in module.walk() if isinstance(found, stream.Weighted)]
    one_each = np.eye(inputs, dtype=np.int64)
    (made,) = made_of(copy, [one_each, np.zeros((inputs, labels.size), np.int64)])
    order = np.empty(labels.size + 1, np.int64)
    order[0] = -1
    order[op.weight_words(labels).reshape(-1)] = np.arange(labels.size)
    return order[made]


class WordsMeaning(Meaning):
    """The meaning of what brings weights: the words on the bus, as often as a frame uses them.

    Args:
        op: it, of weights that are not written by the host.

    Raises:
        ValueError: the host writes them.
    """

    early = True

    def __init__(self, op: stream.WeightSourceOp):
        if op.is_writable:
            raise ValueError(
                "which of two sets of weights it brings depends on a number that comes"
            )
        self.op, self.channel = op, op.channel
        self.in_beats, self.out_beats = (op.bus_beats,), (self.channel.beats,)
        self.held = 6

    def _bit(self, index: int) -> int:
        """Returns where on the bus an element starts, in bits of a set."""
        word, lane = divmod(index, self.channel.lanes.data)
        return word % self.op.words * self.op.word_bits + lane * self.channel.element.width_bits

    def evaluate(self, units: Sequence[Array]) -> Sequence[Array]:
        """Returns the words of sets, whose beats are numbers of so many bits as the bus has."""
        ((count, _), channel) = units[0].shape, self.channel
        size, width, bus = (
            channel.beats * channel.lanes.data,
            channel.element.width_bits,
            self.op.bus_bits,
        )
        made = np.zeros((count, size), object)
        for row, beats in enumerate(units[0].tolist()):
            whole = sum((beat % (1 << bus)) << (bus * i) for i, beat in enumerate(beats))
            made[row] = [whole >> self._bit(i) & ((1 << width) - 1) for i in range(size)]
        return [made]

    def difference(
        self, terms: Terms, place: tuple[int, int], word: Word, units: Sequence[int]
    ) -> Difference | None:
        """Compares with the bits of the beats that came."""
        _, index = place
        left, at, bus = terms.widths[word], self._bit(index), self.op.bus_bits
        pieces = terms.pieces(word, left)
        for base, low, count in pieces:
            what = terms.args[base][0] if terms.kinds[base] == "element" else None
            beat, bit = divmod(at, bus)
            if what is None or (what.unit, what.index, low) != (units[0], beat, bit):
                return Difference(f"element {index} is not bit {bit} of beat {beat}, and on")
            at += count
        return None


def meaning_with_weights(op: stream.Process) -> Meaning | None:
    """Returns what a process means that brings weights, or takes such; None if it does neither.

    Raises:
        ValueError: no proof follows its weights.
    """
    if isinstance(op, stream.WeightSourceOp):
        return WordsMeaning(op)
    if isinstance(op, stream.Weighted) and op.source is not None:
        return BilinearMeaning(op)
    return None
