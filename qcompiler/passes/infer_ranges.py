"""Computes the range of every integer from its producer, with the actual weights.

Before:
```mlir
func.func @main(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-100, 100>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-7, 7>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-7, 7>>) -> tensor<1x1x!qint.int<-100, 100>>
  func.return %y : tensor<1x1x!qint.int<-100, 100>>
}
```
After:
```mlir
func.func @main(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 3>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  func.return %y : tensor<1x1x!qint.int<-3, 3>>
}
```
Requires: nothing; most useful after fuse-requantize.
Keeps: every value that reaches an output. Forward, the codes of a quantizer narrow to those that its
input's range reaches; backward, to those that a following quantizer tells apart.
Leaves alone: the ranges of inputs that are integers, which are what the outside world may send. The
quantizer of a real input narrows to what a clip in front of it lets through.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import VerifyException

from qcompiler.analysis.real_ranges import RealRanges
from qcompiler.arith.arrays import integers
from qcompiler.arith.ranges import WIDEST_BITS, IntRange
from qcompiler.arith.requantizers import INT64_BITS
from qcompiler.arith.rounding import round_float
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.switch_points import ENUMERATION_LIMIT
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, element_of
from qcompiler.errors import ModelError, Problem
from qcompiler.interpreters.channel_kinds import channel_kinds
from qcompiler.interpreters.joint_functions import joint_function
from qcompiler.interpreters.scalar_functions import scalar_function
from qcompiler.passes.rewriting import narrow_body, numerics_of, set_range
from qcompiler.passes.wide_integers import FEWER_BITS
from qcompiler.provenance.sources import place_of

_FLOAT32_NOISE = 2.0**-20
"""Relative, more than float32 is off in a quotient."""


def _requantize(op: qint.RequantizeOp) -> IntRange:
    """Monotone functions reach their extremes at the ends of the input's range."""
    declared = qint.range_of(op.result.type)
    given = qint.range_of(op.input.type)
    try:
        kinds = channel_kinds(op.scalar_body, op.channels)
        function = scalar_function(kinds.body, kinds.count, numerics_of(op))
        if (np.abs(function.direction) > 1).any():
            return declared
        ends = np.broadcast_to(integers([given.lo, given.hi]), (kinds.count, 2))
        codes: Array = evaluate(function, ends)
    except ValueError:  # select-requantizer says why, with all other problems
        return declared
    return IntRange(int(codes.min()), int(codes.max()))


def _join(op: qint.JoinOp) -> IntRange:
    """As `_requantize`, from the range of the integer that the operands are combined to."""
    declared = qint.range_of(op.result.type)
    try:
        kinds = channel_kinds(op.scalar_body, op.channels)
        function = joint_function(kinds.body, kinds.count, numerics_of(op))
        reached = function.code_range([qint.range_of(value.type) for value in op.inputs])
    except (VerifyException, ValueError):  # select-requantizer says why, with all other problems
        return declared
    return declared if reached is None else reached


def _quantize(op: qint.QuantizeOp, ranges: RealRanges) -> IntRange:
    """Quantizers are monotone; behind a Clip they make what lies between its bounds' codes."""
    declared = op.range
    found = ranges.of(op.input)
    rank = found.lo.ndim
    shape = [-1 if axis == op.channel_axis else 1 for axis in range(rank)]
    scale, zero_point = (a.reshape(shape) for a in (op.scale_array, op.zero_point_array))
    around = float(declared.lo - 1), float(declared.hi + 1)
    ends: list[int] = []
    for bound, sign in ((found.lo, -1), (found.hi, 1)):
        quotient = bound / scale
        # Further out than float32 can round a quotient: ties there go either way.
        reached = quotient + sign * np.abs(quotient) * _FLOAT32_NOISE
        # No zero point turns them from rounding half to even to odd, so where it is added is one.
        codes = round_float(np.clip(reached + zero_point, *around), op.rounding_mode)
        ends.append(int(codes.min() if sign < 0 else codes.max()))
    lo, hi = (min(max(end, declared.lo), declared.hi) for end in ends)
    return IntRange(lo, hi)


RangeRule = Callable[[Any], IntRange]
"""Returns the range of an operation's result from its operands' (`qint.range_of`)."""

_registered: dict[type[Operation], RangeRule] = {}


def bounds_of(op: Operation) -> IntRange | None:
    """Returns the bounds of what an operation makes, None where its type decides, as by clamping.

    Raises:
        ValueError: they do not fit 63 bits.
    """
    if (rule := _registered.get(type(op))) is not None:
        return rule(op)
    return op.inferred_range if isinstance(op, qint.IntegerOp) else None


def range_rule(*op_types: type[Operation]) -> Callable[[RangeRule], RangeRule]:
    """Returns a decorator that registers the range of what an operation of a plugin makes.

    Example: `@range_rule(CumSumOp)` above `def _(op): return qint.range_of(op.input.type) * 4`
    """

    def register(function: RangeRule) -> RangeRule:
        _registered.update((op_type, function) for op_type in op_types)
        return function

    return register


def _infer(op: Operation, ranges: RealRanges) -> None:
    if isinstance(op, qint.QuantizeOp):
        inferred: IntRange | None = _quantize(op, ranges)
    elif isinstance(op, qint.RequantizeOp | qint.JoinOp):
        narrow_body(op)
        inferred = _requantize(op) if isinstance(op, qint.RequantizeOp) else _join(op)
        set_range(cast(Operation, op.scalar_body.yielded.owner), inferred)
    else:
        inferred = bounds_of(op)
    if inferred is not None:
        set_range(op, inferred)


def _users(value: SSAValue) -> Iterator[Operation]:
    """Yields the operations that read a value, looking through changes of shape."""
    for use in value.uses:
        if isinstance(use.operation, qint.ReshapeOp | qint.TransposeOp):
            yield from _users(use.operation.result)
        else:
            yield use.operation


def _demanded(op: qint.RequantizeOp) -> IntRange:
    """Returns the inputs that a quantizer tells apart: outside, it gives what the nearest end gives."""
    given = qint.range_of(op.input.type)
    try:
        kinds = channel_kinds(op.scalar_body, op.channels)
        if given.size * kinds.count > ENUMERATION_LIMIT:
            return given
        codes = np.arange(given.lo, given.hi + 1, dtype=np.int64)
        found = evaluate(scalar_function(kinds.body, kinds.count, numerics_of(op)), codes)
    except ValueError:  # select-requantizer says why, with all other problems
        return given
    steps = np.flatnonzero((np.diff(found, axis=1) != 0).any(axis=0))
    if not steps.size:
        return IntRange(given.lo, given.lo)
    return IntRange(int(codes[steps[0]]), int(codes[steps[-1] + 1]))


def _narrow_to_demand(op: qint.RequantizeOp) -> None:
    """Clamps a quantizer's codes to those that all its users, quantizers too, tell apart."""
    users = list(_users(op.result))
    if not users or not all(isinstance(user, qint.RequantizeOp) for user in users):
        return
    demands = [_demanded(user) for user in users if isinstance(user, qint.RequantizeOp)]
    declared = qint.range_of(op.result.type)
    wanted = IntRange(min(d.lo for d in demands), max(d.hi for d in demands))
    if wanted != declared:
        set_range(cast(Operation, op.scalar_body.yielded.owner), wanted)
        set_range(op, wanted)


def _update_type(function: func.FuncOp) -> None:
    returned = function.get_return_op()
    outputs = () if returned is None else tuple(v.type for v in returned.operands)
    function.function_type = FunctionType.from_lists(
        [argument.type for argument in function.args], outputs
    )


def widen_types(module: ModuleOp) -> None:
    """Widens types that are narrower than what is computed from the operands' types now.

    For passes that compute the same integers from others: what is known of these may be less.
    """
    for function in module.walk():
        if not isinstance(function, func.FuncOp):
            continue
        for op in function.body.block.ops:
            bounds = bounds_of(op)
            if bounds is None:
                continue
            declared = qint.range_of(op.results[0].type)
            if not declared.contains(bounds):
                set_range(op, declared.union(bounds))
        _update_type(function)


def _too_wide(operations: Iterable[Operation]) -> Iterator[Problem]:
    """Yields a problem for each operation that makes integers which nothing here holds."""
    for op in operations:
        most = WIDEST_BITS if _is_sampled(op) else INT64_BITS
        for result in op.results:
            element = element_of(result.type)
            if isinstance(element, qint.IntType) and element.width_bits > most:
                yield Problem(
                    place_of(op),
                    f"its integers may need {element.width_bits} bits, at most {most} allowed",
                    FEWER_BITS,
                )


def _is_sampled(op: Operation) -> bool:
    """Whether it makes samples, or sums of samples: offsets of any scale have many bits."""
    if isinstance(op, qint.ConvOp):
        op_or_argument = op.input.owner
        return isinstance(op_or_argument, Operation) and _is_sampled(op_or_argument)
    return isinstance(op, qint.SampleOp)


def infer_ranges(function: func.FuncOp) -> None:
    """Computes the ranges of all integers of a function, forward and backward."""
    block = function.body.block
    _forward(function)
    for op in reversed(list(block.ops)):
        if isinstance(op, qint.RequantizeOp):
            _narrow_to_demand(op)
    _forward(function)
    _update_type(function)


def _forward(function: func.FuncOp) -> None:
    ranges = RealRanges(numerics_of(function))
    for op in function.body.block.ops:
        _infer(op, ranges)


@dataclass(frozen=True)
class InferRangesPass(ModulePass):
    """Computes the range of every integer from its producer, with the actual weights."""

    name = "infer-ranges"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        problems: list[Problem] = []
        for function in op.walk():
            if isinstance(function, func.FuncOp):
                infer_ranges(function)
                problems += _too_wide(function.body.block.ops)
        if problems:
            raise ModelError(problems)
