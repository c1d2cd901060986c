"""Small hand-written designs, good and broken, and a cache of their own for the whole session."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qcompiler.backends.simulators import RtlDesign, Stimulus, StreamPort

HEAD = """module {top} (
    input wire ap_clk,
    input wire ap_rst_n,
    input wire [{m}:0] s_axis_0_tdata,
    input wire s_axis_0_tvalid,
    output wire s_axis_0_tready,
    input wire s_axis_0_tlast,
    output wire [{m}:0] m_axis_0_tdata,
    output wire m_axis_0_tvalid,
    input wire m_axis_0_tready,
    output wire m_axis_0_tlast
);
"""

# One register; `{last}`, `{valid}`, `{ready}` are what each design does differently.
REGISTER = (
    HEAD
    + """  reg [{m}:0] data;
  reg valid, last;
  reg [15:0] count;
  wire step = !valid || m_axis_0_tready;
  assign s_axis_0_tready = {ready};
  assign m_axis_0_tdata = data;
  assign m_axis_0_tvalid = {valid};
  assign m_axis_0_tlast = last;
  always @(posedge ap_clk) begin
    count <= ap_rst_n ? count + 16'd1 : 16'd0;
    if (!ap_rst_n) valid <= 1'b0;
    else if (step) valid <= s_axis_0_tvalid && s_axis_0_tready;
    if (step) begin
      data <= s_axis_0_tdata;
      last <= {last};
    end
  end
endmodule
"""
)

# Adds a constant in three pipeline stages, with a rom that is read from a file.
ADDER = (
    HEAD
    + """  reg [{m}:0] rom [0:0];
  reg [{m}:0] a, b, c;
  reg [2:0] valid, last;
  wire step = !valid[2] || m_axis_0_tready;
  assign s_axis_0_tready = step;
  assign m_axis_0_tdata = c;
  assign m_axis_0_tvalid = valid[2];
  assign m_axis_0_tlast = last[2];
  initial $readmemh("adder_rom.mem", rom);
  always @(posedge ap_clk) begin
    if (!ap_rst_n) valid <= 3'b0;
    else if (step) valid <= {{valid[1:0], s_axis_0_tvalid}};
    if (step) begin
      last <= {{last[1:0], s_axis_0_tlast}};
      a <= s_axis_0_tdata;
      b <= a + rom[0];
      c <= b;
    end
  end
endmodule
"""
)

GOOD = {
    "last": "s_axis_0_tlast",
    "valid": "valid",
    "ready": "step",
}
VARIANTS: dict[str, dict[str, str]] = {
    "passthrough": {},
    "drops_valid": {"valid": "valid && count[1:0] != 2'd3"},
    "deadlocks": {"ready": "step && count < 16'd20"},
    "wrong_last": {"last": "s_axis_0_tlast ^ (s_axis_0_tdata[7:0] == 8'd7)"},
    "valid_in_reset": {"valid": "valid || !ap_rst_n"},
}

MakeDesign = Callable[..., RtlDesign]


@pytest.fixture(scope="session", autouse=True)
def _session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def make_design(tmp_path: Path) -> MakeDesign:
    """Writes one of the designs above and describes it; 1 input, 1 output of equal width."""

    def make(top: str, width_bits: int = 8, beats: int = 4) -> RtlDesign:
        byte_count = (width_bits + 7) // 8
        template = ADDER if top == "adder" else REGISTER
        fields = {**GOOD, **VARIANTS.get(top, {})}
        text = template.format(top=top, m=8 * byte_count - 1, **fields)
        source = tmp_path / "rtl" / f"{top}.v"
        source.parent.mkdir(exist_ok=True)
        source.write_text(text)
        (source.parent / "adder_rom.mem").write_text("05\n")
        ports = (
            StreamPort("s_axis_0", "in", width_bits, beats),
            StreamPort("m_axis_0", "out", width_bits, beats),
        )
        return RtlDesign(top, (source,), ports)

    return make


@pytest.fixture
def make_stimulus() -> Callable[..., Stimulus]:
    """Random frames for a design with one input."""

    def make(design: RtlDesign, n_frames: int = 20, **options: Any) -> Stimulus:
        (port,) = design.inputs
        shape = (n_frames, port.beats, port.bytes_per_beat)
        frames = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
        return Stimulus({port.name: frames}, **options)

    return make
