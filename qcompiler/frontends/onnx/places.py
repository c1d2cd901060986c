"""Inputs of a model that say places: where a cache is written, which row of a table is read."""

from collections.abc import Iterable, Sequence

from onnx import NodeProto
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block, BlockArgument, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.module import retyped
from qcompiler.frontends.onnx.moves import readers_beyond_moves

_READERS = {"TensorScatter": 2}
"""Which input of an operation says a place."""

_MOST_BITS = 32


def narrow_places(quantizers: Iterable[qint.QuantizeOp]) -> None:
    """Gives inputs of the model that say places the range of the places that there are.

    Args:
        quantizers: each takes a place, and makes nothing but places.
    """
    for quantizer in quantizers:
        argument = _argument(quantizer.input)
        if argument is None:
            continue
        held, places = qint.range_of(argument.type), quantizer.range
        both = IntRange(max(held.lo, places.lo), min(held.hi, places.hi))
        narrowed = TensorType(qint.IntType(both.lo, both.hi), shape_of(argument.type))
        retyped(argument, narrowed)


def _argument(value: SSAValue) -> BlockArgument | None:
    """Returns the input whose integers a real value holds, as they are; None if it is none."""
    while isinstance(value.owner, nn.ReshapeOp | nn.TransposeOp):
        value = value.owner.input
    source = value.owner
    if not isinstance(source, qint.DequantizeOp):
        return None
    plain = bool((source.scale_array == 1).all()) and not source.zero_point_array.any()
    codes: SSAValue = source.input
    while isinstance(codes.owner, qint.ReshapeOp | qint.TransposeOp):
        codes = codes.owner.operands[0]
    return codes if plain and isinstance(codes, BlockArgument) else None


def says_place(nodes: Iterable[NodeProto], name: str) -> bool:
    """Returns whether a node takes a place from a tensor, which others may have moved and cast."""
    return any(
        _READERS.get(node.op_type) in places for node, places in readers_beyond_moves(nodes, name)
    )


def wide_arguments(block: Block, names: Sequence[str]) -> list[str]:
    """Returns the names of a block's arguments that are left with integers of more than 32 bits."""
    pairs = zip(block.args, names, strict=False)  # what was refused has no argument
    integers = [(a, n) for a, n in pairs if isinstance(qint.element_of(a.type), qint.IntType)]
    return [name for a, name in integers if qint.range_of(a.type).width_bits > _MOST_BITS]
