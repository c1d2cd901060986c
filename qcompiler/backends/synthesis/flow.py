"""From a written design to area, clock and bitstream: prepares files, runs tools, reports."""

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from qcompiler.analysis.area.estimate import estimate_areas
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.layout import Layout
from qcompiler.backends.report.page import renew_page
from qcompiler.backends.simulators import RtlDesign
from qcompiler.backends.synthesis.netlist import read_netlist
from qcompiler.backends.synthesis.nextpnr import REPORT, bitstream, check_installed, place
from qcompiler.backends.synthesis.timing import PlacedTiming, read_timing
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.backends.synthesis.workspace import fresh_folder
from qcompiler.backends.synthesis.wrapper import wrapper_source
from qcompiler.backends.synthesis.yosys import WRAPPER_FILE, Job, run_yosys
from qcompiler.backends.written import load_design
from qcompiler.devices import Device
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress

RESULT = "result.json"
_BUDGET = ("LUT", "FF", "BRAM", "LARGE", "DSP")
ESTIMATED = ("LUT", "FF", "BRAM", "DSP")
_LEVELS = ("stream", "rtl")


@dataclass(frozen=True)
class Request:
    """What to find out.

    Attributes:
        device: the part.
        mhz: clock to aim at; None is the one that the design was compiled for.
        place: whether to place and route.
        dsp: whether DSP blocks may be used.
        seed: of the placement.
        limits: of each tool.
    """

    device: Device
    mhz: float | None = None
    place: bool = False
    dsp: bool = True
    seed: int = 1
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class SynthesisResult:
    """What was found.

    Attributes:
        top: of the design.
        device: its name.
        capacity: of the device, by kind.
        total: resources of the design.
        layers: resources by instance of the top module.
        estimates: the same as estimated before synthesis; without those of memories `LARGE`.
        digest: of the Verilog that was synthesized.
        seconds: by tool.
        mhz: clock aimed at.
        timing: None if it was not placed.
        bitstream: path, None without.
        directory: with logs, netlist and reports.
    """

    top: str
    device: str
    capacity: dict[str, int]
    total: dict[str, int]
    layers: dict[str, dict[str, int]]
    estimates: dict[str, dict[str, int]]
    digest: str
    seconds: dict[str, float]
    mhz: float
    timing: PlacedTiming | None
    bitstream: str | None
    directory: str

    @property
    def excess(self) -> dict[str, int]:
        """Kinds of which the design needs more than there are, and how many more."""
        over = {kind: self.total[kind] - self.capacity[kind] for kind in _BUDGET}
        return {kind: number for kind, number in over.items() if number > 0}

    @property
    def estimate(self) -> dict[str, int]:
        """Estimated resources of the whole."""
        return {kind: sum(e[kind] for e in self.estimates.values()) for kind in ESTIMATED}

    @property
    def errors_percent(self) -> dict[str, float]:
        """Estimates against what was found; kinds of which neither has any are 0."""
        found: dict[str, float] = {}
        for kind, number in self.estimate.items():
            have = self.total[kind]
            found[kind] = round(100 * (number - have) / have, 1) if have else 100.0 * bool(number)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Returns the result for a machine."""
        return {
            **asdict(self),
            "estimate": self.estimate,
            "estimate_error_percent": self.errors_percent,
            "fits": not self.excess,
        }


def work_folder(directory: Path, device: Device) -> Path:
    """Returns where the tools work on a design for a device."""
    return Layout(directory).synthesis(device.name)


def digest(rtl: RtlDesign) -> str:
    """Returns a hash of Verilog and memory contents."""
    total = hashlib.sha256()
    for source in sorted(_files(rtl)):
        total.update(hashlib.sha256(source.name.encode() + b"\0" + source.read_bytes()).digest())
    return total.hexdigest()


def _files(rtl: RtlDesign) -> list[Path]:
    return [*rtl.sources, *rtl.sources[0].parent.glob("*.mem")]


def prepare(rtl: RtlDesign, folder: Path) -> tuple[str, ...]:
    """Empties `folder`, copies a design's files there; returns the names of the Verilog ones."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    for source in _files(rtl):
        shutil.copyfile(source, folder / source.name)
    return tuple(source.name for source in rtl.sources)


def _too_large(device: Device, excess: dict[str, int], request: Request) -> ModelError:
    short = ", ".join(f"{number} {kind}" for kind, number in excess.items())
    slower = "compile with more cycles a frame, or choose a larger device"
    remedy = f"--no-dsp, or {slower}" if "DSP" in excess and request.dsp else slower
    return ModelError([Problem(device.name, f"the design does not fit: {short} too many", remedy)])


def synthesize(directory: Path, request: Request, progress: Progress) -> SynthesisResult:
    """Synthesizes a written design, and places and routes it if asked for.

    Args:
        directory: as `Design.write` made it; gets `synth/DEVICE` and a report, both as they were
            if anything fails.
        request: what to find out.
        progress: told what goes on.

    Raises:
        ModelError: the directory holds no design; or it does not fit and was to be placed.
        SynthesisError: a tool is absent, or failed, or reached a limit.
    """
    device = request.device
    if request.place:
        check_installed(device)
    design, rtl = load_design(directory, _LEVELS)
    target = work_folder(directory, device)
    with fresh_folder(target) as folder:
        found = _run(design, rtl, request, folder, progress)
        found = replace(
            found,
            directory=str(target),
            bitstream=str(target / found.bitstream) if found.bitstream else None,
        )
        text = json.dumps(found.as_dict(), indent=2) + "\n"
        (folder / RESULT).write_text(text, encoding="utf-8")
    report = Layout(directory).report(f"synthesis_{found.device}")
    report.write_text(text, encoding="utf-8")
    renew_page(directory)
    return found


def _run(
    design: CompiledDesign, rtl: RtlDesign, request: Request, folder: Path, progress: Progress
) -> SynthesisResult:
    """Runs the tools in `folder`; the result's bitstream is a name there."""
    device = request.device
    names = prepare(rtl, folder)
    (folder / WRAPPER_FILE).write_text(wrapper_source(rtl), encoding="ascii")
    job = Job(rtl.top, names, device, request.dsp, request.place)
    seconds = {"yosys": run_yosys(job, folder, request.limits, progress)}
    progress("estimating")
    dsp = request.dsp and device.dsp is not None
    areas = estimate_areas(design.level("rtl"), design.network, device.family, dsp=dsp)
    progress("reading the netlist")
    netlist = read_netlist(folder, rtl.top)
    mhz = request.mhz or design.mhz
    found = SynthesisResult(
        top=rtl.top,
        device=device.name,
        capacity=device.capacity(),
        total=netlist.total(device.family),
        layers=netlist.usage(device.family),
        estimates={n: a.as_dict() for n, a in areas.items()},
        digest=digest(rtl),
        seconds=seconds,
        mhz=mhz,
        timing=None,
        bitstream=None,
        directory=str(folder),
    )
    if not request.place:
        return found
    if found.excess:
        raise _too_large(device, found.excess, request)
    seconds["nextpnr"] = place(device, mhz, request.seed, folder, request.limits, progress)
    timing = read_timing(folder / REPORT, netlist.layers)
    packed = bitstream(device, folder, request.limits, progress)
    return replace(found, timing=timing, bitstream=packed.name if packed else None)
