"""ROM and RAM: their contents in files and in place, and what they do in simulation."""

import random
from pathlib import Path

import numpy as np
import pytest
from rtl_testing import lint, parse, simulate, write
from xdsl.dialects.builtin import ModuleOp

from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.backends.verilog.memories import hex_words

MEMORIES = """
hw.module @mem(in %clk : !seq.clock, in %ren : i1, in %wen : i1, in %ra : i3, in %wa : i3,
               in %wd : i9, out rom : i10, out ram : i9, out one : i6, out reg1 : i9) {
  %t = hw.constant true
  %rom = rtl.rom %clk, %ren, %ra, dense<[[1, -2], [3, -16], [15, 0], [-1, 5], [7, 9]]>
    : tensor<5x2xi8> lane_width 5 style "block" : i3 -> i10
  %ram = rtl.ram %clk write %wen, %wa, %wd read %ren, %ra depth 6 style "auto" : i3, i9
  %a = comb.extract %ra from 0 : (i3) -> i1
  %one = rtl.rom %clk, %t, %a, dense<[[-3, 2]]> : tensor<1x2xi8> lane_width 3 style "auto"
    : i1 -> i6
  %r1 = rtl.ram %clk write %wen, %a, %wd read %t, %a depth 1 style "distributed" : i1, i9
  hw.output %rom, %ram, %one, %r1 : i10, i9, i6, i9
}
"""


def _word(lanes: list[int], width: int) -> int:
    return sum((v % (1 << width)) << (i * width) for i, v in enumerate(lanes))


@pytest.mark.parametrize(("dtype", "width"), [("i1", 1), ("i1", 8), ("i2", 11), ("i8", 64)])
def test_hex_words_put_lane_0_in_the_low_bits(dtype: str, width: int) -> None:
    half = 1 << (width - 1)
    rng = np.random.default_rng(width)
    values = rng.integers(-half, half - 1, (17, 3), dtype=np.int64, endpoint=True).astype(dtype)
    lines = hex_words(values, width).splitlines()
    assert {len(line) for line in lines} == {-(-3 * width // 4)}
    assert [int(line, 16) for line in lines] == [_word(row, width) for row in values.tolist()]


def test_only_large_memories_go_to_files() -> None:
    module = parse(MEMORIES)
    assert list(emit_verilog(module).files) == ["mem.v"]
    design = emit_verilog(module, inline_memory_bits=49)
    assert list(design.files) == ["mem.v", "mem_rom_mem.mem"]
    assert 'initial $readmemh("mem_rom_mem.mem", rom_mem);' in design.files["mem.v"]
    assert design.files["mem_rom_mem.mem"] == "3c1\n203\n00f\n0bf\n127\n"


def test_memory_attributes_ask_for_the_style() -> None:
    def text(style: str) -> str:
        return emit_verilog(parse(MEMORIES.replace('"block"', f'"{style}"'))).files["mem.v"]

    assert '(* rom_style = "block" *)\n    reg [9:0] rom_mem [0:4];' in text("block")
    assert '(* ram_style = "registers", rom_style = "distributed" *)' in text("distributed")
    assert "style" not in text("auto")


def _expected(stimuli: list[list[int]]) -> list[tuple[int | None, ...]]:
    """Returns rom, ram, one, reg1 per cycle; None where the value is unspecified."""
    table = [_word(r, 5) for r in ([1, -2], [3, -16], [15, 0], [-1, 5], [7, 9])]
    memory: dict[int, int] = {}
    rom = ram = one = read = single = None
    rows: list[tuple[int | None, ...]] = []
    for ren, wen, ra, wa, wd in stimuli:
        rows.append((rom, ram, one, read))
        if ren:
            rom, ram = table[ra], memory.get(ra)
        one, read = _word([-3, 2], 3), single
        if wen:
            memory[wa] = single = wd
    return rows


def _stimuli() -> list[list[int]]:
    source = random.Random(7)
    limits = (2, 2, 5, 6, 512)
    # Few addresses and many cycles: reads and writes of one word in one cycle are common.
    return [[source.randrange(limit) for limit in limits] for _ in range(400)]


def _simulate(module: ModuleOp, inline_bits: int, directory: Path) -> list[tuple[int, ...]]:
    sources = write(emit_verilog(module, inline_memory_bits=inline_bits).files, directory)
    inputs = {"ren": 1, "wen": 1, "ra": 3, "wa": 3, "wd": 9}
    outputs = {"rom": 10, "ram": 9, "one": 6, "reg1": 9}
    return simulate(sources, "mem", inputs, outputs, _stimuli())


def test_memories_simulate_as_specified(tmp_path: Path) -> None:
    rows = _simulate(parse(MEMORIES), 0, tmp_path)
    for cycle, (row, expected) in enumerate(zip(rows, _expected(_stimuli()), strict=True)):
        masked = tuple(None if e is None else r for r, e in zip(row, expected, strict=True))
        assert masked == expected, f"cycle {cycle}"


def test_memories_lint_clean(tmp_path: Path) -> None:
    assert lint(emit_verilog(parse(MEMORIES), inline_memory_bits=0), "mem", tmp_path) == ""
