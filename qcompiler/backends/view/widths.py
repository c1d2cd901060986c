"""Widths of the integers along the network, before and after range inference."""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from qcompiler.backends.view.describe import integer_of
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.provenance.sources import identifier, own_nodes

_NAME = 30
Key: TypeAlias = tuple[str, str, int]
"""Operation, main node of the model, and how many of the like came before."""


def _values(module: ModuleOp) -> Iterator[tuple[Key, Operation, qint.IntType]]:
    """Yields the integer values that operations of the network make."""
    counts: dict[tuple[str, str], int] = {}
    for function in module.ops:
        for op in function.body.block.ops if isinstance(function, func.FuncOp) else ():
            element = integer_of(op.results[0].type) if len(op.results) == 1 else None
            if element is None or isinstance(op, qint.ConstantOp):
                continue
            key = op.name, next(iter(own_nodes(op)), "")
            counts[key] = count = counts.get(key, 0) + 1
            yield (*key, count), op, element


def compare_widths(before: ModuleOp | None, after: ModuleOp) -> list[dict[str, Any]]:
    """Returns a row for each integer value of `after` that its operation computes.

    Args:
        before: the same network with the ranges that it had before; None if that is not known.
        after: with inferred ranges.

    Returns:
        Per value: `name`, `op`, `source`; bits and range `after`, those `before` (or None), and for
        sums of products `types`: the bits that any operands of these types would need.
    """
    known: Mapping[Key, qint.IntType] = {}
    if before is not None:
        known = {key: element for key, _, element in _values(before)}
    rows: list[dict[str, Any]] = []
    for key, op, element in _values(after):
        earlier = known.get(key)
        row = {"name": identifier(key[1], "n", _NAME), "op": op.name, "source": key[1]}
        row |= {"after": _words(element), "before": None if earlier is None else _words(earlier)}
        rows.append({**row, "types": bits_by_types(op)})
    return rows


def _words(element: qint.IntType) -> tuple[int, str]:
    return element.width_bits, f"[{element.lo.data}, {element.hi.data}]"


def bits_by_types(op: Operation) -> int | None:
    """Returns the width that a sum of products needs for any weights of their type.

    For `n` products of `a` and `b` bits that is a + b + ceil(log2 n) bits; None for operations that
    are no such sum.
    """
    if isinstance(op, qint.MatMulOp):
        operands, terms = (op.lhs, op.rhs), shape_of(op.lhs.type)[-1]
    elif isinstance(op, qint.ConvOp):
        operands, terms = (op.input, op.weights), 1
        for extent in shape_of(op.weights.type)[:-1]:
            terms *= extent
    else:
        return None
    elements = [integer_of(operand.type) for operand in operands]
    if any(element is None for element in elements):
        return None
    return sum(e.width_bits for e in elements if e is not None) + (terms - 1).bit_length()
