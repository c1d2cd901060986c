"""What a pipeline's body computes, element by element: linear forms of scalars.

A *scalar* is an element of an input, or what a requantizer makes of a linear form, or a maximum or
product of two. Equal scalars
are one, constant ones are numbers, and those that no output depends on are none: so equal, constant
and dead neurons go, through all layers.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct, field
from msgspec.structs import astuple
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.arrays import IntArray, integers
from qcompiler.arith.ranges import LARGEST_INT64, IntRange, WidthError
from qcompiler.arith.requantizers import (
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
    chosen_rows,
    rows_of,
)
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of


class Form(Struct, frozen=True):
    """Linear forms of scalars, one for each element of a vector: `scalars @ matrix + bias`.

    Attributes:
        scalars: numbers, increasing, [S].
        matrix: coefficients, [S, N].
        bias: [N].
    """

    scalars: IntArray
    matrix: IntArray
    bias: IntArray

    def times(self, matrix: IntArray) -> "Form":
        """Returns this vector's product with a matrix [N, M]."""
        return Form(self.scalars, self.matrix @ matrix, self.bias @ matrix)

    def scaled(self, factor: IntArray, offset: IntArray) -> "Form":
        """Returns the elements times factors plus offsets, [N] or [1]."""
        return Form(self.scalars, self.matrix * factor, self.bias * factor + offset)

    def plus(self, other: "Form") -> "Form":
        """Returns the sum with another vector of as many elements."""
        scalars = np.union1d(self.scalars, other.scalars).astype(np.int64)
        matrix = np.zeros((len(scalars), len(self.bias)), np.int64)
        for form in (self, other):
            matrix[np.searchsorted(scalars, form.scalars)] += form.matrix
        return Form(scalars, matrix, self.bias + other.bias)

    def part(self, elements: slice) -> "Form":
        """Returns some of the elements."""
        return Form(self.scalars, self.matrix[:, elements], self.bias[elements])

    def only(self, elements: Sequence[int]) -> "Form":
        """Returns some of the elements, and the scalars that these need."""
        matrix, bias = self.matrix[:, list(elements)], self.bias[list(elements)]
        used = (matrix != 0).any(axis=1)
        return Form(self.scalars[used], matrix[used], bias)

    @property
    def digits(self) -> int:
        """Signed digits of all coefficients, a measure of the adders."""
        return int(sum(_digits(abs(value)) for value in self.matrix.ravel().tolist()))


def joined(forms: Sequence[Form]) -> Form:
    """Returns the elements of several vectors as one, in order."""
    starts = np.cumsum([0, *(len(form.bias) for form in forms)])
    scalars = np.unique(np.concatenate([form.scalars for form in forms])).astype(np.int64)
    matrix = np.zeros((len(scalars), starts[-1]), np.int64)
    for form, start, end in zip(forms, starts[:-1], starts[1:], strict=True):
        matrix[np.searchsorted(scalars, form.scalars), start:end] = form.matrix
    return Form(scalars, matrix, np.concatenate([form.bias for form in forms]))


def _digits(value: int) -> int:
    return ((value * 3) ^ value).bit_count()


class Scalars(Struct):
    """The scalars of a body.

    Attributes:
        lo: lowest integer that each may be.
        hi: highest.
    """

    lo: list[int] = field(default_factory=list[int])
    hi: list[int] = field(default_factory=list[int])
    _known: dict[object, int] = field(default_factory=dict[object, int])

    def number(self, key: object, lo: int, hi: int) -> int:
        """Returns the number of the scalar that is called `key`; a new one if it is not known."""
        if key not in self._known:
            self._known[key] = len(self.lo)
            self.lo.append(lo)
            self.hi.append(hi)
        return self._known[key]

    def form(self, numbers: Sequence[int]) -> Form:
        """Returns the vector of some scalars."""
        given = integers(numbers)
        low, high = integers(self.lo), integers(self.hi)
        scalars = np.unique(given)
        matrix = (scalars[:, None] == given).astype(np.int64)
        fixed = low[scalars] == high[scalars]
        bias = low[scalars[fixed]] @ matrix[fixed]
        return Form(scalars[~fixed], matrix[~fixed], bias)

    def bounds(self, form: Form) -> tuple[IntArray, IntArray]:
        """Returns the exact ranges of a vector's elements.

        Raises:
            WidthError: one may not fit 63 bits.
        """
        low, high = integers(self.lo)[form.scalars], integers(self.hi)[form.scalars]
        most = np.maximum(np.abs(low), np.abs(high)).astype(np.float64)
        reach = most @ np.abs(form.matrix.astype(np.float64)) + np.abs(form.bias.astype(np.float64))
        if (reach >= LARGEST_INT64).any():
            raise WidthError("a sum of a pipeline may not fit 63 bits")
        one, other = form.matrix * low[:, None], form.matrix * high[:, None]
        return (
            np.minimum(one, other).sum(axis=0) + form.bias,
            np.maximum(one, other).sum(axis=0) + form.bias,
        )


class Step(Struct, frozen=True):
    """A requantizer of the body.

    Attributes:
        op: the operation.
        entered: what it takes, as far as that is linear.
        form: what it does with these.
        numbers: scalar that each of its elements is.
    """

    op: qint.RequantizerOp
    entered: Form
    form: Requantizer
    numbers: Sequence[int]

    @property
    def forms(self) -> tuple[Form, ...]:
        """What it takes."""
        return (self.entered,)


class PairStep(Struct, frozen=True):
    """A function of pairs: a maximum, a product.

    Attributes:
        op: the operation.
        forms: what it takes, as far as that is linear.
        numbers: scalar that each of its elements is.
    """

    op: qint.Pairwise
    forms: tuple[Form, Form]
    numbers: Sequence[int]


class Body(Struct):
    """A pipeline's body, as requantizers of linear forms.

    Attributes:
        scalars: all of them.
        arguments: the scalars of each input, by number.
        steps: what is not linear, in order.
        made: the output.
    """

    scalars: Scalars
    arguments: list[list[int]]
    steps: list[Step | PairStep]
    made: Form

    @staticmethod
    def of(body: qint.ScalarBody) -> "Body":
        """Returns what a body computes; its operations are those that processes give beats."""
        return _Reader(body).read()

    def needed(self) -> set[int]:
        """Returns the scalars that the output depends on."""
        found = {int(number) for number in self.made.scalars}
        for step in reversed(self.steps):
            elements = [i for i, number in enumerate(step.numbers) if number in found]
            for entered in step.forms:
                found.update(entered.only(elements).scalars.tolist())
        return found


class _Reader:
    def __init__(self, body: qint.ScalarBody):
        self._body = body
        self._scalars = Scalars()
        self._forms: dict[SSAValue, Form] = {}
        self._steps: list[Step | PairStep] = []

    def read(self) -> Body:
        arguments: list[list[int]] = []
        for value in self._body.arguments:
            bounds, start = qint.range_of(value.type), len(self._scalars.lo)
            count = shape_of(value.type)[-1]
            numbers = [self._scalars.number((value, i), bounds.lo, bounds.hi) for i in range(count)]
            assert not numbers or numbers[0] == start, "each element is a scalar of its own"
            arguments.append(numbers)
            self._forms[value] = self._scalars.form(numbers)
        for op in self._body.operations:
            if not isinstance(op, qint.ConstantOp):
                self._forms[op.results[0]] = self._form(op)
        made = self._forms[self._body.yielded]
        used = made.only(range(len(made.bias)))  # neurons that nothing depends on are not in it
        return Body(self._scalars, arguments, self._steps, used)

    def _form(self, op: Operation) -> Form:
        match op:
            case qint.MatMulOp():
                weights = op.rhs.owner
                assert isinstance(weights, qint.ConstantOp), "the matrix is constant"
                return self._forms[op.lhs].times(weights.array.astype(np.int64))
            case qint.AffineOp():
                return self._forms[op.input].scaled(op.multiplier_array, op.offset_array)
            case qint.AddOp():
                return self._forms[op.lhs].plus(self._forms[op.rhs])
            case qint.ConcatOp():
                return joined([self._forms[value] for value in op.inputs])
            case qint.SliceOp():
                (_, start), (_, end), (_, step) = op.bounds
                return self._forms[op.input].part(slice(start, end, step))
            case qint.RequantizerOp():
                return self._requantized(op)
            case qint.Pairwise():
                return self._paired(op)
            case _:
                raise AssertionError(f"{op.name} is in no beat")

    def _requantized(self, op: qint.RequantizerOp) -> Form:
        entered, form = self._forms[op.input], op.requantizer
        entered, form = self._entered(entered, form)
        low, high = self._scalars.bounds(entered)
        codes = _code_bounds(form, low, high)
        numbers = [
            self._scalars.number(self._key(entered, form, i), lo, hi)
            for i, (lo, hi) in enumerate(codes)
        ]
        self._steps.append(Step(op, entered, form, numbers))
        return self._scalars.form(numbers)

    def _paired(self, op: qint.Pairwise) -> Form:
        entered = self._forms[op.lhs], self._forms[op.rhs]
        bounds = [zip(*self._scalars.bounds(form), strict=True) for form in entered]
        numbers: list[int] = []
        for i, pair in enumerate(zip(*bounds, strict=True)):
            one, other = (IntRange(int(lo), int(hi)) for lo, hi in pair)
            made = op.combined(one, other)
            key = type(op), frozenset(_column(form, i) for form in entered)
            numbers.append(self._scalars.number(key, made.lo, made.hi))
        self._steps.append(PairStep(op, entered, numbers))
        return self._scalars.form(numbers)

    def _entered(self, x: Form, form: Requantizer) -> tuple[Form, Requantizer]:
        """Returns a requantizer whose signs, factors and biases are part of what it takes."""
        zero, one = integers([0]), integers([1])
        match form:
            case Shift():
                left = 1 << max(-form.shift, 0)
                plain = Shift(
                    max(form.shift, 0), zero, one, form.lo, form.hi, form.tie_parity, form.tie_width
                )
                return x.scaled(form.sign * left, form.bias), plain
            case MulShift():
                plain = Shift(
                    form.shift, zero, one, form.lo, form.hi, form.tie_parity, form.tie_width
                )
                return x.scaled(form.multiplier, form.bias), plain
            case Threshold():
                return x.scaled(form.sign, zero), Threshold(form.thresholds, one, form.lo)
            case _:
                return x, form

    def _key(self, entered: Form, form: Requantizer, element: int) -> object:
        """Returns what two elements have in common if they are equal."""
        row = chosen_rows(form, [element if rows_of(form) > 1 else 0])
        return (
            *_column(entered, element),
            type(row),
            *(v.tobytes() if isinstance(v, np.ndarray) else v for v in astuple(row)),
        )


def _column(form: Form, element: int) -> tuple[bytes, ...]:
    """Returns what two linear forms have in common if they are equal."""
    column = form.only([element])
    return tuple(part.tobytes() for part in (column.scalars, column.matrix, column.bias))


def _code_bounds(form: Requantizer, low: IntArray, high: IntArray) -> list[tuple[int, int]]:
    """Returns lowest and highest code of each element, for integers from `low` to `high`."""
    if isinstance(form, Table):
        rows = np.broadcast_to(form.entries, (len(low), form.entries.shape[1]))
        parts = [
            row[lo - form.x_lo : hi - form.x_lo + 1]
            for row, lo, hi in zip(rows, low.tolist(), high.tolist(), strict=True)
        ]
        return [(int(part.min()), int(part.max())) for part in parts]
    ends = form.apply(np.stack([low, high]))  # all others rise
    return [(int(lo), int(hi)) for lo, hi in ends.T]
