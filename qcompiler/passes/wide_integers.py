"""Integers of more bits than int64 has: samples between elements at any scale, and sums of them.

They are exact, summed and quantized; nothing else computes with them.
"""

from collections.abc import Iterator

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.requantizers import INT64_BITS
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import element_of
from qcompiler.errors import Problem
from qcompiler.interpreters.joint_bodies import joining_operation
from qcompiler.provenance.sources import place_of

FEWER_BITS = "use weights or activations of fewer bits, or sum over fewer inputs"

_READERS = (
    qint.ConvOp, qint.SampleOp, qint.RequantizeOp, qint.ArgMaxOp, qint.TransposeOp, qint.ReshapeOp,
)  # fmt: skip


def wide_operand(op: Operation, value: SSAValue) -> Problem | None:
    """Returns what is wrong if an operation computes with these integers; None if they fit."""
    element = element_of(value.type)
    if not isinstance(element, qint.IntType) or element.width_bits <= INT64_BITS:
        return None
    bits, most = f"integers of {element.width_bits} bits", f"at most {INT64_BITS} allowed"
    sampled, maker = _sampled(value), value.owner
    if sampled is None:
        return Problem(place_of(op), f"takes {bits}, {most}", FEWER_BITS)
    power = f"or give the positions of {place_of(sampled)} a scale that is a power of two"
    if isinstance(op, qint.DequantizeOp) and isinstance(maker, Operation):
        what = f"makes {bits}, which something else than a quantizer takes as real numbers: {most}"
        return Problem(place_of(maker), what, f"put a quantizer behind this node, {power}")
    return Problem(
        place_of(op), f"takes {bits}, {most}", f"put a quantizer before this node, {power}"
    )


def wide_operands(module: ModuleOp) -> Iterator[Problem]:
    """Yields a problem for each operation that takes wider samples than it computes with.

    What makes wide integers otherwise is refused itself, by infer-ranges.
    """
    for function in module.ops:
        if not isinstance(function, func.FuncOp):
            continue
        for op in function.body.block.ops:
            if not op.name.startswith("qint.") or isinstance(op, _READERS):
                continue
            at = (joining_operation(op.scalar_body) if isinstance(op, qint.JoinOp) else None) or op
            sampled = (operand for operand in op.operands if _sampled(operand) is not None)
            found = (wide_operand(at, operand) for operand in sampled)
            yield from [problem for problem in found if problem is not None][:1]


def _sampled(value: SSAValue) -> qint.SampleOp | None:
    """Returns the sampling that a value is first of all made of."""
    owner = value.owner
    while isinstance(owner, Operation) and owner.operands:
        if isinstance(owner, qint.SampleOp):
            return owner
        owner = owner.operands[0].owner
    return None
