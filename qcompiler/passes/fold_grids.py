"""Pattern of fold-scales that puts activations of a layer on one grid of integers.

A layer works on integers if all elements of its activation are multiples of one number. Float scales
are binary fractions, so sums, concatenations and channels of different scales have such a number, too:
the largest that divides all scales. What it costs is the width of the multiples.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import reduce
from math import gcd, isfinite, lcm, prod

import numpy as np
from msgspec import Struct, field
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import MulShift
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes.elementwise_steps import divides_activations, is_parameter, operands_first
from qcompiler.passes.fold_moves import is_read
from qcompiler.passes.fold_rearrangements import axis_of
from qcompiler.passes.rewriting import (
    as_parameter,
    discard,
    numerics_of,
    plain_dequantize,
    replace,
)

MOST_BITS = 32
"""Of an activation on a grid that a layer multiplies; wider ones cost more than a quantizer."""

_MOST_ADDED_BITS = 48
"""Of one that is only added up, divided and quantized."""

_MOST_STEPS = 200
_LARGEST_TABLE = 2**16
_EVERYWHERE = -1
"""Stands for an axis where numbers vary along several."""
_ZERO = np.zeros(1, np.int64)
_LAYERS = (
    nn.MatMulOp, nn.ConvOp, nn.ConvTransposeOp, nn.AveragePoolOp, nn.ReduceMeanOp, nn.ArgMaxOp,
)  # fmt: skip
_CARRIERS = (nn.Move, nn.PadOp, nn.Pool)
_MEETINGS = (nn.Binary, nn.Unary, nn.ConcatOp)


class _NoGridError(Exception):
    """A value has no integer form of bounded width."""


def obstacle(value: SSAValue) -> Operation | None:
    """Returns what keeps an activation from being integers times one number; None if nothing does."""
    while True:
        value = _below_carriers(value)
        source = plain_dequantize(value)
        if source is not None:
            return source if source.channel_axis is not None else None
        owner = value.owner
        if not isinstance(owner, _MEETINGS):
            return None
        cone = operands_first([value], lambda v: not isinstance(v.owner, _MEETINGS))
        carried = [o for op in cone for o in op.operands if isinstance(o.owner, _CARRIERS)]
        deeper = next((o for o in carried if not _is_uniform(_below_carriers(o))), None)
        if deeper is None:
            return owner
        value = deeper


def _below_carriers(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, _CARRIERS):
        value = value.owner.operands[0]
    return value


def _is_uniform(value: SSAValue) -> bool:
    """Whether a value is integers times one number."""
    source = plain_dequantize(value)
    return source is not None and source.channel_axis is None


class CommonGrid(RewritePattern):
    """layer(a * x + b * z) = layer(dequantize(m * x + n * z)) with a = m * u and b = n * u."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, _LAYERS) and not _is_divided(op):
            return
        for operand in op.operands:
            found = obstacle(operand)
            if found is None or is_parameter(operand):
                continue
            added = isinstance(op, nn.AveragePoolOp | nn.ReduceMeanOp | nn.DivOp)
            if _put_on_grid(found, rewriter, _MOST_ADDED_BITS if added else MOST_BITS):
                return


def _is_divided(op: Operation) -> bool:
    """Whether a quantizer follows a quotient of two activations, which integers divide."""
    read = (isinstance(use.operation, qint.QuantizeOp) for one in op.results for use in one.uses)
    return divides_activations(op) and any(read)


class JoinOnGrid(RewritePattern):
    """Activations that meet behind a ReLU or a clip are summed in integers: there is no line in each.

    With the numerics of onnxruntime it is so where no table of float32 holds what one becomes: for
    accumulators, and where channels differ.
    """

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.AddOp | nn.SubOp) or any(is_parameter(o) for o in op.operands):
            return
        cone = _cone(op)
        leaves = [plain_dequantize(o) for one in cone for o in one.operands]
        sources = [source for source in leaves if source is not None]
        if len({source.input for source in sources}) < 2 or not is_read(op):
            return
        if numerics_of(op) == "exact":
            lines = nn.AddOp | nn.SubOp | nn.MulOp | nn.DivOp | nn.NegOp
            needs = not all(isinstance(one, lines | nn.ConstantOp) for one in cone)
        else:
            needs = any(_has_no_table(source) for source in sources) or _has_rows(cone)
        if needs:
            _put_on_grid(op, rewriter, _MOST_ADDED_BITS)


def _cone(op: Operation) -> list[Operation]:
    """Returns the operations on elements and concatenations that `op` depends on, none of very many."""
    found, pending = {op: None}, [op]
    while pending:
        for operand in pending.pop().operands:
            owner = operand.owner
            if isinstance(owner, _MEETINGS) and owner not in found:
                found[owner] = None
                pending.append(owner)
        if len(found) > _MOST_STEPS:
            return []
    return list(found)


def _has_no_table(source: qint.DequantizeOp) -> bool:
    map_ = source.input.owner
    varies = isinstance(map_, qint.AffineOp) and map_.channel_axis is not None
    wide = qint.range_of(source.input.type).size > _LARGEST_TABLE
    return wide or varies or source.channel_axis is not None


def _has_rows(cone: Sequence[Operation]) -> bool:
    constants = [o.owner for one in cone for o in one.operands]
    return any(o.array.size > 1 for o in constants if isinstance(o, nn.ConstantOp))


def _put_on_grid(op: Operation, rewriter: PatternRewriter, most_bits: int) -> bool:
    """Replaces an operation by integers and their dequantize, if they have at most `most_bits`."""
    grid = _Grid(most_bits)
    try:
        grid.add(op.results[0])
        new = grid.dequantized(op.results[0], numerics_of(op))
    except _NoGridError:
        discard(grid.new)
        return False
    replace(rewriter, op, new)
    return True


class _Multiple(Struct, frozen=True):
    """A real tensor as `unit` times integers."""

    integers: SSAValue
    unit: Fraction

    @property
    def range(self) -> IntRange:
        return qint.range_of(self.integers.type)


class _Grid(Struct):
    """Follows real operations from dequantize on, in integers."""

    most_bits: int
    new: list[Operation] = field(default_factory=list[Operation])
    found: dict[SSAValue, _Multiple] = field(default_factory=dict[SSAValue, _Multiple])

    def add(self, value: SSAValue) -> None:
        """Adds what computes `value` in integers.

        Raises:
            _NoGridError: it has no integer form.
        """
        pending = [value]
        while pending:
            value = pending[-1]
            missing = [operand for operand in _data(value.owner) if operand not in self.found]
            if missing and value not in self.found:
                pending += missing
            else:
                pending.pop()
                self._find(value)
            if len(pending) > _MOST_STEPS:
                raise _NoGridError

    def _find(self, value: SSAValue) -> None:
        if value not in self.found:
            assert isinstance(value.owner, Operation)
            self.found[value] = self._multiple(value.owner)

    def dequantized(self, value: SSAValue, numerics: str) -> list[Operation]:
        """Returns all operations; the last one makes reals of the integers that `value` is."""
        made = self.found[value]
        unit = float(made.unit)
        if numerics == "onnxruntime":  # as its kernels have products of scales
            unit = float(np.float32(unit))
        elif Fraction(unit) != made.unit:
            raise _NoGridError
        scale = as_parameter(np.array([unit]))
        return [*self.new, qint.DequantizeOp(made.integers, scale, _ZERO)]

    def _multiple(self, op: Operation) -> _Multiple:
        if isinstance(op, qint.DequantizeOp):
            return self._source(op)
        if isinstance(op, nn.ConcatOp):
            parts = self._on_one_unit(op, [self.found[value] for value in op.inputs])
            joined = self._emit(op, qint.ConcatOp([p.integers for p in parts], op.axis.value.data))
            return _Multiple(joined, parts[0].unit)
        rule = _RULES.get(type(op))
        if rule is None:
            raise _NoGridError
        return rule(self, op)

    def _source(self, op: qint.DequantizeOp) -> _Multiple:
        if op.zero_point_array.any():
            raise _NoGridError
        scales = [Fraction(float(s)) for s in op.scale_array]
        return self.scaled(op, _Multiple(op.input, Fraction(1)), scales, op.channel_axis)

    def _emit(self, source: Operation, op: Operation) -> SSAValue:
        op.location = source.location
        self.new.append(op)
        self._check(qint.range_of(op.results[0].type))
        return op.results[0]

    def _check(self, range_: IntRange) -> None:
        if range_.width_bits > self.most_bits:
            raise _NoGridError

    def _affine(
        self, source: Operation, x: SSAValue, multiplier: Array, offset: Array, axis: int | None
    ) -> SSAValue:
        self._check(qint.affine_range(qint.range_of(x.type), multiplier, offset))
        return self._emit(source, qint.AffineOp(x, multiplier, offset, axis=axis))

    def scaled(
        self,
        op: Operation,
        x: _Multiple,
        factors: Sequence[Fraction],
        axis: int | None,
        summands: Sequence[Fraction] = (Fraction(0),),
    ) -> _Multiple:
        """Returns factor * x + summand, one for all, for each position along `axis`, or everywhere."""
        unit = _unit([*(f * x.unit for f in factors), *summands])
        multiplier = np.array([int(f * x.unit / unit) for f in factors], np.int64)
        offset = np.array([int(s / unit) for s in summands], np.int64)
        if bool((multiplier == 1).all()) and not offset.any():
            return _Multiple(x.integers, unit)
        if axis != _EVERYWHERE:
            return _Multiple(self._affine(op, x.integers, multiplier, offset, axis), unit)
        shape = shape_of(x.integers.type)
        row = self._emit(op, qint.ReshapeOp(x.integers, [1, prod(shape)]))
        affine = self._affine(op, row, multiplier, offset, 1)
        return _Multiple(self._emit(op, qint.ReshapeOp(affine, shape)), unit)

    def _on_one_unit(self, op: Operation, parts: Sequence[_Multiple]) -> list[_Multiple]:
        unit = _unit([part.unit for part in parts])
        aligned: list[_Multiple] = []
        for part in parts:
            factor = np.array([int(part.unit / unit)], np.int64)
            integers = part.integers
            if factor[0] != 1:
                integers = self._affine(op, integers, factor, _ZERO, None)
            aligned.append(_Multiple(integers, unit))
        return aligned

    def sum(self, op: Operation, sign: int) -> _Multiple:
        """Returns a sum or difference of two activations, or of one and a parameter."""
        assert isinstance(op, nn.Binary)
        if is_parameter(op.rhs) or is_parameter(op.lhs):
            first = is_parameter(op.lhs)
            parameter, x = (op.lhs, op.rhs) if first else (op.rhs, op.lhs)
            numbers, axis = _numbers(parameter, x, op)
            factor = Fraction(sign if first else 1)
            summands = numbers if first else [sign * n for n in numbers]
            return self.scaled(op, self.found[x], [factor], axis, summands)
        lhs, rhs = self._on_one_unit(op, [self.found[op.lhs], self.found[op.rhs]])
        if sign < 0:
            rhs = self.scaled(op, rhs, [Fraction(-1)], None)
        return _Multiple(self._emit(op, qint.AddOp(lhs.integers, rhs.integers)), lhs.unit)

    def product(self, op: Operation, invert: bool) -> _Multiple:
        """Returns an activation times another one, or times a parameter, or divided by it."""
        assert isinstance(op, nn.Binary)
        first = is_parameter(op.lhs)
        if not first and not is_parameter(op.rhs) and not invert:
            lhs, rhs = self.found[op.lhs], self.found[op.rhs]
            made = self._emit(op, qint.MulOp(lhs.integers, rhs.integers))
            return _Multiple(made, lhs.unit * rhs.unit)
        if (not first and not is_parameter(op.rhs)) or (first and invert):
            raise _NoGridError
        parameter, x = (op.lhs, op.rhs) if first else (op.rhs, op.lhs)
        numbers, axis = _numbers(parameter, x, op)
        if invert and not all(numbers):
            raise _NoGridError
        factors = [1 / n for n in numbers] if invert else numbers
        return self.scaled(op, self.found[x], factors, axis)

    def cut(self, op: Operation, lo: float, hi: float) -> _Multiple:
        """Returns an activation with what lies outside of [lo, hi] cut off."""
        x = self.found[op.operands[0]]
        bounds = [Fraction(b) for b in (lo, hi) if isfinite(b)]
        unit = _unit([x.unit, *bounds])
        factor = int(x.unit / unit)
        least = int(Fraction(lo) / unit) if isfinite(lo) else x.range.lo * factor
        most = int(Fraction(hi) / unit) if isfinite(hi) else x.range.hi * factor
        most = max(least, most)
        self._check(IntRange(min(least, x.range.lo * factor), max(most, x.range.hi * factor)))
        form = MulShift(np.array([factor]), _ZERO, 0, least, most)
        lowest, highest = (min(max(end * factor, least), most) for end in (x.range.lo, x.range.hi))
        cut = qint.requantizer_op(form, x.integers, IntRange(lowest, highest), None)
        return _Multiple(self._emit(op, cut), unit)


def _data(owner: object) -> list[SSAValue]:
    """Returns the activations that an operation takes, none for a dequantize."""
    if not isinstance(owner, nn.Binary | nn.Unary | nn.ConcatOp | qint.DequantizeOp):
        raise _NoGridError
    if isinstance(owner, qint.DequantizeOp):
        return []
    return [operand for operand in owner.operands if not is_parameter(operand)]


def _numbers(parameter: SSAValue, x: SSAValue, op: Operation) -> tuple[list[Fraction], int | None]:
    """Returns a parameter's numbers, and the axis of the result along which they vary."""
    shape = shape_of(op.results[0].type)
    if not isinstance(parameter.owner, nn.ConstantOp) or shape_of(x.type) != shape:
        raise _NoGridError  # a root or a quotient that no float holds, or x is repeated
    array: Array = nn.narrowed(nn.padded_to(parameter.owner.array, len(shape)))
    try:
        axis = axis_of(array)
    except ValueError:
        array, axis = np.broadcast_to(array, shape), _EVERYWHERE
    return [Fraction(float(n)) for n in array.reshape(-1)], axis


def _unit(numbers: Iterable[Fraction]) -> Fraction:
    """Returns the largest fraction of which all numbers are integer multiples."""
    present = [abs(n) for n in numbers if n]
    denominator = lcm(*(n.denominator for n in present))
    unit = Fraction(reduce(gcd, (int(n * denominator) for n in present), 0), denominator)
    if not unit or max(present) / unit >= 2**_MOST_ADDED_BITS:
        raise _NoGridError
    return unit


_RULES: dict[type[Operation], Callable[[_Grid, Operation], _Multiple]] = {
    nn.AddOp: lambda grid, op: grid.sum(op, 1),
    nn.SubOp: lambda grid, op: grid.sum(op, -1),
    nn.MulOp: lambda grid, op: grid.product(op, False),
    nn.DivOp: lambda grid, op: grid.product(op, True),
    nn.NegOp: lambda grid, op: grid.scaled(op, grid.found[op.operands[0]], [Fraction(-1)], None),
    nn.ReluOp: lambda grid, op: grid.cut(op, 0.0, float("inf")),
    nn.ClipOp: lambda grid, op: grid.cut(op, *_clip(op)),
}


def _clip(op: Operation) -> tuple[float, float]:
    assert isinstance(op, nn.ClipOp)
    lo, hi = op.parameters
    return lo, hi
