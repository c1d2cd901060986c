"""Whether a block stands still while its output waits."""

from collections.abc import Sequence

from qcompiler.proofs.block import Block
from qcompiler.proofs.cycle import Cycle, Value


def is_frozen(block: Block, cycle: Cycle, registers: Sequence[int]) -> bool:
    """Whether all stands still while the only output waits, and waiting is all that ready does.

    Then a run with stalls is one without, in which some cycles last longer.

    Args:
        block: the block.
        cycle: of its circuit.
        registers: and memories, all of them.
    """
    if len(block.outputs) != 1:
        return False
    (out,) = block.outputs
    if block.circuit.nodes[out.valid].kind != "state":
        return False
    terms = cycle.terms
    bit = terms.const(1, 0), terms.const(1, 1)
    some: dict[int, Value] = {}
    for number in registers:
        sort = block.circuit.nodes[number].sort
        words = [terms.fresh(sort.width, (number, i)) for i in range(1 << sort.address)]
        some[number] = tuple(words) if sort.address else words[0]
    for port in block.inputs:
        some[port.valid] = terms.fresh(1, port.valid)
        some[port.data] = terms.fresh(port.lanes * port.element.width_bits, port.data)
    some[block.reset] = bit[1]
    held = cycle.compute({**some, out.valid: bit[1], out.ready: bit[0]})
    becomes = block.circuit.next
    still = all(held[becomes[n]] == held[n] for n in registers)
    refuses = all(terms.value(held[port.ready]) == 0 for port in block.inputs)
    idle = [cycle.compute({**some, out.valid: bit[0], out.ready: ready}) for ready in bit]
    seen = [*(becomes[n] for n in registers), *(port.ready for port in block.inputs)]
    return still and refuses and all(idle[0][n] == idle[1][n] for n in seen)
