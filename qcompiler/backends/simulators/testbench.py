"""Writes the self-checking Verilog test bench that ships with a design."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qcompiler.backends.layout import Layout
from qcompiler.backends.simulators import bench_modules, bench_text
from qcompiler.backends.simulators.base import (
    RESET_CYCLES,
    RtlDesign,
    StreamPort,
    check_frames,
)

_HEAD = """\
// Self-checking test bench of {top}: {n_frames} frames through every port, with random stalls.
//
// Run it where the design's .mem files are, with Icarus Verilog or with Verilator:
//   $ cd {run_directory}
//   $ iverilog -g2005 -s {bench} -o {tb}/{bench}.vvp {tb}/{bench}.v {sources}
//   $ vvp -n {tb}/{bench}.vvp
//   $ verilator --binary --timing --top-module {bench} --Mdir {tb}/obj_dir {tb}/{bench}.v {sources}
//   $ {tb}/obj_dir/V{bench}
// It prints PASS or FAIL; with Icarus and Verilator the exit status is not 0 when it fails.
// -DSTALL_IN=50 -DSTALL_OUT=0 set the stalls of sources and sinks, in percent of cycles, 0 to 99.
// -DWATCHDOG=1000000 sets after how many cycles without a beat the bench gives up.
`ifndef STALL_IN
`define STALL_IN 25
`endif
`ifndef STALL_OUT
`define STALL_OUT 25
`endif
`ifndef WATCHDOG
`define WATCHDOG 100000
`endif
"""

_CONTROL = """\
  reg [31:0] idle, drained, total_before;
  wire [31:0] total = {total};
  wire [31:0] errors = {errors};
  wire all_through = {all_through};

  initial begin
    idle = 0;
    drained = 0;
    total_before = 0;
  end

  task fail;
    begin
`ifdef VERILATOR
      $fatal(1, "test bench failed");
`else
`ifdef __ICARUS__
      $finish_and_return(1);
`else
      $finish;
`endif
`endif
    end
  endtask

  always @(posedge ap_clk) begin
    total_before <= total;
    idle <= total != total_before ? 0 : idle + 1;
    drained <= all_through ? drained + 1 : 0;
    // Beats that come after the last one are faults, so wait for them a little.
    if (drained == 64 && errors == 0) begin
      $display("PASS: {n_frames} frames, 0 mismatches");
      $finish;
    end else if (drained == 64) begin
      $display("FAIL: {n_frames} frames, %0d mismatches", errors);
      fail;
    end else if (idle == `WATCHDOG) begin
      $display("FAIL: no beat for %0d cycles, %0d mismatches", idle, errors);
{moved}
      fail;
    end
  end
"""


class Around(Struct, frozen=True):
    """A module that stands in for a design in its bench: it has the design inside.

    Attributes:
        name: of the module, which has the design's stream ports.
        text: of it, and of those that it needs.
    """

    name: str
    text: str


def write_testbench(
    directory: Path,
    design: RtlDesign,
    inputs: Mapping[str, NDArray[np.uint8]],
    expected: Mapping[str, NDArray[np.uint8]],
    around: Around | None = None,
) -> list[Path]:
    """Writes `tb/<top>_tb.v` and one `.mem` file of vectors per port below `directory`.

    The bench is Verilog-2005. It must run in the directory of the first source, where the
    memories are, and reaches its vectors from there by a relative path.

    Args:
        directory: where the design was written.
        design: the design; its sources exist, or will.
        inputs: for each input port uint8 `[n_frames, beats, bytes_per_beat]`, little endian.
        expected: the same for each output port; padding bits are not compared.
        around: what the bench drives in place of the design.

    Returns:
        The files written, the bench first.

    Raises:
        ValueError: the arrays do not fit the ports or each other.
    """
    n_frames = check_frames(design.inputs, inputs)
    n_expected = check_frames(design.outputs, expected)
    if n_frames != n_expected:
        raise ValueError(f"{design.top}: {n_frames} input frames but {n_expected} expected ones")
    folder = Layout(directory).testbench
    folder.mkdir(parents=True, exist_ok=True)
    bench = folder / f"{design.top}_tb.v"
    text = _bench(directory, design, n_frames, around)
    bench.write_text(text, encoding="utf-8")
    written = [bench]
    for port in design.ports:
        frames = inputs[port.name] if port.direction == "in" else expected[port.name]
        path = folder / _vectors(design, port)
        bench_text.write_vectors(path, frames)
        written.append(path)
    return written


def _vectors(design: RtlDesign, port: StreamPort) -> str:
    return f"{design.top}_tb_{port.name}.mem"


def _bench(directory: Path, design: RtlDesign, n_frames: int, around: Around | None) -> str:
    bench = f"{design.top}_tb"
    run_directory = design.sources[0].resolve().parent
    tb = os.path.relpath(Layout(directory.resolve()).testbench, run_directory)
    head = _HEAD.format(
        top=design.top,
        bench=bench,
        n_frames=n_frames,
        run_directory=os.path.relpath(run_directory, directory.resolve()),
        tb=tb,
        sources=" ".join(os.path.relpath(s.resolve(), run_directory) for s in design.sources),
    )
    parts = [head, f"module {bench};", bench_text.wires(design), _error_wires(design)]
    parts.append(bench_text.CLOCK_AND_RESET.format(last_reset=RESET_CYCLES - 1))
    driven = design if around is None else replace(design, top=around.name)
    parts.append(bench_text.design_instance(driven))
    for index, port in enumerate(design.ports):
        vectors = f'"{tb}/{_vectors(design, port)}"'
        parts.append(_port(bench, port, index, {"FRAMES": str(n_frames), "FILE": vectors}))
    parts += [_control(design, n_frames), "endmodule\n"]
    modules = "\n".join((bench_modules.SOURCE, bench_modules.SINK, bench_modules.CHECK))
    more = "" if around is None else f"\n{around.text}"
    return "\n".join(parts) + "\n" + modules.replace("PREFIX", bench) + more


def _error_wires(design: RtlDesign) -> str:
    return "\n".join(f"  wire [31:0] {port.name}_errors;" for port in design.outputs)


def _port(bench: str, port: StreamPort, index: int, vectors: Mapping[str, str]) -> str:
    """Returns what drives or checks one port; 42949673 is a percent of 2**32."""
    seed = {"SEED": bench_text.seed_literal(0, index, port)}
    if port.direction == "in":
        parameters = {**vectors, "STALL": "33'd42949673 * `STALL_IN", **seed}
        return bench_text.source_instance(bench, port, parameters)
    sink = bench_text.sink_instance(bench, port, {"STALL": "33'd42949673 * `STALL_OUT", **seed})
    parameters = {"PAYLOAD": str(port.width_bits), "BEATS": str(port.beats), **vectors}
    parameters["NAME"] = f'"{port.name}"'
    extra = {part: f"{port.name}_{part}" for part in ("broken", "moved", "errors")}
    return sink + bench_text.watch_instance(bench, "check", port, parameters, extra)


def _control(design: RtlDesign, n_frames: int) -> str:
    return _CONTROL.format(
        total=" + ".join(f"{p.name}_moved" for p in design.ports),
        errors=" + ".join(f"{p.name}_errors" for p in design.outputs),
        all_through=" && ".join(f"{p.name}_moved >= {p.beats * n_frames}" for p in design.ports),
        n_frames=n_frames,
        moved="\n".join(
            f'      $display("{p.name}: %0d of {p.beats * n_frames} beats", {p.name}_moved);'
            for p in design.ports
        ),
    )
