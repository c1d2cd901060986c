"""Several inputs and outputs, with different shapes, and an output that has too many beats."""

import shutil

import numpy as np
import pytest

from qcompiler.backends.simulators import (
    RtlDesign,
    SimulationError,
    Stimulus,
    StreamPort,
    simulator,
)

ICARUS = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
BOTH = pytest.mark.parametrize("name", ["verilator", pytest.param("icarus", marks=ICARUS)])

# Two independent registers side by side, of 8 and 72 bits.
LANE = """
  reg [{m}:0] data{i};
  reg valid{i}, last{i};
  assign s_axis_{i}_tready = !valid{i} || m_axis_{i}_tready;
  assign m_axis_{i}_tdata = data{i};
  assign m_axis_{i}_tvalid = valid{i};
  assign m_axis_{i}_tlast = last{i};
  always @(posedge ap_clk) begin
    if (!ap_rst_n) valid{i} <= 1'b0;
    else if (s_axis_{i}_tready) valid{i} <= s_axis_{i}_tvalid;
    if (s_axis_{i}_tready) begin
      data{i} <= s_axis_{i}_tdata;
      last{i} <= s_axis_{i}_tlast;
    end
  end
"""
PORTS = """,
    input wire [{m}:0] s_axis_{i}_tdata, input wire s_axis_{i}_tvalid,
    output wire s_axis_{i}_tready, input wire s_axis_{i}_tlast,
    output wire [{m}:0] m_axis_{i}_tdata, output wire m_axis_{i}_tvalid,
    input wire m_axis_{i}_tready, output wire m_axis_{i}_tlast"""


@pytest.fixture
def lanes(tmp_path):
    msb = {0: 7, 1: 71}
    ports = "".join(PORTS.format(i=i, m=m) for i, m in msb.items())
    body = "".join(LANE.format(i=i, m=m) for i, m in msb.items())
    source = tmp_path / "lanes.v"
    head = "module lanes (input wire ap_clk, input wire ap_rst_n"
    source.write_text(f"{head}{ports});{body}endmodule\n")
    shapes = (("s_axis_{}", "in"), ("m_axis_{}", "out"))
    return RtlDesign(
        "lanes",
        (source,),
        tuple(StreamPort(n.format(i), d, m + 1, 3 + i) for n, d in shapes for i, m in msb.items()),
    )


def stimulus(design, n_frames=10):
    random = np.random.default_rng(0)
    shape = {p.name: (n_frames, p.beats, p.bytes_per_beat) for p in design.inputs}
    frames = {name: random.integers(0, 256, s, dtype=np.uint8) for name, s in shape.items()}
    return Stimulus(frames, 0.3, 0.3, drain_cycles=200)


@BOTH
def test_ports_are_kept_apart(name, lanes):
    given = stimulus(lanes)
    result = simulator(name).run(lanes, given)
    for i in (0, 1):
        assert np.array_equal(result.frames[f"m_axis_{i}"], given.frames[f"s_axis_{i}"])
    assert (result.first_in_cycle <= result.last_in_cycle).all()
    assert result.tlast_errors == []


@BOTH
def test_superfluous_beats_are_an_error(name, lanes):
    *others, last = lanes.ports
    # The design gives 4 beats a frame on its last port; claim that only 3 are right.
    claimed = RtlDesign(
        "lanes", lanes.sources, (*others, StreamPort(last.name, "out", last.width_bits, 3))
    )
    with pytest.raises(SimulationError, match=r"too many beats on m_axis_1.* 40 of 30"):
        simulator(name).run(claimed, stimulus(claimed))
