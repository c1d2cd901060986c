"""Cyclone V: memories stand where Yosys keeps them, and products are those of the Verilog."""

import json

import pytest

from qcompiler.backends.synthesis.models import cell_models
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.backends.synthesis.yosys import run_script, share_folder
from qcompiler.devices import load_device
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.memories import Memory

pytest.importorskip("pyosys")
DEVICE = load_device("intel-5csema5")
FAMILY = FAMILIES["cyclonev"]


def synthesize(folder, text, top, *more):
    (folder / f"{top}.v").write_text(text)
    script = FAMILY.script(DEVICE, top, dsp=True)
    commands = [f"read_verilog {top}.v", *script, f"write_json {top}.json"]
    run_script([*commands, *more], folder, Limits(), lambda _: None)
    return json.loads((folder / f"{top}.json").read_text())["modules"][top]["cells"].values()


MULTIPLY = """
module top(input [{0}:0] a, input [{0}:0] b, output [{1}:0] y); assign y = a * b; endmodule
"""


@pytest.mark.parametrize("bits", [5, 8, 9, 18, 27])
def test_products_of_numbers_without_a_sign(tmp_path, bits):
    """As they are, the rules of Yosys (0.70) take 9, 18 and 27 bits for numbers with a sign."""
    text = MULTIPLY.format(bits - 1, 2 * bits - 1)
    cells = synthesize(tmp_path, text, "top")
    assert any(cell["type"].startswith("MISTRAL_MUL") for cell in cells)
    (tmp_path / "cells.v").write_text(cell_models("cyclonev", share_folder(), cells))
    most = 2**bits - 1
    prove = f"sat -verify -set a {2 * bits}'d{most} -set b {2 * bits}'d{most} -prove y "
    commands = [
        "read_json top.json",
        "read_verilog -sv -overwrite cells.v",
        *("hierarchy -top top", "proc", "flatten", "opt_clean"),
        prove.replace(f"{2 * bits}'d", f"{bits}'d") + f"{2 * bits}'d{most * most}",
    ]
    run_script(commands, tmp_path, Limits(), lambda _: None, "prove")


ROM = """
module top(input clk, input [{2}:0] at, output reg [{1}:0] y);
    reg [{1}:0] words [0:{0}];
    initial $readmemh("words.mem", words);
    always @(posedge clk) y <= words[at];
endmodule
"""
RAM = """
module top(input clk, we, input [{2}:0] at, to, input [{1}:0] x, output reg [{1}:0] y);
    reg [{1}:0] words [0:{0}];
    always @(posedge clk) begin
        if (we) words[to] <= x;
        y <= words[at];
    end
endmodule
"""


@pytest.mark.parametrize(
    ("rom", "depth", "width"),
    [
        (True, 1024, 8),
        (True, 16384, 1),
        (True, 300, 40),
        (True, 64, 8),
        (True, 63, 8),
        (True, 2100, 7),
        (False, 512, 20),
        (False, 64, 5),
        (False, 1500, 11),
    ],
)
def test_memories_stand_where_yosys_keeps_them(tmp_path, rom, depth, width):
    words = "\n".join(f"{i * 2654435761 % (1 << width):x}" for i in range(depth))
    (tmp_path / "words.mem").write_text(words + "\n")
    text = (ROM if rom else RAM).format(depth - 1, width - 1, (depth - 1).bit_length() - 1)
    types = [cell["type"] for cell in synthesize(tmp_path, text, "top")]
    found = FAMILY.place(Memory(depth, width, rom=rom))
    kinds = {None: "none", "block": "MISTRAL_M10K", "distributed": "MISTRAL_MLAB"}
    taken = kinds[found.ram.kind if found.ram else None]
    used = {kind: types.count(kind) for kind in kinds.values() if kind in types}
    assert used == ({taken: found.copies} if found.ram else {})
