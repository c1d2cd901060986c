"""Our models of cells compute in a netlist what the memories that it was made of do."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rtl_testing import simulate, write
from xdsl.dialects.builtin import ModuleOp

from qcompiler.backends.synthesis.lost_bits import lost_bits
from qcompiler.backends.synthesis.models import cell_models
from qcompiler.backends.synthesis.yosys import share_folder
from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.rtl.builder import ModuleBuilder

# In a process of its own: beside torch, which other tests load, Yosys crashes.
_RUN = "import sys; from pyosys import libyosys as y; y.run_pass(sys.argv[1], y.Design())"

DEPTH = 512
WIDTHS = {"narrow": 4, "parity": 9, "word": 36}


def _memories() -> tuple[ModuleOp, dict[str, int], dict[str, int]]:
    """Returns a ROM, and RAMs of each width with one address and two; inputs and outputs."""
    b = ModuleBuilder("memories")
    outputs: dict[str, int] = {}

    def output(name: str, width: int, word) -> None:
        outputs[name] = width
        b.output(name, word)

    read, write_ = b.input("read", 1), b.input("write", 1)
    at, other = b.input("at", 9), b.input("other", 9)
    inputs = {"ap_rst_n": 1, "read": 1, "write": 1, "at": 9, "other": 9}
    words = np.random.default_rng(1).integers(-(1 << 17), 1 << 17, (DEPTH, 2))
    output("fixed", 36, b.rom("constants", at, read, words, 18))
    for name, width in WIDTHS.items():
        inputs[name] = width
        data = b.input(name, width)
        write_port = (write_, at, data)
        one = b.ram(f"{name}_one", depth=DEPTH, write=write_port, read=(read, at))
        output(f"{name}_same", width, one)
        two = b.ram(f"{name}_two", depth=DEPTH, write=write_port, read=(read, other))
        output(f"{name}_else", width, two)
    return ModuleOp([b.build()]), inputs, outputs


def _stimuli(inputs: dict[str, int]) -> list[list[int]]:
    """Returns values that write everything once, then read and write at random, often at once."""
    rng = random.Random(1)
    rows: list[list[int]] = []
    for cycle in range(4 * DEPTH):
        filling = cycle < DEPTH
        at = cycle if filling else rng.randrange(DEPTH)
        near = {"at": at, "other": at if filling or rng.random() < 0.3 else rng.randrange(DEPTH)}
        flags = {"read": filling or rng.random() < 0.7, "write": filling or rng.random() < 0.5}
        row = {**near, **flags, "ap_rst_n": 1}
        rows.append([int(row.get(name, rng.getrandbits(width))) for name, width in inputs.items()])
    return rows


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("family", "command", "memories"),
    [
        ("xilinx", "synth_xilinx -family xcup -noiopad", {"RAMB18E2"}),
        pytest.param(
            "xilinx", "synth_xilinx -family xc7 -noiopad", {"RAMB18E1"}, marks=pytest.mark.sweep
        ),
        ("ecp5", "synth_ecp5", {"DP16KD"}),
        ("nexus", "synth_nexus -noiopad", {"PDPSC16K"}),
        ("gowin", "synth_gowin -noiopads", {"SP", "SPX9", "DPB", "DPX9B", "SDPX9B"}),
        pytest.param(
            "gowin",
            "synth_gowin -noiopads -family gw2a",
            {"SP", "SPX9", "DPB", "DPX9B", "SDPX9B"},
            marks=pytest.mark.sweep,
        ),
        ("ice40", "synth_ice40 -device u", {"SB_RAM40_4K"}),
        ("cyclonev", "synth_intel_alm -family cyclonev -noiopad -noclkbuf", {"MISTRAL_M10K"}),
    ],
)
def test_block_memories(
    family: str,
    command: str,
    memories: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, inputs, outputs = _memories()
    (source,) = write(emit_verilog(module).files, tmp_path)
    monkeypatch.chdir(tmp_path)
    rename = "rename memories netlist; write_verilog -noattr netlist.v; write_json netlist.json"
    commands = f"read_verilog {source.name}; {command} -top memories; {rename}"
    subprocess.run([sys.executable, "-c", _RUN, commands], check=True)
    netlist = json.loads(Path("netlist.json").read_text())["modules"]["netlist"]
    cells = list(netlist["cells"].values())
    assert {cell["type"] for cell in cells} >= memories
    assert lost_bits(netlist, family) == []
    Path("cells.v").write_text(cell_models(family, share_folder(), cells))
    ports = [f"input [{width - 1}:0] {name}" for name, width in inputs.items()]
    ports += [f"output [{w - 1}:0] {name}_{of}" for name, w in outputs.items() for of in "rn"]
    given = ", ".join(f".{name}({name})" for name in ("ap_clk", *inputs))
    instances = [
        f"{top} {of} ({given}, {', '.join(f'.{name}({name}_{of})' for name in outputs)});"
        for top, of in (("memories", "r"), ("netlist", "n"))
    ]
    body = "\n".join(instances)
    Path("both.v").write_text(f"module both(input ap_clk, {', '.join(ports)});\n{body}\nendmodule")
    files = [tmp_path / name for name in ("both.v", source.name, "netlist.v", "cells.v")]
    seen = {f"{name}_{of}": width for name, width in outputs.items() for of in "rn"}
    rows = simulate(files, "both", inputs, seen, _stimuli(inputs), clock="ap_clk")
    known = rows[DEPTH + 8 :]
    assert len(set(known)) > DEPTH  # something happens
    for row in known:
        assert row[0::2] == row[1::2]
