"""A bench in cocotb: a core reads its weights from a memory of others, and is reset over the bus.

Run it on a package with `--status`: `python weights_bench.py FOLDER DESIGN WORK`.
"""

import os
import re
import sys
from pathlib import Path
from random import Random

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiRamRead, AxiReadBus
from status_bench import CONTROL, IN, Registers, build_and_test, vectors

LOW, HIGH, FAULT = 0x14, 0x18, 0x1C
BASE = 0x5_0000


class Bench(Registers):
    """The design with a memory that answers when it likes, and streams that a reset cuts."""

    def __init__(self, dut, seed):
        super().__init__(dut)
        self.random = Random(seed)
        bus = AxiReadBus.from_prefix(dut, "m_axi_weights")
        self.memory = AxiRamRead(bus, **self.with_reset, size=2**20)
        self.memory.write(BASE, Path(os.environ["BENCH"], "../weights/image.bin").read_bytes())
        for channel in (self.memory.ar_channel, self.memory.r_channel):
            channel.set_pause_generator(iter(lambda: self.random.random() < 0.6, None))
        dut.s_axis_0_tvalid.value = dut.m_axis_0_tready.value = 0

    async def place(self, base):
        for address, word in ((LOW, base & 0xFFFFFFFF), (HIGH, base >> 32)):
            await self.master.write(address, word.to_bytes(4, "little"))

    async def reset(self):
        await self.master.write(CONTROL, (1).to_bytes(4, "little"))
        while await self.read(CONTROL):
            pass

    async def send(self, beats):
        dut = self.dut
        for beat in beats:
            dut.s_axis_0_tdata.value = int.from_bytes(beat, "little")
            dut.s_axis_0_tvalid.value = 1
            await RisingEdge(dut.ap_clk)
            while not dut.s_axis_0_tready.value:
                await RisingEdge(dut.ap_clk)
            dut.s_axis_0_tvalid.value = 0

    async def receive(self, count):
        dut, made = self.dut, []
        dut.m_axis_0_tready.value = 1
        while len(made) < count:
            await RisingEdge(dut.ap_clk)
            if dut.m_axis_0_tvalid.value and dut.m_axis_0_tready.value:
                made.append(int(dut.m_axis_0_tdata.value))
            dut.m_axis_0_tready.value = int(self.random.random() < 0.7)
        return made

    async def frames_pass(self):
        """Whether frames give what they have to."""
        expected = [int.from_bytes(beat, "little") for beat in vectors("m_axis_0")]
        sending = cocotb.start_soon(self.send(vectors("s_axis_0")))
        made = await self.receive(len(expected))
        await sending
        return made == expected


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def it_waits_for_the_address(dut):
    bench = Bench(dut, 0)
    await bench.start()
    passing = cocotb.start_soon(bench.frames_pass())
    await ClockCycles(dut.ap_clk, 200)
    assert await bench.read(CONTROL) == 1, "in reset"
    assert await bench.read(IN) == 0, "no frame is taken"
    await bench.place(BASE)
    assert await passing
    assert await bench.read(FAULT) == 0
    assert await bench.read(LOW) == BASE


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def resets_leave_no_burst_behind(dut):
    bench = Bench(dut, 1)
    await bench.start()
    await bench.place(BASE)
    for _ in range(8):
        passing = cocotb.start_soon(bench.frames_pass())
        await ClockCycles(dut.ap_clk, bench.random.randrange(1, 150))
        passing.cancel()
        dut.s_axis_0_tvalid.value = 0
        await bench.reset()
        assert await bench.frames_pass()


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def another_image_is_read_from_the_next_reset_on(dut):
    bench = Bench(dut, 2)
    await bench.start()
    await bench.place(BASE + 0x1000)  # zeros are there
    assert not await bench.frames_pass()
    await bench.place(BASE)
    await bench.reset()
    assert await bench.frames_pass()


def with_ids(folder, design, work):
    """Writes the shell with the IDs of bursts, which the memory wants; returns the file."""
    shell = (folder / "rtl" / f"{design}_shell.v").read_text()
    ports = re.findall(r"^    ((?:input|output) +\w+ +(?:\[\d+:0\] +)?\w+)", shell, re.M)
    ports += ["output wire m_axi_weights_arid", "input wire m_axi_weights_rid"]
    text = f"module with_ids ({', '.join(ports)});\n  assign m_axi_weights_arid = 0;\n"
    file = work / "with_ids.sv"
    file.write_text(f"{text}  {design}_shell core (.*);\nendmodule\n")
    return file


if __name__ == "__main__":
    folder, work = (Path(sys.argv[index]).resolve() for index in (1, 3))
    file = with_ids(folder, sys.argv[2], work)
    sys.exit(build_and_test(folder, sys.argv[2], work, "weights_bench", (file,)))
