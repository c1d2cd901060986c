"""Small helpers that several passes share."""

from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import TypeVar

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, UnknownLoc
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriterListener,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.rewriter import Rewriter
from xdsl.traits import is_side_effect_free
from xdsl.transforms.dead_code_elimination import is_trivially_dead
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint import numerics_of as numerics_of
from qcompiler.errors import ModelError, Problem
from qcompiler.provenance.sources import place_of

AccumulatorT = TypeVar("AccumulatorT", bound=Operation)


def constant_array(value: SSAValue) -> Array | None:
    """Returns the array of an `nn.constant`, or None for any other value."""
    return value.owner.array if isinstance(value.owner, nn.ConstantOp) else None


def scalar_constant(value: SSAValue) -> float | None:
    """Returns the number of an `nn.constant` with one element, or None for any other value."""
    array = constant_array(value)
    return float(array.reshape(-1)[0]) if array is not None and array.size == 1 else None


def as_parameter(values: Array) -> Array:
    """Returns float64 values as float32 where that loses nothing."""
    narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), values) else values


def scale_product(a: Array, b: Array, numerics: str) -> Array | None:
    """Returns the product of scales; None if `exact` numerics asks for more bits than f64 has."""
    if numerics == "onnxruntime":
        return a.astype(np.float32) * b.astype(np.float32)
    product = a * b
    pairs = zip(*np.broadcast_arrays(a, b), product.tolist(), strict=True)
    if all(Fraction(float(x)) * Fraction(float(y)) == Fraction(z) for x, y, z in pairs):
        return as_parameter(product)
    return None


def plain_dequantize(value: SSAValue) -> qint.DequantizeOp | None:
    """Returns the dequantize that makes `value`, if it has no zero point."""
    owner = value.owner
    if isinstance(owner, qint.DequantizeOp) and not owner.zero_point_array.any():
        return owner
    return None


def replace(rewriter: PatternRewriter, op: Operation, new: Sequence[Operation]) -> None:
    """Replaces `op` by `new`, of which the last gives the results.

    Keeps the source node, the name, and numerics of its own. Where the result has another range,
    the regions that it goes into have it, too.
    """
    for created in new:
        if isinstance(created.location, UnknownLoc):
            created.location = op.location
        qint.inherit_numerics(op, created)
    new[-1].results[0].name_hint = op.results[0].name_hint
    same = new[-1].results[0].type == op.results[0].type
    rewriter.replace(op, list(new))
    for use in () if same else new[-1].results[0].uses:
        if isinstance(use.operation, qint.RequantizeOp | qint.JoinOp):
            narrow_body(use.operation)


def narrow_body(op: qint.RequantizeOp | qint.JoinOp) -> None:
    """Gives the region's arguments the types of the operands."""
    body = op.scalar_body
    for argument, given in zip(body.arguments, op.operands, strict=True):
        Rewriter.replace_value_with_new_type(argument, qint.int_type_of(given.type))
    for inner in body.operations:
        if isinstance(inner, qint.AffineOp):
            set_range(inner, inner.inferred_range)


def set_range(op: Operation, range_: IntRange) -> None:
    """Gives the result of an operation another range."""
    result = op.results[0]
    new: Attribute = qint.int_like(result.type, range_)
    if new != result.type:
        Rewriter.replace_value_with_new_type(result, new)


def accumulated(op: Operation, build: Callable[[], AccumulatorT]) -> AccumulatorT:
    """Returns the sum of products that `build` makes of a node.

    Raises:
        ModelError: its accumulators may need more bits than any integer here has.
    """
    try:
        return build()
    except ValueError as error:
        remedy = "use weights or activations of fewer bits, or sum over fewer inputs"
        raise ModelError([Problem(place_of(op), str(error), remedy)]) from None
    except VerifyException:  # products of products, whose widths are checked later
        what = "multiplies sums of products that may have more than 128 bits"
        remedy = "add a quantizer before it (QuantizeLinear and DequantizeLinear, or Quant)"
        raise ModelError([Problem(place_of(op), what, remedy)]) from None


def discard(made: Sequence[Operation]) -> None:
    """Erases operations that were made in vain, last ones first: no value may count them as users."""
    for op in reversed(made):
        op.erase()


def apply_patterns(module: ModuleOp, patterns: Sequence[RewritePattern]) -> bool:
    """Applies patterns until none matches, then drops operations that nothing uses.

    Returns:
        Whether anything changed.
    """
    return PatternRewriteWalker(
        GreedyRewritePatternApplier(list(patterns), dce_enabled=True), post_walk_func=_sweep
    ).rewrite_module(module)


def _sweep(region: Region, listener: PatternRewriterListener) -> bool:
    """Erases what nothing uses, from the end: a walk would find one operation of a chain at a time."""
    dead = False
    for op in list(region.walk(reverse=True)):
        if op.parent is not None and is_trivially_dead(op):
            listener.handle_operation_removal(op)
            op.detach()
            op.erase()
            dead = True
    return dead


def merge_equal(module: ModuleOp) -> None:
    """Lets users of operations that compute the same share the first of them.

    Exporters write a dequantize for each reader of an activation; what follows sees one.
    """
    for function in module.walk():
        if isinstance(function, func.FuncOp) and not function.is_declaration:
            _merge_equal_in(function.body.block)


def _merge_equal_in(block: Block) -> None:
    known: dict[Hashable, Operation] = {}
    for op in list(block.ops):
        if (
            op.regions
            or isinstance(op, nn.ConstantOp | qint.ConstantOp)
            or not is_side_effect_free(op)
        ):
            continue
        key = (
            type(op),
            tuple(op.operands),
            frozenset(op.properties.items()),
            tuple(result.type for result in op.results),
        )
        first = known.setdefault(key, op)
        if first is not op:
            for mine, its in zip(op.results, first.results, strict=True):
                mine.replace_all_uses_with(its)
            op.detach()
            op.erase()


def channel_axis_of(shape: Sequence[int], target: Sequence[int]) -> int | None:
    """Returns the axis of `target` along which an operand of `shape` varies when broadcast.

    Returns:
        None for an operand with one element.

    Raises:
        ValueError: it varies along several axes, or does not broadcast to `target`.
    """
    if int(np.prod(shape, dtype=object)) == 1:
        return None
    padded = (1,) * (len(target) - len(shape)) + tuple(shape)
    axes = [axis for axis, extent in enumerate(padded) if extent != 1]
    if len(padded) != len(target) or len(axes) != 1 or padded[axes[0]] != target[axes[0]]:
        raise ValueError(f"shape {list(shape)} is not one value per channel of {list(target)}")
    return axes[0]
