"""A bench in cocotb: frames pass while an AXI4-Lite master of others reads the status registers.

Run it on a FuseSoC package with `--status`: `python status_bench.py FOLDER DESIGN WORK`.
"""

import os
import sys
from itertools import cycle
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamSink,
    AxiStreamSource,
)

ID, VERSION, CONTROL, PORTS, CYCLES = 0x00, 0x04, 0x08, 0x0C, 0x10
IN, OUT = 0x20, 0x30
FRAMES, STALLS, WAITS = 0, 4, 8


def vectors(port):
    """Returns the beats of a port that the design's own test bench has, as bytes."""
    text = Path(os.environ["BENCH"], f"{os.environ['DESIGN']}_tb_{port}.mem").read_text()
    return [bytes.fromhex(line)[::-1] for line in text.split()]


def in_frames(beats):
    size = len(beats) // 16
    return [b"".join(beats[at : at + size]) for at in range(0, len(beats), size)]


class Counts:
    """What a port's registers have to say, counted at its wires."""

    def __init__(self, dut, port):
        self.frames = self.stalls = self.beats = 0
        self._port = [getattr(dut, f"{port}_{wire}") for wire in ("tvalid", "tready")]
        self._dut = dut

    async def watch(self):
        while True:
            await RisingEdge(self._dut.ap_clk)
            await ReadOnly()
            valid, ready = (bool(int(wire.value)) for wire in self._port)
            self.beats += valid and ready
            self.stalls += valid and not ready


class Registers:
    """The design with a master on its registers."""

    def __init__(self, dut):
        cocotb.start_soon(Clock(dut.ap_clk, 10, "ns").start())
        self.dut = dut
        self.with_reset = {
            "clock": dut.ap_clk, "reset": dut.ap_rst_n, "reset_active_level": False
        }  # fmt: skip
        self.master = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi_ctrl"), **self.with_reset)

    async def start(self):
        self.dut.ap_rst_n.value = 0
        await ClockCycles(self.dut.ap_clk, 4)
        self.dut.ap_rst_n.value = 1
        await ClockCycles(self.dut.ap_clk, 4)

    async def read(self, address):
        answer = await self.master.read(address, 4)
        assert answer.resp == AxiResp.OKAY, hex(address)
        return int.from_bytes(answer.data, "little")


class Bench(Registers):
    """A source and a sink, too."""

    def __init__(self, dut):
        super().__init__(dut)
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "s_axis_0"), **self.with_reset)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "m_axis_0"), **self.with_reset)

    async def send(self, frames):
        for frame in frames:
            await self.source.send(frame)

    async def receive(self, count):
        return [bytes((await self.sink.recv()).tdata) for _ in range(count)]


@cocotb.test()
async def registers_tell_of_frames_that_pass(dut):
    bench = Bench(dut)
    await bench.start()
    sent, expected = in_frames(vectors("s_axis_0")), in_frames(vectors("m_axis_0"))
    assert await bench.read(ID) == 0x51434331
    assert await bench.read(VERSION) == int(os.environ["VERSION"])
    assert await bench.read(PORTS) == 0x0101
    counts = [Counts(dut, port) for port in ("s_axis_0", "m_axis_0")]
    for count in counts:
        cocotb.start_soon(count.watch())
    bench.source.set_pause_generator(cycle([0, 0, 1]))
    bench.sink.set_pause_generator(cycle([1, 1, 1, 1, 1, 0]))
    cocotb.start_soon(bench.send(sent))
    taking = cocotb.start_soon(bench.receive(16))
    seen = [await bench.read(OUT + FRAMES)]
    while not taking.done():
        seen.append(await bench.read(OUT + FRAMES))
    assert taking.result() == expected
    assert seen == sorted(seen)
    assert len(set(seen)) > 4, "frames pass while the registers are read"
    for base, count in zip((IN, OUT), counts, strict=True):
        assert await bench.read(base + FRAMES) == 16
        assert await bench.read(base + STALLS) == count.stalls > 0
        assert await bench.read(base + WAITS) > 0


@cocotb.test()
async def a_reset_over_the_bus_begins_anew(dut):
    bench = Bench(dut)
    await bench.start()
    sent, expected = in_frames(vectors("s_axis_0")), in_frames(vectors("m_axis_0"))
    beats = vectors("s_axis_0")
    assert len(beats) > 16, "a frame has several beats"
    # A result waits at the output and half a frame is inside when all is dropped.
    bench.sink.pause = True
    await bench.send([sent[3], beats[0]])
    await ClockCycles(dut.ap_clk, 80)
    assert await bench.read(IN + FRAMES) == 1
    before = await bench.read(CYCLES)
    await bench.master.write(CONTROL, (1).to_bytes(4, "little"))
    assert await bench.read(CONTROL) == 1
    bench.sink.pause = False
    cocotb.start_soon(bench.send(sent))
    await ClockCycles(dut.ap_clk, 30)
    assert await bench.read(CONTROL) == 0
    assert await bench.read(CYCLES) < before
    assert await bench.receive(16) == expected
    assert await bench.read(IN + FRAMES) == 16


@cocotb.test()
async def what_is_not_there_is_an_error(dut):
    bench = Bench(dut)
    await bench.start()
    assert (await bench.master.read(0x14, 4)).resp == AxiResp.SLVERR
    assert (await bench.master.write(ID, bytes(4))).resp == AxiResp.SLVERR
    assert (await bench.master.write(CONTROL, bytes(4))).resp == AxiResp.OKAY
    assert await bench.read(CONTROL) == 0


def build_and_test(folder, design, work, module="status_bench", around=()):
    """Builds and runs a bench of three tests; the exit status is not 0 if it fails.

    `around` is a file of Verilog whose module, of the file's name, takes the place of the shell.
    """
    from cocotb_tools.runner import get_results, get_runner

    from qcompiler.version import VERSION as version

    major, minor, patch = (int(part) for part in version.split("."))
    sources = sorted((folder / "rtl").glob("*.v"))
    top = around[0].stem if around else f"{design}_shell"
    runner = get_runner("verilator")
    runner.build(
        sources=[*sources, *around], hdl_toplevel=top, build_dir=work, build_args=["-Wno-fatal"]
    )
    told = {
        "BENCH": str(folder / "tb"),
        "DESIGN": design,
        "VERSION": str(major << 16 | minor << 8 | patch),
    }
    results = runner.test(
        hdl_toplevel=top,
        test_module=module,
        build_dir=work,
        test_dir=folder / "rtl",
        extra_env=told,
    )
    run, failed = get_results(results)
    sys.stdout.write(f"{run} run, {failed} failed\n")
    return failed or run != 3


if __name__ == "__main__":
    folder, design, work = sys.argv[1:]
    sys.exit(build_and_test(Path(folder).resolve(), design, Path(work).resolve()))
