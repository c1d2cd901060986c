"""Synthesizes with Yosys from `pyosys`, in a child process: scripts, and running them."""

import importlib.util
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qcompiler.backends.synthesis.chains import CHAINS, CHAINS_FILE
from qcompiler.backends.synthesis.lost_bits import check_bits
from qcompiler.backends.synthesis.own_sums import SUMS_FILE, sums_file
from qcompiler.backends.synthesis.tools import Limits, SynthesisError, run_limited
from qcompiler.backends.synthesis.wrapper import WRAPPER
from qcompiler.backends.verilog.module import KEEPS_CHAINS
from qcompiler.devices import Device
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import PACKED_JSON, Family
from qcompiler.progress import Progress
from qcompiler.version import installing

NETLIST_VERILOG = "netlist.v"
NETLIST_JSON = "netlist.json"
PLACED_JSON = "wrapped.json"
INPUTS = "inputs.txt"
TOP_IL = "top.il"
WRAPPER_FILE = "wrapper.v"

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

    @property
    def family(self) -> Family:
        """The device's family."""
        return FAMILIES[self.device.family]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.top):
            raise ValueError(f"name of the top module must be an identifier, got {self.top!r}")
        for source in self.sources:
            if not _FILE.fullmatch(source):
                raise ValueError(f"a Verilog file must be called like name.v, got {source!r}")


def script(job: Job) -> list[str]:
    """Returns the commands that make the netlist of a job, each for one `run_pass`."""
    return [
        *(f"read_verilog {source}" for source in job.sources),
        f"hierarchy -check -top {job.top}",
        f"select -write {INPUTS} */i:*",
        f"dump -o {TOP_IL} {job.top}",
        *([f"techmap -map {SUMS_FILE}"] if _sums(job) else []),
        f"techmap -map {CHAINS_FILE} A:{KEEPS_CHAINS}",
        *job.family.script(job.device, job.top, dsp=job.dsp),
        "delete t:$scopeinfo",
        f"write_json {NETLIST_JSON}",
    ]


def _sums(job: Job) -> str:
    """Returns the map of a job's modules that are sums; empty if there are none."""
    names = (Path(source).stem for source in job.sources)
    return sums_file(names, job.family, job.device.synthesis.command)


def finishing_script(job: Job) -> list[str]:
    """Returns the commands for a finished netlist: what is simulated and placed is made of it."""
    commands = [f"write_verilog -noattr {NETLIST_VERILOG}"]
    return [*commands, *_wrap(job)] if job.wrapped else commands


def _wrap(job: Job) -> list[str]:
    """Returns the commands that put the finished netlist, as it is, into its wrapper."""
    # Where Yosys puts pads in by default, device files ask for none; here the wrapper needs them.
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
        *job.family.wrapper_script(),
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
            f"synthesis needs Yosys (pyosys), which is not installed; {installing('synth')}"
        )
    return Path(spec.origin).parent / "share"


def run_yosys(job: Job, directory: Path, limits: Limits, progress: Progress) -> float:
    """Synthesizes in `directory`, which holds the sources; returns seconds.

    Raises:
        SynthesisError: pyosys is absent, or failed, or reached a limit, or lost bits.
    """
    share_folder()
    files = {**job.family.files, CHAINS_FILE: CHAINS, SUMS_FILE: _sums(job)}
    for name, text in files.items():
        (directory / name).write_text(text, encoding="ascii")
    whole = not job.family.absorbs
    commands = [*script(job), *finishing_script(job)] if whole else script(job)
    seconds = run_script(commands, directory, limits, progress)
    progress("looking for lost bits")
    packed, path = directory / PACKED_JSON, directory / NETLIST_JSON
    if packed.exists():
        unfinished = json.loads(packed.read_text(encoding="utf-8"))
        check_bits(unfinished["modules"][job.top], job.top, job.family.name, finished=False)
        packed.unlink()
    netlist = json.loads(path.read_text(encoding="utf-8"))
    check_bits(netlist["modules"][job.top], job.top, job.family.name)
    if whole:
        return seconds
    progress("moving registers into hard cells")
    layers = list(instances_of((directory / TOP_IL).read_text(encoding="utf-8")))
    job.family.finish(job.device, netlist["modules"][job.top], layers, placed=job.wrapped)
    path.write_text(json.dumps(netlist), encoding="utf-8")
    commands = [f"read_json {NETLIST_JSON}", *finishing_script(job)]
    return seconds + run_script(commands, directory, limits, progress, "finish")


def instances_of(hierarchy: str) -> dict[str, str]:
    """Returns the module of each instance that a module in Yosys' RTLIL has, in their order."""
    return {name: module for module, name in _INSTANCE.findall(hierarchy)}


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
