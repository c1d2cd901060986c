"""Scripts for boards with a Zynq: a block design with DMA for Vivado, and a driver for PYNQ.

They follow the tools' manuals and have not been run: neither the tools nor a board were at hand.
A test gives the Tcl to a plain interpreter, which knows none of Vivado's commands but all syntax,
and the driver to Python with memory and DMA that stand in.
"""

import shutil

from qcompiler.backends.layout import IMAGE, Layout
from qcompiler.backends.package.contents import WEIGHTS, Contents
from qcompiler.rtl import status
from qcompiler.rtl.blocks.weight_reader import BASE, MASTER
from qcompiler.rtl.blocks.weight_writer import PORT
from qcompiler.rtl.shell import CONTROL

_WIDEST_DMA, _WIDEST_CONVERTER = 1024, 4096
"""Most bits of a stream that AMD's DMA and converter of widths take (PG021, PG085)."""

_HEAD = """\
# Block design of {vlnv}: a processor of a Zynq, and a DMA for each pair of streams.
# Written after the manuals (UG994, PG021, PG085); it has not been run by those who wrote it.
#   vivado -mode batch -source block_design.tcl -tclargs PART [BOARD_PART]
set here [file dirname [file normalize [info script]]]
if {{$argc < 1}} {{
    puts stderr "give a part, such as xc7z020clg400-1, and the board's name if it has one"
    exit 2
}}
set part [lindex $argv 0]
create_project -force system [file join $here build] -part $part
if {{$argc > 1}} {{
    set_property board_part [lindex $argv 1] [current_project]
}}
set_property ip_repo_paths [list [file dirname $here]] [current_project]
update_ip_catalog
create_bd_design system
if {{[string match "xczu*" $part]}} {{
    create_bd_cell -type ip -vlnv xilinx.com:ip:zynq_ultra_ps_e ps
    set rule xilinx.com:bd_rule:zynq_ultra_ps_e
    set settings [list CONFIG.PSU__USE__S_AXI_GP2 1 \\
        CONFIG.PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {mhz:g}]
    set memory /ps/S_AXI_HP0_FPD
    set control /ps/M_AXI_HPM0_FPD
    set clock /ps/pl_clk0
}} else {{
    create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps
    set rule xilinx.com:bd_rule:processing_system7
    set settings [list CONFIG.PCW_USE_S_AXI_HP0 1 CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ {mhz:g}]
    set memory /ps/S_AXI_HP0
    set control /ps/M_AXI_GP0
    set clock /ps/FCLK_CLK0
}}
apply_bd_automation -rule $rule -config [list apply_board_preset [expr {{$argc > 1}}]] \\
    [get_bd_cells ps]
set_property -dict $settings [get_bd_cells ps]
create_bd_cell -type ip -vlnv {vlnv} core
apply_bd_automation -rule xilinx.com:bd_rule:clkrst -config [list Clk $clock] \\
    [get_bd_pins core/ap_clk]
proc axi {{master slave of}} {{
    apply_bd_automation -rule xilinx.com:bd_rule:axi4 \\
        -config [list Master $master Slave $slave intc_ip Auto] [get_bd_intf_pins $of]
}}
proc stream {{from to}} {{
    connect_bd_intf_net [get_bd_intf_pins $from] [get_bd_intf_pins $to]
}}
proc converter {{name from to}} {{
    create_bd_cell -type ip -vlnv xilinx.com:ip:axis_dwidth_converter $name
    set_property -dict [list CONFIG.S_TDATA_NUM_BYTES $from CONFIG.M_TDATA_NUM_BYTES $to \\
        CONFIG.HAS_TKEEP 1 CONFIG.HAS_TLAST 1] [get_bd_cells $name]
    apply_bd_automation -rule xilinx.com:bd_rule:clkrst -config [list Clk $::clock] \\
        [get_bd_pins $name/aclk]
}}
"""

_TAIL = """\
assign_bd_address
validate_bd_design
save_bd_design
set wrapper [make_wrapper -files [get_files system.bd] -top]
add_files -norecurse $wrapper
set_property top system_wrapper [current_fileset]
launch_runs impl_1 -to_step write_bitstream
wait_on_run impl_1
set built [file join $here build]
file copy -force [file join $built system.runs impl_1 system_wrapper.bit] \\
    [file join $here {design}.bit]
file copy -force [file join $built system.gen sources_1 bd system hw_handoff system.hwh] \\
    [file join $here {design}.hwh]
"""

_PYNQ = '''\
"""Runs {design} on a board with PYNQ, through the DMAs that block_design.tcl makes.

    board = Board()
    outputs = board.predict(inputs)

Beside this file belong {design}.bit, {design}.hwh, and what is beside it here.
Written after PYNQ's manual; it has not been run on a board by those who wrote it.
"""

{needed}import driver
import numpy as np
from pynq import Overlay, allocate

INPUTS = {inputs}
"""Bytes of a beat at each stream that enters."""
OUTPUTS = {outputs}
"""Beats of a frame, and bytes of a beat, at each stream that leaves."""
REGISTERS = {registers}
"""Offsets of the status registers; empty if the core has none."""


class Board:
    """The design on a board."""

    def __init__(self, bitstream="{design}.bit"):
        self.overlay = Overlay(bitstream){load}

    def predict(self, inputs{swaps}):
        """Returns the model's outputs for a batch of its inputs."""
        return driver.predict(inputs, self.transfer{given})
{write}
    def transfer(self, beats):
        """Moves bytes [frames, beats, bytes a beat] of all inputs; returns those of the outputs."""
        frames = len(beats[0])
        sent = [allocate(shape=data.shape, dtype=np.uint8) for data in beats]
        taken = [allocate(shape=(frames, *shape), dtype=np.uint8) for shape in OUTPUTS]
        for index, (buffer, data) in enumerate(zip(sent, beats, strict=True)):
            buffer[:] = data
            buffer.flush()
            self._dma(index).sendchannel.transfer(buffer)
        # TLAST ends each frame, and with it a transfer; the core waits for the next one.
        for frame in range(frames):
            for index, (number, size) in enumerate(OUTPUTS):
                at, bytes_ = frame * number * size, number * size
                self._dma(index).recvchannel.transfer(taken[index], at, bytes_)
            for index in range(len(OUTPUTS)):
                self._dma(index).recvchannel.wait()
        for index in range(len(beats)):
            self._dma(index).sendchannel.wait()
        for buffer in taken:
            buffer.invalidate()
        return [np.array(buffer) for buffer in taken]

    def _dma(self, index):
        return getattr(self.overlay, f"dma_{{index}}")

    def status(self):
        """Returns the status registers by name."""
        return {{name: self.overlay.core.read(at) for name, at in REGISTERS.items()}}

    def reset(self):
        """Resets the core and its counts."""
        self.overlay.core.write(REGISTERS["control"], 1)
'''


_LOAD = '''
    def load(self, image=Path(__file__).with_name("image.bin")):
        """Puts weights where the core reads them, and resets it: it waits for them at first."""
        data = np.fromfile(image, np.uint8)
        self._image = allocate(shape=data.shape, dtype=np.uint8)  # whole pages, as the core wants
        self._image[:] = data
        self._image.flush()
        address = self._image.device_address
        self.overlay.core.write(REGISTERS["weights_low"], address & 0xFFFFFFFF)
        self.overlay.core.write(REGISTERS["weights_high"], address >> 32)
        self.reset()
'''


_WRITE = '''
    def write(self, weights=()):
        """Writes a set of weights, which waits in the core until a frame uses it.

        There is room for two sets, the one in use and the next: further ones are taken when frames
        have swapped to those before. ValueError if weights leave what is declared.
        """
        beats = driver.pack_weights(weights)
        channel = self._dma(len(INPUTS) - 1).sendchannel
        if getattr(self, "_written", None) is not None:
            channel.wait()
        self._written = allocate(shape=beats.shape, dtype=np.uint8)
        self._written[:] = beats
        self._written.flush()
        channel.transfer(self._written)
'''


def write_block_design(contents: Contents) -> None:
    """Writes `vivado/block_design.tcl` and `pynq/board.py`."""
    streams = _streams(contents)
    inputs = [(name, size) for name, size, is_input in streams if is_input]
    outputs = [(name, size) for name, size, is_input in streams if not is_input]
    controlled, reads = contents.shell.has(CONTROL), contents.shell.has(MASTER)
    registers = status.registers([name for name, _, _ in streams], reads_weights=reads)
    written = any(name == PORT for name, _ in inputs)
    head = _HEAD.format(vlnv=contents.vlnv, mhz=contents.mhz)
    lines = [*_impossible(contents, streams), *_dmas(inputs, outputs)]
    if controlled:
        lines.append(f"axi $control /core/{CONTROL} core/{CONTROL}")
    if reads:
        lines.append(f"axi /core/{MASTER} $memory core/{MASTER}")
    body = "\n".join(lines) + "\n"
    contents.write("vivado/block_design.tcl", head + body + _TAIL.format(design=contents.design))
    text = _PYNQ.format(
        design=contents.design,
        inputs=[size for _, size in inputs],
        outputs=[(contents.beats[name], size) for name, size in outputs],
        registers=registers if controlled else {},
        swaps=", swaps=()" if written else "",
        given=", swaps=swaps" if written else "",
        write=(_WRITE if written else "") + (_LOAD if reads else ""),
        load="\n        self.load()" if reads else "",
        needed="from pathlib import Path\n\n" if reads else "",
    )
    contents.write("pynq/board.py", text)
    for file in sorted(Layout(contents.source).driver.iterdir()):
        if file.is_file():  # Python leaves a folder beside what it has imported
            shutil.copyfile(file, contents.folder / "pynq" / file.name)
    if reads:
        shutil.copyfile(contents.folder / WEIGHTS / IMAGE, contents.folder / "pynq" / IMAGE)


def _streams(contents: Contents) -> list[tuple[str, int, bool]]:
    """Returns the streams of the shell: name, bytes of TDATA, whether beats enter."""
    widths = {wire: bits for wire, bits, _ in contents.shell.wires()}
    axis = (one for one in contents.shell.interfaces if one.kind == "axis")
    return [(one.name, widths[f"{one.name}_tdata"] // 8, one.is_slave) for one in axis]


def _impossible(contents: Contents, streams: list[tuple[str, int, bool]]) -> list[str]:
    """Returns what ends the script where AMD's converters end, or a DMA would lose beats."""
    wires = {wire for wire, _, _ in contents.shell.wires()}
    if bare := [name for name, _, _ in streams if f"{name}_tready" not in wires]:
        said = "no handshake, which a DMA needs; compile with --interface stream"
        return [f'puts stderr "{", ".join(bare)}: {said}"', "exit 1"]
    if BASE in wires:
        said = "the processor must be able to set it: package with --status"
        return [f'puts stderr "{BASE}: {said}"', "exit 1"]
    wide = [name for name, size, _ in streams if 8 * size > _WIDEST_CONVERTER]
    if not wide:
        return []
    said = f"{', '.join(wide)}: wider than {_WIDEST_CONVERTER} bits; compile with more cycles"
    return [f'puts stderr "{said}"', "exit 1"]


def _dmas(inputs: list[tuple[str, int]], outputs: list[tuple[str, int]]) -> list[str]:
    lines: list[str] = []
    for index in range(max(len(inputs), len(outputs))):
        sends, takes = index < len(inputs), index < len(outputs)
        lines += [
            f"create_bd_cell -type ip -vlnv xilinx.com:ip:axi_dma dma_{index}",
            "set_property -dict [list CONFIG.c_include_sg 0 CONFIG.c_sg_length_width 26 \\",
            f"    CONFIG.c_include_mm2s {int(sends)} CONFIG.c_include_s2mm {int(takes)}] \\",
            f"    [get_bd_cells dma_{index}]",
            f"axi $control /dma_{index}/S_AXI_LITE dma_{index}/S_AXI_LITE",
        ]
        if sends:
            lines += _sending(index, *inputs[index])
        if takes:
            lines += _taking(index, *outputs[index])
    return lines


def _dma_bytes(size: int) -> int:
    """Returns the bytes of the DMA's stream: a power of two, four at least."""
    return min(max(4, 1 << (size - 1).bit_length()), _WIDEST_DMA // 8)


def _sending(index: int, name: str, size: int) -> list[str]:
    wide = _dma_bytes(size)
    return [
        f"set_property -dict [list CONFIG.c_m_axis_mm2s_tdata_width {8 * wide} \\",
        f"    CONFIG.c_m_axi_mm2s_data_width {8 * wide}] [get_bd_cells dma_{index}]",
        f"axi /dma_{index}/M_AXI_MM2S $memory dma_{index}/M_AXI_MM2S",
        f"converter {name}_width {wide} {size}",
        f"stream dma_{index}/M_AXIS_MM2S {name}_width/S_AXIS",
        f"stream {name}_width/M_AXIS core/{name}",
    ]


def _taking(index: int, name: str, size: int) -> list[str]:
    wide = _dma_bytes(size)
    return [
        f"set_property -dict [list CONFIG.c_s_axis_s2mm_tdata_width {8 * wide} \\",
        f"    CONFIG.c_m_axi_s2mm_data_width {8 * wide}] [get_bd_cells dma_{index}]",
        f"axi /dma_{index}/M_AXI_S2MM $memory dma_{index}/M_AXI_S2MM",
        f"converter {name}_width {size} {wide}",
        f"stream core/{name} {name}_width/S_AXIS",
        f"stream {name}_width/M_AXIS dma_{index}/S_AXIS_S2MM",
    ]
