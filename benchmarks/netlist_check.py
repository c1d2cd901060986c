"""Simulates synthesized netlists against the interpreter: three models, several families.

`--write-docs` writes docs/netlist_check.md.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import REPOSITORY, ZOO, markdown, print_table, save_results
from qcompiler import compile as compile_model
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.backends.verification import verify
from qcompiler.devices import load_device

DEVICES = ("ecp5-85k", "ice40-hx8k", "zu3eg")
_PAGE = REPOSITORY / "docs" / "netlist_check.md"
_COLUMNS = (
    "model", "--cycles", "device", "LUT", "FF", "BRAM", "DSP", "frames", "mismatches",
    "cycles a frame", "predicted",
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """What is checked.

    Attributes:
        name: in the table.
        path: of the model.
        cycles: a frame may take; many, so that simulating the netlist is quick.
        inputs: `--input` by name.
        folding: what a folding file says.
    """

    name: str
    path: Path
    cycles: int
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    folding: Mapping[str, Mapping[str, int | str]] | None = None


def models() -> tuple[Model, ...]:
    """Returns the models: two of ours and one of others, which is left out if it is not here."""
    examples = REPOSITORY / "examples"
    jets = ZOO[0]
    found = (
        Model("digits_mlp", examples / "digits_mlp" / "digits_mlp.onnx", 1024),
        Model(
            "digits_mlp, styles",
            examples / "digits_mlp" / "digits_mlp.onnx",
            1024,
            folding={
                "fc1": {"PE": 2, "SIMD": 1, "style": "pairs"},
                "fc2": {"PE": 1, "SIMD": 2, "style": "logic"},
            },
        ),
        Model("digits_cnn", examples / "digits_cnn" / "digits_cnn_qonnx.onnx", 9216),
        Model(jets.name, jets.path, 1024, jets.inputs),
    )
    return tuple(model for model in found if model.path.is_file())


@dataclass(frozen=True)
class Row:
    """A netlist.

    Attributes:
        model, cycles, device: what was made.
        area: by kind, as Yosys counts it.
        frames: simulated, half of them with random stalls; 0 if it could not be.
        mismatches: integers that differ.
        measured, predicted: cycles a frame, back to back.
        why: it could not be simulated.
        seconds: all of it took.
    """

    model: str
    cycles: int
    device: str
    area: Mapping[str, int]
    frames: int
    mismatches: int
    measured: float | None
    predicted: int
    why: str
    seconds: float

    def cells(self) -> list[str]:
        """Returns the row of the table."""
        head = [self.model, str(self.cycles), f"`{self.device}`"]
        area = [str(self.area[kind]) for kind in ("LUT", "FF", "BRAM", "DSP")]
        if not self.frames:
            return [*head, *area, "-", self.why, "-", str(self.predicted)]
        found = [str(self.frames), str(self.mismatches), f"{self.measured:g}", str(self.predicted)]
        return [*head, *area, *found]


def rows(chosen: tuple[Model, ...], devices: tuple[str, ...], frames: int) -> Iterator[Row]:
    """Yields what each netlist computes."""
    for model in chosen:
        with TemporaryDirectory() as folder:
            given = None
            if model.folding is not None:
                given = Path(folder) / "folding.json"
                given.write_text(json.dumps(model.folding), encoding="utf-8")
            made = compile_model(
                model.path, inputs=model.inputs, cycles=model.cycles, folding=given
            )
            design = made.write(Path(folder) / "design")
            for name in devices:
                yield _check(model, design, made.timing.cycles_per_frame, name, frames)


def _check(model: Model, design: Path, predicted: int, device: str, frames: int) -> Row:
    start = time.perf_counter()
    found = synthesize(design, Request(load_device(device)), lambda _: None)
    sent, wrong, measured, why = 0, 0, None, ""
    try:
        checked = verify(design, vectors=frames, netlist=load_device(device))
    except SynthesisError as error:
        why = "no model of " + str(error).partition("no model of ")[2].partition(";")[0]
    else:
        sent, wrong = checked.frames, sum(run.mismatches for run in checked.runs)
        measured = checked.runs[0].cycles_per_frame
    seconds = round(time.perf_counter() - start, 1)
    cycles = model.cycles
    return Row(
        model.name, cycles, device, found.total, sent, wrong, measured, predicted, why, seconds
    )


_TEXT = """\
# Netlists against the model

Made by `python -m benchmarks.netlist_check --write-docs`; do not edit.

Each model is compiled, synthesized with Yosys, and its netlist simulated in Verilator with models
of the device's cells (`qcc verify --netlist`, see [synthesis.md](synthesis.md)): {frames} frames
back to back and {frames} with random stalls. Every integer of the outputs is compared with the
interpreter's. `digits_mlp, styles` has layers with two products in a multiplier, and with
multiplications in logic ([synthesis.md](synthesis.md)).

{table}

Where there is no model of a cell that the netlist has, it is not simulated; the cell is named. BRAM
of AMD parts are halves of 18 Kb.
"""


def main() -> int:
    """Checks all; exit status 1 if an integer differs, or nothing could be simulated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/netlist_check.md")
    parser.add_argument("--only", metavar="MODEL", nargs="+", help="of these models only")
    parser.add_argument("--devices", nargs="+", default=DEVICES, help="default: three families")
    parser.add_argument("--frames", type=int, default=20, help="of each run (default: 20)")
    parsed = parser.parse_args()
    chosen = tuple(m for m in models() if parsed.only is None or m.name in parsed.only)
    found: list[Row] = []
    for row in rows(chosen, tuple(parsed.devices), parsed.frames):
        found.append(row)
        print(" | ".join(row.cells()), f"({row.seconds} s)", flush=True)
    table = [row.cells() for row in found]
    print_table("netlists", _COLUMNS, table)
    save_results("netlist_check", [vars(row) for row in found])
    if parsed.write_docs:
        text = _TEXT.format(frames=parsed.frames, table=markdown(_COLUMNS, table))
        _PAGE.write_text(text, encoding="utf-8")
    simulated = [row for row in found if row.frames]
    return int(not simulated or any(row.mismatches for row in simulated))


if __name__ == "__main__":
    sys.exit(main())
