"""Which numerics an operation has: those of the module, unless it says otherwise itself."""

from xdsl.dialects.builtin import AnyFloat, StringAttr
from xdsl.ir import Operation
from xdsl.traits import ConstantLike

from qcompiler.dialects.attributes import element_of
from qcompiler.dialects.qint.boundary import QuantizeOp
from qcompiler.dialects.qint.joins import JoinOp
from qcompiler.dialects.qint.requantizers import RequantizeOp

ATTRIBUTE = "qint.numerics"
"""On a module, or on an operation that differs from it: `exact` or `onnxruntime`."""


def numerics_of(op: Operation) -> str:
    """Returns the numerics of an operation: its own, or the nearest of those that enclose it."""
    parent: Operation | None = op
    while parent is not None:
        attribute = parent.attributes.get(ATTRIBUTE)
        if isinstance(attribute, StringAttr):
            return attribute.data
        parent = parent.parent_op()
    return "exact"


def set_numerics(op: Operation, numerics: str) -> None:
    """Gives an operation numerics of its own."""
    op.attributes[ATTRIBUTE] = StringAttr(numerics)


def inherit_numerics(op: Operation, new: Operation) -> None:
    """Gives `new`, which replaces `op` or a part of it, the numerics that `op` has of its own."""
    own = op.attributes.get(ATTRIBUTE)
    if own is not None and _computes_reals(new):
        new.attributes.setdefault(ATTRIBUTE, own)


def _computes_reals(op: Operation) -> bool:
    if op.has_trait(ConstantLike):
        return False
    reals = any(isinstance(element_of(result.type), AnyFloat) for result in op.results)
    return reals or isinstance(op, QuantizeOp | RequantizeOp | JoinOp)
