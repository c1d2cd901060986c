"""Simulates synthesized netlists against the interpreter: small networks, every family that ships.

Each with and without DSP blocks, with block memories that are read only and such that are written.
`--write-docs` writes the tables of docs/netlist_check.md, of the models that are checked.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.common import (
    REPOSITORY,
    RESULTS,
    markdown,
    print_table,
    save_results,
    with_section,
)
from benchmarks.deformable import sampling
from qcompiler import compile as compile_model
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.backends.verification import verify
from qcompiler.devices import device_names, load_device

_NAME = "netlist_check"
_PAGE = REPOSITORY / "docs" / f"{_NAME}.md"
_COLUMNS = (
    "model", "device", "multiply in", "LUT", "FF", "BRAM", "DSP", "hard cells", "frames",
    "mismatches", "cycles a frame", "predicted",
)  # fmt: skip
_SAME_CELLS = frozenset({"ecp5-45k", "ecp5-85k", "u280"})
"""Devices with the cells of another one."""

# Signed activations: a layer with products of 8 by 8 bits, a product of activations, and a layer
# with two products in a multiplier.
_SIGNED = """\
network signed(x: int8[1, 512] scale 1/128) {
  first: int8[512, 4] scale load("weights.npz", "scales") axis 1 = load("weights.npz", "first")
  second: int4[4, 8] scale 1/4 = load("weights.npz", "second")
  h = requantize(matmul(x, first), int8, scale: 1/64)
  g = requantize(mul(h, h), int8, scale: 1/32)
  return quantize(matmul(g, second), int8, scale: 1/16) as "y"
}
"""

# Unsigned activations: a convolution, a depthwise one, a pooling; lines of images are buffered.
_IMAGE = """\
network image(x: uint8[1, 2, 7, 128] scale 1/256) {
  first: int4[4, 2, 3, 3] scale 1/8 = load("weights.npz", "kernel")
  taps: int4[4, 1, 3, 3] scale 1/8 = load("weights.npz", "taps")
  h = requantize(relu(conv(x, first, strides: [2, 2])), uint4, scale: 1/2)
  d = requantize(relu(conv(h, taps, pads: same, group: 4)), uint4, scale: 1/3)
  return quantize(max_pool(d, kernel: [2, 2], strides: [2, 2]), uint4, scale: 1/3) as "y"
}
"""

# Deformable windows: squares between elements, whose four neighbours come from four memories, and
# free ones in whole elements, three taps a beat, each from a memory of its own.
_DEFORMABLE = f"""\
network deformable(
  x: int8[1, 8, 16, 16], d: int<-3, 3>[1, 8, 16, 1], e: int<-1, 1>[1, 8, 16, 18]
) {{
  w: int4[3, 3, 1, 16] = load("weights.npz", "windows")
  s = qint.sample(x, d, {sampling(square=True)}, fraction: 1)
  a = qint.conv(s, w, strides: [3, 3], group: 16)
  h = mul_shift(a, int8, multiplier: 57, bias: 2048, shift: 12)
  t = qint.sample(h, e, {sampling(square=False)}, fraction: 0)
  b = qint.conv(t, w, strides: [3, 3], group: 16)
  y = mul_shift(b, int8, multiplier: 57, bias: 512, shift: 10)
  return y
}}
"""


@dataclass(frozen=True)
class Model:
    """What is checked.

    Attributes:
        name: in the table.
        text: in the model language.
        cycles: a frame may take; many, so that the netlist is small.
        folding: what a folding file says.
    """

    name: str
    text: str
    cycles: int
    folding: Mapping[str, Mapping[str, int | str]]


MODELS = (
    Model("signed", _SIGNED, 2048, {"output": {"PE": 2, "SIMD": 1, "style": "pairs"}}),
    Model("image", _IMAGE, 7000, {}),
    Model("deformable", _DEFORMABLE, 18432, {"b": {"PE": 1, "SIMD": 3}}),
)


@dataclass(frozen=True)
class Row:
    """A netlist.

    Attributes:
        model, device: what was made.
        dsp: whether DSP blocks were allowed.
        area: by kind, as Yosys counts it.
        cells: multipliers and block memories, by type.
        frames: simulated, half of them with random stalls; 0 if it could not be.
        mismatches: integers that differ.
        measured, predicted: cycles a frame, back to back.
        why: it could not be simulated.
        seconds: all of it took.
    """

    model: str
    device: str
    dsp: bool
    area: Mapping[str, int]
    cells: Sequence[str]
    frames: int
    mismatches: int
    measured: float | None
    predicted: int
    why: str
    seconds: float

    @property
    def key(self) -> tuple[str, str, bool]:
        """What tells rows apart."""
        return self.model, self.device, self.dsp

    def columns(self) -> list[str]:
        """Returns the row of the table."""
        head = [self.model, f"`{self.device}`", "DSP" if self.dsp else "LUT"]
        area = [str(self.area[kind]) for kind in ("LUT", "FF", "BRAM", "DSP")]
        cells = ", ".join(self.cells) or "-"
        if not self.frames:
            return [*head, *area, cells, "-", self.why, "-", str(self.predicted)]
        found = [str(self.frames), str(self.mismatches), f"{self.measured:g}", str(self.predicted)]
        return [*head, *area, cells, *found]


def _write_weights(folder: Path) -> None:
    random = np.random.default_rng(8)
    np.savez(
        folder / "weights.npz",
        first=random.integers(-127, 128, (512, 4)),
        second=random.integers(-7, 8, (4, 8)),
        scales=random.integers(1, 9, 4).astype(np.float32) / 1024,
        kernel=random.integers(-7, 8, (4, 2, 3, 3)),
        taps=random.integers(-7, 8, (4, 1, 3, 3)),
        windows=random.integers(-7, 8, (3, 3, 1, 16)),
    )


def check(model: Model, device: str, dsp: bool, frames: int) -> Row:
    """Returns what a netlist computes."""
    start = time.perf_counter()
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write_weights(folder)
        text, folding = folder / f"{model.name}.qnn", folder / "folding.json"
        text.write_text(model.text, encoding="utf-8")
        folding.write_text(json.dumps(model.folding), encoding="utf-8")
        made = compile_model(text, cycles=model.cycles, folding=folding)
        design = made.write(folder / "design")
        part = load_device(device)
        found = synthesize(design, Request(part, dsp=dsp), lambda _: None)
        sent, wrong, measured, why = 0, 0, None, ""
        try:
            checked = verify(design, vectors=frames, netlist=part)
        except SynthesisError as error:
            why = "no model of " + str(error).partition("no model of ")[2].partition(";")[0]
        else:
            sent, wrong = checked.frames, sum(run.mismatches for run in checked.runs)
            measured = checked.runs[0].cycles_per_frame
        cells = _hard_cells(design / "synth" / device / "netlist.json", made.name)
    seconds = round(time.perf_counter() - start, 1)
    predicted = made.timing.cycles_per_frame
    return Row(
        model.name, device, dsp, found.total, cells, sent, wrong, measured, predicted, why, seconds
    )


_LOGIC = ("LUT", "FF", "FD", "DFF", "MUX", "CARRY", "CCU", "ALU", "INV", "SRL", "WIDEFN", "PFUMX")
_OTHERS = ("L6MUX21", "VLO", "VHI", "GND", "VCC", "$")


def _hard_cells(netlist: Path, top: str) -> list[str]:
    """Returns the types of multipliers and memories in a netlist."""
    module = json.loads(netlist.read_text(encoding="utf-8"))["modules"][top]
    types = {cell["type"] for cell in module["cells"].values()}
    logic = (*_LOGIC, *_OTHERS)
    return sorted(
        t for t in types if not t.removeprefix("SB_").removeprefix("TRELLIS_").startswith(logic)
    )


def _resumed() -> list[Row]:
    path = RESULTS / f"{_NAME}.json"
    if not path.is_file():
        return []
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["results"]]


def main() -> int:
    """Checks all; exit status 1 if an integer differs, or a netlist could not be simulated."""
    shipped = [name for name in device_names() if name not in _SAME_CELLS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/netlist_check.md")
    parser.add_argument("--only", metavar="MODEL", nargs="+", help="of these models only")
    parser.add_argument("--devices", nargs="+", default=shipped, help="default: one of each kind")
    parser.add_argument("--frames", type=int, default=10, help="of each run (default: 10)")
    parser.add_argument("--jobs", type=int, default=1, help="netlists at a time (default: 1)")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run found")
    parsed = parser.parse_args()
    devices: list[str] = parsed.devices
    frames: int = parsed.frames
    found = {row.key: row for row in _resumed()} if parsed.resume else {}
    wanted = [
        (model, device, dsp)
        for model in MODELS
        for device in devices
        for dsp in ((True, False) if load_device(device).dsp is not None else (False,))
        if parsed.only is None or model.name in parsed.only
    ]
    order = [(model.name, device, dsp) for model, device, dsp in wanted]
    missing = [item for item, key in zip(wanted, order, strict=True) if key not in found]
    with ThreadPoolExecutor(parsed.jobs) as pool:

        def run(item: tuple[Model, str, bool]) -> Row:
            return check(*item, frames)

        for row in pool.map(run, missing):
            found[row.key] = row
            print(" | ".join(row.columns()), f"({row.seconds} s)", flush=True)
            save_results(_NAME, [asdict(each) for each in found.values()])
    rows = [found[key] for key in order]
    print_table("netlists", _COLUMNS, [row.columns() for row in rows])
    if parsed.write_docs:
        page = _PAGE.read_text(encoding="utf-8")
        for name in dict.fromkeys(row.model for row in rows):
            table = markdown(_COLUMNS, [row.columns() for row in rows if row.model == name])
            page = with_section(page, name, table)
        _PAGE.write_text(page, encoding="utf-8")
    return int(any(row.mismatches or not row.frames for row in rows))


if __name__ == "__main__":
    sys.exit(main())
