"""Places and routes with nextpnr, from the `yowasp-nextpnr-*` wheels."""

import importlib.util
import sys
from pathlib import Path

from qcompiler.backends.synthesis.tools import Limits, SynthesisError, run_limited
from qcompiler.backends.synthesis.yosys import PLACED_JSON
from qcompiler.devices.device import Device, PlaceAndRoute
from qcompiler.devices.families import FAMILIES, placer
from qcompiler.devices.family import PINS, Placer
from qcompiler.progress import Progress
from qcompiler.version import installing

REPORT = "nextpnr.json"


def _command(module: str, entry: str, arguments: list[str]) -> list[str]:
    """Returns the words that run a function of a wheel in a child process."""
    if importlib.util.find_spec(module) is None:
        wheel = module.replace("_", "-")
        raise SynthesisError(
            f"this device needs {wheel}, which is not installed; {installing('synth')}"
        )
    call = f"import sys, {module} as m; sys.exit(m.{entry}(sys.argv[1:]))"
    return [sys.executable, "-c", call, *arguments]


def _require(device: Device) -> PlaceAndRoute:
    if device.place is None:
        raise SynthesisError(
            f"{device.name}: there is no open place and route for this part; leave out --place, or "
            "use --project for the vendor's tool"
        )
    return device.place


def _placer(device: Device) -> Placer:
    return placer(FAMILIES[device.family], _require(device).tool)


def check_installed(device: Device) -> None:
    """Raises SynthesisError unless the device's nextpnr is there."""
    tool = _placer(device)
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
    tool = _placer(device)
    lines = [tool.pin_line.format(port=port, pin=pin) for port, pin in where.pins]
    (directory / PINS).write_text("\n".join(lines) + "\n", encoding="ascii")
    arguments = [
        *where.arguments,
        *tool.settings,
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
    tool = _placer(device)
    if tool.packer is None:
        return None
    entry, arguments = tool.packer
    command = _command(tool.module, entry, list(arguments))
    run_limited(command, directory / "pack.log", limits, progress, "packer")
    return directory / arguments[-1]
