"""The rules of AXI4-Stream at the ports of blocks, as far as one cycle shows them.

Every block ends in register slices: there valid, data and ready are registers. So it is enough that
the slices keep the rules, and that no ready of a block's input waits for a ready behind it.
"""

from collections.abc import Mapping
from functools import partial

from qcompiler.proofs.block import Block, Refuted
from qcompiler.proofs.cycle import Cycle, Value
from qcompiler.proofs.terms import Terms
from qcompiler.proofs.traces import differs, two_cycles
from qcompiler.proofs.vcd import Trace


def check_slice(block: Block) -> None:
    """Proves that a register slice holds what waits, and hands nothing through within a cycle.

    Raises:
        Refuted: it breaks a rule.
    """
    (taken,), (given,) = block.inputs, block.outputs
    circuit = block.circuit
    for name, node in (("in_ready", taken.ready), ("out_valid", given.valid)):
        through = circuit.cone([node]) & set(circuit.inputs.values())
        if through:
            words = f"{name} depends on an input in the same cycle"
            raise Refuted(words, trace=_passing(block, words, node))
    if circuit.nodes[given.data].kind != "state" or circuit.nodes[given.valid].kind != "state":
        raise Refuted("out_data or out_valid is no register")
    terms = Terms()
    cycle = Cycle(circuit, terms, [circuit.next[given.valid], circuit.next[given.data]])
    some: dict[int, Value] = {
        state: terms.fresh(circuit.nodes[state].sort.width, state) for state in circuit.states
    }
    one, zero = terms.const(1, 1), terms.const(1, 0)
    waits: Mapping[int, Value] = {
        **some,
        block.reset: one,
        given.valid: one,
        given.ready: zero,
        taken.valid: terms.fresh(1, "valid"),
        taken.data: terms.fresh(circuit.nodes[taken.data].sort.width, "data"),
    }
    values = cycle.compute(waits)
    for node, words in ((given.valid, "out_valid may fall"), (given.data, "out_data may change")):
        if values[circuit.next[node]] != (one if node == given.valid else some[given.data]):
            words = f"{words} while out_ready is low"
            fixed = {block.reset: 1, given.valid: 1, given.ready: 0}
            shows = partial(differs, node)
            raise Refuted(words, trace=two_cycles(block.name, circuit, words, shows, fixed=fixed))


def _passing(block: Block, words: str, node: int) -> Trace:
    """Returns two cycles with the same registers, in which a node follows an input."""
    shows = partial(differs, node)
    return two_cycles(block.name, block.circuit, words, shows, moving=False)


def check_ports(block: Block) -> None:
    """Proves that a block's outputs are its slices', and that no ready passes it within a cycle.

    Raises:
        Refuted: they are not, or one does.
    """
    circuit = block.circuit
    ready_inputs: set[int] = set()
    for port in block.outputs:
        slice_ = f"{port.name}_slice"
        ready_inputs.add(_input(block, f"{port.name}_ready"))
        wires = [
            (f"{port.name}_{wire}", circuit.names.get(f"{port.name}_{wire}"),
             circuit.inputs.get(f"{slice_}.out_{wire}"))
            for wire in ("data", "valid")
        ]  # fmt: skip
        wires += [
            (f"{slice_}.{wire}", circuit.names.get(f"{slice_}.{wire}"), circuit.inputs.get(source))
            for wire, source in (("out_ready", f"{port.name}_ready"), ("ap_rst_n", "ap_rst_n"))
        ]
        for name, one, other in wires:
            if one is None or one != other:
                words = f"{name} is not what the register slice of {port.name} connects"
                trace = two_cycles(block.name, circuit, words, lambda first, second: True)
                raise Refuted(words, trace=trace)
    for port in block.inputs:
        through = circuit.cone([port.ready]) & ready_inputs
        if through:
            words = f"{port.name}_ready depends on the ready of an output in the same cycle"
            raise Refuted(words, trace=_passing(block, words, port.ready))


def _input(block: Block, name: str) -> int:
    found = block.circuit.inputs.get(name)
    if found is None:
        raise Refuted(f"it has no input {name}")
    return found
