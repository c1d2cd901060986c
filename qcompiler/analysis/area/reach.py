"""What of a circuit matters, and what of an instance's is the same for others beside it."""

from collections.abc import Iterable

from qcompiler.analysis.area.blocks import Block
from qcompiler.analysis.area.circuit import Circuit


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


def _before(circuit: Circuit) -> dict[int, Iterable[int]]:
    """Returns the gates that registers and arithmetic blocks read, by what they make."""
    reads: dict[int, Iterable[int]] = {**_reads_of_registers(circuit)}
    for block in circuit.blocks:
        if block.kind in ("adder", "compare"):  # hard multipliers are never one
            every = {bit >> 1 for bit in block.reads}
            reads |= dict.fromkeys([bit >> 1 for bit in block.makes], every)
    return reads


def live_literals(circuit: Circuit) -> set[int]:
    """Returns the literals of leaves that something depends on."""
    fanins = circuit.gates.fanins
    reads = _reads_of_registers(circuit)
    owner = _makers(circuit)
    waiting = [bit >> 1 for output in circuit.outputs for bit in output]
    for block in circuit.blocks:
        if block.kind == "instance":
            waiting += [bit >> 1 for bit in block.reads]
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
                waiting += [bit >> 1 for pair in block.pairs[known : at + 1] for bit in pair]
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
