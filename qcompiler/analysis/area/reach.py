"""What of a circuit matters, and what of an instance's is the same for others beside it."""

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


def _before(circuit: Circuit) -> dict[int, set[int]]:
    """Returns the gates that registers and arithmetic blocks read, by what they make."""
    reads: dict[int, set[int]] = {}
    for block in circuit.blocks:
        if block.kind == "register":
            for taken, made in zip(block.reads, block.makes, strict=True):
                reads[made >> 1] = {b >> 1 for b in (taken, *block.enable) if b is not None}
        elif block.kind in ("adder", "compare"):  # hard multipliers are never one
            every = {bit >> 1 for bit in block.reads}
            reads |= {bit >> 1: every for bit in block.makes}
    return reads


def live_literals(circuit: Circuit) -> set[int]:
    """Returns the literals of leaves that something depends on."""
    fanins = circuit.gates.fanins
    owner, place_ = _makers(circuit)
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
        block = owner[node]
        if block is None:
            continue
        at = place_[node]
        if block.kind == "register":
            waiting.append(block.reads[at] >> 1)
            waiting += [bit >> 1 for bit in block.enable if bit is not None]
        elif block.kind == "adder":
            known = places.get(id(block), 0)
            waiting += [bit >> 1 for pair in block.pairs[known : at + 1] for bit in pair]
            places[id(block)] = max(known, at + 1)
        elif id(block) not in places:
            places[id(block)] = 1
            waiting += [bit >> 1 for bit in block.reads]
    return leaves


def _makers(circuit: Circuit) -> tuple[list[Block | None], list[int]]:
    """Returns the block that makes each leaf, but for instances, and the place among its bits."""
    owner: list[Block | None] = [None] * circuit.gates.size
    place_ = [0] * circuit.gates.size
    for block in circuit.blocks:
        if block.kind != "instance":
            for i, bit in enumerate(block.makes):
                owner[bit >> 1], place_[bit >> 1] = block, i
    return owner, place_
