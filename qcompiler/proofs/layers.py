"""What a pipeline means, layer by layer: sums, and functions of a sum.

The body of `stream.pipeline` is gone through once. What an operation makes of a sum is an input of
its own to the layers behind it: a *code*. A word of hardware that depends on that sum alone is the
code, or a multiple of it, if that is so for all values that the sum can have.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import gcd
from typing import TypeAlias

import numpy as np
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.requantizers import Requantizer, chosen_rows, rows_of
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.proofs.block import Undecided
from qcompiler.proofs.terms import UNKNOWN, Element, Form, Terms, Word
from qcompiler.proofs.values import Bits, TermValues

_MOST_VALUES = 1 << 24
_AT_A_TIME = 1 << 17
_SOME = 64
_CODES = 1000
"""Number of the port of the first code: ports of beats have lower ones."""

Base: TypeAlias = tuple[tuple[Word, int], ...]
"""Factors of a sum without what they have in common, the first one positive."""


def based(factors: Mapping[Word, int]) -> tuple[Base, int]:
    """Returns the base of a sum, and what its factors are multiples of it by."""
    ordered = sorted(factors.items())
    common = gcd(*factors.values())
    common = common if ordered[0][1] > 0 else -common
    return tuple([(word, f // common) for word, f in ordered]), common


class _OfSum(TermValues):
    """Computes words that depend on one sum, for values of it."""

    def __init__(self, terms: Terms, values: Array):
        super().__init__(terms, {}, len(values))
        self._values = values

    def _compute(self, word: Word) -> Bits:
        kind, args = self.terms.kinds[word], self.terms.args[word]
        if kind not in ("sum", "element"):
            return super()._compute(word)
        factors, constant = (dict(args[0]), args[1]) if kind == "sum" else ({word: 1}, 0)
        _, times = based(factors)
        return self._reduced(self._values * times + constant, self.terms.widths[word])


class Layers:
    """The codes of a pipeline.

    Args:
        terms: of the proof, which recognize codes from now on.

    Attributes:
        functions: how many functions of a sum there are.
    """

    def __init__(self, terms: Terms):
        self.terms, self.functions = terms, 0
        terms.recognize = self._recognized
        self._codes: dict[Base, list[tuple[Word, Array]]] = {}
        self._bases: dict[Word, frozenset[Base]] = {}

    # The body.

    def outputs(self, op: stream.PipelineOp, inputs: Sequence[Sequence[Word]]) -> list[Form]:
        """Returns what is made of a beat of each input, element by element.

        Raises:
            Undecided: the body has an operation that is not followed.
        """
        made: list[Form] = []
        body = op.scalar_body
        for copy in range(op.copies):
            forms: dict[SSAValue, list[Form]] = {}
            for value, view, words in zip(body.arguments, op.views, inputs, strict=True):
                places: list[int] = view.places(op.copies, shape_of(value.type)[-1])[copy].tolist()
                given = [self.terms.form(words[place]) for place in places]
                forms[value] = [form for form in given if form is not None]
            for one in body.operations:
                forms[one.results[0]] = self._made(one, [forms[value] for value in one.operands])
            made += forms[body.yielded]
        return made

    def _made(self, op: Operation, given: Sequence[list[Form]]) -> list[Form]:
        if isinstance(op, stream.AdderGraphOp):
            return self._sums(op, [form for forms in given for form in forms])
        if not isinstance(op, qint.RequantizerOp):
            raise Undecided(f"proofs do not follow {op.name} in a pipeline")
        form, several = op.requantizer, rows_of(op.requantizer) > 1
        (sums,) = given
        return [
            self._code(one, chosen_rows(form, [lane]) if several else form)
            for lane, one in enumerate(sums)
        ]

    def _sums(self, op: stream.AdderGraphOp, inputs: list[Form]) -> list[Form]:
        graph = op.graph
        values = [*inputs, *(Form({}, n, n, n) for n in graph.constants.tolist())]
        for _, terms in graph:
            values.append(self._added([(values[v], shift, sign) for v, shift, sign in terms]))
        rows: list[list[int]] = graph.outputs.tolist()
        return [self._added([(values[v], s, sign)] if sign else []) for v, s, sign in rows]

    def _added(self, parts: Sequence[tuple[Form, int, int]]) -> Form:
        factors: dict[Word, int] = {}
        constant = 0
        for form, shift, sign in parts:
            for word, factor in form.factors.items():
                factors[word] = factors.get(word, 0) + sign * _shifted(factor, shift)
            constant += sign * _shifted(form.constant, shift)
        return self.terms.sum_form({w: f for w, f in factors.items() if f}, constant)

    def _code(self, form: Form, function: Requantizer) -> Form:
        """Returns what a function makes of a sum: a constant, or a code."""
        if not form.factors:
            made = int(function.apply(np.array([[form.constant]], np.int64))[0, 0])
            return Form({}, made, made, made)
        self.functions += 1
        base, times = based(form.factors)
        found = np.concatenate(
            [
                function.apply((part * times + form.constant)[:, None])[:, 0]
                for part in self._values_of(base)
            ]
        )
        lowest = int(found.min())
        step = int(np.gcd.reduce(found - lowest))
        if not step:
            return Form({}, lowest, lowest, lowest)
        codes = (found - lowest) // step
        known = self._codes.setdefault(base, [])
        word = next((word for word, others in known if np.array_equal(codes, others)), None)
        if word is None:
            highest = int(codes.max())
            code = Element(_CODES + len(self._codes), 0, len(known), 0, highest)
            word = self.terms.element(highest.bit_length(), code)
            known.append((word, codes))
        return self.terms.sum_form({word: step}, lowest)

    def _values_of(self, base: Base) -> Iterator[Array]:
        """Yields all values of a sum, some at a time.

        Raises:
            Undecided: they are too many.
        """
        form = self.terms.sum_form(dict(base), 0)
        if form.hi - form.lo >= _MOST_VALUES:
            raise Undecided(f"a sum has more than {_MOST_VALUES} values")
        for start in range(form.lo, form.hi + 1, _AT_A_TIME):
            yield np.arange(start, min(start + _AT_A_TIME, form.hi + 1), dtype=np.int64)

    # Words of hardware.

    def _recognized(self, terms: Terms, word: Word) -> Form | None:
        """Returns the multiple of a code that a word is; None if it is none."""
        bases = self._bases_of(word) if terms.is_known(word) else frozenset[Base]()
        if len(bases) != 1:
            return None
        (base,) = bases
        for code, codes in self._codes.get(base, ()):
            found = self._multiple(word, base, code, codes)
            if found is not None:
                return found
        return None

    def _multiple(self, word: Word, base: Base, code: Word, codes: Array) -> Form | None:
        terms, width = self.terms, self.terms.widths[word]
        if width > 62:
            return None
        lowest = terms.sum_form(dict(base), 0).lo
        _, firsts = np.unique(codes, return_index=True)
        some = np.unique(np.concatenate([firsts[:_SOME], [len(codes) - 1]]))
        bits = _OfSum(terms, lowest + some)(word).astype(np.int64)
        steps = np.diff(codes[firsts[:2]])
        modulus, half = 1 << width, 1 << (width - 1)
        places = np.searchsorted(some, firsts[:2])
        difference = (int(bits[places[1]] - bits[places[0]]) + half) % modulus - half
        if difference % int(steps[0]):
            return None
        times = difference // int(steps[0])
        start = int(bits[places[0]]) - times * int(codes[firsts[0]])
        start = (start + half) % modulus - half
        if ((codes[some] * times + start - bits) % modulus).any():
            return None
        at = 0
        for part in self._values_of(base):
            bits = _OfSum(terms, part)(word).astype(np.int64)
            if ((codes[at : at + len(part)] * times + start - bits) % modulus).any():
                return None
            at += len(part)
        return terms.sum_form({code: times} if times else {}, start)

    def _bases_of(self, word: Word) -> frozenset[Base]:
        """Returns the sums that a word depends on."""
        found = self._bases.get(word)
        if found is None:
            kind, args = self.terms.kinds[word], self.terms.args[word]
            if kind == "element":
                found = frozenset([((word, 1),)])
            elif kind == "sum":
                found = frozenset([based(dict(args[0]))[0]])
            else:
                parts = (self._bases_of(one) for one in self.terms.operands(word) if one != UNKNOWN)
                found = frozenset[Base]().union(*parts)
            self._bases[word] = found
        return found


def _shifted(number: int, shift: int) -> int:
    """Returns number * 2**shift.

    Raises:
        Undecided: it is no integer.
    """
    if shift >= 0:
        return number << shift
    if number % (1 << -shift):
        raise Undecided("a factor of a sum has fewer zeros than are left out")
    return number >> -shift


def differs(terms: Terms, word: Word, wanted: Form) -> str | None:
    """Returns how a word differs from a sum; None if it is equal to it."""
    form, modulus = terms.form(word), 1 << terms.widths[word]
    if form is None:
        return "is not known to be a sum of inputs and codes"
    words = {*form.factors, *wanted.factors}
    wrong = [w for w in words if (form.factors.get(w, 0) - wanted.factors.get(w, 0)) % modulus]
    if wrong:
        return f"is a sum with {len(wrong)} wrong factors"
    off = (form.constant - wanted.constant) % modulus
    return f"is {off} too large, modulo {modulus}" if off else None
