"""Writes the parts of a Verilog bench that depend on the ports: wires, instances, vectors."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qcompiler.backends.simulators.base import RtlDesign, StreamPort
from qcompiler.backends.simulators.exchange import port_seed


def write_vectors(path: Path, frames: NDArray[np.uint8]) -> None:
    """Writes beats of shape `[n_frames, beats, bytes]` for `$readmemh`, one beat a line."""
    digits = 2 * frames.shape[-1]
    text = np.ascontiguousarray(frames[..., ::-1]).tobytes().hex()
    lines = (text[start : start + digits] for start in range(0, len(text), digits))
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def wires(design: RtlDesign) -> str:
    """Returns declarations of all stream signals, and of how many beats each port moved."""
    lines: list[str] = []
    for port in design.ports:
        lines += [
            f"  wire [{8 * port.bytes_per_beat - 1}:0] {port.name}_tdata;",
            f"  wire {port.name}_tvalid, {port.name}_tready, {port.name}_tlast;",
            f"  wire [31:0] {port.name}_moved;",
        ]
        if port.direction == "out":
            lines.append(f"  wire [2:0] {port.name}_broken;")
    return "\n".join(lines)


def design_instance(design: RtlDesign) -> str:
    """Returns the instance `dut` of the design, connected to the wires of the same names."""
    names = ["ap_clk", "ap_rst_n"]
    for port in design.ports:
        names += [f"{port.name}_{part}" for part in (*port.forward, *port.backward)]
    made = [instance(design.top, {}, "dut", {name: name for name in names})]
    made += [_plain_port(port) for port in design.ports if not port.handshake]
    return "\n".join(made)


def _plain_port(port: StreamPort) -> str:
    """Returns what stands in for the wires that a port without a handshake lacks."""
    name = port.name
    if port.direction == "in":
        return f"  assign {name}_tready = 1'b1;\n"
    return f"""\
  reg [31:0] {name}_beat;
  initial {name}_beat = 0;
  always @(posedge ap_clk)
    if (ap_rst_n && {name}_tvalid) {name}_beat <= {name}_tlast ? 0 : {name}_beat + 1;
  assign {name}_tlast = {name}_beat == {port.beats - 1};
"""


def source_instance(prefix: str, port: StreamPort, parameters: Mapping[str, str]) -> str:
    """Returns the source that drives `port`; `parameters` are those without a default here."""
    sizes = {"WIDTH": str(8 * port.bytes_per_beat), "BEATS": str(port.beats)}
    signals = {"clk": "ap_clk", "go": "go", **_stream(port), "moved": f"{port.name}_moved"}
    return instance(f"{prefix}_source", {**sizes, **parameters}, f"source_{port.name}", signals)


def sink_instance(prefix: str, port: StreamPort, parameters: Mapping[str, str]) -> str:
    """Returns the sink that takes from `port`; `parameters` as for a source."""
    sizes = {"WIDTH": str(8 * port.bytes_per_beat)}
    if not port.handshake:
        parameters = {**parameters, "STALL": "0"}
    signals = {"clk": "ap_clk", "go": "go", "rst_n": "ap_rst_n", **_stream(port)}
    signals["broken"] = f"{port.name}_broken"
    return instance(f"{prefix}_sink", {**sizes, **parameters}, f"sink_{port.name}", signals)


def watch_instance(
    prefix: str,
    kind: str,
    port: StreamPort,
    parameters: Mapping[str, str],
    extra: Mapping[str, str],
) -> str:
    """Returns a `check` or `record` that watches `port`; `extra` are its further signals."""
    sizes = {"WIDTH": str(8 * port.bytes_per_beat)}
    signals = {"clk": "ap_clk", "rst_n": "ap_rst_n", **_stream(port), **extra}
    return instance(f"{prefix}_{kind}", {**sizes, **parameters}, f"{kind}_{port.name}", signals)


def seed_literal(seed: int, index: int, port: StreamPort) -> str:
    """Returns the Verilog literal of the seed of port number `index`."""
    return f"32'd{port_seed(seed, index, port)}"


def _stream(port: StreamPort) -> dict[str, str]:
    return {part: f"{port.name}_{part}" for part in ("tdata", "tvalid", "tready", "tlast")}


def instance(
    module: str, parameters: Mapping[str, str], name: str, signals: Mapping[str, str]
) -> str:
    """Returns an instance of `module`, everything connected by name."""
    sizes = ",\n".join(f"      .{key}({value})" for key, value in parameters.items())
    ports = ",\n".join(f"      .{key}({value})" for key, value in signals.items())
    head = f"  {module} #(\n{sizes}\n  ) {name} (" if sizes else f"  {module} {name} ("
    return f"{head}\n{ports}\n  );\n"


CLOCK_AND_RESET = """\
  reg ap_clk, ap_rst_n;
  reg [31:0] cycle, reset_count;
  // High from the last edge of the reset on: then sources and sinks decide about cycle 0.
  wire go = ap_rst_n || reset_count == {last_reset};

  initial begin
    ap_clk = 0;
    ap_rst_n = 0;
    cycle = 0;
    reset_count = 0;
  end

  always #5 ap_clk = !ap_clk;

  always @(posedge ap_clk)
    if (ap_rst_n) cycle <= cycle + 1;
    else begin
      reset_count <= reset_count + 1;
      ap_rst_n <= go;
    end
"""
"""Clock, reset and cycle counter; format with `last_reset`, the number of the last reset edge."""
