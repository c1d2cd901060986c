"""Channels that go before training, beside weights that go: accuracy, and what hardware gains.

Digits and Fashion-MNIST at 25, 50 and 75 % of the weights: cropped by `train.crop`, with densities
of synaptic flow and of the convex program; unstructured by synaptic flow; at random, channels and
weights; five seeds. Hardware: W4A4 for an ECP5-25k, at the rate of the dense network and at the
fastest that fits, by the compiler's estimates, and one seed by Yosys.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.common import REPOSITORY, Kept, markdown, print_table, save_results, with_section
from benchmarks.crop_networks import (
    CROPPED,
    DENSE,
    KEEPS,
    METHODS,
    UNSTRUCTURED,
    Measured,
    Run,
    key,
    name_of,
    runs,
    tasks,
    trained,
)
from benchmarks.float_networks import Task
from qcompiler import compile as compile_model
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.design import Design
from qcompiler.devices import load_device
from qcompiler.errors import ModelError

DEVICE = "ecp5-25k"
CYCLES = {"digits": 1152, "fashion": 14112}
"""A frame, of the fastest dense network that fits on the device."""
_KINDS = ("LUT", "FF", "BRAM", "DSP")
_PAGE = REPOSITORY / "docs" / "cropping.md"
ACCURACY = ("network", "kept", "what goes", "weights", "right, %", "less unstructured flow")
AREA = ("network", "kept", "what goes", "cycles", *_KINDS, "cycles of the fastest", "its LUT")
NETLIST = ("network", "kept", "what goes", *(f"{kind}, Yosys" for kind in _KINDS), "estimates")


def _file(folder: Path, run: Run) -> Path:
    return folder / f"{key(run).replace(' | ', '_').replace(' ', '-')}.onnx"


def _train(run: Run, folder: Path) -> dict[str, Any]:
    start = time.process_time()
    found = trained(*run, _file(folder, run))
    return {**found, "seconds": round(time.process_time() - start, 1)}


def _area(design: Design) -> dict[str, int]:
    area = design.report().area
    return {**{kind: area[kind] for kind in _KINDS}, "cycles": design.timing.cycles_per_frame}


def hardware(path: Path, cycles: int) -> dict[str, Any]:
    """Returns estimates at a rate and of the fastest that fits, or why there is none."""
    found: dict[str, Any] = {}
    for name, rate in (("equal", {"cycles": cycles}), ("fastest", {})):
        try:
            found[name] = _area(compile_model(path, device=DEVICE, **rate))
        except ModelError as error:
            found[name] = error.problems[0].what
    return found


def netlist(path: Path, cycles: int) -> dict[str, Any]:
    """Returns what Yosys makes of a network at a rate, and the estimate."""
    design = compile_model(path, device=DEVICE, cycles=cycles)
    with TemporaryDirectory() as name:
        folder = design.write(Path(name) / "design")
        total = synthesize(folder, Request(load_device(DEVICE)), lambda _: None).total
    return {"yosys": {kind: total[kind] for kind in _KINDS}, "estimate": _area(design)}


def _ways() -> list[tuple[str, float]]:
    return [(DENSE, 1.0), *((method, keep) for keep in KEEPS for method in METHODS)]


class Study:
    """Figures of one task.

    Args:
        task: with its images.
        seeds: how many.
        keep: returns what was measured before.
    """

    def __init__(self, task: Task, seeds: int, keep: Measured) -> None:
        self.name, self._keep = name_of(task), keep
        self._runs = {(r[1], r[2], r[3]): r for r in runs(task, seeds)}
        self.seeds = seeds

    def train(self, folder: Path) -> None:
        """Trains all."""
        for run in self._runs.values():
            found = self._keep(key(run), partial(_train, run, folder))
            print(key(run), found["right"], found["weights"], found["seconds"], flush=True)

    def compile(self, folder: Path) -> None:
        """Compiles all."""
        for run in self._runs.values():
            measure = partial(hardware, _file(folder, run), CYCLES[self.name])
            print(key(run), self._keep(f"{key(run)} | area", measure), flush=True)

    def synthesize(self, folder: Path) -> None:
        """Has Yosys make netlists of the first seed of the dense network and of two methods."""
        for method, share in _ways():
            run = self._runs[method, share, 0]
            if method in (DENSE, CROPPED, UNSTRUCTURED):
                measure = partial(netlist, _file(folder, run), CYCLES[self.name])
                print(key(run), self._keep(f"{key(run)} | netlist", measure), flush=True)

    def _of(self, method: str, share: float, suffix: str = "") -> list[Any]:
        found = [self._runs[method, share, seed] for seed in range(self.seeds)]
        return [self._keep(key(run) + suffix, dict) for run in found]

    def accuracy(self) -> list[list[str]]:
        """Returns rows of the table of accuracies."""
        rows: list[list[str]] = []
        for method, share in _ways():
            found = self._of(method, share)
            right = 100 * np.array([each["right"] for each in found])
            weights = np.mean([each["weights"] for each in found])
            said = f"{right.mean():.2f} ± {right.std(ddof=1):.2f}"
            difference = ""
            if method not in (DENSE, UNSTRUCTURED):
                other = 100 * np.array([e["right"] for e in self._of(UNSTRUCTURED, share)])
                less = right - other
                error = less.std(ddof=1) / self.seeds**0.5
                difference = f"{less.mean():+.2f} ± {error:.2f}"
            rows.append([self.name, f"{share:.0%}", method, f"{weights:.0f}", said, difference])
        return rows

    def areas(self) -> list[list[str]]:
        """Returns rows of the table of estimates: means over seeds."""
        rows: list[list[str]] = []
        for method, share in _ways():
            found = self._of(method, share, " | area")
            equal, fastest = (
                [each[name] for each in found if not isinstance(each[name], str)]
                for name in ("equal", "fastest")
            )
            means = [str(round(np.mean([e[kind] for e in equal]))) for kind in ("cycles", *_KINDS)]
            cycles = [each["cycles"] for each in fastest]
            most = f"{np.mean(cycles):.0f} ({min(cycles)} to {max(cycles)})"
            luts = f"{np.mean([each['LUT'] for each in fastest]):.0f}"
            rows.append([self.name, f"{share:.0%}", method, *means, most, luts])
        return rows

    def netlists(self) -> list[list[str]]:
        """Returns rows of the table of netlists."""
        rows: list[list[str]] = []
        for method, share in _ways():
            if method in (DENSE, CROPPED, UNSTRUCTURED):
                found = self._keep(f"{key(self._runs[method, share, 0])} | netlist", dict)
                yosys = [str(found["yosys"][kind]) for kind in _KINDS]
                estimates = ", ".join(str(found["estimate"][kind]) for kind in _KINDS)
                rows.append([self.name, f"{share:.0%}", method, *yosys, estimates])
        return rows


def _write_page(tables: dict[str, list[list[str]]], columns: dict[str, Sequence[str]]) -> None:
    page = _PAGE.read_text(encoding="utf-8")
    for name, rows in tables.items():
        page = with_section(page, name, markdown(columns[name], rows))
    _PAGE.write_text(page, encoding="utf-8")


def main() -> int:
    """Trains, compiles, prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=["digits", "fashion"])
    parser.add_argument("--folder", type=Path, help="keeps networks and figures: goes on there")
    parser.add_argument("--no-netlists", action="store_true", help="do not run Yosys")
    parser.add_argument("--write-docs", action="store_true", help="write docs/cropping.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(exist_ok=True, parents=True)
        keep = Kept(folder / "measured.json")
        studies = [Study(task, given.seeds, keep) for task in tasks()]
        studies = [study for study in studies if study.name in given.tasks]
        for study in studies:
            study.train(folder)
        for study in studies:
            study.compile(folder)
        for study in [] if given.no_netlists else studies:
            study.synthesize(folder)
    columns = {"accuracy": ACCURACY, "area": AREA, "netlist": NETLIST}
    tables = {
        "accuracy": [row for study in studies for row in study.accuracy()],
        "area": [row for study in studies for row in study.areas()],
    }
    if not given.no_netlists:
        tables["netlist"] = [row for study in studies for row in study.netlists()]
    for title, rows in tables.items():
        print_table(title, columns[title], rows)
    save_results("crop_study", tables)
    if given.write_docs:
        _write_page(tables, columns)
    return 0


if __name__ == "__main__":
    sys.exit(main())
