"""What a test bench brings for weights that are not in the hardware: a memory, a host that writes.

A module around the design has the design's stream ports, but those for weights, so that every
simulator and bench takes it in place of the design. One more port, `m_axis_traffic`, tells at the
end of each frame how many beats the memory has given by then. Unless there are stalls, frames enter
once the weights are where they are read ahead: an idle start, which latencies are told for.

The memory answers each request late, and at random so if asked to; it checks the rules of AXI4
that a reader may break. Verilog-2005; contents and settings are files that are read at the start.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from qcompiler.backends.simulators import bench_text
from qcompiler.backends.simulators.base import RtlDesign, StreamPort

TRAFFIC = StreamPort("m_axis_traffic", "out", 64, 1, handshake=False)
"""Beats that the memory has given by the end of each frame."""

Beats = NDArray[np.uint8]
"""Beats of a bus, [beats, bytes]."""


STEM = "weights"
"""How the names of a bench's files begin, unless it says otherwise."""

LATENCY = 8
"""Cycles until a memory answers, unless its behaviour says otherwise."""


class WeightBench(Struct, frozen=True):
    """The weights of a design that are elsewhere.

    Attributes:
        external: the image in the memory; None without.
        written: what the host writes, one set after the other; None without.
        stem: how names of the files begin that the Verilog reads, with their folder as it is seen
            from where that runs.
    """

    external: Beats | None = None
    written: Beats | None = None
    stem: str = STEM

    def write(self, folder: Path) -> None:
        """Writes what the Verilog reads, with the settings of `Behaviour()`."""
        stem = Path(self.stem).name
        for kind, beats in (("image", self.external), ("writes", self.written)):
            if beats is not None:
                bench_text.write_vectors(folder / f"{stem}_{kind}.mem", beats[None])
        self.set_behaviour(folder, Behaviour())

    def set_behaviour(self, folder: Path, behaviour: "Behaviour") -> None:
        """Writes how memory and host behave from the next simulation on."""
        numbers = (min(behaviour.stall, 2**32 - 1), behaviour.latency, behaviour.seed)
        text = "".join(f"{number:08x}\n" for number in numbers)
        (folder / f"{Path(self.stem).name}_settings.mem").write_text(text, encoding="ascii")


class Behaviour(Struct, frozen=True):
    """How memory and host behave.

    Attributes:
        stall: chance per cycle that something does not move, times 2**32.
        latency: cycles from a request to the first beat, at least; up to twice that with stalls.
        seed: odd, of 32 bits.
    """

    stall: int = 0
    latency: int = LATENCY
    seed: int = 1


_QUIET = 250
"""Cycles without a beat of weights after which all are read ahead."""

_BASE = "64'h0000_0012_3456_7000"

_MEMORY = """\
// A memory with AXI4's read channels, which answers late, at random if asked to.
module PREFIX_memory #(
    parameter WIDTH = 64,
    parameter WORDS = 1,
    parameter [63:0] BASE = 0,
    parameter FILE = "",
    parameter SETTINGS = ""
) (
    input wire clk,
    input wire rst_n,
    input wire [63:0] araddr,
    input wire [7:0] arlen,
    input wire [2:0] arsize,
    input wire [1:0] arburst,
    input wire arvalid,
    output reg arready,
    output reg [WIDTH-1:0] rdata,
    output wire [1:0] rresp,
    output reg rlast,
    output reg rvalid,
    input wire rready,
    output reg [63:0] given
);
  localparam BYTES = WIDTH / 8;
  localparam DEPTH = 16;
  localparam PLACE = $clog2(WORDS);
  reg [WIDTH-1:0] words [0:WORDS-1];
  reg [31:0] settings [0:2];
  reg [31:0] random;
  reg [63:0] cycle, address [0:DEPTH-1], due [0:DEPTH-1], held_address, last_byte, place;
  reg [8:0] left [0:DEPTH-1];
  reg [7:0] held_length;
  reg [1:0] edges;
  reg held, complained;
  integer first, count;

  assign rresp = 2'b00;

  initial begin
    $readmemh(FILE, words);
    $readmemh(SETTINGS, settings);
    random = settings[2];
    cycle = 0;
    given = 0;
    first = 0;
    count = 0;
    held = 0;
    complained = 0;
    edges = 0;
    arready = 0;
    rvalid = 0;
    rlast = 0;
    rdata = 0;
  end

  task complain(input [8*40-1:0] text);
    begin
      if (!complained) $display("ERROR: AXI rule broken in cycle %0d: %0s", cycle, text);
      complained = 1;
    end
  endtask

  task check;
    begin
      last_byte = araddr + ({56'd0, arlen} + 1) * BYTES - 1;
      if (arburst != 2'b01) complain("a burst is not INCR");
      if ((1 << arsize) != BYTES) complain("ARSIZE is not the width of the bus");
      if (araddr % BYTES != 0) complain("an address is not aligned");
      if (araddr[63:12] != last_byte[63:12]) complain("a burst crosses 4 KiB");
      if (araddr < BASE || last_byte >= BASE + WORDS * BYTES) complain("a burst leaves the image");
    end
  endtask

  always @(posedge clk) begin
    if (!rst_n) begin
      if (edges == 2 && arvalid !== 1'b0) complain("ARVALID is not low during reset");
      if (edges != 2) edges <= edges + 1;
      arready <= 0;
      rvalid <= 0;
      held <= 0;
      count = 0;
    end else begin
      edges <= 0;
      cycle <= cycle + 1;
      random = random ^ (random << 13);
      random = random ^ (random >> 17);
      random = random ^ (random << 5);
      if (arvalid !== 1'b0 && arvalid !== 1'b1) complain("ARVALID is unknown");
      if (rready !== 1'b0 && rready !== 1'b1) complain("RREADY is unknown");
      if (held && !arvalid) complain("ARVALID fell before ARREADY");
      if (held && (araddr != held_address || arlen != held_length))
        complain("a request changed before ARREADY");
      held <= arvalid && !arready;
      held_address <= araddr;
      held_length <= arlen;
      if (arvalid && arready) begin
        check;
        address[(first + count) % DEPTH] = araddr;
        left[(first + count) % DEPTH] = {1'b0, arlen} + 1;
        due[(first + count) % DEPTH] = cycle + {32'd0, settings[1]} +
            (settings[0] == 0 ? 64'd0 : {32'd0, {8'd0, random[31:8]} % (settings[1] + 1)});
        count = count + 1;
      end
      if (rvalid && rready) begin
        given <= given + 1;
        rvalid <= 0;
        rdata <= {(WIDTH / 32){random}};
        rlast <= random[1];
      end
      if ((!rvalid || rready) && count != 0 && due[first] <= cycle && random >= settings[0]) begin
        place = (address[first] - BASE) / BYTES;
        rvalid <= 1;
        rdata <= words[place[PLACE-1:0]];
        rlast <= left[first] == 1;
        address[first] = address[first] + BYTES;
        left[first] = left[first] - 1;
        if (left[first] == 0) begin
          first = (first + 1) % DEPTH;
          count = count - 1;
        end
      end
      arready <= count < DEPTH - 1 && {random[15:0], random[31:16]} >= settings[0];
    end
  end
endmodule
"""

_HOST = """\
// Writes the beats in a file, in order, with pauses at random if asked to.
module PREFIX_host #(
    parameter WIDTH = 64,
    parameter BEATS = 1,
    parameter FILE = "",
    parameter SETTINGS = ""
) (
    input wire clk,
    input wire rst_n,
    output wire [WIDTH-1:0] tdata,
    output reg tvalid,
    output wire tlast,
    input wire tready
);
  localparam PLACE = BEATS > 1 ? $clog2(BEATS) : 1;
  reg [WIDTH-1:0] beats [0:BEATS-1];
  reg [31:0] settings [0:2];
  reg [31:0] random, next;

  assign tdata = tvalid ? beats[next[PLACE-1:0]] : {(WIDTH / 32){random}};
  assign tlast = tvalid && next == BEATS - 1;

  initial begin
    $readmemh(FILE, beats);
    $readmemh(SETTINGS, settings);
    random = settings[2] ^ 32'h5a5a5a00;
    next = 0;
    tvalid = 0;
  end

  always @(posedge clk)
    if (!rst_n) begin
      next <= 0;
      tvalid <= 0;
    end else begin
      random <= {random[30:0], random[31] ^ random[21] ^ random[1] ^ random[0]};
      if (tvalid && tready) begin
        next <= next + 1;
        tvalid <= next + 1 < BEATS && random >= settings[0];
      end else if (!tvalid) tvalid <= next < BEATS && random >= settings[0];
    end
endmodule
"""

_START = """\
  reg [31:0] settings [0:2];
  reg [7:0] quiet;
  reg warm;
  initial begin
    $readmemh("{stem}_settings.mem", settings);
    quiet = 0;
    warm = 0;
  end
  always @(posedge ap_clk)
    if (!ap_rst_n) begin
      warm <= settings[0] != 0;
      quiet <= 0;
    end else begin
      quiet <= {moving} ? 0 : quiet + 1;
      if (quiet == {quiet}) warm <= 1;
    end
"""

_HEAD = """\
// {top} with its weights: it has the same stream ports, but those for weights.
module {name} (
    input wire ap_clk,
    input wire ap_rst_n,
{ports}
);
"""


def bench_name(top: str) -> str:
    """Returns the name of the module around a design."""
    return f"{top}_and_weights"


def write_weight_bench(folder: Path, design: RtlDesign, bench: WeightBench) -> RtlDesign:
    """Writes the module around a design, and what it reads; returns what to simulate in its place.

    Args:
        folder: where the Verilog and the files go.
        design: with the stream ports that the test drives.
        bench: the weights.
    """
    bench.write(folder)
    name = bench_name(design.top)
    path = folder / f"{name}.v"
    path.write_text(weight_bench_text(design, bench, traffic=True), encoding="ascii")
    return replace(
        design, top=name, sources=(*design.sources, path), ports=(*design.ports, TRAFFIC)
    )


def weight_bench_text(design: RtlDesign, bench: WeightBench, *, traffic: bool = False) -> str:
    """Returns the module around a design, called `bench_name`, and those that it needs.

    Args:
        design: with the stream ports that the test drives.
        bench: the weights.
        traffic: whether it has the port `TRAFFIC`, too.
    """
    name = bench_name(design.top)
    names = ["ap_clk", "ap_rst_n"]
    for port in design.ports:
        names += [f"{port.name}_{wire}" for wire in (*port.forward, *port.backward)]
    connected = {wire: wire for wire in names}
    for port in design.inputs:
        connected[f"{port.name}_tvalid"] = f"{port.name}_tvalid && warm"
        connected[f"{port.name}_tready"] = f"{port.name}_open"
    ports = (*design.ports, TRAFFIC) if traffic else design.ports
    parts = [_HEAD.format(top=design.top, name=name, ports=",\n".join(_declared(ports)))]
    given, moving = "64'd0", list[str]()
    if bench.external is not None:
        parts.append(_memory(bench.external, bench.stem, connected))
        given = "given"
        moving.append("m_axi_weights_rvalid && m_axi_weights_rready")
    if bench.written is not None:
        parts.append(_host(bench.written, bench.stem, connected))
        moving.append("s_axis_weights_tvalid && s_axis_weights_tready")
    parts.append(_START.format(moving=" || ".join(moving), stem=bench.stem, quiet=_QUIET))
    for port in design.inputs:
        parts.append(
            f"  wire {port.name}_open;\n  assign {port.name}_tready = {port.name}_open && warm;\n"
        )
    parts.append(bench_text.instance(design.top, {}, "dut", connected))
    if traffic:
        end = design.outputs[0].name
        moves = f"{end}_tvalid && {end}_tready && {end}_tlast"
        parts.append(
            f"  assign m_axis_traffic_tdata = {given};\n"
            f"  assign m_axis_traffic_tvalid = ap_rst_n && {moves};\n"
        )
    parts.append("endmodule\n")
    parts += [_MEMORY] if bench.external is not None else []
    parts += [_HOST] if bench.written is not None else []
    return "\n".join(parts).replace("PREFIX", name)


def _declared(ports: Sequence[StreamPort]) -> list[str]:
    lines: list[str] = []
    for port in ports:
        ways = ("input", "output") if port.direction == "in" else ("output", "input")
        for way, wires in zip(ways, (port.forward, port.backward), strict=True):
            lines += [f"    {way} wire [{n - 1}:0] {port.name}_{wire}" for wire, n in wires.items()]
    return [line.replace(" [0:0]", "") for line in lines]


_MASTER = "m_axi_weights"
_ASKED = {"araddr": 64, "arlen": 8, "arsize": 3, "arburst": 2, "arvalid": 1, "arready": 1}
_UNSEEN = {"arcache": 4, "arprot": 3}
_ANSWERED = {"rresp": 2, "rlast": 1, "rvalid": 1, "rready": 1}


def _memory(image: Beats, stem: str, connected: dict[str, str]) -> str:
    """Returns the memory's instance and wires, which the design is connected to."""
    width = 8 * image.shape[1]
    seen = {**_ASKED, "rdata": width, **_ANSWERED}
    wires = seen | _UNSEEN
    lines = [f"  wire [{bits - 1}:0] {_MASTER}_{wire};" for wire, bits in wires.items()]
    lines += ["  wire [63:0] given;", "  wire weights_fault;"]
    connected |= {f"{_MASTER}_{wire}": f"{_MASTER}_{wire}" for wire in wires}
    connected |= {"weights_base": _BASE, "weights_fault": "weights_fault"}
    sizes = {
        "WIDTH": str(width),
        "WORDS": str(len(image)),
        "BASE": _BASE,
        "FILE": f'"{stem}_image.mem"',
        "SETTINGS": f'"{stem}_settings.mem"',
    }
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "given": "given"}
    ports |= {wire: f"{_MASTER}_{wire}" for wire in seen}
    return "\n".join([*lines, bench_text.instance("PREFIX_memory", sizes, "memory", ports)])


def _host(beats: Beats, stem: str, connected: dict[str, str]) -> str:
    """Returns the host's instance and wires, which the design is connected to."""
    width = 8 * beats.shape[1]
    wires = {"tdata": width, "tvalid": 1, "tlast": 1, "tready": 1}
    port = "s_axis_weights"
    lines = [f"  wire [{bits - 1}:0] {port}_{wire};" for wire, bits in wires.items()]
    connected |= {f"{port}_{wire}": f"{port}_{wire}" for wire in wires}
    sizes = {
        "WIDTH": str(width),
        "BEATS": str(len(beats)),
        "FILE": f'"{stem}_writes.mem"',
        "SETTINGS": f'"{stem}_settings.mem"',
    }
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n"} | {wire: f"{port}_{wire}" for wire in wires}
    return "\n".join([*lines, bench_text.instance("PREFIX_host", sizes, "host", ports)])
