"""The instances in a module: what stands at their ports, and which of them are alike."""

from collections import defaultdict
from collections.abc import Iterable

from xdsl.dialects import hw

from qcompiler.analysis.area.blocks import Block, width_of
from qcompiler.analysis.area.circuit import Circuit
from qcompiler.analysis.area.gates import FALSE, TRUE

_Constants = tuple[tuple[str, tuple[int | None, ...]], ...]
Interface = tuple[str, _Constants, frozenset[str], frozenset[int]]
"""Of an instance: module, constants at its ports, ports whose constants come out of ROMs, and the
places among all bits of its outputs of those that nothing reads."""


def whole(module: str, unread: frozenset[int] = frozenset()) -> Interface:
    """Returns the interface of a module of whose ports nothing else is known."""
    return module, (), frozenset(), unread


def port_literals(block: Block) -> dict[str, tuple[int, ...]]:
    """Returns the literals at each input port of an instance."""
    op = block.op
    assert isinstance(op, hw.InstanceOp)
    found: dict[str, tuple[int, ...]] = {}
    at = 0
    for name, operand in zip(op.arg_names, op.operands, strict=True):
        width = width_of(operand)
        found[name.data] = tuple(block.reads[at : at + width])
        at += width
    return found


def places_of(circuit: Circuit) -> dict[int, tuple[str, int]]:
    """Returns the port, and the place in it, of each literal that comes in."""
    return {
        bit: (port, at)
        for port, bits in circuit.ports.items()
        for at, bit in enumerate(bits)
        if bit > TRUE
    }


def needless_products(interface: Interface) -> tuple[str, ...]:
    """Returns the ports where an instance has zero or a power of two, which need no multiplier."""
    return tuple(port for port, bits in interface[1] if sum(bit != FALSE for bit in bits) < 2)


def unread(block: Block, live: set[int]) -> frozenset[int]:
    """Returns the places among an instance's outputs of those that are not live."""
    return frozenset(at for at, bit in enumerate(block.makes) if bit not in live)


def groups_of(
    circuit: Circuit, blocks: Iterable[Block], live: set[int] | None = None
) -> dict[Interface, list[Block]]:
    """Returns the instances by module, constants, and outputs that are not live, if given."""
    found: defaultdict[Interface, list[Block]] = defaultdict(list)
    for block in blocks:
        op = block.op
        if not isinstance(op, hw.InstanceOp):
            continue
        constants = tuple(
            (port, tuple(bit if bit <= TRUE else None for bit in bits))
            for port, bits in port_literals(block).items()
            if any(bit <= TRUE for bit in bits)
        )
        fixed = {port for port, _ in constants}
        pairs = zip(op.arg_names, op.operands, strict=True)
        late = frozenset(n.data for n, v in pairs if n.data in fixed and circuit.is_late(v))
        left = frozenset[int]() if live is None else unread(block, live)
        found[op.module_name.string_value(), constants, late, left].append(block)
    return dict(found)
