"""What of a circuit matters, and what of an instance's is the same for others beside it."""

from collections.abc import Callable, Iterable

from qcompiler.analysis.area.blocks import Block
from qcompiler.analysis.area.circuit import Circuit
from qcompiler.analysis.area.gates import TRUE


def common_nodes(circuit: Circuit, shared: frozenset[str]) -> set[int]:
    """Returns the gates and what blocks make that depend on the shared ports only."""
    if not shared:
        return set()
    common = {0} | {bit >> 1 for port in shared for bit in circuit.ports.get(port, [])}
    before, fanins = _before(circuit), circuit.gates.fanins
    for node in range(circuit.gates.size):
        reads = fanins[node] or before.get(node)
        if reads and common.issuperset(reads):
            common.add(node)
    return common


def counted(circuit: Circuit, bits: Iterable[int]) -> bool:
    """Whether one of some bits is of a number that an adder adds a constant to, as counters do."""
    numbers = (
        {bit for pair in block.pairs for bit in pair if bit > TRUE}
        for block in circuit.blocks
        if block.kind == "adder" and all(min(pair) <= TRUE for pair in block.pairs)
    )
    return any(not number.isdisjoint(bits) for number in numbers)


def _before(circuit: Circuit) -> dict[int, Iterable[int]]:
    """Returns the gates that registers and arithmetic blocks read, by what they make."""
    reads: dict[int, Iterable[int]] = {**_reads_of_registers(circuit)}
    for block in circuit.blocks:
        if block.kind in ("adder", "compare"):  # hard multipliers are never one
            every = {bit >> 1 for bit in block.reads}
            reads |= dict.fromkeys([bit >> 1 for bit in block.makes], every)
    return reads


def live_literals(circuit: Circuit, reads_of: Callable[[Block], Iterable[int]]) -> set[int]:
    """Returns the literals of leaves that something depends on.

    Args:
        circuit: the module.
        reads_of: returns the literals that an instance needs.
    """
    fanins = circuit.gates.fanins
    reads = _reads_of_registers(circuit)
    owner = _makers(circuit)
    waiting = [bit >> 1 for output in circuit.outputs for bit in output]
    for block in circuit.blocks:
        if block.kind == "instance":
            waiting += [bit >> 1 for bit in reads_of(block)]
    seen = bytearray(circuit.gates.size)
    leaves: set[int] = set()
    places: dict[int, int] = {}  # of blocks, that have been looked at
    while waiting:
        node = waiting.pop()
        if seen[node]:
            continue
        seen[node] = 1
        if fanins[node]:
            waiting += fanins[node]
            continue
        leaves.add(2 * node)
        if node in reads:
            waiting += reads[node]
        elif node in owner:
            block, at = owner[node]
            known = places.get(id(block), 0)
            if block.kind == "adder":
                waiting += [bit >> 1 for bit in block.added(known, at + 1)]
                places[id(block)] = max(known, at + 1)
            elif not known:
                waiting += [bit >> 1 for bit in block.reads]
                places[id(block)] = 1
    return leaves


def _reads_of_registers(circuit: Circuit) -> dict[int, tuple[int, ...]]:
    """Returns the gates that each register reads."""
    found: dict[int, tuple[int, ...]] = {}
    for block in circuit.blocks:
        if block.kind == "register":
            pins = tuple(bit >> 1 for bit in block.enable if bit is not None)
            for taken, made in zip(block.reads, block.makes, strict=True):
                found[made >> 1] = (taken >> 1, *pins)
    return found


def _makers(circuit: Circuit) -> dict[int, tuple[Block, int]]:
    """Returns what makes each leaf but registers and instances, and the place among its bits."""
    return {
        bit >> 1: (block, place_)
        for block in circuit.blocks
        if block.kind not in ("instance", "register")
        for place_, bit in enumerate(block.makes)
    }
