"""Runs qint operations in numpy; leaving a proven range is an error, never a wrap.

Arrays are int64, or of Python's integers where ranges need more than 63 bits.
"""

from collections.abc import Callable
from functools import partial
from types import UnionType
from typing import Any

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Operation
from xdsl.utils.exceptions import InterpretationError

from qcompiler.arith import gemmlowp
from qcompiler.arith.arrays import IntArray
from qcompiler.arith.exact_products import exact_matmul
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import FloatScale, MulShift, Requantizer, Shift
from qcompiler.arith.scalar_evaluation import evaluate, evaluate_at
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.dialects.qint.select import positions
from qcompiler.interpreters import exact_windows, numpy_ops
from qcompiler.interpreters.channel_kinds import channel_kinds
from qcompiler.interpreters.joint_functions import joint_function
from qcompiler.interpreters.scalar_functions import function_of, rescaling, scalar_function
from qcompiler.provenance.sources import source_of


def _rescaled(chain: list[Operation], integers: IntArray) -> IntArray:
    first, last = chain[0], chain[-1]
    assert isinstance(first, qint.DequantizeOp), "chains begin with it"
    assert isinstance(last, qint.QuantizeOp), "chains end with it"
    axis = first.channel_axis if first.channel_axis is not None else last.channel_axis
    rows = integers[None] if axis is None else np.moveaxis(integers, axis + 1, 0)
    # In a scalar region, zero points are subtracted before; the function knows of none.
    codes = rows.reshape(len(rows), -1) - first.zero_point_array.reshape(-1, 1)
    function = function_of(chain, first.input, len(rows), "onnxruntime")
    codes = evaluate(function, codes).reshape(rows.shape)
    return codes[0] if axis is None else np.moveaxis(codes, 0, axis + 1)


def largest_sum(op: qint.MatMulOp) -> int:
    """Returns a bound on the magnitude of every partial sum of a product."""
    lhs, rhs = qint.range_of(op.lhs.type), qint.range_of(op.rhs.type)
    magnitude = max(abs(lhs.lo), abs(lhs.hi)) * max(abs(rhs.lo), abs(rhs.hi))
    return magnitude * shape_of(op.lhs.type)[-1]


def _largest(range_: IntRange) -> int:
    return max(abs(range_.lo), abs(range_.hi))


def _images(x: Array) -> Array:
    """Returns a batched input as images; the model's own batch dimension joins the batch."""
    return x.reshape(-1, *x.shape[2:])


def _holding_results(op: Operation, args: PythonValues) -> tuple[IntArray, ...]:
    """Returns operands in a type that holds what becomes of them."""
    kind = qint.range_of(op.results[0].type).dtype
    return tuple(x.astype(kind, copy=False) for x in args)


_ELEMENTS_AT_A_TIME = 2**16
"""Of accumulators: about as many as a cache holds beside what is made of them."""


def _is_read_by(op: Operation, kinds: type[Operation] | UnionType) -> bool:
    """Whether nothing but such operations reads a result: they take whole numbers of any type.

    Large arrays are read and written faster in narrow types.
    """
    (result,) = op.results
    return all(isinstance(use.operation, kinds) for use in result.uses)


def _narrowest(range_: IntRange) -> np.dtype[np.signedinteger]:
    """Returns the narrowest type that holds a range."""
    return np.promote_types(np.min_scalar_type(range_.lo), np.min_scalar_type(-range_.hi - 1))


def _application(form: Requantizer, x: IntRange) -> Callable[[IntArray, int], Array]:
    """Returns what computes codes of accumulators in a range, of whole numbers of any type.

    Floats do it faster, where they hold all.
    """
    if isinstance(form, FloatScale):
        return form.whole
    if isinstance(form, Shift | MulShift) and form.holds_whole(x):
        return form.whole
    return lambda x, axis: form.apply(x.astype(np.int64) if x.dtype.kind == "f" else x, axis)


def check_range(op: Operation, value: Array) -> Array:
    """Returns `value`, which must lie in the range of the operation's result.

    Raises:
        InterpretationError: it does not; the message names the operation and the value.
    """
    range_ = qint.range_of(op.results[0].type)
    if value.size and not (range_.lo <= value.min() and value.max() <= range_.hi):
        outside = int(value.min() if value.min() < range_.lo else value.max())
        raise InterpretationError(
            f"{source_of(op)}: value {outside} leaves its proven range [{range_.lo}, {range_.hi}]"
        )
    return value


@register_impls
class QintFunctions(InterpreterFunctions):
    """Semantics of qint; reals are numpy values of type `real` (float64 for `exact`).

    Integers are int64 if `plain`. Else some that only operations of qint see have types that are
    faster to read and write, and hold them exactly.
    """

    def __init__(self, real: Any, *, plain: bool = True):
        self.real = real
        self._plain = plain

    @impl(qint.ConstantOp)
    def constant(self, i: Interpreter, op: qint.ConstantOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.constant(op.array, self.real),)

    @impl(qint.QuantizeOp)
    def quantize(self, i: Interpreter, op: qint.QuantizeOp, args: PythonValues) -> PythonValues:
        if qint.numerics_of(op) == "onnxruntime" and (chain := rescaling(op)) is not None:
            (integers,) = i.get_values([chain[0].operands[0]])
            return (_rescaled(chain, integers),)
        codes = numpy_ops.quantize(
            args[0], op.scale_array, op.zero_point_array, op.channel_axis, op.rounding.data,
            op.range.lo, op.range.hi, op.adds_after_rounding,
        )  # fmt: skip
        return (codes,)

    @impl(qint.DequantizeOp)
    def dequantize(self, i: Interpreter, op: qint.DequantizeOp, args: PythonValues) -> PythonValues:
        # Where a node is exact in a module that is not, all that hangs on it is float64, too.
        exact = qint.numerics_of(op) == "exact"
        real = np.promote_types(self.real, np.float64).type if exact else self.real
        reals = numpy_ops.dequantize(
            args[0], op.scale_array, op.zero_point_array, op.channel_axis, real
        )
        return (reals,)

    @impl(qint.AffineOp)
    def affine(self, i: Interpreter, op: qint.AffineOp, args: PythonValues) -> PythonValues:
        (x,) = _holding_results(op, args)
        value = numpy_ops.affine(x, op.multiplier_array, op.offset_array, op.channel_axis)
        return (check_range(op, value),)

    @impl(qint.MatMulOp)
    def matmul(self, i: Interpreter, op: qint.MatMulOp, args: PythonValues) -> PythonValues:
        lhs, rhs = args
        if rhs.shape[0] == 1 and rhs.ndim == 3:  # one weight matrix: a single large product
            rows = lhs.reshape(-1, lhs.shape[-1])
            product = exact_matmul(rows, rhs[0], largest_sum(op))
            product = product.reshape(*lhs.shape[:-1], rhs.shape[-1])
        else:
            product = exact_matmul(*numpy_ops.as_stacks(lhs, rhs), largest_sum(op))
        return (check_range(op, product),)

    @impl(qint.ConvOp)
    def conv(self, i: Interpreter, op: qint.ConvOp, args: PythonValues) -> PythonValues:
        x, weights = args
        pad, magnitude = op.pad_value.value.data, _largest(op.padded_range)
        result = exact_windows.convolve(
            _images(x),
            weights,
            op.window,
            op.groups,
            pad,
            magnitude,
            check=partial(check_range, op),
            plain=self._plain or not _is_read_by(op, qint.RequantizerOp),
        )
        return (result.reshape(x.shape[0], *shape_of(op.result.type)),)

    @impl(qint.PoolOp)
    def pool(self, i: Interpreter, op: qint.PoolOp, args: PythonValues) -> PythonValues:
        pad = op.pad_value.value.data
        met = op.padded_range.union(qint.pool_range(op.kind.data, op.padded_range, op.window.taps))
        x = _images(args[0]).astype(_narrowest(met), copy=False)
        reduced = exact_windows.pool(x, op.window, op.kind.data, pad)
        reduced = reduced.astype(qint.range_of(op.result.type).dtype, copy=False)
        return (check_range(op, reduced.reshape(args[0].shape[0], *shape_of(op.result.type))),)

    @impl(qint.SampleOp)
    def sample(self, i: Interpreter, op: qint.SampleOp, args: PythonValues) -> PythonValues:
        sampling = op.sampling
        samples = sampling.sample(*(_images(x) for x in _holding_results(op, args)))
        tiled = sampling.side_by_side(samples)
        return (check_range(op, tiled.reshape(len(args[0]), *shape_of(op.result.type))),)

    @impl(qint.ReshapeOp)
    def reshape(self, i: Interpreter, op: qint.ReshapeOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.reshape(args[0], shape_of(op.result.type)),)

    @impl(qint.SoftmaxOp)
    def softmax(self, i: Interpreter, op: qint.SoftmaxOp, args: PythonValues) -> PythonValues:
        return (gemmlowp.softmax_codes(*args, **op.parameters),)

    @impl(qint.TransposeOp)
    def transpose(self, i: Interpreter, op: qint.TransposeOp, args: PythonValues) -> PythonValues:
        return (numpy_ops.transpose(args[0], op.permutation.get_values()),)

    @impl(qint.RequantizeOp)
    def requantize(self, i: Interpreter, op: qint.RequantizeOp, args: PythonValues) -> PythonValues:
        kinds = channel_kinds(op.scalar_body, op.channels)
        function = scalar_function(kinds.body, kinds.count, qint.numerics_of(op))
        rows = np.moveaxis(args[0], op.channel_axis + 1, 0)
        flat = rows.reshape(kinds.of_each.size, -1)
        codes = evaluate_at(function, flat, kinds.of_each[:, None]).reshape(rows.shape)
        return (check_range(op, np.moveaxis(codes, 0, op.channel_axis + 1)),)

    @impl(qint.SliceOp)
    def slice(self, i: Interpreter, op: qint.SliceOp, args: PythonValues) -> PythonValues:
        return (op.apply(args[0]),)

    @impl(qint.ResizeNearestOp)
    def resize_nearest(
        self, i: Interpreter, op: qint.ResizeNearestOp, args: PythonValues
    ) -> PythonValues:
        return (op.apply(args[0]),)

    @impl(qint.DepthToSpaceOp)
    def depth_to_space(
        self, i: Interpreter, op: qint.DepthToSpaceOp, args: PythonValues
    ) -> PythonValues:
        return (op.apply(args[0]),)

    @impl(qint.PadOp)
    def pad(self, i: Interpreter, op: qint.PadOp, args: PythonValues) -> PythonValues:
        value = op.value.value.data
        return (np.pad(args[0], [(0, 0), *op.widths], constant_values=value),)

    @impl(qint.RowReduceOp)
    def row_reduce(self, i: Interpreter, op: qint.RowReduceOp, args: PythonValues) -> PythonValues:
        return (check_range(op, qint.reduced(op.kind.data, args[0])),)

    @impl(qint.FormulaOp)
    def formula(self, i: Interpreter, op: qint.FormulaOp, args: PythonValues) -> PythonValues:
        return (check_range(op, op.formula.evaluate(args)),)

    @impl(qint.LookupOp)
    def lookup(self, i: Interpreter, op: qint.LookupOp, args: PythonValues) -> PythonValues:
        return (op.table.apply(args[0].astype(np.int64) @ op.weights),)

    @impl(qint.ArgMaxOp)
    def arg_max(self, i: Interpreter, op: qint.ArgMaxOp, args: PythonValues) -> PythonValues:
        return (positions(args[0], last=op.takes_last),)

    @impl(qint.JoinOp)
    def join(self, i: Interpreter, op: qint.JoinOp, args: PythonValues) -> PythonValues:
        kinds = channel_kinds(op.scalar_body, op.channels)
        alike = kinds.kind is None
        body, count = (kinds.body, kinds.count) if alike else (op.scalar_body, op.channels)
        function = joint_function(body, count, qint.numerics_of(op))
        rank = len(shape_of(op.result.type))
        aligned = np.broadcast_arrays(*(numpy_ops.align(x, rank) for x in args))
        rows = [np.moveaxis(x, op.channel_axis + 1, 0) for x in aligned]
        codes = function.evaluate([x.reshape(count, -1) for x in rows]).reshape(rows[0].shape)
        return (check_range(op, np.moveaxis(codes, 0, op.channel_axis + 1)),)

    def _binary(self, op: qint.AddOp | qint.MulOp, args: PythonValues) -> PythonValues:
        rank = len(shape_of(op.result.type))
        a, b = (numpy_ops.align(x, rank) for x in _holding_results(op, args))
        return (check_range(op, op.compute(a, b)),)

    @impl(qint.AddOp)
    def add(self, i: Interpreter, op: qint.AddOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(qint.MulOp)
    def mul(self, i: Interpreter, op: qint.MulOp, args: PythonValues) -> PythonValues:
        return self._binary(op, args)

    @impl(qint.ConcatOp)
    def concat(self, i: Interpreter, op: qint.ConcatOp, args: PythonValues) -> PythonValues:
        return (np.concatenate(args, axis=op.axis.value.data + 1),)

    def _requantizer(self, op: qint.RequantizerOp, x: IntArray) -> PythonValues:
        axis = -1 if op.channel_axis is None else op.channel_axis + 1
        # They clamp where the type of the result says.
        clamps = isinstance(op, qint.ShiftOp | qint.MulShiftOp | qint.FloatScaleOp)
        form, kind = op.requantizer, np.dtype(np.int64)
        if not self._plain and _is_read_by(op, qint.ConvOp | qint.MatMulOp | qint.PoolOp):
            kind = _narrowest(qint.range_of(op.results[0].type))
        apply = _application(form, qint.range_of(op.operands[0].type))
        codes = np.empty(x.shape, kind)
        each = max(1, _ELEMENTS_AT_A_TIME * len(x) // max(1, x.size))
        for start in range(0, len(x), each):
            made = apply(x[start : start + each], axis)
            np.copyto(
                codes[start : start + each], made if clamps else check_range(op, made), "unsafe"
            )
        return (codes,)

    @impl(qint.ShiftOp)
    def shift(self, i: Interpreter, op: qint.ShiftOp, args: PythonValues) -> PythonValues:
        return self._requantizer(op, args[0])

    @impl(qint.MulShiftOp)
    def mul_shift(self, i: Interpreter, op: qint.MulShiftOp, args: PythonValues) -> PythonValues:
        return self._requantizer(op, args[0])

    @impl(qint.FloatScaleOp)
    def float_scale(
        self, i: Interpreter, op: qint.FloatScaleOp, args: PythonValues
    ) -> PythonValues:
        return self._requantizer(op, args[0])

    @impl(qint.ThresholdOp)
    def threshold(self, i: Interpreter, op: qint.ThresholdOp, args: PythonValues) -> PythonValues:
        return self._requantizer(op, args[0])

    @impl(qint.TableOp)
    def table(self, i: Interpreter, op: qint.TableOp, args: PythonValues) -> PythonValues:
        return self._requantizer(op, args[0])
