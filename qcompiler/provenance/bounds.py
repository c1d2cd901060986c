"""How far hardware is from functions that no integers compute exactly, kept on the module."""

from fractions import Fraction

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.ir import Operation
from xdsl.utils.hints import isa

from qcompiler.provenance.sources import source_node

_ATTRIBUTE = "qcompiler.bounds"


def bounds_of(module: ModuleOp) -> dict[str, Fraction]:
    """Returns by how many codes at most what is rounded is off the real number, by node."""
    held = module.attributes.get(_ATTRIBUTE)
    if not isa(held, ArrayAttr[ArrayAttr[StringAttr]]):
        return {}
    pairs = ([part.data for part in pair] for pair in held)
    return {node: Fraction(bound) for node, bound in pairs}


def note_bound(op: Operation, bound: Fraction) -> None:
    """Notes the bound of the node that an operation in a module computes.

    Args:
        op: that is replaced by integers.
        bound: distance at most, in codes of what leaves.
    """
    module, node = op.get_toplevel_object(), source_node(op)
    if not isinstance(module, ModuleOp) or node is None:
        return
    bounds = bounds_of(module) | {node: bound}
    pairs = [ArrayAttr([StringAttr(name), StringAttr(str(b))]) for name, b in bounds.items()]
    module.attributes[_ATTRIBUTE] = ArrayAttr(pairs)
