"""Yosys finds the multipliers and memories that the Verilog was shaped for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from rtl_testing import parse, write
from xdsl.dialects.builtin import ModuleOp

from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.rtl.builder import ModuleBuilder

PRODUCT = """
hw.module @product(in %x : i6, in %y : i6, out p : i12) {
  %xs = comb.extract %x from 5 : (i6) -> i1
  %xr = comb.replicate %xs : (i1) -> i6
  %xe = comb.concat %xr, %x : i6, i6
  %ys = comb.extract %y from 5 : (i6) -> i1
  %yr = comb.replicate %ys : (i1) -> i6
  %ye = comb.concat %yr, %y : i6, i6
  %p = comb.mul %xe, %ye : i12
  hw.output %p : i12
}"""

MEMORY = """
hw.module @memory(in %clk : !seq.clock, in %en : i1, in %we : i1, in %a : i10, in %w : i10,
                  in %d : i16, out y : i16, out z : i16) {
  %y = rtl.rom %clk, %en, %a, dense<"0xHEX"> : tensor<1024x2xi8> lane_width 8 style "auto"
    : i10 -> i16
  %z = rtl.ram %clk write %we, %w, %d read %en, %a depth 1024 style "auto" : i10, i16
  hw.output %y, %z : i16, i16
}""".replace("HEX", bytes(i * 97 % 251 for i in range(2048)).hex())


_RUN = "import sys; from pyosys import libyosys as y; y.run_pass(sys.argv[1], y.Design())"


def _yosys(module: ModuleOp, script: str, directory: Path, report: str) -> str:
    """Returns what the Yosys command `report` says after `script`.

    In a process of its own: beside torch, which other tests load, Yosys crashes.
    """
    (source,) = write(emit_verilog(module).files, directory)
    commands = f"read_verilog {source.name}; {script}; tee -q -o report.txt {report}"
    subprocess.run([sys.executable, "-c", _RUN, commands], cwd=directory, check=True)
    return (directory / "report.txt").read_text()


def test_product_of_extended_values_is_a_small_signed_multiplier(tmp_path: Path) -> None:
    script = "proc; opt; wreduce; opt_clean"
    cell = _yosys(parse(PRODUCT), script, tmp_path, "dump t:$mul")
    values = dict(re.findall(r"parameter \\(\w+) (\d+)", cell))
    expected = {"A_SIGNED": "1", "B_SIGNED": "1", "A_WIDTH": "6", "B_WIDTH": "6", "Y_WIDTH": "12"}
    assert values == expected


def test_rom_and_ram_become_block_memories(tmp_path: Path) -> None:
    # Only up to the step that maps block memories, to save time.
    script = "synth_ecp5 -top memory -run :map_ffram"
    said = _yosys(parse(MEMORY), script, tmp_path, "stat")
    assert re.search(r"\b2\s+DP16KD\b", said), said


@pytest.mark.parametrize(("depth", "width"), [(512, 8), (2048, 3), (300, 1)])
def test_yosys_can_keep_a_deep_memory_with_one_address(
    depth: int, width: int, tmp_path: Path
) -> None:
    """Left to choose, it takes look-up tables of UltraScale+ for these that there are not."""
    b = ModuleBuilder("memory")
    on, data = b.input("on", 1), b.input("data", width)
    address = b.input("address", (depth - 1).bit_length())
    b.output("word", b.ram("word", depth=depth, write=(on, address, data), read=(on, address)))
    script = "synth_xilinx -family xcup -top memory -run :map_ffram"
    said = _yosys(ModuleOp([b.build()]), script, tmp_path, "stat")
    assert re.search(r"\b1\s+RAMB18E2\b", said), said


TWICE = """
hw.module @twice(in %clk : !seq.clock, in %x : i4, in %y : i4, out p : i4, out q : i4) {
  %a = seq.compreg %x, %clk KEPT : i4
  %b = seq.compreg %x, %clk KEPT : i4
  %p = comb.add %a, %y : i4
  %q = comb.xor %b, %y : i4
  hw.output %p, %q : i4, i4
}"""


@pytest.mark.parametrize(("kept", "count"), [("{rtl.kept}", 2), ("", 1)])
def test_registers_that_hold_the_same_are_merged_unless_they_are_kept(
    tmp_path: Path, kept: str, count: int
) -> None:
    module = parse(TWICE.replace("KEPT", kept))
    cells = _yosys(module, "proc; opt", tmp_path, "select -list t:$dff")
    assert len(cells.split()) == count
    (source,) = tmp_path.glob("*.v")
    assert source.read_text().count("(* keep *) reg [3:0]") == (2 if kept else 0)
