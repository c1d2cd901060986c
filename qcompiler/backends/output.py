"""Writes a design to a directory: whole, or not at all; `Layout` says what is where."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import Struct
from xdsl.ir import Operation

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.throughput import Timing
from qcompiler.analysis.validation import random_integers
from qcompiler.assembly import WeightFile, print_module
from qcompiler.backends import source_map
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.driver.packing import pack
from qcompiler.backends.driver.writer import write_driver
from qcompiler.backends.folders import put_in_place
from qcompiler.backends.layout import GENERATOR, IMAGE, LEVELS, MANIFEST, MAP, PAGE, Layout
from qcompiler.backends.report.estimates import build_report
from qcompiler.backends.report.found import Found
from qcompiler.backends.report.page import build_page
from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators import RtlDesign, write_testbench
from qcompiler.backends.simulators.testbench import Around
from qcompiler.backends.simulators.weight_bench import (
    Behaviour,
    bench_name,
    weight_bench_text,
)
from qcompiler.backends.weight_sets import (
    Weights,
    bench_of,
    external_image,
    random_set,
    weight_map,
    written_set,
)
from qcompiler.backends.written import is_ours
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.second_process import meanwhile
from qcompiler.version import VERSION

_FEWEST_FRAMES, _MOST_FRAMES, _MOST_CYCLES = 2, 16, 1 << 20
"""Frames in the test bench, as many as take so many cycles: their results are computed here."""

_LARGE = 4000
"""Operations of hardware that are printed and counted by a process of their own."""
_MANY_PROCESSES = 40
"""Those of a network that becomes as much hardware, or more."""


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


class Beforehand(Struct, frozen=True):
    """What is written of a design and needs no hardware.

    Attributes:
        inputs: the frames of the test bench, per input.
        expected: what comes of them, per output.
        timing: the design's.
        texts: the levels that there are, by file name.
        numbers: by level the line of each operation.
    """

    inputs: list[Array]
    expected: tuple[Array, ...]
    timing: Timing
    texts: dict[str, str]
    numbers: dict[str, list[int]]


def begun(
    design: CompiledDesign, weights: str | None
) -> AbstractContextManager[Callable[[], Beforehand]] | None:
    """Begins, in a copy of this process, what `write_design` needs of a design without hardware.

    None if that is little, or takes constants to a file with those of the hardware.
    """
    if weights is not None or len(design.network.processes) < _MANY_PROCESSES:
        return None
    return meanwhile(partial(_beforehand, design))


def _beforehand(design: CompiledDesign) -> Beforehand:
    inputs = _inputs(design)
    expected = design.core(inputs, weights=_sets(design))
    texts, _, numbers = _print_ir(design, None, LEVELS)
    return Beforehand(inputs, expected, design.timing, texts, numbers)


def write_design(
    design: CompiledDesign,
    directory: Path,
    weights: str | None = None,
    begun: Callable[[], Beforehand] | None = None,
) -> Path:
    """Writes a design; `Layout` says what is where.

    Args:
        design: what to write; one that began at the rtl level has Verilog and IR only.
        directory: where to write.
        weights: name of an .npz beside the IR that takes its large constants.
        begun: waits for what was begun before there was hardware, if anything was.

    Raises:
        ModelError: the directory holds something else, or cannot be written.
    """
    check_target(directory)
    parent = directory.absolute().parent
    large = weights is None and _is_large(design)
    levels = LEVELS if begun is None else LEVELS[-1:]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with (
            scratch_folder(parent, f".{directory.name}", directory) as temporary,
            meanwhile(partial(_aside, design, weights, levels), worth=large) as aside,
            ThreadPoolExecutor(1) as beside,
        ):
            sets, before = _sets(design), None
            fresh = temporary / "design"
            fresh.mkdir()
            if begun is None:
                inputs = _inputs(design) if "stream" in design.levels else []
                # Numpy's work, which leaves Python's lock to what is written meanwhile.
                coming = beside.submit(design.core, inputs, weights=sets) if inputs else None
                _ = design.verilog
                expected = None if coming is None else coming.result()
            else:
                _ = design.verilog
                before = begun()
                inputs, expected, design.timing = before.inputs, before.expected, before.timing
            (texts, constants, numbers), design.areas = aside()
            if before is not None:
                texts, numbers = before.texts | texts, before.numbers | numbers
            _write_texts(Layout(fresh).ir, texts)
            if constants is not None:
                constants.save(Layout(fresh).ir)
            lines = {
                level: dict(zip(design.levels[level].walk(), of_each, strict=True))
                for level, of_each in numbers.items()
            }
            _fill(design, fresh, inputs, expected, sets)
            _write_texts(fresh, {MAP: source_map.build_map(design, lines).text()})
            put_in_place(fresh, directory, temporary)
    except OSError as error:
        problem = Problem(str(directory), f"cannot write: {error}", "choose another directory")
        raise ModelError([problem]) from None
    return directory


def _is_large(design: CompiledDesign) -> bool:
    """Whether a design takes longer to print and to count than this process takes to copy."""
    hardware = design.levels.get("rtl")
    return hardware is not None and sum(1 for _ in islice(hardware.walk(), _LARGE)) == _LARGE


_Printed = tuple[dict[str, str], WeightFile | None, dict[str, list[int]]]
"""Texts by file name, what takes large constants, and by level the line of each operation."""


def _aside(
    design: CompiledDesign, weights: str | None, levels: Sequence[str]
) -> tuple[_Printed, dict[str, Area]]:
    """Returns what nothing but files and reports need."""
    areas = design.areas if "stream" in design.levels else {}
    return _print_ir(design, weights, levels), areas


def _print_ir(design: CompiledDesign, weights: str | None, levels: Sequence[str]) -> _Printed:
    file = None if weights is None else WeightFile(weights)
    texts: dict[str, str] = {}
    numbers: dict[str, list[int]] = {}
    for level in levels:
        if level in design.levels:
            module = design.levels[level]
            lines: dict[Operation, int] = {}
            texts[f"{level}.mlir"] = print_module(module, weights=file, lines=lines)
            numbers[level] = [lines[op] for op in module.walk()]
    for name, module in design.snapshots.items():
        texts[f"{name}.mlir"] = print_module(module, weights=file)
    return texts, file, numbers


def _inputs(design: CompiledDesign) -> list[Array]:
    """Returns the frames of the test bench, per input."""
    rng = np.random.default_rng(0)
    frames = _MOST_CYCLES // design.timing.cycles_per_frame
    frames = max(_FEWEST_FRAMES, min(_MOST_FRAMES, frames))
    inputs = [
        random_integers(channel.element.range, (frames, *channel.frame_shape), rng)
        for port, channel in design.ports
        if port.direction == "in"
    ]
    if design.takes_swaps:
        inputs[-1][:] = 0
        inputs[-1][[0, frames // 2]] = 1
    return inputs


def _sets(design: CompiledDesign) -> list[Weights]:
    """Returns the sets of weights that the test bench writes: the model's, and one at random."""
    if not design.takes_swaps:
        return []
    return [{}, random_set(design.network, np.random.default_rng(0), extreme=False)]


def _fill(
    design: CompiledDesign,
    directory: Path,
    inputs: Sequence[Array],
    expected: tuple[Array, ...] | None,
    sets: Sequence[Weights],
) -> None:
    layout = Layout(directory)
    if expected is None:
        _write_texts(layout.rtl, design.verilog.files)
        _write_texts(directory, {MANIFEST: _json(_identity(design))})
        return
    rtl = design.rtl_design(layout.rtl)
    packed = [
        {
            port.name: pack(array, channel.lanes.data, channel.element.width_bits)
            for (port, channel), array in zip(
                [e for e in design.ports if e[0].direction == direction], arrays, strict=True
            )
        }
        for direction, arrays in (("in", inputs), ("out", expected))
    ]
    around = _write_weights(design, layout, rtl, sets)
    write_testbench(directory, rtl, packed[0], packed[1], around)
    write_driver(design, layout.driver)
    known, found = manifest(design), build_report(design).files()
    _write_texts(layout.reports, {name: _json(data) for name, data in found.items()})
    page = build_page(Found.estimated(known, found))
    _write_texts(directory, {MANIFEST: _json(known), PAGE: page})


def _write_weights(
    design: CompiledDesign, layout: Layout, rtl: RtlDesign, sets: Sequence[Weights]
) -> Around | None:
    """Writes the weights that are not in the hardware; returns what the test bench drives then."""
    network = design.network
    if not network.sources:
        return None
    layout.weights.mkdir()
    image = external_image(network)
    if image is not None:
        (layout.weights / IMAGE).write_bytes(image.tobytes())
    if network.takes_swaps:
        (layout.weights / "set.bin").write_bytes(written_set(network, {}).tobytes())
    _write_texts(layout.weights, {MAP: json.dumps(weight_map(network)) + "\n"})
    layout.testbench.mkdir()
    folder = os.path.relpath(layout.testbench, layout.rtl)
    bench = bench_of(network, sets, f"{folder}/{rtl.top}_tb_weights")
    bench.write(layout.testbench)
    bench.set_behaviour(layout.testbench, Behaviour(1 << 30))
    return Around(bench_name(rtl.top), weight_bench_text(rtl, bench))


def _json(data: Any) -> str:
    return json.dumps(data, indent=2) + "\n"


def _write_texts(directory: Path, texts: Mapping[str, str]) -> None:
    directory.mkdir(exist_ok=True)
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")


def _identity(design: CompiledDesign) -> dict[str, Any]:

    return {
        "generator": GENERATOR,
        "version": VERSION,
        "top": design.name,
        "origin": None if design.origin is None else design.origin.data(),
        "mhz": design.mhz,
        "device": design.device.name if design.sized else None,
        "device_file": design.device.file if design.sized else None,
        "sources": [f"rtl/{name}" for name in design.verilog.files],
    }


def manifest(design: CompiledDesign) -> dict[str, Any]:
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
