"""Writes a project for a vendor's tool with edalize. Nothing is run: the tool is not ours."""

import importlib
import importlib.util
import logging
import re
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from qcompiler.backends.layout import Layout
from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.backends.synthesis.workspace import fresh_folder
from qcompiler.backends.written import load_design
from qcompiler.devices import Device
from qcompiler.errors import ModelError, Problem
from qcompiler.version import installing

_CLOCKS = "clocks"
_VERILOG = "verilogSource-2005"
# edalize knows no type of memory contents for Quartus, which finds what $readmemh names in the
# project's folder.
_FILE_TYPES = {
    "vivado": {".v": _VERILOG, ".mem": "mem"},
    "quartus": {".v": _VERILOG, ".mem": "user"},
}
# edalize puts words into Tcl scripts and Makefiles as they are: these mean nothing more there.
_PLAIN = re.compile(r"\w[\w ()./+-]*", re.ASCII)


def write_project(directory: Path, device: Device, tool: str, mhz: float | None) -> Path:
    """Writes `synth/DEVICE_TOOL` in a written design and returns it.

    Args:
        directory: as `Design.write` made it.
        device: for the part's name.
        tool: `vivado` or `quartus`.
        mhz: clock for the constraints; None is the one that the design was compiled for.

    Raises:
        ModelError: the directory holds no design, the device is another vendor's, or a name would
            be more than a word in the tool's scripts.
        SynthesisError: edalize is not installed.
    """
    if device.vendor is None or device.vendor.tool != tool:
        made_for = device.vendor.tool if device.vendor else "no vendor's tool that we know"
        what = f"is built with {made_for}, not with {tool}"
        remedy = f'choose another --device, or one whose file has [vendor] with tool = "{tool}"'
        raise ModelError([Problem(device.name, what, remedy)])
    if importlib.util.find_spec("edalize") is None:
        raise SynthesisError(
            f"projects need edalize, which is not installed; {installing('vendor')}"
        )
    design, rtl = load_design(directory)
    files: list[Path] = [*rtl.sources, *sorted(rtl.sources[0].parent.glob("*.mem"))]
    options = _options(device, tool)
    _check_plain(device.name, "of the device file", options.values())
    _check_plain(str(directory), "of the design", [rtl.top, *(file.name for file in files)])
    target = Layout(directory).synthesis(f"{device.name}_{tool}")
    with fresh_folder(target) as folder:
        _fill(folder, rtl.top, files, tool, options, mhz or design.mhz)
    return target


def _fill(
    folder: Path, top: str, files: list[Path], tool: str, options: dict[str, str], mhz: float
) -> None:
    for file in files:
        shutil.copyfile(file, folder / file.name)
    clocks = _clock_file(folder, tool, mhz)
    types = _FILE_TYPES[tool]
    description = {
        "name": top,
        "toplevel": top,
        "files": [*({"name": f.name, "file_type": types[f.suffix]} for f in files), clocks],
        "tool_options": {tool: options},
    }
    backend: Any = importlib.import_module("edalize.edatool").get_edatool(tool)
    with _quiet():
        backend(edam=description, work_root=str(folder)).configure()


@contextmanager
def _quiet() -> Generator[None]:
    """Lets edalize say errors only: its tool API is deprecated, but its flow API has no Quartus."""
    logger = logging.getLogger("edalize")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with redirect_stdout(StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _check_plain(where: str, whose: str, texts: Iterable[str]) -> None:
    remedy = "use letters, digits, blanks and ( ) . / + - _ only; it goes into scripts of the tool"
    problems = [
        Problem(where, f"a name {whose} cannot be written into a project: {text!r}", remedy)
        for text in texts
        if not _PLAIN.fullmatch(text)
    ]
    if problems:
        raise ModelError(problems)


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
