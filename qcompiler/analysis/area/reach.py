"""What of a circuit matters, and what of an instance's is the same for others beside it."""

from qcompiler.analysis.area.circuit import Circuit


def common_nodes(circuit: Circuit, shared: frozenset[str]) -> set[int]:
    """Returns the gates and what blocks make that depend on the shared ports only."""
    if not shared:
        return set()
    common = {0} | {bit >> 1 for port in shared for bit in circuit.ports.get(port, [])}
    before = _before(circuit)
    for node in range(circuit.gates.size):
        reads = circuit.gates.fanins(node) or before.get(node)
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
    owner = {bit: block for block in circuit.blocks for bit in block.makes}
    place_ = {bit: i for block in circuit.blocks for i, bit in enumerate(block.makes)}
    waiting = [bit >> 1 for output in circuit.outputs for bit in output]
    for block in circuit.blocks:
        if block.kind == "instance":
            waiting += [bit >> 1 for bit in block.reads]
    seen: set[int] = set()
    places: dict[int, int] = {}  # of blocks, that have been looked at
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        waiting += [f for f in circuit.gates.fanins(node) if f not in seen]
        block = owner.get(2 * node)
        if block is None or block.kind == "instance":
            continue
        at = place_[2 * node]
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
    return {2 * node for node in seen}
