"""Registers that are no flip-flops, because hard cells take them: see `Family.finish`.

A block memory takes the register behind its word, a multiplier the second of two registers in a row
before each operand. Multipliers often stand in a module of their own, with the registers outside.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from qcompiler.analysis.area.blocks import Block
from qcompiler.analysis.area.circuit import Circuit
from qcompiler.analysis.area.gates import TRUE, leaves_before
from qcompiler.dialects import rtl

_OTHER = None
"""In place of a reader that takes no registers."""

Operands = list[frozenset[int]]
"""For each multiplier, the literals of its operands."""


def operands_of(circuit: Circuit, inner: Callable[[Block], Iterable[frozenset[int]]]) -> Operands:
    """Returns the operands of a module's multipliers, those of its instances among them.

    Args:
        circuit: the module.
        inner: returns literals at the ports of an instance that are operands of one multiplier.
    """
    found: Operands = []
    for block in circuit.blocks:
        if block.kind == "multiplier":
            found.append(frozenset(bit for bit in block.reads if bit > TRUE))
        elif block.kind == "instance":
            found += inner(block)
    return found


def absorbed(
    circuit: Circuit, live: set[int], operands: Operands, words: Sequence[Block]
) -> set[int]:
    """Returns the outputs of registers that hard cells take.

    Args:
        circuit: the module.
        live: literals of leaves that something depends on.
        operands: of multipliers.
        words: ROMs in block memories.
    """
    source, readers = wires(circuit, live, operands)
    found: set[int] = set()
    for block in words:
        bits = [bit for bit in block.makes if bit in live and bit > TRUE]
        takers = [readers.get(bit, set()) for bit in bits]
        if all(len(taken) == 1 and _OTHER not in taken for taken in takers):
            found |= {bit for taken in takers for bit in taken if bit is not None}
    kept = {bit for block in circuit.blocks if _is_kept(block, words) for bit in block.makes}
    kept |= {
        bit for bits in circuit.ports.values() for bit in bits
    }  # those of blocks are registers
    moved = {bit for bits in operands if all(source.get(b) in kept for b in bits) for bit in bits}
    stay = {bit for bits in operands if not bits <= moved for bit in bits}
    return found | {bit for bit in moved - stay if bit not in readers}


def _is_kept(block: Block, words: Sequence[Block]) -> bool:
    """Whether flip-flops make what a block makes: those behind a ROM in logic, too."""
    in_logic = isinstance(block.op, rtl.RomOp) and block not in words
    return block.kind == "register" or in_logic


def wires(
    circuit: Circuit, live: set[int], operands: Operands
) -> tuple[Mapping[int, int], Mapping[int, set[int | None]]]:
    """Returns what each register takes, and who reads each literal but `operands`.

    Registers are called by their output; those with a reset are none. Other readers are `None`.
    """
    source: dict[int, int] = {}
    readers: defaultdict[int, set[int | None]] = defaultdict(set)
    multiplied = {bit for bits in operands for bit in bits}
    fanins = circuit.gates.fanins
    waiting = [bit for output in circuit.outputs for bit in output]
    for block in circuit.blocks:
        waiting += [bit for bit in block.enable if bit is not None]
        if block.kind in ("instance", "multiplier"):
            waiting += [bit for bit in block.reads if bit not in multiplied]
        elif block.kind != "register":
            waiting += block.reads
        else:
            used = [(d, q) for d, q in zip(block.reads, block.makes, strict=True) if q in live]
            if block.enable[1] is not None:
                waiting += [taken for taken, _ in used]
                continue
            for taken, made in used:
                if fanins[taken >> 1] or taken & 1:
                    waiting.append(taken)
                else:
                    readers[taken].add(made)
                    source[made] = taken
    for bit in leaves_before(circuit.gates, waiting):
        readers[bit].add(_OTHER)
    return source, readers
