"""nextpnr's report in terms of layers."""

import pytest

from qcompiler.backends.synthesis.netlist import GLUE
from qcompiler.backends.synthesis.timing import WRAPPED, Step, layer_of, parse_timing
from qcompiler.backends.synthesis.tools import SynthesisError

LAYERS = {"fc.sum_LUT4_Z": "fc", "fc.sum": "fc", "act.q_TRELLIS_FF_Q_1": "act", "y_LUT4_Z": "act"}


def part(type_, delay, from_, to):
    ends = {"from": {"cell": from_, "port": "A"}, "to": {"cell": to, "port": "B"}}
    return {"type": type_, "delay": delay, **ends}


def report():
    start, middle, end = "applied_FF", "dut.fc.sum_LUT4_Z_LC", "dut.act.q_TRELLIS_FF_Q_1"
    path = [
        part("clk-to-q", 0.5, start, start),
        part("routing", 1.0, start, middle),
        part("logic", 0.25, middle, middle),
        part("routing", 2.0, middle, end),
        part("setup", 0.25, end, end),
    ]
    asynchronous = [part("routing", 50.0, "pin", end)]
    return {
        "fmax": {"clk$glb": {"achieved": 250.0, "constraint": 100.0}},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk$glb", "path": asynchronous},
            {"from": "posedge clk$glb", "to": "posedge clk$glb", "path": path},
        ],
        "utilization": {"LC": {"used": 3, "available": 5280}, "DSP": {"used": 0, "available": 8}},
    }


def test_report():
    timing = parse_timing(report(), LAYERS)
    assert timing.fmax_mhz == 250.0
    assert timing.critical_path == (
        Step(WRAPPED, 1, 0.5, 0.0), Step("fc", 1, 0.25, 1.0), Step("act", 1, 0.25, 2.0),
    )  # fmt: skip
    assert timing.critical_layers == (WRAPPED, "fc", "act")
    assert (timing.start, timing.end) == ("applied_FF", "dut.act.q_TRELLIS_FF_Q_1")
    assert timing.utilization == {"LC": (3, 5280)}


@pytest.mark.parametrize(
    ("cell", "layer"),
    [
        ("dut.fc.sum_LUT4_Z", "fc"),
        ("dut.fc.sum_LUT4_Z$CARRY_PASS", "fc"),
        ("dut.y_LUT4_Z_LC", "act"),
        ("dut.fc.summary", GLUE),
        ("observed_SB_DFF_Q", WRAPPED),
        ("$PACKER_VCC", WRAPPED),
    ],
)
def test_cells_as_nextpnr_names_them(cell, layer):
    assert layer_of(cell, LAYERS) == layer


def test_no_clock():
    with pytest.raises(SynthesisError, match="no clock"):
        parse_timing({**report(), "fmax": {}}, LAYERS)
