"""Writes a design to a directory: whole, or not at all.

- `design.json`: what it is: ports, types, files, prediction; marks the directory as ours
- `rtl/`: Verilog and memory contents
- `tb/`: a self-checking test bench with vectors
- `driver/`: a Python module for the host: quantize, pack, unpack, dequantize
- `ir/`: the module at each level, and after passes if asked for; text that `qcc opt` reads
- `report/`: estimates; `report.html`: the same as a page
- `map.json`: lines of Verilog, operations of the IR, nodes of the model, see `source_map`
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.ir import Operation

from qcompiler.analysis.validation import random_integers
from qcompiler.assembly import WeightFile, print_module
from qcompiler.backends import source_map
from qcompiler.backends.driver.packing import pack
from qcompiler.backends.driver.writer import write_driver
from qcompiler.backends.folders import put_in_place
from qcompiler.backends.report.found import Found
from qcompiler.backends.report.page import PAGE, build_page
from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators import write_testbench
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import read_json

if TYPE_CHECKING:
    from qcompiler.design import Design

GENERATOR = "qcompiler"
MANIFEST = "design.json"
LEVELS = ("nn", "qint", "stream", "rtl")
_FEWEST_FRAMES, _MOST_FRAMES, _MOST_CYCLES = 2, 16, 1 << 20
"""Frames in the test bench, as many as take so many cycles: their results are computed here."""


def is_ours(directory: Path) -> bool:
    """Whether `directory` holds an earlier design of ours."""
    try:
        manifest = read_json(directory / MANIFEST)
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and ("generator", GENERATOR) in manifest.items()


def check_target(directory: Path) -> None:
    """Raises ModelError unless `directory` is absent, empty, or an earlier design of ours."""
    if not directory.exists() and not directory.is_symlink():
        return
    if directory.is_dir() and (not any(directory.iterdir()) or is_ours(directory)):
        return
    raise ModelError(
        [
            Problem(
                str(directory),
                "exists and is not a design of qcompiler; nothing was written",
                "choose another directory with -o, or remove this one yourself",
            )
        ]
    )


def write_design(design: "Design", directory: Path, weights: str | None = None) -> Path:
    """Writes a design; see the module's docstring.

    Args:
        design: what to write; one that began at the rtl level has Verilog and IR only.
        directory: where to write.
        weights: name of an .npz beside the IR that takes its large constants.

    Raises:
        ModelError: the directory holds something else, or cannot be written.
    """
    check_target(directory)
    parent = directory.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with (
            scratch_folder(parent, f".{directory.name}", directory) as temporary,
            ThreadPoolExecutor(1) as beside,
        ):
            inputs = _inputs(design) if "stream" in design.levels else []
            # Numpy's work, which leaves Python's lock to what is written meanwhile.
            expected = beside.submit(design.core, inputs) if inputs else None
            fresh = temporary / "design"
            fresh.mkdir()
            lines = _write_ir(design, fresh / "ir", weights)
            _fill(design, fresh, inputs, expected)
            _write_texts(fresh, {source_map.FILE: source_map.build_map(design, lines).text()})
            put_in_place(fresh, directory, temporary)
    except OSError as error:
        problem = Problem(str(directory), f"cannot write: {error}", "choose another directory")
        raise ModelError([problem]) from None
    return directory


def _write_ir(design: "Design", directory: Path, weights: str | None) -> source_map.Lines:
    """Writes the IR; returns the line of each operation, by level."""
    file = None if weights is None else WeightFile(weights)
    texts: dict[str, str] = {}
    lines: dict[str, dict[Operation, int]] = {}
    for level in LEVELS:
        if level in design.levels:
            lines[level] = {}
            module = design.levels[level]
            texts[f"{level}.mlir"] = print_module(module, weights=file, lines=lines[level])
    for name, module in design.snapshots.items():
        texts[f"{name}.mlir"] = print_module(module, weights=file)
    _write_texts(directory, texts)
    if file is not None:
        file.save(directory)
    return lines


def _inputs(design: "Design") -> list[Array]:
    """Returns the frames of the test bench, per input."""
    rng = np.random.default_rng(0)
    frames = _MOST_CYCLES // design.timing.cycles_per_frame
    frames = max(_FEWEST_FRAMES, min(_MOST_FRAMES, frames))
    return [
        random_integers(channel.element.range, (frames, *channel.frame_shape), rng)
        for port, channel in design.ports
        if port.direction == "in"
    ]


def _fill(
    design: "Design",
    directory: Path,
    inputs: Sequence[Array],
    expected: "Future[tuple[Array, ...]] | None",
) -> None:
    if expected is None:
        (directory / "rtl").mkdir()
        _write_texts(directory / "rtl", design.verilog.files)
        _write_texts(directory, {MANIFEST: _json(_identity(design))})
        return
    rtl = design.rtl_design(directory / "rtl")
    packed = [
        {
            port.name: pack(array, channel.lanes.data, channel.element.width_bits)
            for (port, channel), array in zip(
                [e for e in design.ports if e[0].direction == direction], arrays, strict=True
            )
        }
        for direction, arrays in (("in", inputs), ("out", expected.result()))
    ]
    write_testbench(directory, rtl, packed[0], packed[1])
    write_driver(design, directory / "driver")
    known, found = manifest(design), design.report().files()
    _write_texts(directory / "report", {name: _json(data) for name, data in found.items()})
    page = build_page(Found.estimated(known, found))
    _write_texts(directory, {MANIFEST: _json(known), PAGE: page})


def _json(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def _write_texts(directory: Path, texts: Mapping[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def _identity(design: "Design") -> dict[str, Any]:
    from qcompiler import __version__

    return {
        "generator": GENERATOR,
        "version": __version__,
        "top": design.name,
        "origin": None if design.origin is None else design.origin.data(),
        "mhz": design.mhz,
        "device": design.device.name if design.sized else None,
        "device_file": design.device.file if design.sized else None,
        "sources": [f"rtl/{name}" for name in design.verilog.files],
    }


def manifest(design: "Design") -> dict[str, Any]:
    """Returns what a reader of the directory needs to know."""
    timing = design.timing
    return {
        **_identity(design),
        "inputs": design.names("inputs"),
        "outputs": design.names("outputs"),
        "ports": [
            {
                "name": port.name,
                "direction": port.direction,
                "frame": list(channel.frame_shape),
                "lanes": channel.lanes.data,
                "beats": port.beats,
                "element": {
                    "lo": channel.element.lo.data,
                    "hi": channel.element.hi.data,
                    "width_bits": channel.element.width_bits,
                    "signed": channel.element.signed,
                },
            }
            for port, channel in design.ports
        ],
        "predicted": {
            "cycles_per_frame": timing.cycles_per_frame,
            "latency_cycles": timing.latency_cycles,
            "bottleneck": timing.bottleneck,
        },
    }
