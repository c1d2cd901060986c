"""Values of terms for many values of their inputs at once, in numpy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompiler.dialects.attributes import Array
from qcompiler.proofs.terms import Terms, Word

Bits = NDArray[Any]
"""Words as numbers that are not negative: uint64, or Python's where they have more bits."""

_FAST = 63


def _to_signed(bits: Bits, width: int) -> Bits:
    if bits.dtype == object:
        return np.where(bits >> (width - 1), bits - (1 << width), bits)
    return ((bits << np.uint64(64 - width)).astype(np.int64)) >> np.int64(64 - width)


_COMPARE: Mapping[str, Callable[[Bits, Bits], Bits]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_PLAIN: Mapping[str, Callable[..., Bits]] = {
    "eq": np.equal,
    "neq": np.not_equal,
    "xor": np.bitwise_xor,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "not": np.invert,
    "add": np.add,
    "mul": np.multiply,
    "neg": np.negative,
}


class UnsetError(Exception):
    """A word of a memory is read that nothing set."""


class TermValues:
    """Computes terms for given values of the inputs.

    Args:
        terms: that they belong to.
        inputs: values of the elements, all of one length.
        count: that length.
    """

    def __init__(self, terms: Terms, inputs: Mapping[Word, Array], count: int):
        self.terms, self.inputs, self.count = terms, inputs, count
        self._known: dict[Word, Bits] = {}

    def __call__(self, word: Word) -> Bits:
        """Returns the bits of a word.

        Raises:
            KeyError: it depends on an input that has no values.
        """
        if word not in self._known:
            self._known[word] = self._compute(word)
        return self._known[word]

    def _kind_of_array(self, width: int) -> Any:
        return np.uint64 if width <= _FAST else object

    def _reduced(self, bits: Bits, width: int) -> Bits:
        if width > _FAST:
            return np.asarray(bits, object) % (1 << width)
        if bits.dtype == object:
            return (bits % (1 << width)).astype(np.uint64)
        return bits.astype(np.uint64) & np.uint64((1 << width) - 1)

    def _compute(self, word: Word) -> Bits:
        terms = self.terms
        kind, width, args = terms.kinds[word], terms.widths[word], terms.args[word]
        if kind == "const":
            constant: Bits = np.full(self.count, args[0], self._kind_of_array(width))
            return constant
        if kind == "element":
            return self._reduced(self.inputs[word], width)
        if kind == "product":
            return self._reduced(self._integers(word), width)
        if kind == "sum":
            return self._sum(args, width)
        if kind == "pieces":
            return self._pieces(args, width)
        if kind == "rom":
            return self._rom(args[0], self(args[1]).astype(np.int64), width)
        return self._operation(kind, width, args)

    def _rom(self, contents: tuple[Word, ...], address: Bits, width: int) -> Bits:
        values = [self.terms.value(word) for word in contents]
        if any(values[at] is None for at in np.unique(address).tolist()):
            raise UnsetError
        words: Bits = np.array([value or 0 for value in values], self._kind_of_array(width))
        return words[address]

    def _sum(self, args: tuple[Any, ...], width: int) -> Bits:
        total: Bits = np.full(self.count, args[1] % (1 << width), self._kind_of_array(width))
        for word, factor in args[0]:
            # Modulo 2**width, as integers of 64 bits wrap.
            factor = factor % (1 << width)
            bits = self._integers(word)
            if width > _FAST:
                total = total + bits.astype(object) * factor
            else:
                total = total + bits.astype(np.uint64) * np.uint64(factor)
        return self._reduced(total, width)

    def _integers(self, word: Word) -> Array:
        """Returns the integers of what sums have factors of: inputs, products of two, bits."""
        if self.terms.kinds[word] == "product":
            one, other = self.terms.args[word]
            return self._integers(one) * self._integers(other)
        found = self.inputs[word] if word in self.inputs else self(word)
        return found.astype(np.int64)

    def _pieces(self, pieces: tuple[Any, ...], width: int) -> Bits:
        total: Bits = np.zeros(self.count, self._kind_of_array(width))
        at = 0
        for base, low, count in pieces:
            bits = self(base)
            part = self._reduced(bits >> (low if bits.dtype == object else np.uint64(low)), count)
            if width > _FAST:
                total = total | (part.astype(object) << at)
            else:
                total = total | (part << np.uint64(at))
            at += count
        return total

    def _operation(self, kind: str, width: int, args: tuple[Word, ...]) -> Bits:
        operands = [self(arg) for arg in args]
        of = self.terms.widths[args[0]]
        if kind == "ite":
            return np.where(operands[0] != 0, operands[1], operands[2])
        if kind in _PLAIN:
            wide = max(width, of) > _FAST
            operands = [bits.astype(object) for bits in operands] if wide else operands
            return self._reduced(_PLAIN[kind](*operands), width)
        if kind[1:] in _COMPARE:
            if kind[0] == "s":
                operands = [_to_signed(bits, of) for bits in operands]
            return self._reduced(_COMPARE[kind[1:]](*operands), 1)
        if kind in ("redor", "redand"):
            full = 0 if kind == "redor" else (1 << of) - 1
            found = operands[0] != full if kind == "redor" else operands[0] == full
            return self._reduced(found, 1)
        return self._shift(kind, width, operands)

    def _shift(self, kind: str, width: int, operands: list[Bits]) -> Bits:
        bits = operands[0].astype(object)
        counts = np.minimum(operands[1], width).astype(object)  # all are out then
        if kind == "sll":
            return self._reduced(bits << counts, width)
        if kind == "srl":
            return self._reduced(bits >> counts, width)
        if kind == "sra":
            signed = np.where(bits >> (width - 1), bits - (1 << width), bits)
            return self._reduced(signed >> counts, width)
        raise ValueError(f"no operation of ours is called {kind}")


def elements_of(terms: Terms, word: Word) -> set[Word]:
    """Returns the inputs that a word depends on."""
    found: set[Word] = set()
    seen: set[Word] = set()
    todo = [word]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        if terms.kinds[one] == "element":
            found.add(one)
        todo += terms.operands(one)
    return found
