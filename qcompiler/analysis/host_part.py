"""What a compiled network leaves to the host: real operations around the hardware."""

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from qcompiler.dialects import nn, qint
from qcompiler.provenance.sources import model_nodes, own_nodes, source_of, spoken_kind

_CONSTANTS = (nn.ConstantOp, qint.ConstantOp)
_BORDER = (qint.QuantizeOp, qint.DequantizeOp, nn.RoundToOp)
_MOVES = (qint.ReshapeOp, qint.TransposeOp, qint.Rearrangement, nn.ReshapeOp, nn.TransposeOp)
_USUAL = ("softmax", "log_softmax", "arg_max")
"""What models end with for people to read; hardware is not expected to compute it."""


@dataclass(frozen=True)
class HostPart:
    """What the host computes before, beside or after the hardware.

    Attributes:
        operations: in order, without quantizing, scaling, and moving.
        nodes: of the model, which they come from.
        first, last: the nodes at the ends, with their operations; empty if there are none.
    """

    operations: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    first: str = ""
    last: str = ""

    @property
    def unusual(self) -> bool:
        """Whether more is left to the host than what models usually end with."""
        return any(name not in _USUAL for name in self.operations)


def host_parts(module: ModuleOp) -> dict[str, HostPart]:
    """Returns what the host computes of a module in parts, by where.

    `before` and `after` the hardware, or `beside` it: for outputs that do not pass through it.
    """
    kinds = model_nodes(module)
    found = {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}
    head = list(found["head"].body.block.ops) if "head" in found else []
    tail = list(found["tail"].body.block.ops) if "tail" in found else []
    behind = set(tail)
    if "core" in found and "tail" in found:
        behind = _behind_hardware(found["core"], found["tail"])
    return {
        "before": _part([op for op in head if not isinstance(op, qint.AffineOp)], kinds),
        "beside": _part([op for op in tail if op not in behind], kinds),
        "after": _part([op for op in tail if op in behind], kinds),
    }


def _behind_hardware(core: func.FuncOp, tail: func.FuncOp) -> set[Operation]:
    """Returns the operations of @tail that depend on what leaves the hardware."""
    known = set[SSAValue](tail.args[: len(core.function_type.outputs.data)])
    found: set[Operation] = set()
    for op in tail.body.block.ops:
        if known.intersection(op.operands):
            found.add(op)
            known.update(op.results)
    return found


def _part(all_ops: Sequence[Operation], kinds: dict[str, str]) -> HostPart:
    ops = [op for op in all_ops if _computes(op)]
    nodes = [_node(op, kinds) for op in ops]
    return HostPart(
        tuple(_operation(op) for op in ops),
        tuple(dict.fromkeys(nodes)),
        nodes[0] if nodes else "",
        nodes[-1] if nodes else "",
    )


def _computes(op: Operation) -> bool:
    if isinstance(op, (func.ReturnOp, *_CONSTANTS, *_BORDER, *_MOVES)):
        return False
    # Integers that are added behind a layer are its bias.
    return not isinstance(op, qint.AffineOp) or bool(op.offset_array.any())


def _operation(op: Operation) -> str:
    if isinstance(op, qint.AffineOp):
        return "bias"
    return op.name.partition(".")[2]


def _node(op: Operation, kinds: dict[str, str]) -> str:
    for name in own_nodes(op):
        if name in kinds:
            return f"{name} ({spoken_kind(kinds[name])})"
    return source_of(op)
