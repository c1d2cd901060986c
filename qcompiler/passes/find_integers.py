"""Makes integers of reals that are integers: rounded activations, and weights that are whole numbers.

Before:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[1.0, -1.0], [2.0, 0.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %s = nn.constant dense<16.0> : tensor<1xf32> -> tensor<1xf32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32>
  %d = nn.div %x, %s : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %f = nn.floor %d : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %c = nn.clip %f {lo = 0.0 : f32, hi = 3.0 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = nn.matmul %c, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
After:
```mlir
func.func @main(%a : tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32> {
  %s = nn.constant dense<16.0> : tensor<1xf32> -> tensor<1xf32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 99>>) -> tensor<1x2xf32>
  %d = nn.div %x, %s : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %q = qint.quantize %d {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  %c = qint.dequantize %q {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %v = qint.constant dense<[[1, -1], [2, 0]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 2>>
  %w = qint.dequantize %v {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<2x2x!qint.int<-1, 2>>) -> tensor<2x2xf32>
  %y = nn.matmul %c, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
```
Requires: fold-constants (weights stand as one constant).
Keeps: every value. The bounds of a new quantizer are proven: by the clip that follows the rounding,
or by the ranges of the integers that it comes from. Integers added to the rounded number are its
zero point, also behind the clip; a factor behind it is the scale. So a quantizer that is written out,
`(clip(round(x / s) + z, lo, hi) - z) * s`, is a quantizer.
Leaves alone: roundings without proven bounds; roundings of which nothing but a quantizer sees the
result; weights that have no common grid, as integers of at most 16 bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern
from xdsl.rewriter import InsertPoint

from qcompiler.analysis.real_ranges import RealRanges
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.passes import rewriting
from qcompiler.passes.rewriting import (
    apply_patterns,
    as_parameter,
    channel_axis_of,
    constant_array,
    numerics_of,
    scalar_constant,
)

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_LARGEST = 2**31  # of a weight, and of what a rounding may make
_LARGEST_GRID = 2**15
_MANTISSA = 52  # bits, so that multiples fit float64 and int64


class _Cut(Struct, frozen=True):
    """What follows a rounding so far: `value = clamp(rounded + offset, lo, hi)`.

    Attributes:
        value: its result.
        offset: int64, [1] or one per channel.
        axis: of the channels.
        lo: smallest value, the same for all channels; infinite without a clip.
        hi: largest.
    """

    value: SSAValue
    offset: Array
    axis: int | None
    lo: float
    hi: float

    def after(self, op: Operation) -> "_Cut | None":
        """Returns the same with `op`, which uses the value; None if it is nothing of the kind."""
        if isinstance(op, nn.ClipOp):
            return self._clamped(*op.parameters)
        if isinstance(op, nn.ReluOp):
            return self._clamped(0.0, np.inf)
        if isinstance(op, nn.MinOp | nn.MaxOp):
            bound = scalar_constant(_other(op, self.value))
            if bound is None:
                return None
            return self._clamped(
                *((-np.inf, bound) if isinstance(op, nn.MinOp) else (bound, np.inf))
            )
        if isinstance(op, nn.AddOp) or (isinstance(op, nn.SubOp) and op.lhs is self.value):
            return self._moved(op)
        return None

    def _clamped(self, lo: float, hi: float) -> "_Cut | None":
        whole = all(float(bound).is_integer() for bound in (lo, hi) if np.isfinite(bound))
        low, high = (min(max(bound, lo), hi) for bound in (self.lo, self.hi))
        return replace(self, lo=low, hi=high) if whole else None

    def _moved(self, op: nn.AddOp | nn.SubOp) -> "_Cut | None":
        found = _whole_row(_other(op, self.value), self.value)
        if found is None:
            return None
        summand, axis = found
        clamped = np.isfinite([self.lo, self.hi]).any()
        if axis is not None and (clamped or self.axis not in (None, axis)):
            return None
        sign = 1 if isinstance(op, nn.AddOp) else -1
        shift = sign * int(summand[0]) if axis is None else 0
        both = axis if self.axis is None else self.axis
        return replace(
            self,
            offset=self.offset + sign * summand,
            axis=both,
            lo=self.lo + shift,
            hi=self.hi + shift,
        )


def _other(op: nn.Binary, value: SSAValue) -> SSAValue:
    return op.rhs if op.lhs is value else op.lhs


def _whole_row(constant: SSAValue, like: SSAValue) -> tuple[Array, int | None] | None:
    """Returns whole numbers that a value meets, one dimension, and the axis they lie along."""
    array = constant_array(constant)
    if array is None or not _whole(array):
        return None
    row = _row(array, like)
    return None if row is None else (row[0].astype(np.int64), row[1])


def _row(array: Array, like: SSAValue) -> tuple[Array, int | None] | None:
    """Returns one number, or one per channel of `like`, and the axis of the channels."""
    try:
        return array.reshape(-1), channel_axis_of(array.shape, shape_of(like.type))
    except ValueError:  # it varies along several axes, or makes the tensor larger
        return None


def _cuts(value: SSAValue) -> Iterator[_Cut]:
    """Yields what clips and whole summands, one after the other, make of a rounded value."""
    cut: _Cut | None = _Cut(value, _ZERO, None, -np.inf, np.inf)
    while cut is not None:
        yield cut
        use = cut.value.get_user_of_unique_use()
        cut = None if use is None else cut.after(use)
        if cut is not None and use is not None:
            cut = replace(cut, value=use.results[0])


def _ends_in_quantizer(value: SSAValue) -> bool:
    """Whether all that sees `value` is one quantizer, through operations with parameters."""
    while (user := value.get_user_of_unique_use()) is not None:
        if isinstance(user, qint.QuantizeOp):
            return True
        others = [o for o in user.operands if o is not value]
        if not isinstance(user, nn.Binary | nn.Unary) or any(
            constant_array(other) is None for other in others
        ):
            return False
        value = user.results[0]
    return False


class _Rounding(RewritePattern):
    """A rounding and the clips behind it become one quantizer of scale 1."""

    def __init__(self, numerics: str) -> None:
        self.ranges = RealRanges(numerics)

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.Rounding):
            return
        cuts = list(_cuts(op.result))
        if _ends_in_quantizer(cuts[-1].value):
            return
        # What is added behind the last clip is left to the dequantize.
        bounds = [(cut.hi - cut.lo) for cut in cuts]
        last = cuts[bounds.index(min(bounds))]
        range_ = self._range(last)
        if range_ is None or max(-range_.lo, range_.hi) > _LARGEST:
            return
        end = last.value.owner
        assert isinstance(end, Operation)
        quantize = qint.QuantizeOp(
            op.input, _ONE, last.offset, range_, axis=last.axis, rounding=op.MODE,
            zero_point_after_rounding=bool(last.offset.any()),
        )  # fmt: skip
        dequantize = qint.DequantizeOp(quantize.result, _ONE, _ZERO)
        quantize.location = dequantize.location = op.location
        dequantize.result.name_hint = last.value.name_hint
        rewriter.replace(end, [quantize, dequantize])

    def _range(self, cut: _Cut) -> qint.IntRange | None:
        proven = self.ranges.of(cut.value).integers
        if proven is not None or not np.isfinite([cut.lo, cut.hi]).all():
            return proven
        return qint.IntRange(int(cut.lo), int(cut.hi))


class _IntoDequantize(RewritePattern):
    """A summand and a factor behind integers of scale 1 are their zero point and scale."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.AddOp | nn.SubOp | nn.MulOp | nn.DivOp):
            return
        for value in op.operands:
            source = value.owner
            if not isinstance(source, qint.DequantizeOp) or (source.scale_array != 1).any():
                continue
            if isinstance(op, nn.SubOp | nn.DivOp) and value is not op.lhs:
                continue
            if not isinstance(source.input.owner, qint.QuantizeOp):
                continue
            new = self._absorbed(op, source, _other(op, value))
            if new is not None:
                rewriting.replace(rewriter, op, [new])
                return

    @staticmethod
    def _absorbed(
        op: nn.Binary, source: qint.DequantizeOp, other: SSAValue
    ) -> qint.DequantizeOp | None:
        array = constant_array(other)
        found = None if array is None else _row(array, source.result)
        if found is None or shape_of(op.result.type) != shape_of(source.result.type):
            return None
        row, axis = found
        if axis is not None and source.channel_axis not in (None, axis):
            return None
        both = source.channel_axis if axis is None else axis
        if isinstance(op, nn.AddOp | nn.SubOp):
            if not _whole(row):
                return None
            sign = -1 if isinstance(op, nn.AddOp) else 1
            zero_point = source.zero_point_array + sign * row.astype(np.int64)
            return qint.DequantizeOp(source.input, _ONE, zero_point, axis=both)
        scale = row if isinstance(op, nn.MulOp) else _inverse(row)
        if scale is None or not (scale > 0).all():
            return None
        return qint.DequantizeOp(source.input, scale, source.zero_point_array, axis=both)


def _inverse(row: Array) -> Array | None:
    """Returns 1 / row if that is exact, as it is of powers of two."""
    mantissas, _ = np.frexp(row)
    return 1 / row if (mantissas == 0.5).all() else None


def _whole(array: Array) -> bool:
    """Whether a constant holds integers only, of at most 32 bits."""
    return bool(((array == np.rint(array)) & (abs(array) < _LARGEST)).all())


def _grid(array: Array) -> float | None:
    """Returns the largest number of which all elements are multiples; None if it is too fine.

    Every float is a multiple of a power of two, so this is exact.
    """
    reals = np.abs(array.astype(np.float64))
    largest = reals.max(initial=0)
    if largest == 0 or _whole(array):
        return 1.0
    unit = 2.0 ** (np.frexp(largest)[1] - _MANTISSA)
    multiples = reals / unit
    if not np.isfinite(multiples).all() or (multiples != np.rint(multiples)).any():
        return None
    step = unit * gcd(*np.unique(multiples.astype(np.int64)).tolist())
    return step if largest / step < _LARGEST_GRID else None


def _grids(array: Array, axis: int) -> tuple[Array, int | None] | None:
    """Returns one grid of weights, or else one per output channel, along `axis`."""
    whole = _grid(array)
    if whole is not None:
        return np.array([whole]), None
    rows = [_grid(row) for row in np.moveaxis(array, axis, 0)]
    found = [row for row in rows if row is not None]
    return (np.array(found), axis) if len(found) == len(rows) else None


def _output_axis(op: nn.MatMulOp | nn.ConvOp | nn.ConvTransposeOp) -> int:
    """Returns the axis of the weights that tells output channels apart."""
    if isinstance(op, nn.MatMulOp):
        return len(shape_of(op.rhs.type)) - 1
    return 0 if isinstance(op, nn.ConvOp) else 1


class _Weights(RewritePattern):
    """Weights that are whole numbers, or multiples of one number, are integers with a scale."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, nn.MatMulOp | nn.ConvOp | nn.ConvTransposeOp):
            return
        for index, operand in enumerate(op.operands):
            constant = operand.owner
            if not isinstance(constant, nn.ConstantOp):
                continue
            array = constant.array
            found = _grids(array, _output_axis(op))
            if found is None or (index == 0 and found[1] is not None):
                continue
            scale, axis = found
            shaped = scale.reshape([-1 if i == axis else 1 for i in range(array.ndim)])
            codes = qint.ConstantOp(np.rint(array / shaped).astype(np.int64))
            numbers = as_parameter(scale)
            dequantize = qint.DequantizeOp(codes.result, numbers, _ZERO, axis=axis)
            for created in (codes, dequantize):
                created.location = constant.location
                created.results[0].name_hint = operand.name_hint
            rewriter.insert([codes, dequantize], InsertPoint.before(op))
            op.operands[index] = dequantize.result
            rewriter.notify_op_modified(op)


@dataclass(frozen=True)
class FindIntegersPass(ModulePass):
    """Makes integers of reals that are integers."""

    name = "find-integers"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        apply_patterns(op, [_Rounding(numerics_of(op)), _IntoDequantize(), _Weights()])
