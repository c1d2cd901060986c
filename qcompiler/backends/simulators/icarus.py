"""Simulates with Icarus Verilog: slower than Verilator, but it knows unknown (X) values."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec import Struct

from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators import bench_modules, bench_text
from qcompiler.backends.simulators.base import (
    RESET_CYCLES,
    RtlDesign,
    SimulationError,
    SimulationResult,
    Stimulus,
    StreamPort,
)
from qcompiler.backends.simulators.cache import BuildCache
from qcompiler.backends.simulators.exchange import (
    SimulatorReport,
    frames_done,
    link_memories,
    raise_for,
    read_report,
    read_result,
    stall_threshold,
)
from qcompiler.backends.simulators.toolchain import icarus_programs, run_tool, trimmed
from qcompiler.progress import Progress, silent

_PREFIX = "qcompiler_bench"
_RULES = {
    1: "TVALID fell before TREADY",
    2: "TDATA changed before TREADY",
    3: "TLAST changed before TREADY",
    4: "TVALID is not low during reset",
    5: "TVALID is unknown (X)",
    6: "TDATA or TLAST is unknown (X) while TVALID is high",
}

_CONTROL = """\
  reg [31:0] idle, drained, total_before;
  integer report;
  wire [31:0] total = {total};
  wire all_through = {all_through};

  initial begin
    idle = 0;
    drained = 0;
    total_before = 0;
    report = $fopen("report.txt", "w");
  end

  task finish;
    begin
      $fwrite(report, "end\\n");
      $fclose(report);
      $finish;
    end
  endtask

  // `total` counts what moved before this edge: the decision is about the cycle before.
  always @(posedge ap_clk) begin
    total_before <= total;
    if (go && ({any_broken})) begin
{broken}
      $fwrite(report, "cycles %0d\\n", cycle);
      finish;
    end else if (ap_rst_n && cycle != 0) begin
      if (all_through) begin
        drained <= drained + 1;
        if (drained == {drain}) begin
          $fwrite(report, "cycles %0d\\n", cycle);
          finish;
        end
      end else begin
        idle <= total != total_before ? 0 : idle + 1;
        if (total == total_before && idle + 1 == {timeout}) begin
          $fwrite(report, "deadlock\\ncycles %0d\\n", cycle);
          finish;
        end
      end
    end
  end
"""


def _control(design: RtlDesign, stimulus: Stimulus, n_frames: int) -> str:
    broken = "\n".join(
        f'      if ({p.name}_broken != 0) $fwrite(report, "broken {p.name} %0d %0d\\n", '
        f"ap_rst_n ? $signed(cycle) : -1, {p.name}_broken);"
        for p in design.outputs
    )
    return _CONTROL.format(
        total=" + ".join(f"{p.name}_moved" for p in design.ports),
        all_through=" && ".join(f"{p.name}_moved >= {p.beats * n_frames}" for p in design.ports),
        any_broken=" || ".join(f"{p.name}_broken != 0" for p in design.outputs),
        broken=broken,
        drain=stimulus.drain_cycles,
        timeout=stimulus.timeout_cycles,
    )


def _bench(design: RtlDesign, stimulus: Stimulus) -> str:
    """Returns the text of the recording bench."""
    n_frames = stimulus.n_frames(design)
    parts = [f"module {_PREFIX};", bench_text.wires(design)]
    parts.append(bench_text.CLOCK_AND_RESET.format(last_reset=RESET_CYCLES - 1))
    parts.append(bench_text.design_instance(design))
    for index, port in enumerate(design.ports):
        parts.append(_driver(port, index, stimulus, n_frames))
        parts.append(_recorder(port))
    parts += [_control(design, stimulus, n_frames), "endmodule\n"]
    modules = bench_modules.SOURCE + bench_modules.SINK + bench_modules.RECORD
    return "\n".join(parts) + modules.replace("PREFIX", _PREFIX)


def _driver(port: StreamPort, index: int, stimulus: Stimulus, n_frames: int) -> str:
    seed = {"SEED": bench_text.seed_literal(stimulus.seed, index, port)}
    if port.direction == "out":
        stall = f"33'd{stall_threshold(stimulus.stall_probability_out)}"
        return bench_text.sink_instance(_PREFIX, port, {"STALL": stall, **seed})
    parameters = {
        "FRAMES": str(n_frames),
        "GAP": str(stimulus.frame_gap_cycles),
        "STALL": f"33'd{stall_threshold(stimulus.stall_probability_in)}",
        "FILE": f'"{_PREFIX}_{port.name}.mem"',
    }
    return bench_text.source_instance(_PREFIX, port, {**parameters, **seed})


def _recorder(port: StreamPort) -> str:
    # A source counts what it moved itself.
    extra = {"moved": f"{port.name}_moved" if port.direction == "out" else "", "cycle": "cycle"}
    return bench_text.watch_instance(_PREFIX, "record", port, {"FILE": f'"{port.name}.txt"'}, extra)


class IcarusSimulator(Struct, frozen=True):
    """A `Simulator` that uses Icarus Verilog; compiles anew for each run, which is quick."""

    def run(
        self, design: RtlDesign, stimulus: Stimulus, progress: Progress = silent
    ) -> SimulationResult:
        """See `Simulator.run`."""
        n_frames = stimulus.n_frames(design)
        if stimulus.resets:
            raise SimulationError(
                f"{design.top}: resets amid the frames are simulated by Verilator"
            )
        progress("building the simulator")
        icarus_programs()
        with scratch_folder(prefix="qcompiler-sim") as temporary:
            directory = temporary
            link_memories(directory, design)
            for port in design.inputs:
                vectors = directory / f"{_PREFIX}_{port.name}.mem"
                bench_text.write_vectors(vectors, stimulus.frames[port.name])

            def watch() -> None:
                done = min(_frames_recorded(directory, port) for port in design.outputs)
                progress(frames_done(done, n_frames))

            _execute(design, _bench(design, stimulus), directory, watch)
            report = read_report(directory / "report.txt")
            _name_rule(report)
            for port in design.ports:
                _convert(directory, port, n_frames, report)
            raise_for(report, design, stimulus)
            progress(frames_done(n_frames, n_frames))
            return read_result(directory, design, stimulus, report)


def _frames_recorded(directory: Path, port: StreamPort) -> int:
    """Returns the frames of a port that a running recorder has written; all lines are as long."""
    path = directory / f"{port.name}.txt"
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        line = len(file.readline())
    return path.stat().st_size // (max(line, 1) * port.beats)


def _execute(design: RtlDesign, bench: str, directory: Path, watch: Callable[[], None]) -> None:
    compiler, runner = icarus_programs()
    (directory / "bench.v").write_text(bench, encoding="ascii")
    command = [compiler, "-g2005", "-Wportbind", "-o", "bench.vvp", "-s", _PREFIX, "bench.v"]
    command += [str(source.resolve()) for source in design.sources]
    outcome = run_tool(command, directory)
    _refuse(outcome.status != 0 or bool(outcome.output), design, "compilation", outcome.output)
    watch()
    outcome = run_tool([runner, "-n", "bench.vvp"], directory, watch=watch)
    complaint = "WARNING" in outcome.output or "ERROR" in outcome.output
    complete = read_report(directory / "report.txt").complete
    failed = outcome.status != 0 or complaint or not complete
    _refuse(failed, design, "simulation", outcome.output)


def _refuse(failed: bool, design: RtlDesign, step: str, output: str) -> None:
    if failed:
        log = BuildCache().keep_log(f"icarus-{design.top}", output)
        raise SimulationError(f"{design.top}: Icarus {step} failed: {trimmed(output)}\nlog: {log}")


def _name_rule(report: SimulatorReport) -> None:
    if report.broken is not None:
        port, cycle, rule = report.broken
        report.broken = (port, cycle, _RULES[int(rule)])


def _convert(directory: Path, port: StreamPort, n_frames: int, report: SimulatorReport) -> None:
    """Turns the recorder's text into the `.out` and `.cycles` files, and reports its TLASTs."""
    total = port.beats * n_frames
    lines = (directory / f"{port.name}.txt").read_text(encoding="ascii").splitlines()
    report.moved[port.name] = len(lines)
    beats = [line.split() for line in lines[:total]]
    if len(beats) < total:
        return
    cycles = np.array([int(beat[2], 16) for beat in beats], dtype=np.int64)
    cycles = cycles.reshape(n_frames, port.beats)
    np.stack([cycles[:, 0], cycles[:, -1]]).tofile(directory / f"{port.name}.cycles")
    if port.direction == "in":
        return
    data = np.frombuffer(bytes.fromhex("".join(beat[0] for beat in beats)), dtype=np.uint8)
    data = data.reshape(total, port.bytes_per_beat)[:, ::-1]
    np.ascontiguousarray(data).tofile(directory / f"{port.name}.out")
    wrong = [
        (port.name, index, beat[1] == "1")
        for index, beat in enumerate(beats)
        if (beat[1] == "1") != (index % port.beats == port.beats - 1)
    ]
    report.tlast += wrong[:100]
