"""Combinational Verilog of an adder graph, and what Yosys makes of it with one chain an addition."""

import json
from pathlib import Path

from qcompiler.adder_graphs.cost import Operand, places, width
from qcompiler.adder_graphs.graph import AdderGraph, Term, shifted
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

# Otherwise `alumacc` merges additions with one reader, and `maccmap` makes these of full adders.
_CHAINS = r"""
(* techmap_celltype = "$add $sub" *)
module chain(A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    parameter _TECHMAP_CELLTYPE_ = "";
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;
    localparam SUBTRACT = _TECHMAP_CELLTYPE_ == "$sub";
    wire [Y_WIDTH-1:0] x, co;
    \$alu #(.A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH),
        .Y_WIDTH(Y_WIDTH)) alu (.A(A), .B(B), .Y(Y), .X(x), .CO(co), .BI(SUBTRACT),
        .CI(SUBTRACT));
endmodule
"""


def verilog(graph: AdderGraph) -> str:
    """Returns a module whose chains go only over the places where both operands have bits."""
    lo: list[int] = graph.lo.tolist()
    hi: list[int] = graph.hi.tolist()
    zeros: list[int] = graph.zeros.tolist()
    ports: list[str] = []
    lines: list[str] = []

    def bits(term: Term, first: int, last: int) -> str:
        """Bits first to last of a term without its sign."""
        value, shift, _ = term
        top = max(width(lo[value], hi[value]), 1) - 1
        sign = f"v{value}[{top}]" if lo[value] < 0 else "1'b0"
        if last - shift <= top and first >= shift:
            return f"v{value}[{last - shift}:{first - shift}]"
        each = [
            "1'b0" if at < shift else sign if at - shift > top else f"v{value}[{at - shift}]"
            for at in range(last, first - 1, -1)
        ]
        return "{" + ", ".join(each) + "}"

    def operand(term: Term) -> Operand:
        low, high = shifted(lo[term.value], term.shift), shifted(hi[term.value], term.shift)
        return Operand(low, high, zeros[term.value] + term.shift, term.sign < 0)

    for at in range(len(graph.inputs)):
        ports.append(f"input [{max(width(lo[at], hi[at]), 1) - 1}:0] v{at}")
    for at, constant in enumerate(graph.constants.tolist(), len(graph.inputs)):
        size = width(constant, constant)
        lines.append(f"wire [{size - 1}:0] v{at} = {size}'d{constant & ((1 << size) - 1)};")
    for at, terms in graph:
        top = max(width(lo[at], hi[at]), 1) - 1
        a, b = sorted(terms, key=lambda term: operand(term).zeros)
        chain = places([operand(a), operand(b)], lo[at], hi[at])
        start = top + 1 - chain if chain else operand(b).zeros
        parts = [f"{bits(a, 0, start - 1)}"] if start else []
        if chain:
            whole = [bits(term, start, top) for term in (a, b)]
            if a.sign > 0:
                parts.insert(0, f"s{at}")
                total = f"{whole[0]} {'+' if b.sign > 0 else '-'} {whole[1]}"
            else:
                parts.insert(0, f"s{at}")
                total = f"{whole[1]} - {whole[0]}" if b.sign > 0 else f"-{whole[0]} - {whole[1]}"
            lines.append(f"wire [{top - start}:0] s{at} = {total};")
        elif top >= start:
            parts.insert(0, bits(b, start, top))
        lines.append(f"wire [{top}:0] v{at} = {{{', '.join(parts)}}};")
    for at, row in enumerate(graph.outputs.tolist()):
        term, ends = Term(*row), graph.output_range(at)
        top = max(width(ends.lo, ends.hi), 1) - 1
        ports.append(f"output [{top}:0] y{at}")
        text = bits(term, 0, top) if term.sign else f"{top + 1}'d0"
        lines.append(f"assign y{at} = {'-' if term.sign < 0 else ''}{text};")
    joined = ",\n  ".join(ports)
    return f"module top(\n  {joined}\n);\n" + "\n".join(lines) + "\nendmodule\n"


def synthesized_luts(graph: AdderGraph, family: str, folder: Path) -> int:
    """Returns the tables that Yosys takes for a graph's module."""
    (folder / "top.v").write_text(verilog(graph), encoding="ascii")
    (folder / "chains.v").write_text(_CHAINS, encoding="ascii")
    command, cells = YOSYS[family]
    commands = [
        "read_verilog top.v",
        "hierarchy -top top",
        "proc",
        "opt_clean",
        "techmap -map chains.v",
        f"{command} -top top",
        f"tee -q -o {family}.json stat -json",
    ]
    run_script(commands, folder, Limits(1800), lambda _: None, family)
    text = (folder / f"{family}.json").read_text(encoding="utf-8")
    counts = json.loads(text[text.index("{") :])["modules"]["\\top"]["num_cells_by_type"]
    return sum(count * cells.get(cell, 0) for cell, count in counts.items())
