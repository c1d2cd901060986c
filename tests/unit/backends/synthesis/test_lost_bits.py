"""Bits that a tool lost: found where logic or a port reads them, and told from pins left open."""

import json

import pytest

from qcompiler.backends.synthesis.lost_bits import check_bits, lost_bits
from qcompiler.backends.synthesis.tools import Limits, SynthesisError
from qcompiler.backends.synthesis.yosys import NETLIST_JSON, Job, run_yosys
from qcompiler.devices import load_device

# Yosys (0.70) moves the register p into the multiplier, and with it the sign that p holds twice.
SMALLEST = """
module top(input clk, input en, input [7:0] x, input [3:0] w, output reg [WIDTH-1:0] y);
    parameter WIDTH = 13;
    reg signed [7:0] x1;
    reg signed [3:0] w1;
    reg [WIDTH-1:0] p;
    wire signed [WIDTH-1:0] xe = x1;
    wire signed [WIDTH-1:0] we = w1;
    always @(posedge clk) if (en) begin
        x1 <= x;
        w1 <= w;
        p <= xe * we;
        y <= p;
    end
endmodule
"""


def cell(type_, inputs, outputs, **parameters):
    directions = dict.fromkeys(inputs, "input") | dict.fromkeys(outputs, "output")
    pins = {"port_directions": directions, "connections": inputs | outputs}
    return {"type": type_, "parameters": parameters} | pins


def module(*cells, out=(10,), names=None):
    return {
        "ports": {
            "a": {"direction": "input", "bits": [2, 3, 4]},
            "y": {"direction": "output", "bits": list(out)},
        },
        "cells": {f"c{i}": made for i, made in enumerate(cells)},
        "netnames": {
            name: {"hide_name": int(name[0] == "$"), "bits": bits}
            for name, bits in (names or {}).items()
        },
    }


def lut(*inputs, out=10):
    return cell("LUT4", dict(zip("ABCD", ([bit] for bit in inputs), strict=False)), {"Z": [out]})


def lost(made, **options):
    """Lost bits, by the rules of the family whose cells stand here."""
    types = {cell["type"] for cell in made["cells"].values()}
    family = "gowin" if "SPX9" in types else "ice40"
    return lost_bits(made, family, **options)


def test_nothing_is_lost_where_all_is_driven():
    assert lost(module(lut(2, 3, "0", "1"))) == []


@pytest.mark.parametrize("bit", ["x", 99])
def test_logic_that_reads_a_lost_bit_is_named_by_what_it_makes(bit):
    made = module(lut(2, bit), names={"$auto$7": [10], "fc1.pe0.total": [11, 10]})
    assert lost(made) == ["fc1.pe0.total[1] (pin B of a LUT4)"]


@pytest.mark.parametrize("bit", ["x", "z", 99])
def test_an_output_that_nothing_drives(bit):
    assert lost(module(lut(2, 3), out=(10, bit))) == ["output y[1]"]


def test_what_nobody_reads_is_not_lost():
    assert lost(module(lut(2, 3), lut("x", 3, out=12))) == []


def test_a_bit_of_a_register_is_its_own():
    kept = cell("$dff", {"D": [2, 99], "CLK": [3]}, {"Q": [10, 11]})
    names = {"p": [10, 11]}
    assert lost(module(kept, names=names), finished=False) == []
    assert lost(module(kept, out=(11,), names=names), finished=False) == ["p[1] (pin D of a $dff)"]


def test_constants_of_an_unfinished_netlist_are_the_tools_to_choose():
    assert lost(module(lut(2, "x"), names={"p": [10]}), finished=False) == []


def test_cells_that_are_yet_to_be_mapped_may_drive_what_they_are_connected_to():
    made = module(lut(2, 50), lut(2, 60, out=11), out=(10, 11), names={"p": [10, 11]})
    made["cells"]["soft"] = {"type": "$__soft_mul", "parameters": {}, "connections": {"Y": [50]}}
    assert lost(made, finished=False) == ["p[1] (pin B of a LUT4)"]


def multiplier(**parameters):
    inputs = {"A": [2], "CI": ["x"], "SIGNEXTIN": ["x"], "ACCUMCI": ["x"]}
    return module(cell("SB_MAC16", inputs, {"O": [10]}, **parameters), names={"o": [10]})


def test_inputs_of_an_unused_cascade_are_spare():
    assert lost(multiplier(BOTADDSUB_CARRYSELECT="00")) == []
    assert lost(multiplier(BOTADDSUB_CARRYSELECT="11")) == ["o (pin CI of a SB_MAC16)"]
    assert lost(multiplier(BOTADDSUB_LOWERINPUT="11")) == ["o (pin SIGNEXTIN of a SB_MAC16)"]


def memory(data, out, *, write=2, address=3, enable=4, type_="SPX9"):
    pins = {"DI": data, "AD": [address], "CE": [enable], "WRE": [write], "CLK": [2]}
    return cell(type_, pins, {"DO": out})


@pytest.mark.parametrize(
    ("found", "made"),
    [
        (0, memory([2, "x"], [10, 12])),  # of a word's bits, as many are unread
        (1, memory([2, "x"], [11, 10])),
        (0, memory(["x", "x"], [11, 10], write="0")),  # it is a ROM
        (1, memory([99, "x"], [11, 10], write="0")),  # no tool leaves a wire there on purpose
        (1, memory([2, 3], [11, 10], address="x")),
        (0, memory([2, 3], [11, 10], address="x", enable="0")),  # the port is off
    ],
)
def test_pins_of_memories(found, made):
    read = [bit for bit in made["connections"]["DO"] if bit != 12]
    assert bool(lost(module(made, out=read))) == found


def test_a_constant_may_be_made_by_a_cell():
    ground = cell("GND", {}, {"G": [20]})
    assert lost(module(ground, memory(["x"], [10], write=20))) == []


def test_the_error_names_instance_and_net_and_says_what_to_do():
    made = module(*(lut(2, 99, out=10 + i) for i in range(7)), out=range(10, 17))
    made["netnames"] = {f"fc1.lane{i}.p": {"hide_name": 0, "bits": [10 + i]} for i in range(7)}
    with pytest.raises(SynthesisError) as error:
        check_bits(made, "net", "ecp5")
    words = str(error.value)
    assert words.startswith("Yosys lost 7 bits of net, in fc1: nothing drives what goes into fc1.")
    assert "fc1.lane4.p (pin B of a LUT4), and 2 more" in words
    assert "a fault of the tool" in words
    assert "--no-dsp" in words


@pytest.fixture
def example(tmp_path):
    def synthesize(device, *, width=13, dsp=True):
        source = SMALLEST.replace("WIDTH = 13", f"WIDTH = {width}")
        (tmp_path / "top.v").write_text(source, encoding="ascii")
        job = Job("top", ("top.v",), load_device(device), dsp)
        return run_yosys(job, tmp_path, Limits(), lambda _: None)

    return synthesize


@pytest.mark.sweep
@pytest.mark.parametrize("device", ["ice40-up5k", "zynq-7020"])
def test_the_fault_of_the_tool_is_found(example, device):
    """If this fails, the tool has mended it: then say so in docs/synthesis.md."""
    with pytest.raises(SynthesisError, match=r"lost 1 bits of top, in top: .* p\[12\] \(pin D"):
        example(device)


# lattice_dsp_nexus (0.70) moves w1 into one multiplier, and takes it away from the other.
SHARED = """
module top(input clk, input en, input [11:0] x, input [11:0] v, input [11:0] w,
           output reg [23:0] y, output reg [23:0] z);
    reg [11:0] w1;
    always @(posedge clk) if (en) begin
        w1 <= w;
        y <= x * w1;
        z <= v * w1;
    end
endmodule
"""


@pytest.mark.sweep
def test_multipliers_of_nexus_share_a_register(tmp_path):
    (tmp_path / "top.v").write_text(SHARED, encoding="ascii")
    job = Job("top", ("top.v",), load_device("lifcl-40"))
    run_yosys(job, tmp_path, Limits(), lambda _: None)
    netlist = json.loads((tmp_path / NETLIST_JSON).read_text(encoding="utf-8"))
    cells = netlist["modules"]["top"]["cells"].values()
    factors = [
        {tuple(cell["connections"][pin][:12]) for pin in "AB"}
        for cell in cells
        if cell["type"] == "MULT18X18"
    ]
    assert len(factors) == 2
    assert len(set.intersection(*factors)) == 1  # w1
    assert all(len(set(bits)) == 12 for pair in factors for bits in pair)


@pytest.mark.sweep
def test_what_avoids_it(example, tmp_path):
    example("ice40-up5k", dsp=False)
    example("ice40-up5k", width=12)
    assert '"SB_MAC16"' in (tmp_path / NETLIST_JSON).read_text(encoding="utf-8")
