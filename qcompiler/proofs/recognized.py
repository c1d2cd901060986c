"""Words that are sums of an input, or of two and their product: found by trying all values.

Logic that multiplies (rows of and-gates, chosen shifts, additions of signs) is no sum by its
operations. Where it depends on two inputs at most, all values of these tell whether it is one.
"""

from typing import TypeAlias

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.proofs.terms import Element, Form, Terms, Word
from qcompiler.proofs.values import TermValues, elements_of

_MOST_VALUES = 1 << 20
_MOST_BITS = 48

_Factors: TypeAlias = tuple[int, int, int, int]
"""a, b, c and d of `a * x * y + b * x + c * y + d`; of a single input, y is 0."""


def recognized(terms: Terms, word: Word) -> Form | None:
    """Returns the sum of one or two inputs, and their product, that a word is equal to.

    None if there is none, or the inputs are more, or have too many values.
    """
    inputs = sorted(elements_of(terms, word)) if terms.is_known(word) else []
    if not 0 < len(inputs) <= 2 or terms.widths[word] > _MOST_BITS:
        return None
    elements: list[Element] = [terms.args[one][0] for one in inputs]
    axes = [np.arange(e.lo, e.hi + 1, dtype=np.int64) for e in elements]
    if np.prod([len(axis) for axis in axes], dtype=object) > _MOST_VALUES:
        return None
    tried = _Tried(terms, word, inputs)
    factors = tried.fitted([axis[:2] for axis in axes])
    some = [axis[:: max(1, len(axis) // 3)] for axis in axes]
    if not tried.holds(factors, some) or not tried.holds(factors, axes):
        return None
    return tried.form(factors)


class _Tried:
    """A word whose values are computed."""

    def __init__(self, terms: Terms, word: Word, inputs: list[Word]):
        self.terms, self.word, self.inputs = terms, word, inputs
        self.modulus = 1 << terms.widths[word]

    def _values(self, axes: list[Array]) -> tuple[Array, Array, Array]:
        """Returns x, y and the word for all values of the inputs, [values of x, of y]."""
        grid = np.meshgrid(*axes, indexing="ij")
        given = {one: of_one.reshape(-1) for one, of_one in zip(self.inputs, grid, strict=True)}
        bits = TermValues(self.terms, given, grid[0].size)(self.word).astype(np.int64)
        shape = len(axes[0]), -1
        x, *others = (of_one.reshape(shape) for of_one in grid)
        return x, others[0] if others else np.zeros_like(x), bits.reshape(shape)

    def fitted(self, axes: list[Array]) -> _Factors:
        """Returns factors that are right for the first two values of each input."""
        x, y, found = self._values(axes)
        corner = int(found[0, 0])
        in_x = int(found[-1, 0]) - corner  # 0 where there is but one value
        in_y = int(found[0, -1]) - corner
        both = int(found[-1, -1]) - corner - in_x - in_y
        x0, y0 = int(x[0, 0]), int(y[0, 0])
        in_x, in_y = in_x - both * y0, in_y - both * x0
        return both, in_x, in_y, corner - both * x0 * y0 - in_x * x0 - in_y * y0

    def holds(self, factors: _Factors, axes: list[Array]) -> bool:
        """Whether factors are right for all values."""
        x, y, found = self._values(axes)
        a, b, c, d = (self._near(factor) for factor in factors)
        # Modulo 2**64, as integers of 64 bits wrap.
        wrong = (a * (x * y) + b * x + c * y + d - found) % self.modulus
        return not wrong.any()

    def form(self, factors: _Factors) -> Form:
        """Returns factors as a sum."""
        a, b, c, d = (self._near(factor) for factor in factors)
        named = [self.terms.product(*self.inputs)] if len(self.inputs) == 2 else []
        words = [*self.inputs, *named]
        found = dict(zip(words, [b, c, a] if named else [b], strict=True))
        return self.terms.sum_form({word: f for word, f in found.items() if f}, d)

    def _near(self, factor: int) -> int:
        half = self.modulus >> 1
        return (factor + half) % self.modulus - half
