"""Circuits, read from the BTOR2 that Yosys makes of Verilog: the exchange format of model checkers.

Source: Niemetz et al., "Btor2, BtorMC and Boolector 3.0", CAV 2018, for the format.
"""

import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qcompiler.backends.synthesis.tools import Limits, SynthesisError
from qcompiler.backends.synthesis.yosys import run_script
from qcompiler.progress import silent
from qcompiler.version import installing


@dataclass(frozen=True)
class Sort:
    """What a node is: a word, or a memory of words.

    Attributes:
        width: bits of a word.
        address: bits of a memory's address; 0 for a word.
    """

    width: int
    address: int = 0


@dataclass(frozen=True)
class Node:
    """A value of a circuit.

    Attributes:
        kind: operation, `input`, `state`, or `const`.
        sort: what it is.
        args: nodes that it is computed from.
        numbers: constants of it: a constant's value; bounds of a slice.
    """

    kind: str
    sort: Sort
    args: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass
class Circuit:
    """Registers, memories, and what they become in the next cycle.

    Attributes:
        nodes: by number; operands come before what uses them.
        inputs: nodes by name.
        names: nodes by the names of the Verilog's wires and registers, and of what goes out.
        next: of each register and memory that changes.
        initial: of each memory that has contents from the start.
    """

    nodes: dict[int, Node] = field(default_factory=dict[int, Node])
    inputs: dict[str, int] = field(default_factory=dict[str, int])
    names: dict[str, int] = field(default_factory=dict[str, int])
    next: dict[int, int] = field(default_factory=dict[int, int])
    initial: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def states(self) -> list[int]:
        """Registers and memories that can change."""
        return [n for n, node in self.nodes.items() if node.kind == "state" and n in self.next]

    def cone(self, roots: Iterable[int]) -> set[int]:
        """Returns all nodes that `roots` are computed from within a cycle."""
        found: set[int] = set()
        todo = list(roots)
        while todo:
            number = todo.pop()
            if number not in found:
                found.add(number)
                todo += self.nodes[number].args
        return found

    def registers_behind(self, roots: Iterable[int]) -> list[int]:
        """Returns the registers and memories that `roots` depend on, from earlier cycles too."""
        found: set[int] = set()
        todo = list(roots)
        while todo:
            new = {n for n in self.cone(todo) if n in self.next} - found
            found |= new
            todo = [self.next[n] for n in new]
        return sorted(found)

    def inputs_besides(self, known: Iterable[int]) -> set[int]:
        """Returns all inputs but some, those without a name among them."""
        inputs = {n for n, node in self.nodes.items() if node.kind == "input"}
        return inputs.difference(known)

    def followers(self, sources: Iterable[int]) -> set[int]:
        """Returns all nodes that depend on `sources` within a cycle."""
        found = set(sources)
        for number, node in self.nodes.items():
            if any(arg in found for arg in node.args):
                found.add(number)
        return found

    def tainted(self, sources: Iterable[int]) -> set[int]:
        """Returns all nodes that depend on `sources`, in later cycles too."""
        tainted = set(sources)
        while True:
            before = len(tainted)
            for number, node in self.nodes.items():
                if any(arg in tainted for arg in node.args):
                    tainted.add(number)
            tainted |= {state for state, value in self.next.items() if value in tainted}
            if len(tainted) == before:
                return tainted


_UNSUPPORTED = ("justice", "fair", "constraint", "bad")


def read_btor(text: str) -> Circuit:
    """Returns the circuit in a file of BTOR2.

    Raises:
        ValueError: it has something that a circuit of ours has not.
    """
    circuit = Circuit()
    sorts: dict[int, Sort] = {}
    for line in text.splitlines():
        words = line.split(";")[0].split()
        if words:
            _read_line(circuit, sorts, int(words[0]), words[1], words[2:])
    # A memory that is only read becomes itself.
    circuit.next = {state: value for state, value in circuit.next.items() if state != value}
    return circuit


def _read_line(
    circuit: Circuit, sorts: dict[int, Sort], number: int, kind: str, words: list[str]
) -> None:
    if kind in _UNSUPPORTED:
        raise ValueError(f"a circuit has no {kind}")
    if kind == "sort":
        sorts[number] = _sort(sorts, words)
    elif kind == "output":
        circuit.names[words[1]] = int(words[0])
    elif kind == "next":
        circuit.next[int(words[1])] = int(words[2])
    elif kind == "init":
        circuit.initial[int(words[1])] = int(words[2])
    else:
        circuit.nodes[number] = _node(kind, sorts[int(words[0])], words[1:])
        if kind == "input":
            circuit.inputs[words[1] if len(words) > 1 else f"input{number}"] = number
        elif kind == "state" and len(words) > 1:
            circuit.names.setdefault(words[1], number)
        elif kind in ("uext", "sext") and len(words) > 3:
            circuit.names.setdefault(words[3], int(words[1]))


def _sort(sorts: Mapping[int, Sort], words: Sequence[str]) -> Sort:
    if words[0] == "bitvec":
        return Sort(int(words[1]))
    return Sort(sorts[int(words[2])].width, sorts[int(words[1])].width)


_BASES = {"const": 2, "constd": 10, "consth": 16}


def _node(kind: str, sort: Sort, words: Sequence[str]) -> Node:
    if kind in _BASES:
        return Node("const", sort, (), (int(words[0], _BASES[kind]),))
    if kind in ("zero", "one", "ones"):
        value = {"zero": 0, "one": 1, "ones": (1 << sort.width) - 1}[kind]
        return Node("const", sort, (), (value,))
    if kind in ("input", "state"):
        return Node(kind, sort)
    if kind in ("slice", "uext", "sext"):
        count = 3 if kind == "slice" else 2
        return Node(kind, sort, (int(words[0]),), tuple(map(int, words[1:count])))
    return Node(kind, sort, tuple(map(int, words)))


def flattening(sources: Sequence[Path], top: str, opened: Sequence[str]) -> list[str]:
    """Returns the commands of Yosys that make one module of a module and those in it.

    Args:
        sources: Verilog, by name in the folder where Yosys works.
        top: the module.
        opened: names of modules that stay outside.
    """
    return [
        *(f"read_verilog {path.name}" for path in sources if path.suffix == ".v"),
        f"hierarchy -check -top {top}",
        "proc",
        *(f"blackbox {name}" for name in opened),
        "flatten",
        "delete t:$scopeinfo",
    ]


def elaborate(
    folder: Path, flat: Sequence[str], sources: Sequence[Path], top: str, limits: Limits
) -> Circuit:
    """Returns the circuit of a module.

    The ports of an instance that is no part of it become inputs and outputs of the circuit, by
    their names `INSTANCE.PORT`: what it is made of is proven elsewhere.

    Args:
        folder: where Yosys works.
        flat: commands that lead to one flat module, see `flattening`.
        sources: Verilog, and files of memories.
        top: the module.
        limits: of Yosys.

    Raises:
        SynthesisError: Yosys is absent, or failed.
        ValueError: the circuit has something that none of ours has, such as a second clock.
    """
    require_yosys()
    for path in sources:
        (folder / path.name).write_bytes(path.read_bytes())
    commands = [
        *flat,
        "expose -evert",
        "opt_expr",
        "opt_clean",
        "memory -nordff -nomap",
        "dffunmap",
        "opt_clean",
        f"write_json {top}.json",
        f"write_btor {top}.btor",
    ]
    run_script(commands, folder, limits, silent, top)
    flat_json = json.loads((folder / f"{top}.json").read_text(encoding="utf-8"))
    check_clocks(flat_json["modules"][top])
    return read_btor((folder / f"{top}.btor").read_text(encoding="utf-8"))


def check_clocks(module: Mapping[str, Any]) -> None:
    """Requires that every register and memory of a module follows the rising edge of `ap_clk`.

    BTOR2 has one clock, which it does not name.

    Args:
        module: flat, in Yosys' JSON.

    Raises:
        ValueError: one does not.
    """
    clock = module["ports"].get("ap_clk", {"bits": []})["bits"]
    for name, cell in module["cells"].items():
        parameters, wires = cell["parameters"], cell["connections"]
        for port in ("CLK", "WR_CLK", "RD_CLK"):
            used = int(parameters.get(f"{port}_ENABLE", "1"), 2)
            rising = int(parameters.get(f"{port}_POLARITY", "1"), 2)
            for number, wire in enumerate(wires.get(port, [])):
                if used >> number & 1 and ([wire] != clock or not rising >> number & 1):
                    raise ValueError(f"{name} does not follow the rising edge of ap_clk")
        if cell["type"].startswith(("$adff", "$aldff", "$dffsr", "$dlatch", "$sr")):
            raise ValueError(f"{name} changes without ap_clk")


def require_yosys() -> None:
    """Checks that there is a Yosys for proofs.

    Raises:
        SynthesisError: it is absent.
    """
    if importlib.util.find_spec("pyosys") is None:
        raise SynthesisError(
            f"proofs need Yosys (pyosys), which is not installed; {installing('prove')}"
        )
