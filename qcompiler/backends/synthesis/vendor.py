"""Writes a project for a vendor's tool with edalize. Nothing is run: the tool is not ours."""

import importlib
import importlib.util
import shutil
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.backends.verification import load_design
from qcompiler.devices import Device
from qcompiler.errors import ModelError, Problem

_CLOCKS = "clocks"
_FILE_TYPES = {".v": "verilogSource-2005", ".mem": "user"}


def write_project(directory: Path, device: Device, tool: str, mhz: float | None) -> Path:
    """Writes `synth/DEVICE_TOOL` in a written design and returns it.

    Args:
        directory: as `Design.write` made it.
        device: for the part's name.
        tool: `vivado` or `quartus`.
        mhz: clock for the constraints; None is the one that the design was compiled for.

    Raises:
        ModelError: the directory holds no design, or the device is another vendor's.
        SynthesisError: edalize is not installed.
    """
    if device.vendor is None or device.vendor.tool != tool:
        made_for = device.vendor.tool if device.vendor else "no vendor's tool that we know"
        what = f"is built with {made_for}, not with {tool}"
        remedy = f'choose another --device, or one whose file has [vendor] with tool = "{tool}"'
        raise ModelError([Problem(device.name, what, remedy)])
    if importlib.util.find_spec("edalize") is None:
        raise SynthesisError(
            "projects need edalize, which is not installed; pip install qcompiler[vendor]"
        )
    design, rtl = load_design(directory)
    folder = directory / "synth" / f"{device.name}_{tool}"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    files: list[Path] = [*rtl.sources, *sorted(rtl.sources[0].parent.glob("*.mem"))]
    for file in files:
        shutil.copyfile(file, folder / file.name)
    clocks = _clock_file(folder, tool, mhz or design.mhz)
    description = {
        "name": rtl.top,
        "toplevel": rtl.top,
        "files": [
            *({"name": file.name, "file_type": _FILE_TYPES[file.suffix]} for file in files),
            clocks,
        ],
        "tool_options": {tool: _options(device, tool)},
    }
    backend: Any = importlib.import_module("edalize.edatool").get_edatool(tool)
    # edalize prints that its tool API is deprecated; its flow API has no Quartus.
    with redirect_stdout(StringIO()):
        backend(edam=description, work_root=str(folder)).configure()
    return folder


def _options(device: Device, tool: str) -> dict[str, str]:
    assert device.vendor is not None, "write_project looked"
    if tool == "vivado":
        return {"part": device.vendor.part, "pnr": "vivado"}
    return {"family": device.title, "device": device.vendor.part}


def _clock_file(folder: Path, tool: str, mhz: float) -> dict[str, str]:
    """Writes the clock's constraint and returns its entry."""
    kind, suffix = ("xdc", "xdc") if tool == "vivado" else ("SDC", "sdc")
    name = f"{_CLOCKS}.{suffix}"
    text = f"create_clock -name ap_clk -period {1e3 / mhz:.4f} [get_ports ap_clk]\n"
    (folder / name).write_text(text, encoding="ascii")
    return {"name": name, "file_type": kind}
