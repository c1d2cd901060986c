"""Depthwise deformable convolutions, from free offsets to rounded squares, beside the plain one.

The layer of 64 x 64 x 256 in Table 2 of CoDeNet (arXiv 2006.08357), a 3 x 3 depthwise convolution
with 16 channels a beat: cycles of a frame, and estimates for a part of the same family. A small one
of the same forms is simulated, stalls included. `--write-docs` writes the table of
docs/deformable.md.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

import qcompiler
from benchmarks.common import REPOSITORY, markdown, print_table, with_section
from qcompiler.design import Design
from qcompiler.dialects import stream
from qcompiler.errors import ModelError

_PAGE = REPOSITORY / "docs" / "deformable.md"
_DEVICE = "u280"
_SMALL_DEVICE = "zu3eg"
_LARGE, _SMALL = (64, 64, 256), (12, 9, 16)
_LANES = 16
_COLUMNS = (
    "offsets", "taps a beat", "copies", "rows kept", "cycles", "alone", "LUT", "FF",
    "BRAM18", "DSP", "simulated", "mismatches",
)  # fmt: skip


_FITTED_COLUMNS = ("layer or network", "cycles", "alone", "LUT", "FF", "BRAM18", "DSP")
_DETECTOR = REPOSITORY / "examples" / "moving_shapes" / "detector.onnx"


def sampling(square: bool) -> str:
    """Returns the properties of a 3 x 3 sampling whose taps share a code, or have two each."""
    places = [place for pair in product((-1, 0, 1), repeat=2) for place in pair]
    steps = places if square else [1] * 18
    sources = [0] * 18 if square else list(range(18))
    return f"kernel: [3, 3], pads: [1, 1], steps: {steps}, origins: {[0] * 18}, sources: {sources}"


@dataclass(frozen=True)
class Form:
    """A kind of offsets.

    Attributes:
        name: in the table.
        reach: largest offset in elements; None for the plain convolution.
        square: whether one number displaces all taps.
        fraction: bits between elements.
        taps: how many a beat.
        full: whether each output sums over all channels; else the layer is depthwise.
    """

    name: str
    reach: int | None
    square: bool
    fraction: int
    taps: int
    full: bool = False

    def text(self, size: Sequence[int]) -> str:
        """Returns the layer as a network of integers."""
        height, width, channels = size
        if self.reach is None:
            first = "a = qint.conv(x, w, pads_begin: [1, 1], pads_end: [1, 1], "
        else:
            sampled = f"s = qint.sample(x, d, {sampling(self.square)}, fraction: {self.fraction})\n"
            first = f"{sampled}  a = qint.conv(s, w, strides: [3, 3], "
        given = f"x: int8[1, {height}, {width}, {channels}]"
        if self.reach is not None:
            top = self.reach << self.fraction
            codes = 1 if self.square else 18
            given += f", d: int<{-top}, {top}>[1, {height}, {width}, {codes}]"
        shift = (14 if self.full else 10) + 2 * self.fraction
        shape, group = (
            ([3, 3, channels, channels], 1) if self.full else ([3, 3, 1, channels], channels)
        )
        return (
            f"network layer({given}) {{\n"
            f'  w: int4{shape} = load("weights.npz", "w")\n'
            f"  {first}group: {group})\n"
            f"  y = mul_shift(a, int8, multiplier: 57, bias: {1 << (shift - 1)}, shift: {shift})\n"
            "  return y\n}\n"
        )

    def written(self, size: Sequence[int], folder: Path, seed: int) -> Path:
        """Returns the file of the layer, with its weights beside it."""
        inputs = size[2] if self.full else 1
        weights = np.random.default_rng(seed).integers(-7, 8, (3, 3, inputs, size[2]))
        np.savez(folder / "weights.npz", w=weights)
        path = folder / "layer.qnn"
        path.write_text(self.text(size), encoding="utf-8")
        return path

    def compiled(self, size: Sequence[int], folder: Path, seed: int) -> Design:
        """Returns the design, 16 channels of so many taps a beat."""
        path = self.written(size, folder, seed)
        folding = folder / "folding.json"
        folding.write_text(json.dumps({"a": {"PE": _LANES, "SIMD": self.taps}}))
        return qcompiler.compile(path, folding=str(folding), device=_DEVICE)


FORMS = (
    Form("free, whole frame, between elements", 64, False, 2, 3),
    Form("free, whole frame, rounded", 64, False, 0, 3),
    Form("free, bounded by 7, between elements", 7, False, 2, 3),
    Form("free, bounded by 7, rounded", 7, False, 0, 3),
    Form("free, bounded by 7, rounded, nine copies", 7, False, 0, 9),
    Form("square, bounded by 7, between elements", 7, True, 2, 3),
    Form("square, bounded by 7, rounded", 7, True, 0, 9),
    Form("none: the plain convolution", None, False, 0, 9),
)


FULL = (
    Form("full: free, bounded by 7, rounded", 7, False, 0, 9, full=True),
    Form("full: square, bounded by 7, rounded", 7, True, 0, 9, full=True),
    Form("full: none, the plain convolution", None, False, 0, 9, full=True),
)


def _large(form: Form, folder: Path, seed: int) -> list[object]:
    """Returns copies and rows of the line buffer, cycles and area; or what is short."""
    try:
        design = form.compiled(_LARGE, folder, seed)
    except ModelError as error:
        (problem,) = error.problems
        short = problem.what.partition(" at ")[0]
        return ["-", "-", "-", "-", "-", "-", short, "-"]
    report = design.report()
    windows = [p for p in design.network.processes if isinstance(p, stream.WindowSource)]
    copies = windows[0].copies if isinstance(windows[0], stream.SampleOp) else 1
    area = report.area or {}
    return [
        copies, windows[0].buffer_rows, report.cycles_per_frame, design.timing.latency_cycles,
        *(area.get(kind, "-") for kind in ("LUT", "FF", "BRAM", "DSP")),
    ]  # fmt: skip


def _row(form: Form, seed: int, frames: int) -> list[object]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        figures = _large(form, folder, seed)
        small = form.compiled(_SMALL, folder, seed)
        rng = np.random.default_rng(seed)
        inputs = [
            rng.integers(c.element.lo.data, c.element.hi.data + 1, (frames, *c.frame_shape))
            for port, c in small.ports
            if port.direction == "in"
        ]
        wanted = small.core(inputs)[0]
        wrong = 0
        for chance in (0.0, 0.3):
            stalls = {"stall_probability_in": chance, "stall_probability_out": chance}
            (got,), result = small.simulate_core(inputs, **stalls)
            wrong += int((got.reshape(wanted.shape) != wanted).sum())
            if not chance:
                cycles = f"{result.cycles_per_frame:g}, {result.latency_cycles}"
    predicted = f"{small.timing.cycles_per_frame}, {small.timing.latency_cycles}"
    return [form.name, form.taps, *figures, f"{cycles} of {predicted}", wrong]


def _fitted(name: str, path: Path) -> list[object]:
    """Returns the fastest design of a file that the small part holds, as the compiler folds it."""
    try:
        design = qcompiler.compile(path, device=_SMALL_DEVICE)
    except ModelError as error:
        return [name, error.problems[0].what, "-", "-", "-", "-", "-"]
    area = design.report().area or {}
    timing = design.timing
    return [
        name, timing.cycles_per_frame, timing.latency_cycles,
        *(area.get(kind, "-") for kind in ("LUT", "FF", "BRAM", "DSP")),
    ]  # fmt: skip


def _fitted_rows(seed: int) -> list[list[object]]:
    rows: list[list[object]] = []
    for form in (*FORMS, *FULL):
        if form.name.endswith("copies"):
            continue  # the compiler chooses how many taps a beat has, and copies
        with tempfile.TemporaryDirectory() as made:
            rows.append(_fitted(form.name, form.written(_LARGE, Path(made), seed)))
    rows.append(_fitted("the detector, 48 x 48", _DETECTOR))
    return rows


def main() -> int:
    """Measures all forms; exit status 1 if an integer differs or a cycle was not predicted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=6)
    parser.add_argument("--write-docs", action="store_true")
    parsed = parser.parse_args()
    rows = [_row(form, parsed.seed, parsed.frames) for form in FORMS]
    print_table("deformable", _COLUMNS, rows)
    fitted = _fitted_rows(parsed.seed)
    print_table(f"deformable on {_SMALL_DEVICE}", _FITTED_COLUMNS, fitted)
    if parsed.write_docs:
        page = _PAGE.read_text(encoding="utf-8")
        page = with_section(page, "table", markdown(_COLUMNS, rows))
        page = with_section(page, "fitted", markdown(_FITTED_COLUMNS, fitted))
        _PAGE.write_text(page, encoding="utf-8")
    return int(any(row[-1] or len(set(str(row[-2]).split(" of "))) > 1 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
