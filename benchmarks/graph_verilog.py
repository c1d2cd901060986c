"""Combinational Verilog of an adder graph, and what Yosys makes of it with a chain an addition."""

import json
from pathlib import Path

from qcompiler.adder_graphs.cost import Operand, places, width
from qcompiler.adder_graphs.graph import AdderGraph, Term, shifted
from qcompiler.backends.synthesis.chains import CHAINS, CHAINS_FILE
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.backends.synthesis.yosys import run_script

YOSYS = {
    "ecp5": ("synth_ecp5 -nodsp -noiopad", {"LUT4": 1, "CCU2C": 2}),
    "xilinx": (
        "synth_xilinx -family xcup -nodsp -noiopad",
        {f"LUT{inputs}": 1 for inputs in range(1, 7)},
    ),
}
"""By family: how it is synthesized, and how many tables each cell takes."""


def verilog(graph: AdderGraph) -> str:
    """Returns a module whose chains go only over the places where both operands have bits."""
    return _Module(graph).text()


class _Module:
    """Values are wires `v0`, `v1` and so on; of nodes with a chain `s7` is what it computes."""

    def __init__(self, graph: AdderGraph) -> None:
        self._graph = graph
        self._lo: list[int] = graph.lo.tolist()
        self._hi: list[int] = graph.hi.tolist()
        self._zeros: list[int] = graph.zeros.tolist()

    def _top(self, value: int) -> int:
        return max(width(self._lo[value], self._hi[value]), 1) - 1

    def _bits(self, term: Term, first: int, last: int) -> str:
        """Returns bits first to last of a term without its sign."""
        value, shift, _ = term
        top = self._top(value)
        if last - shift <= top and first >= shift:
            return f"v{value}[{last - shift}:{first - shift}]"
        sign = f"v{value}[{top}]" if self._lo[value] < 0 else "1'b0"
        each = [
            "1'b0" if at < shift else sign if at - shift > top else f"v{value}[{at - shift}]"
            for at in range(last, first - 1, -1)
        ]
        return "{" + ", ".join(each) + "}"

    def _operand(self, term: Term) -> Operand:
        value, shift, sign = term
        low, high = shifted(self._lo[value], shift), shifted(self._hi[value], shift)
        return Operand(low, high, self._zeros[value] + shift, sign < 0)

    def _node(self, at: int, terms: list[Term]) -> list[str]:
        top = self._top(at)
        a, b = sorted(terms, key=lambda term: self._operand(term).zeros)
        chain = places([self._operand(a), self._operand(b)], self._lo[at], self._hi[at])
        start = top + 1 - chain if chain else self._operand(b).zeros
        parts = [self._bits(a, 0, start - 1)] if start else []
        lines: list[str] = []
        if chain:
            parts.insert(0, f"s{at}")
            lines.append(f"wire [{top - start}:0] s{at} = {self._sum(a, b, start, top)};")
        elif top >= start:
            parts.insert(0, self._bits(b, start, top))
        return [*lines, f"wire [{top}:0] v{at} = {{{', '.join(parts)}}};"]

    def _sum(self, a: Term, b: Term, start: int, top: int) -> str:
        one, other = self._bits(a, start, top), self._bits(b, start, top)
        if a.sign > 0:
            return f"{one} {'+' if b.sign > 0 else '-'} {other}"
        return f"{other} - {one}" if b.sign > 0 else f"-{one} - {other}"

    def text(self) -> str:
        """Returns the module."""
        graph = self._graph
        ports = [f"input [{self._top(at)}:0] v{at}" for at in range(len(graph.inputs))]
        lines: list[str] = []
        for at, constant in enumerate(graph.constants.tolist(), len(graph.inputs)):
            size = self._top(at) + 1
            bits = constant & ((1 << size) - 1)
            lines.append(f"wire [{size - 1}:0] v{at} = {size}'d{bits};")
        for at, terms in graph:
            lines += self._node(at, terms)
        for at, row in enumerate(graph.outputs.tolist()):
            term, ends = Term(*row), graph.output_range(at)
            top = max(width(ends.lo, ends.hi), 1) - 1
            ports.append(f"output [{top}:0] y{at}")
            bits = self._bits(term, 0, top) if term.sign else f"{top + 1}'d0"
            lines.append(f"assign y{at} = {'-' if term.sign < 0 else ''}{bits};")
        joined = ",\n  ".join(ports)
        return f"module top(\n  {joined}\n);\n" + "\n".join(lines) + "\nendmodule\n"


def synthesized_luts(graph: AdderGraph, family: str, folder: Path) -> int:
    """Returns the tables that Yosys takes for a graph's module."""
    (folder / "top.v").write_text(verilog(graph), encoding="ascii")
    (folder / CHAINS_FILE).write_text(CHAINS, encoding="ascii")
    command, cells = YOSYS[family]
    commands = [
        "read_verilog top.v",
        "hierarchy -top top",
        "proc",
        "opt_clean",
        f"techmap -map {CHAINS_FILE}",
        f"{command} -top top",
        f"tee -q -o {family}.json stat -json",
    ]
    run_script(commands, folder, Limits(1800), lambda _: None, family)
    text = (folder / f"{family}.json").read_text(encoding="utf-8")
    counts = json.loads(text[text.index("{") :])["modules"]["\\top"]["num_cells_by_type"]
    return sum(count * cells.get(cell, 0) for cell, count in counts.items())
