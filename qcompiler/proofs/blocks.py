"""Cuts a written design into blocks, each with its circuit, as far as its register slices."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qcompiler.arith.ranges import IntRange
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.dialects import stream
from qcompiler.proofs.block import Block, Port
from qcompiler.proofs.circuit import Circuit, elaborate, flattening

SLICE = "_register_slice_w"


@dataclass(frozen=True)
class Sources:
    """The files of a design.

    Attributes:
        top: name of its top module, with which all names of modules begin.
        files: Verilog and contents of memories, in a folder.
        changes: commands of Yosys on a block that is flat, which make mutants of it.
    """

    top: str
    files: tuple[Path, ...]
    changes: tuple[str, ...] = ()

    def module_of(self, name: str) -> str:
        """Returns the module of a block: blocks that are alike share one."""
        (top,) = [path for path in self.files if path.name == f"{self.top}.v"]
        found = re.search(rf"^ +(\w+) {name} \($", top.read_text(encoding="utf-8"), re.MULTILINE)
        return f"{self.top}_{name}" if found is None else found[1]

    @property
    def slices(self) -> list[str]:
        """Names of the modules that are register slices."""
        return [path.stem for path in self.files if SLICE in path.stem]

    def of(self, module: str) -> list[Path]:
        """Returns the files that a module needs: its own, and those of all that it names."""
        by_name = {path.name if path.suffix == ".mem" else path.stem: path for path in self.files}
        found: dict[str, Path] = {}
        todo = [module]
        while todo:
            name = todo.pop()
            path = by_name.get(name)
            if path is None or name in found:
                continue
            found[name] = path
            if path.suffix == ".v":
                words = re.findall(r"[A-Za-z_][\w.]*", path.read_text(encoding="utf-8"))
                todo += sorted(set(words) & by_name.keys() - found.keys())
        return list(found.values())


def circuit_of(sources: Sources, module: str, limits: Limits) -> Circuit:
    """Returns the circuit of a module without the register slices in it. Raises as `elaborate`."""
    files, flat = flat_block(sources, module)
    with scratch_folder() as folder:
        return elaborate(folder, [*flat, *sources.changes], files, module, limits)


def whole_circuit(sources: Sources, module: str, limits: Limits) -> Circuit:
    """Returns the circuit of a module with all that is in it. Raises as `elaborate`."""
    files = sources.of(module)
    with scratch_folder() as folder:
        return elaborate(folder, flattening(files, module, ()), files, module, limits)


def shell_circuit(sources: Sources, module: str, opened: Sequence[str], limits: Limits) -> Circuit:
    """Returns the circuit of a module without some of those in it. Raises as `elaborate`."""
    files = sources.of(module)
    flat = [*flattening(files, module, opened), *sources.changes]
    with scratch_folder() as folder:
        return elaborate(folder, flat, files, module, limits)


def flat_block(sources: Sources, module: str) -> tuple[list[Path], list[str]]:
    """Returns the files of a module, and the commands of Yosys that make it flat."""
    files = sources.of(module)
    opened = [path.stem for path in files if SLICE in path.stem and path.stem != module]
    return files, flattening(files, module, opened)


def top_circuit(sources: Sources, limits: Limits) -> Circuit:
    """Returns the circuit of the top module without its blocks. Raises as `elaborate`."""
    flat = flat_top(sources)
    with scratch_folder() as folder:
        return elaborate(folder, [*flat, *sources.changes], sources.files, sources.top, limits)


def flat_top(sources: Sources) -> list[str]:
    """Returns the commands of Yosys that leave the top module without its blocks."""
    opened = [p.stem for p in sources.files if p.suffix == ".v" and p.stem != sources.top]
    return flattening(sources.files, sources.top, opened)


def process_block(sources: Sources, name: str, op: stream.Process, limits: Limits) -> Block:
    """Returns the block of a process.

    Raises:
        SynthesisError: Yosys is absent, or failed.
        ValueError: the circuit is none of ours.
    """
    circuit = circuit_of(sources, sources.module_of(name), limits)
    inputs = [
        Port(
            port,
            find_input(circuit, f"{port}_data"),
            find_input(circuit, f"{port}_valid"),
            find_output(circuit, f"{port}_ready"),
            channel.element.range,
            channel.lanes.data,
        )
        for port, channel in _named("in", op.input_channels)
    ]
    if isinstance(op, stream.WeightSourceOp):
        inputs = [_bus(circuit, op.bus_bits)]
    outputs = [
        Port(
            port,
            find_output(circuit, f"{port}_slice.in_data"),
            find_output(circuit, f"{port}_slice.in_valid"),
            find_input(circuit, f"{port}_slice.in_ready"),
            channel.element.range,
            channel.lanes.data,
        )
        for port, channel in _named("out", op.output_channels)
    ]
    reset = find_input(circuit, "ap_rst_n")
    return Block(name, circuit, tuple(inputs), tuple(outputs), reset)


def _bus(circuit: Circuit, bits: int) -> Port:
    """Returns the port on which weights come from outside, a number a beat."""
    return Port(
        "bus",
        find_input(circuit, "bus_data"),
        find_input(circuit, "bus_valid"),
        find_output(circuit, "bus_ready"),
        IntRange(0, (1 << bits) - 1),
        1,
    )


def slice_block(sources: Sources, module: str, limits: Limits) -> Block:
    """Returns the block of a register slice. Raises as `process_block`."""
    circuit = circuit_of(sources, module, limits)
    width = circuit.nodes[find_input(circuit, "in_data")].sort.width
    word = IntRange(0, (1 << width) - 1)
    into = (
        find_input(circuit, "in_data"),
        find_input(circuit, "in_valid"),
        find_output(circuit, "in_ready"),
    )
    out = (
        find_output(circuit, "out_data"),
        find_output(circuit, "out_valid"),
        find_input(circuit, "out_ready"),
    )
    ports = Port("in", *into, word, 1), Port("out", *out, word, 1)
    return Block(module, circuit, (ports[0],), (ports[1],), find_input(circuit, "ap_rst_n"))


def _named(
    kind: str, channels: Sequence[stream.ChannelType]
) -> Iterator[tuple[str, stream.ChannelType]]:
    for number, channel in enumerate(channels):
        yield (kind if len(channels) == 1 else f"{kind}{number}"), channel


def find_input(circuit: Circuit, name: str) -> int:
    """Returns an input by its name. Raises ValueError if there is none."""
    return _found(circuit.inputs, name, "input")


def find_output(circuit: Circuit, name: str) -> int:
    """Returns an output or wire by its name. Raises ValueError if there is none."""
    return _found(circuit.names, name, "output")


def _found(nodes: Mapping[str, int], name: str, kind: str) -> int:
    if name not in nodes:
        raise ValueError(f"it has no {kind} {name}")
    return nodes[name]


def processes_of(design: CompiledDesign) -> list[tuple[str, stream.Process]]:
    """Returns the processes of a design that have hardware, by name."""
    return [(name, op) for name, op in design.network.named() if not op.is_wires]
