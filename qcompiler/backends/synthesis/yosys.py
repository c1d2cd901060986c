"""Synthesizes with Yosys from `pyosys`, in a child process: scripts, and running them."""

import importlib.util
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qcompiler.backends.synthesis.absorb import ABSORBERS
from qcompiler.backends.synthesis.costs import count_kinds
from qcompiler.backends.synthesis.floorplan import assign, in_order, multiplier_sites
from qcompiler.backends.synthesis.lost_bits import check_bits
from qcompiler.backends.synthesis.tools import Limits, SynthesisError, run_limited
from qcompiler.backends.synthesis.wrapper import WRAPPER
from qcompiler.devices import Device
from qcompiler.progress import Progress

NETLIST_VERILOG = "netlist.v"
NETLIST_JSON = "netlist.json"
PACKED_JSON = "packed.json"
"""The netlist behind the passes that move registers into multipliers, where there are such."""
PLACED_JSON = "wrapped.json"
INPUTS = "inputs.txt"
TOP_IL = "top.il"
WRAPPER_FILE = "wrapper.v"
_CONSTANTS_FILE = "constants.v"

# Everything that goes into a command of Yosys is one of these; a name is never quoted.
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_INSTANCE = re.compile(r"^ {2}cell \\(\S+) \\(\S+)$", re.MULTILINE)
_FILE = re.compile(r"[A-Za-z_]\w*\.v", re.ASCII)

_CHILD = """
import sys
from pyosys import libyosys
design = libyosys.Design()
with open(sys.argv[1], encoding="ascii") as script:
    for command in script.read().splitlines():
        libyosys.run_pass(command, design)
"""

# Yosys (0.70) ties the carry input of a chain's first CCU2 to a constant, nextpnr-nexus (0.11)
# takes none there. That cell's carry output does not depend on it.
# https://github.com/YosysHQ/yosys/issues/4081
_NEXUS_CONSTANTS = r"""
module VLO (output Z); assign Z = 1'b0; endmodule
module VHI (output Z); assign Z = 1'b1; endmodule
module CCU2 (input CIN, A1, B1, C1, D1, A0, B0, C0, D0, output S1, S0, COUT);
    parameter INJECT = "YES";
    parameter INIT0 = "0x0000";
    parameter INIT1 = "0x1111";
    parameter _TECHMAP_CONSTMSK_CIN_ = 1'b0;
    parameter _TECHMAP_CONSTVAL_CIN_ = 1'bx;
    wire _TECHMAP_FAIL_ = _TECHMAP_CONSTMSK_CIN_ !== 1'b1 || _TECHMAP_CONSTVAL_CIN_ === 1'bx;
    CCU2 #(.INJECT(INJECT), .INIT0(INIT0), .INIT1(INIT1)) _TECHMAP_REPLACE_ (
        .CIN(1'bx), .A1(A1), .B1(B1), .C1(C1), .D1(D1), .A0(A0), .B0(B0), .C0(C0), .D0(D0),
        .S1(S1), .S0(S0), .COUT(COUT));
endmodule
"""

# The second run of techmap sees the constants that the first one uncovered.
_NEXUS_COMMANDS = (
    *(f"techmap -map {_CONSTANTS_FILE}", "opt_clean", f"techmap -map {_CONSTANTS_FILE}"),
    "hilomap -singleton -hicell VHI Z -locell VLO Z",
)


# What `synth_ice40 -dsp` (0.70) does under its label "coarse", in two parts: up to the pass that
# moves registers into multipliers, and behind it. What that pass loses can be seen only between.
_ICE40_COARSE = (
    *("opt_expr", "opt_clean", "check", "opt -nodffe -nosdff", "fsm", "opt", "wreduce"),
    *("peepopt", "opt_clean", "share", "techmap -map +/cmp2lut.v -D LUT_WIDTH=4", "opt_expr"),
    *("opt_clean", "memory_dff", "alumacc -macc-only", "maccmap -unmap", "opt_clean"),
    "wreduce t:$mul",
    "techmap -map +/mul2dsp.v -map +/ice40/dsp_map.v -D DSP_A_MAXWIDTH=16 -D DSP_B_MAXWIDTH=16 "
    "-D DSP_A_MINWIDTH=2 -D DSP_B_MINWIDTH=2 -D DSP_Y_MINWIDTH=11 -D DSP_NAME=$__MUL16X16",
    *("select a:mul2dsp", "setattr -unset mul2dsp", "opt_expr -fine", "wreduce", "select -clear"),
    "ice40_dsp",
    # No module says which pins of such a cell are outputs.
    "chtype -set $mul t:$__soft_mul",
)
_ICE40_BEHIND = ("alumacc", "opt", "memory -nomap", "opt_clean")

# What `synth_nexus` (0.70) does under its label "coarse", but for lattice_dsp_nexus: that moves
# a register that two multipliers read into one of them, and leaves the other without an operand.
_NEXUS_MULTIPLIERS = (
    (36, 36, 22, 22, "$__NX_MUL36X36"),
    (36, 18, 22, 10, "$__NX_MUL36X18"),
    (18, 18, 10, 4, "$__NX_MUL18X18"),
    (18, 18, 4, 10, "$__NX_MUL18X18"),
    (9, 9, 4, 4, "$__NX_MUL9X9"),
)
_NEXUS_COARSE = (
    *("proc -latches error", "check", "flatten", "tribuf -logic", "deminout", "opt_expr", "check"),
    *("opt_clean", "opt -nodffe -nosdff", "fsm", "opt", "wreduce", "peepopt", "opt_clean"),
    *("share", "techmap -map +/cmp2lut.v -D LUT_WIDTH=4", "opt_expr", "opt_clean"),
    *(
        command
        for a, b, least_a, least_b, name in _NEXUS_MULTIPLIERS
        for command in (
            f"techmap -map +/mul2dsp.v -D DSP_A_MAXWIDTH={a} -D DSP_B_MAXWIDTH={b} "
            f"-D DSP_A_MINWIDTH={least_a} -D DSP_B_MINWIDTH={least_b} -D DSP_NAME={name}",
            "chtype -set $mul t:$__soft_mul",
        )
    ),
    *("techmap -map +/lattice/dsp_map_nexus.v", "alumacc", "opt", "memory -nomap", "opt_clean"),
)


@dataclass(frozen=True)
class Job:
    """What to synthesize.

    Attributes:
        top: name of the top module.
        sources: names of Verilog files in the directory.
        device: the part.
        dsp: whether DSP blocks may be used.
        wrapped: whether to make the netlist for place and route, too.

    Raises:
        ValueError: a name is not a plain identifier.
    """

    top: str
    sources: tuple[str, ...]
    device: Device
    dsp: bool = True
    wrapped: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.top):
            raise ValueError(f"name of the top module must be an identifier, got {self.top!r}")
        for source in self.sources:
            if not _FILE.fullmatch(source):
                raise ValueError(f"a Verilog file must be called like name.v, got {source!r}")


def _synth(device: Device, dsp: bool, top: str) -> list[str]:
    """Returns the commands that map `top` to the device's cells."""
    if device.family == "generic":
        return [
            f"synth -flatten -top {top} -run begin:fine",
            "opt -fast -full",
            "opt -undriven -fine",
            "techmap",
            "opt -fast",
            f"abc -lut {device.logic.lut_inputs}",
            "opt -fast",
            "autoname",
        ]
    options = device.synthesis.dsp if dsp else device.synthesis.no_dsp
    command = f"{device.synthesis.command} {options} -top {top}"
    packed = ("opt_clean", f"select {top}", f"write_json -selected {PACKED_JSON}", "select -clear")
    words = command.split()
    if words[0] == "synth_ice40" and "-dsp" in words:
        rest = command.replace(" -dsp", "")
        return [
            f"{rest} -run begin:coarse",
            *_ICE40_COARSE,
            *packed,
            *_ICE40_BEHIND,
            f"{rest} -run map_ram:",
        ]
    if words[0] == "synth_nexus" and "-nodsp" not in words:
        return [f"{command} -run begin:coarse", *_NEXUS_COARSE, f"{command} -run map_ram:"]
    if words[0] == "synth_xilinx" and "-nodsp" not in words:
        return [f"{command} -run begin:coarse", *packed, f"{command} -run coarse:"]
    return [command]


def script(job: Job) -> list[str]:
    """Returns the commands that make the netlist of a job, each for one `run_pass`."""
    return [
        *(f"read_verilog {source}" for source in job.sources),
        f"hierarchy -check -top {job.top}",
        f"select -write {INPUTS} */i:*",
        f"dump -o {TOP_IL} {job.top}",
        *_synth(job.device, job.dsp, job.top),
        "delete t:$scopeinfo",
        f"write_json {NETLIST_JSON}",
    ]


def finishing_script(job: Job) -> list[str]:
    """Returns the commands for a finished netlist: what is simulated and placed is made of it."""
    commands = [f"write_verilog -noattr {NETLIST_VERILOG}"]
    return [*commands, *_wrap(job)] if job.wrapped else commands


def _wrap(job: Job) -> list[str]:
    """Returns the commands that put the finished netlist, as it is, into its wrapper."""
    # Only nexus and gowin have pads put in by Yosys, by default; here the wrapper needs them.
    device = job.device
    pads = re.sub(" -noiopads?", "", device.synthesis.command)
    return [
        "design -stash finished",
        f"read_verilog {WRAPPER_FILE}",
        f"{pads} -top {WRAPPER}",
        f"delete {job.top}",
        f"design -copy-from finished {job.top}",
        f"hierarchy -top {WRAPPER}",
        "flatten",
        "delete t:$scopeinfo",
        *(_NEXUS_COMMANDS if device.family == "nexus" else ()),
        f"write_json {PLACED_JSON}",
    ]


def share_folder() -> Path:
    """Returns Yosys' folder of cell libraries.

    Raises:
        SynthesisError: pyosys is not installed; names the extra to install.
    """
    spec = importlib.util.find_spec("pyosys")
    if spec is None or not spec.origin:
        raise SynthesisError(
            "synthesis needs Yosys (pyosys), which is not installed; pip install qcompiler[synth]"
        )
    return Path(spec.origin).parent / "share"


def run_yosys(job: Job, directory: Path, limits: Limits, progress: Progress) -> float:
    """Synthesizes in `directory`, which holds the sources; returns seconds.

    Raises:
        SynthesisError: pyosys is absent, or failed, or reached a limit, or lost bits.
    """
    share_folder()
    if job.device.family == "nexus":
        (directory / _CONSTANTS_FILE).write_text(_NEXUS_CONSTANTS, encoding="ascii")
    whole = job.device.family not in ABSORBERS
    commands = [*script(job), *finishing_script(job)] if whole else script(job)
    seconds = run_script(commands, directory, limits, progress)
    progress("looking for lost bits")
    packed, path = directory / PACKED_JSON, directory / NETLIST_JSON
    if packed.exists():
        unfinished = json.loads(packed.read_text(encoding="utf-8"))
        check_bits(unfinished["modules"][job.top], job.top, finished=False)
        packed.unlink()
    netlist = json.loads(path.read_text(encoding="utf-8"))
    check_bits(netlist["modules"][job.top], job.top)
    if whole:
        return seconds
    progress("moving registers into hard cells")
    layers = list(instances_of((directory / TOP_IL).read_text(encoding="utf-8")))
    finish(job, netlist["modules"][job.top], layers)
    path.write_text(json.dumps(netlist), encoding="utf-8")
    commands = [f"read_json {NETLIST_JSON}", *finishing_script(job)]
    return seconds + run_script(commands, directory, limits, progress, "finish")


def instances_of(hierarchy: str) -> dict[str, str]:
    """Returns the module of each instance that a module in Yosys' RTLIL has, in their order."""
    return {name: module for module, name in _INSTANCE.findall(hierarchy)}


def finish(job: Job, module: dict[str, Any], layers: Sequence[str]) -> None:
    """Moves registers into hard cells, and settles where these stand if they are to be placed.

    Args:
        job: for a family that has this.
        module: the finished netlist, in Yosys' JSON; it is changed.
        layers: instances of the top module, in the order of the network.
    """
    device, cells = job.device, module["cells"]
    multipliers = in_order(cells, layers, device.dsp.kind) if device.dsp else []
    sites = multiplier_sites(device) if job.wrapped else []
    if job.wrapped and len(sites) < len(multipliers):
        multipliers = []  # their enables would meet anywhere
    ABSORBERS[device.family](module, multipliers)
    if job.wrapped:
        used = count_kinds(device.family, Counter(cell["type"] for cell in cells.values()))
        share = max(used["LUT"] / device.logic.luts, used["FF"] / device.logic.flip_flops)
        for name, site in assign(multipliers, sites, share).items():
            cells[name]["attributes"]["BEL"] = site


def run_script(
    commands: Sequence[str],
    directory: Path,
    limits: Limits,
    progress: Progress,
    name: str = "yosys",
) -> float:
    """Runs commands of Yosys in `directory`; returns seconds. Raises as `run_yosys`.

    Args:
        commands: each for one `run_pass`.
        directory: receives them as `NAME.ys`, and what Yosys says as `NAME.log`.
        limits: of the run.
        progress: told what goes on.
        name: see there.
    """
    script_file = f"{name}.ys"
    (directory / script_file).write_text("\n".join(commands) + "\n", encoding="ascii")
    command = [sys.executable, "-c", _CHILD, script_file]
    return run_limited(command, directory / f"{name}.log", limits, progress, "yosys")
