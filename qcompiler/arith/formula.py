"""Integer formulas: text, ranges, values, and how many pipeline stages each step takes.

A formula is written as arithmetic on named integers, with names for its parts:

    e = t[max(b - a, 0)]; (512 * e + c) // (2 * c)

Operands are called a, b, c and so on, tables t, u, v and w. There are + - *, // (rounded down), <<
and >> by constants, % of constant powers of two, comparisons (0 or 1), `x if condition else y`,
max, min, abs, sqrt (rounded down), trunc_div (rounded towards zero, as in C), round_div (to
nearest, ties to even), look-ups `table[index]`, `position`, the place of an element in its row, and
`element`, its place in the frame. Every step is exact: there is no width but that of its range.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from math import isqrt, prod
from typing import Any

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.ranges import IntRange

NAMES = "abcdefgh"
"""What operands are called."""

PLACES = ("position", "element")
"""What the place of an element in its row, and in its frame, is called."""

_MOST_BITS = 4096
_FITS = IntRange(-(2**62), 2**62)


class FormulaError(ValueError):
    """A formula that is not one, or whose values are not defined everywhere."""


class Step(Struct, frozen=True):
    """One operation of a formula.

    Attributes:
        kind: name of the operation, a key of `RULES`; or `operand`, `position`, `element`,
            `constant`, `table`.
        args: numbers of the steps that it takes.
        range: of its values.
        stage: pipeline registers from the operands to its value.
        number: of an operand, or the value of a constant.
        table: values of a look-up, from the lowest index.
    """

    kind: str
    args: tuple[int, ...]
    range: IntRange
    stage: int
    number: int = 0
    table: tuple[int, ...] = ()


def _one_stage(_given: Sequence[IntRange], _made: IntRange) -> int:
    return 1


class Rule(Struct, frozen=True):
    """What an operation is.

    Attributes:
        range: of its values, from those of its arguments.
        compute: its values, from those of its arguments.
        stages: pipeline registers that it takes, from the ranges of arguments and value.
    """

    range: Callable[..., IntRange]
    compute: Callable[..., Any]
    stages: Callable[[Sequence[IntRange], IntRange], int] = _one_stage


def _hull(function: Callable[[int, int], int]) -> Callable[[IntRange, IntRange], IntRange]:
    """Returns the range of what is monotone in both arguments, whichever way."""

    def bounds(a: IntRange, b: IntRange) -> IntRange:
        ends = [function(x, y) for x in (a.lo, a.hi) for y in (b.lo, b.hi)]
        return IntRange(min(ends), max(ends))

    return bounds


def _positive(divisor: IntRange) -> None:
    if divisor.lo < 1:
        raise FormulaError(f"divisors must be positive, got {divisor.lo} to {divisor.hi}")


def _quotient(function: Callable[[int, int], int]) -> Callable[[IntRange, IntRange], IntRange]:
    def bounds(a: IntRange, b: IntRange) -> IntRange:
        _positive(b)
        return _hull(function)(a, b)

    return bounds


def _floor(a: int, b: int) -> int:
    return a // b


def floor_div(a: Any, b: Any) -> Any:
    """Returns arrays a / b rounded down, for positive b."""
    return a // b


def _trunc(a: int, b: int) -> int:
    return -(-a // b) if a < 0 else a // b


def trunc_div(a: Any, b: Any) -> Any:
    """Returns arrays a / b rounded towards zero, for positive b."""
    return where(a < 0, -(-a // b), a // b)


def _round(a: int, b: int) -> int:
    quotient, rest = divmod(2 * a + b, 2 * b)
    return quotient - (rest == 0 and quotient % 2)


def round_div(a: Any, b: Any) -> Any:
    """Returns arrays a / b rounded to nearest, ties to even, for positive b."""
    twice = 2 * a + b
    quotient = twice // (2 * b)
    return quotient - np.where(twice == quotient * (2 * b), quotient & 1, 0)


def _sqrt(a: Any) -> Any:
    exact = [isqrt(int(x)) for x in a.reshape(-1)]
    return np.array(exact, a.dtype).reshape(a.shape)


def _sqrt_range(a: IntRange) -> IntRange:
    if a.lo < 0:
        raise FormulaError(f"square roots need numbers that are not negative, got {a.lo}")
    return IntRange(isqrt(a.lo), isqrt(a.hi))


def _abs_range(a: IntRange) -> IntRange:
    ends = abs(a.lo), abs(a.hi)
    return IntRange(0 if a.lo <= 0 <= a.hi else min(ends), max(ends))


def _shift(sign: int) -> Callable[[IntRange, IntRange], IntRange]:
    def bounds(a: IntRange, b: IntRange) -> IntRange:
        if b.size != 1 or not 0 <= b.lo < _MOST_BITS:
            raise FormulaError("shifts must be by a constant that is not negative")
        places = b.lo
        return (
            IntRange(a.lo << places, a.hi << places)
            if sign > 0
            else IntRange(a.lo >> places, a.hi >> places)
        )

    return bounds


def _mod_range(a: IntRange, b: IntRange) -> IntRange:
    if b.size != 1 or b.lo < 1 or b.lo & (b.lo - 1):
        raise FormulaError("remainders must be of a constant power of two")
    rest = IntRange(0, b.lo - 1)
    return a if rest.contains(a) else rest


def _division(_given: Sequence[IntRange], made: IntRange) -> int:
    # operands, a stage for each bit of the quotient, the result
    return 2 + quotient_bits(made)


def quotient_bits(made: IntRange) -> int:
    """Returns the bits of a quotient that a divider finds, one a stage.

    They hold its magnitude, its distance from the lowest value, and one more than that: roundings
    and signs are what follows.
    """
    return max(made.hi + 1 - made.lo, -made.lo, made.hi).bit_length()


def root_bits(made: IntRange) -> int:
    """Returns the bits of a square root, which are found one a stage."""
    return max(1, made.hi.bit_length())


_BIT = IntRange(0, 1)
_Ranges = Sequence[IntRange]


def _compare(_a: IntRange, _b: IntRange) -> IntRange:
    return _BIT


def _chosen(_condition: IntRange, a: IntRange, b: IntRange) -> IntRange:
    return a.union(b)


def _minus(a: IntRange, b: IntRange) -> IntRange:
    return a + -b


def _square(a: IntRange) -> IntRange:
    ends = _abs_range(a)
    return IntRange(ends.lo**2, ends.hi**2)


def _difference(a: Any, b: Any) -> Any:
    return a - b


def _negative_range(a: IntRange) -> IntRange:
    return -a


def _negative(a: Any) -> Any:
    return -a


def _left(a: Any, b: Any) -> Any:
    return a << b


def _right(a: Any, b: Any) -> Any:
    return a >> b


def _rest(a: Any, b: Any) -> Any:
    return a % b


def _times_itself(a: Any) -> Any:
    return a * a


def where(condition: Any, a: Any, b: Any) -> Any:
    """Returns arrays a where a condition is not 0, else b."""
    flags: NDArray[np.bool_] = np.asarray(condition, np.bool_)
    first: NDArray[Any] = np.asarray(a)
    second: NDArray[Any] = np.asarray(b)
    return np.where(flags, first, second)


def _flag(compare: Callable[[Any, Any], Any]) -> Rule:
    """Returns the rule of a comparison, which is 0 or 1."""

    def compute(a: Any, b: Any) -> Any:
        return np.where(compare(a, b), 1, 0).astype(np.asarray(a).dtype)

    return Rule(_compare, compute)


def _none(_given: _Ranges, _made: IntRange) -> int:
    return 0


def _product(_given: _Ranges, _made: IntRange) -> int:
    return 2  # operands, product


def _root(_given: _Ranges, made: IntRange) -> int:
    return 1 + root_bits(made)


RULES: Mapping[str, Rule] = {
    "add": Rule(operator.add, operator.add),
    "sub": Rule(_minus, _difference),
    "mul": Rule(operator.mul, operator.mul, _product),
    "square": Rule(_square, _times_itself, _product),
    "neg": Rule(_negative_range, _negative),
    "shl": Rule(_shift(1), _left, _none),
    "shr": Rule(_shift(-1), _right, _none),
    "mod": Rule(_mod_range, _rest, _none),
    "max": Rule(_hull(max), np.maximum),
    "min": Rule(_hull(min), np.minimum),
    "abs": Rule(_abs_range, np.abs),
    "lt": _flag(operator.lt),
    "le": _flag(operator.le),
    "gt": _flag(operator.gt),
    "ge": _flag(operator.ge),
    "eq": _flag(operator.eq),
    "ne": _flag(operator.ne),
    "select": Rule(_chosen, where),
    "sqrt": Rule(_sqrt_range, _sqrt, _root),
    "floor_div": Rule(_quotient(_floor), floor_div, _division),
    "trunc_div": Rule(_quotient(_trunc), trunc_div, _division),
    "round_div": Rule(_quotient(_round), round_div, _division),
}
"""The operations. Sub-expressions with side conditions raise FormulaError from `range`."""

_OPERATORS: Mapping[type[ast.AST], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.FloorDiv: "floor_div", ast.LShift: "shl",
    ast.RShift: "shr", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq",
    ast.NotEq: "ne", ast.Mod: "mod",
}  # fmt: skip
_CALLS = {"max": 2, "min": 2, "abs": 1, "sqrt": 1, "trunc_div": 2, "round_div": 2}
_TABLE_STAGES = 2  # address, word


class Formula(Struct, frozen=True):
    """A formula on operands of known ranges.

    Attributes:
        steps: in order; the last one is the result.
        text: as it was written.
    """

    steps: tuple[Step, ...]
    text: str

    @staticmethod
    def of(
        text: str,
        operands: Sequence[IntRange],
        tables: Mapping[str, Sequence[int]],
        extents: tuple[int, int],
    ) -> Formula:
        """Returns what a text means.

        Args:
            text: as the head of this file says.
            operands: their ranges; the first one is called a.
            tables: values from index 0 on.
            extents: elements of a row, and of a frame.

        Raises:
            FormulaError: it means nothing, or divides by what may be 0.
        """
        if not 0 < len(operands) <= len(NAMES):
            raise FormulaError(f"takes 1 to {len(NAMES)} operands, got {len(operands)}")
        if not text.isascii() or not text.isprintable():
            raise FormulaError("must be one line of ASCII")
        try:
            body = ast.parse(text, mode="exec").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise FormulaError(f"cannot be read: {text[:60]!r}") from None
        builder = _Builder(tables)
        for number, bounds in enumerate(operands):
            builder.names[NAMES[number]] = builder.add(Step("operand", (), bounds, 0, number))
        for name, count in zip(PLACES, extents, strict=True):
            builder.names[name] = builder.place(name, count)
        return Formula(builder.read(body), text)

    @property
    def range(self) -> IntRange:
        """Bounds of the result."""
        return self.steps[-1].range

    @property
    def stages(self) -> int:
        """Pipeline registers from the operands to the result."""
        return self.steps[-1].stage

    def evaluate(self, operands: Sequence[IntArray]) -> IntArray:
        """Returns the values, exact: on integers of any size where 64 bits do not hold a step.

        Args:
            operands: one array each, [batch, ..., row]; they broadcast.
        """
        wide = not all(_FITS.contains(step.range) for step in self.steps)
        given = [np.asarray(x, object if wide else np.int64) for x in operands]
        shape = np.broadcast_shapes(*(x.shape for x in given))
        values: list[Any] = []
        for step in self.steps:
            match step.kind:
                case "operand":
                    values.append(given[step.number])
                case "position":
                    values.append(np.arange(shape[-1], dtype=np.int64).astype(given[0].dtype))
                case "element":
                    every = np.arange(prod(shape[1:]), dtype=np.int64)
                    values.append(every.reshape(shape[1:]).astype(given[0].dtype))
                case "constant":
                    values.append(np.asarray(step.number, given[0].dtype))
                case "table":
                    table = np.array(step.table, given[0].dtype)
                    values.append(table[values[step.args[0]].astype(np.int64)])
                case kind:
                    values.append(RULES[kind].compute(*(values[i] for i in step.args)))
        made = np.broadcast_to(values[-1], shape)
        return np.ascontiguousarray(made.astype(np.int64))


class _Builder(Struct):
    tables: Mapping[str, Sequence[int]]
    names: dict[str, int] = field(default_factory=dict[str, int])
    _known: dict[Step, int] = field(default_factory=dict[Step, int])
    _steps: list[Step] = field(default_factory=list[Step])

    def read(self, body: Sequence[ast.stmt]) -> tuple[Step, ...]:
        """Reads the statements, the last of which is the result."""
        if not body or not isinstance(body[-1], ast.Expr):
            raise FormulaError("the last part must be the result, without a name")
        for statement in body[:-1]:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if name in self.names or name in self.tables:
                        raise FormulaError(f"{name!r} has a meaning already")
                    self.names[name] = self._value(value)
                case _:
                    raise FormulaError("parts must be of the form name = value")
        last = self._value(body[-1].value)
        return tuple(self._steps[: last + 1])

    def add(self, step: Step) -> int:
        """Returns the number of a step, which may be there already."""
        if max(abs(step.range.lo), abs(step.range.hi)).bit_length() > _MOST_BITS:
            raise FormulaError(f"numbers of more than {_MOST_BITS} bits")
        if step not in self._known:
            self._known[step] = len(self._steps)
            self._steps.append(step)
        return self._known[step]

    def place(self, name: str, count: int) -> int:
        """Returns the number of the step that tells the place of an element among `count`."""
        if count == 1:
            return self.add(Step("constant", (), IntRange(0, 0), 0, 0))
        return self.add(Step(name, (), IntRange(0, count - 1), 0))

    def _value(self, node: ast.expr) -> int:
        match node:
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Constant(value=value) if type(value) is int:
                return self.add(Step("constant", (), IntRange(value, value), 0, value))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._apply("neg", [operand])
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self._apply(_OPERATORS[type(operator)], [left, right])
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if (
                type(operator) in _OPERATORS
            ):
                return self._apply(_OPERATORS[type(operator)], [left, right])
            case ast.IfExp(test=test, body=body, orelse=other):
                return self._apply("select", [test, body, other])
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if _CALLS.get(
                name
            ) == len(args):
                return self._apply(name, args)
            case ast.Subscript(value=ast.Name(id=name), slice=index) if name in self.tables:
                return self._look_up(name, self._value(index))
            case _:
                raise FormulaError(f"{ast.unparse(node)[:60]!r} means nothing here")

    def _apply(self, kind: str, nodes: Sequence[ast.expr]) -> int:
        args = tuple(self._value(node) for node in nodes)
        if kind == "mul" and args[0] == args[1]:
            kind, args = "square", args[:1]
        given = [self._step(number) for number in args]
        rule, ranges = RULES[kind], [step.range for step in given]
        made = rule.range(*ranges)
        if made.size == 1:
            return self.add(Step("constant", (), made, 0, made.lo))
        stage = max(step.stage for step in given) + rule.stages(ranges, made)
        return self.add(Step(kind, args, made, stage))

    def _look_up(self, name: str, index: int) -> int:
        values, step = tuple(int(v) for v in self.tables[name]), self._step(index)
        if not IntRange(0, len(values) - 1).contains(step.range):
            raise FormulaError(
                f"table {name!r} of {len(values)} values is read at {step.range.lo} to "
                f"{step.range.hi}"
            )
        part = values[step.range.lo : step.range.hi + 1]
        made = IntRange(min(part), max(part))
        if made.size == 1:
            return self.add(Step("constant", (), made, 0, made.lo))
        return self.add(Step("table", (index,), made, step.stage + _TABLE_STAGES, 0, values))

    def _step(self, number: int) -> Step:
        return self._steps[number]
