"""Cancels changes of layout, so that integers flow channels last through the whole core.

Before:
```mlir
func.func @main(%x : tensor<1x2x2x3x!qint.int<0, 7>>) -> tensor<1x12x!qint.int<0, 3>> {
  %t = qint.transpose %x permutation [0, 3, 1, 2] : (tensor<1x2x2x3x!qint.int<0, 7>>) -> tensor<1x3x2x2x!qint.int<0, 7>>
  %r = qint.shift %t {shift = 1 : i64, bias = 0 : i64, sign = 1 : i64, axis = 1 : i64} : (tensor<1x3x2x2x!qint.int<0, 7>>) -> tensor<1x3x2x2x!qint.int<0, 3>>
  %b = qint.transpose %r permutation [0, 2, 3, 1] : (tensor<1x3x2x2x!qint.int<0, 3>>) -> tensor<1x2x2x3x!qint.int<0, 3>>
  %y = qint.reshape %b : (tensor<1x2x2x3x!qint.int<0, 3>>) -> tensor<1x12x!qint.int<0, 3>>
  func.return %y : tensor<1x12x!qint.int<0, 3>>
}
```
After:
```mlir
func.func @main(%x : tensor<1x2x2x3x!qint.int<0, 7>>) -> tensor<1x12x!qint.int<0, 3>> {
  %r = qint.shift %x {shift = 1 : i64, bias = 0 : i64, sign = 1 : i64, axis = 3 : i64} : (tensor<1x2x2x3x!qint.int<0, 7>>) -> tensor<1x2x2x3x!qint.int<0, 3>>
  %y = qint.reshape %r : (tensor<1x2x2x3x!qint.int<0, 3>>) -> tensor<1x12x!qint.int<0, 3>>
  func.return %y : tensor<1x12x!qint.int<0, 3>>
}
```
Requires: fold-scales, which puts a transposition before and after every convolution and pool.
Keeps: every integer. Where a flattened tensor meets a matrix, the rows of the matrix follow the new
order of its elements.
A slice, a padding or a repetition between transpositions that undo one another needs neither, and
what is transposed is sliced before.
An input that is read channels last somewhere flows so everywhere: the host transposes it.
Leaves alone: transpositions of the inputs and outputs of the core, which the host does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, TensorType, UnitAttr, i64
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.hints import isa

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.rewriting import apply_patterns, narrow_body, replace


@dataclass
class _MergeTransposes(RewritePattern):
    """Two transpositions are one.

    Attributes:
        moving: those behind inputs that are still on their way down, and stay.
    """

    moving: bool

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.TransposeOp, rewriter: PatternRewriter) -> None:
        permutation = list(op.permutation.get_values())
        inner = op.input.owner
        if permutation == list(range(len(permutation))):
            rewriter.replace(op, [], [op.input])
        elif isinstance(inner, qint.TransposeOp) and not (self.moving and _is_kept(op.input)):
            before = inner.permutation.get_values()
            merged = qint.TransposeOp(inner.input, [before[axis] for axis in permutation])
            replace(rewriter, op, [merged])


class _MovesInTheirOrder(RewritePattern):
    """transpose(move(transpose(x))) = move(x), where the transpositions undo one another.

    No convolution or pool wants another order then, and each transposition would keep a frame.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.TransposeOp, rewriter: PatternRewriter) -> None:
        move = op.input.owner
        if not isinstance(move, qint.Rearrangement | qint.PadOp) or not op.input.has_one_use():
            return
        inner = move.operands[0].owner
        if not isinstance(inner, qint.TransposeOp):
            return
        before = inner.permutation.get_values()
        if [before[axis] for axis in op.permutation.get_values()] != list(range(len(before))):
            return
        moved = move.in_order_of(inner.input, before)
        if moved is not None:
            replace(rewriter, op, [moved])


class _SliceFirst(RewritePattern):
    """slice(transpose(x)) = transpose(slice(x)): less is kept to be transposed, often nothing.

    Also past dimensions of 1 that come or go between them.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.SliceOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, qint.TransposeOp) and not _is_kept(op.input):
            permutation = inner.permutation.get_values()
            moved = op.in_order_of(inner.input, permutation)
            replace(rewriter, op, [moved, qint.TransposeOp(moved.result, permutation)])
        elif isinstance(inner, qint.ReshapeOp) and isinstance(inner.input.owner, qint.TransposeOp):
            bounds = _past_units(op, shape_of(inner.input.type))
            if bounds is not None and not _is_kept(inner.input):
                moved = qint.SliceOp(inner.input, *bounds)
                replace(
                    rewriter, op, [moved, qint.ReshapeOp(moved.result, shape_of(op.result.type))]
                )


def _past_units(op: qint.SliceOp, shape: Sequence[int]) -> list[list[int]] | None:
    """Returns starts, ends and steps for another shape of the input; None if not only 1s differ."""
    given = shape_of(op.input.type)
    if [n for n in given if n > 1] != [n for n in shape if n > 1]:
        return None
    kept = iter([b for n, *b in zip(given, *op.bounds, strict=True) if n > 1])
    every = [[0, 1, 1] if n == 1 else next(kept) for n in shape]
    return [list(part) for part in zip(*every, strict=True)]


class _UnitsAreReshaped(RewritePattern):
    """A transposition that moves nothing but unit dimensions is a reshape."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.TransposeOp, rewriter: PatternRewriter) -> None:
        if _moves_units_only(op.permutation.get_values(), shape_of(op.input.type)):
            replace(rewriter, op, [qint.ReshapeOp(op.input, shape_of(op.result.type))])


def _moves_units_only(permutation: Sequence[int], shape: Sequence[int]) -> bool:
    kept = [axis for axis in permutation if shape[axis] != 1]
    return kept == sorted(kept)


class _MergeReshapes(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.ReshapeOp, rewriter: PatternRewriter) -> None:
        if op.input.type == op.result.type:
            rewriter.replace(op, [], [op.input])
        elif isinstance(op.input.owner, qint.ReshapeOp):
            merged = qint.ReshapeOp(op.input.owner.input, shape_of(op.result.type))
            replace(rewriter, op, [merged])


class _RequantizeFirst(RewritePattern):
    """f(transpose(x)) = transpose(f(x)): the channel axis follows."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.RequantizeOp | qint.RequantizerOp | qint.AffineOp):
            return
        transpose = op.input.owner
        if not isinstance(transpose, qint.TransposeOp) or _is_kept(op.input):
            return
        permutation = transpose.permutation.get_values()
        if op.channel_axis is not None and _to_last(permutation, op.channel_axis):
            return
        moved = op.clone()
        moved.operands[0] = transpose.input
        if isinstance(moved, qint.RequantizeOp):
            narrow_body(moved)
        if op.channel_axis is not None:
            moved.properties["axis"] = IntegerAttr(permutation[op.channel_axis], i64)
        result = qint.int_like(transpose.input.type, qint.range_of(op.result.type))
        Rewriter.replace_value_with_new_type(moved.results[0], result)
        replace(rewriter, op, [moved, qint.TransposeOp(moved.results[0], permutation)])


def _to_last(permutation: Sequence[int], axis: int) -> bool:
    """Whether a transposition puts channels last, for a function of channels that are along `axis`."""
    rank = len(permutation)
    return rank > 2 and axis == rank - 1 and list(permutation) == [0, *range(2, rank), 1]


class _ChannelsLast(RewritePattern):
    """Channel by channel functions work channels last: f(x) = transpose(f(transpose(x)))."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, qint.RequantizeOp | qint.JoinOp) or op.channel_axis != 1:
            return
        shape = shape_of(op.result.type)
        rank = len(shape)
        if rank < 3 or any(len(shape_of(value.type)) != rank for value in op.operands):
            return
        last, first = [0, *range(2, rank), 1], [0, rank - 1, *range(1, rank - 1)]
        before: list[Operation] = [qint.TransposeOp(value, last) for value in op.operands]
        moved = op.clone()
        for index, transposed in enumerate(before):
            moved.operands[index] = transposed.results[0]
        moved.properties["axis"] = IntegerAttr(rank - 1, i64)
        element = qint.int_type_of(op.result.type)
        result = TensorType(element, [shape[axis] for axis in last])
        Rewriter.replace_value_with_new_type(moved.results[0], result)
        replace(rewriter, op, [*before, moved, qint.TransposeOp(moved.results[0], first)])


class _JoinFirst(RewritePattern):
    """f(transpose(x), transpose(z)) = transpose(f(x, z)), for joins, sums and concatenations.

    An operand in another layout is transposed to that of the first one.
    """

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        if not isinstance(op, _MEETING):
            return
        rank = len(shape_of(op.result.type))
        permutation = [0, rank - 1, *range(1, rank - 1)]  # the other way it would go on forever
        inverse = [permutation.index(axis) for axis in range(rank)]
        if rank < 3 or any(len(shape_of(value.type)) != rank for value in op.operands):
            return
        if isinstance(op, qint.Pairwise) and shape_of(op.lhs.type) != shape_of(op.rhs.type):
            return
        moved = [_is_transposed(value, permutation) for value in op.operands]
        # Of rank 3 the permutation is its own inverse: a mixture would change sides forever.
        if not all(moved) and (rank == 3 or not any(moved)):
            return
        if isinstance(op, qint.JoinOp) and permutation[op.channel_axis] == 1:
            return  # channels are last already; `_ChannelsLast` would turn it back
        others: list[Operation] = []
        joined = op.clone()
        for index, value in enumerate(op.operands):
            if _is_transposed(value, permutation):
                assert isinstance(value.owner, qint.TransposeOp)
                joined.operands[index] = value.owner.input
            else:
                others.append(qint.TransposeOp(value, inverse))
                joined.operands[index] = others[-1].results[0]
        if isinstance(joined, qint.JoinOp):
            narrow_body(joined)
        if not isinstance(op, qint.Pairwise):
            joined.properties["axis"] = IntegerAttr(permutation[op.axis.value.data], i64)
        result = TensorType(
            qint.int_type_of(op.result.type),
            [shape_of(op.result.type)[axis] for axis in inverse],
        )
        Rewriter.replace_value_with_new_type(joined.results[0], result)
        after = qint.TransposeOp(joined.results[0], permutation)
        replace(rewriter, op, [*others, joined, after])


def _is_transposed(value: SSAValue, permutation: Sequence[int]) -> bool:
    owner = value.owner
    if not isinstance(owner, qint.TransposeOp) or _is_kept(value):
        return False
    return owner.permutation.get_values() == tuple(permutation)


class _FlattenBeforeMatrix(RewritePattern):
    """flatten(transpose(x)) @ W = flatten(x) @ (W with its rows in x's order).

    The same with one integer map for all elements between, as before weights that may change.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.MatMulOp, rewriter: PatternRewriter) -> None:
        reshape, weights = op.lhs.owner, op.rhs.owner
        between = reshape
        if isinstance(between, qint.AffineOp) and between.channel_axis is None:
            reshape = between.input.owner
        if not isinstance(reshape, qint.ReshapeOp) or not isinstance(weights, qint.ConstantOp):
            return
        transpose = reshape.input.owner
        flat = shape_of(reshape.result.type)
        if not isinstance(transpose, qint.TransposeOp) or flat[:-1] != (1,) * (len(flat) - 1):
            return
        shape, permutation = shape_of(transpose.input.type), transpose.permutation.get_values()
        # Entry i of `order` is the row of W that belongs to element i of x.
        places = np.arange(flat[-1]).reshape([shape[axis] for axis in permutation])
        order = places.transpose(np.argsort(permutation)).reshape(-1)
        rows = weights.moved(weights.array[order])
        moved = qint.ReshapeOp(transpose.input, flat)
        moved.result.name_hint = reshape.result.name_hint
        new: list[Operation] = [rows, moved]
        if isinstance(between, qint.AffineOp):
            factors = between.multiplier_array, between.offset_array
            new.append(qint.AffineOp(moved.result, *factors))
        replace(rewriter, op, [*new, qint.MatMulOp(new[-1].results[0], rows.result)])


@dataclass(frozen=True)
class ChannelsLastPass(ModulePass):
    """Cancels changes of layout, so that integers flow channels last through the whole core."""

    name = "channels-last"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        down = [_MergeReshapes(), _ChannelsLast(), _RequantizeFirst(), _JoinFirst()]
        for function in op.body.block.ops:
            _move_inputs(function)
        apply_patterns(op, [_MergeTransposes(moving=True), *down])
        rest = _MovesInTheirOrder(), _SliceFirst(), _UnitsAreReshaped(), _FlattenBeforeMatrix()
        apply_patterns(op, [_MergeTransposes(moving=False), *down, *rest])
        for inner in op.walk():
            inner.attributes.pop(_KEPT, None)


_MEETING = qint.JoinOp | qint.ConcatOp | qint.AddOp | qint.MulOp
_ELEMENTWISE = _MEETING | qint.RequantizeOp | qint.RequantizerOp | qint.AffineOp
"""What a transposition of its operands may follow instead."""


_KEPT = "channels_last"
"""Attribute of the transposition of an input, which stays where it is until all else has moved."""


def _move_inputs(function: Operation) -> None:
    """Puts x = transpose(transpose(x)) where an input enters that is read channels last.

    The outer one is on its way down then, to the one that reads channels last.
    """
    entering = [
        *(argument for block in function.regions[0].blocks for argument in block.args),
        *(op.result for op in function.walk() if isinstance(op, qint.QuantizeOp)),
    ]
    for value in entering:
        readers = list(_behind(value)) if _is_tensor(value) else []
        if not any(map(_puts_last, readers)):
            continue
        rank = len(shape_of(value.type))
        last = qint.TransposeOp(value, [0, *range(2, rank), 1])
        last.attributes[_KEPT] = UnitAttr()
        back = qint.TransposeOp(last.result, [0, rank - 1, *range(1, rank - 1)])
        value.replace_uses_with_if(back.result, lambda use, last=last: use.operation is not last)
        owner = value.owner
        at_start = isinstance(owner, Block)
        place = InsertPoint.at_start(owner) if at_start else InsertPoint.after(owner)
        Rewriter.insert_op([last, back], place)
        for reader in readers:
            if isinstance(reader, qint.RequantizeOp | qint.JoinOp):
                _channels_first(reader)


def _channels_first(op: qint.RequantizeOp | qint.JoinOp) -> None:
    """Says where channels are, if the function is one for all: any axis was as good."""
    if not op.scalar_body.has_rows:
        op.properties["axis"] = IntegerAttr(1, i64)


def _is_tensor(value: SSAValue) -> bool:
    """Whether a value has integers at places in space."""
    type_ = value.type
    return isa(type_, TensorType[qint.IntType]) and len(shape_of(type_)) > 2


def _behind(value: SSAValue) -> Iterator[Operation]:
    """Yields what reads a value, also behind what works element by element."""
    for use in value.uses:
        yield use.operation
        if isinstance(use.operation, _ELEMENTWISE):
            yield from _behind(use.operation.results[0])


def _puts_last(op: Operation) -> bool:
    """Whether an operation is a transposition of channels from the first place to the last."""
    if not isinstance(op, qint.TransposeOp):
        return False
    rank = len(shape_of(op.result.type))
    return rank > 2 and op.permutation.get_values() == (0, *range(2, rank), 1)


def _is_kept(value: SSAValue) -> bool:
    return isinstance(value.owner, qint.TransposeOp) and _KEPT in value.owner.attributes
