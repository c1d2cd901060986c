"""Channels that go before training, beside weights that go: accuracy, and what hardware gains.

Digits and Fashion-MNIST at 25, 50 and 75 % of the weights: cropped by `train.crop`, with densities
of synaptic flow and of the convex program; unstructured by synaptic flow; at random, channels and
weights; five seeds. Hardware: W4A4 for an ECP5-25k, at the rate of the dense network and at the
fastest that fits, by the compiler's estimates, and one seed by Yosys.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from benchmarks.common import (
    REPOSITORY,
    Kept,
    add_any_commit,
    markdown,
    print_table,
    save_results,
    with_section,
)
from benchmarks.crop_hardware import KINDS, hardware, netlist, parallel, parallel_netlist
from benchmarks.crop_networks import (
    DENSE,
    KEEPS,
    METHODS,
    ROUNDED,
    UNSTRUCTURED,
    key,
    name_of,
    tasks,
    trained,
    ways,
)
from benchmarks.float_networks import Task
from qcompiler.dialects.attributes import Array

CYCLES = {"digits": 1152, "fashion": 14112}
"""A frame, of the fastest dense network that fits on the device."""
_ALL = (DENSE, *METHODS)
_SYNTHESIZED = (DENSE, ROUNDED, UNSTRUCTURED)
_PARALLEL = "digits"
"""The task whose networks are small enough for hardware of every product."""
_STEPS = ("train", "compile", "netlists")
_PAGE = REPOSITORY / "docs" / "cropping.md"
ACCURACY = (
    *("network", "kept", "what goes", "seeds", "weights", "of these not zero"),
    *("right, %", "less unstructured flow"),
)
AREA = (
    *("network", "kept", "what goes", "fit", "cycles", *KINDS),
    *("cycles of the fastest", "its LUT"),
)
NETLIST = ("network", "kept", "what goes", *(f"{kind}, Yosys" for kind in KINDS), "estimates")
PARALLEL = ("network", "kept", "what goes", "seeds", "LUT", "FF", "LUT, Yosys", "FF, Yosys")


def _spread(values: Array, divisor: float, sign: str = "") -> str:
    """Returns a mean, and of several values the standard deviation over a divisor."""
    error = f" ± {values.std(ddof=1) / divisor:.2f}" if len(values) > 1 else ""
    return f"{values.mean():{sign}.2f}{error}"


class Study:
    """Figures of one task.

    Args:
        task: with its images.
        seeds: how many.
        folder: of the networks.
        keep: returns what was measured before.
    """

    def __init__(self, task: Task, seeds: int, folder: Path, keep: Kept) -> None:
        self.task, self.name, self.seeds = task, name_of(task), seeds
        self._folder, self._keep = folder, keep

    def train(self, seed: int) -> None:
        """Trains all of a seed."""
        for method, share in ways():

            def train(method: str = method, share: float = share) -> dict[str, Any]:
                start = time.process_time()
                found = trained(self.task, method, share, seed, self._file(method, share, seed))
                return {**found, "seconds": round(time.process_time() - start, 1)}

            self._measured((method, share, seed), "", train)

    def compile(self, seed: int) -> None:
        """Compiles all of a seed."""
        for way in ways():
            path = self._file(*way, seed)
            self._measured((*way, seed), " | area", partial(hardware, path, CYCLES[self.name]))

    def parallel(self, seed: int) -> None:
        """Estimates hardware of every product."""
        for way in self._parallel:
            path = self._file(*way, seed)
            self._measured((*way, seed), " | parallel", partial(parallel, path))

    def synthesize(self, seed: int = 0) -> None:
        """Has Yosys make netlists; with hardware of every product, of those with fewest weights."""
        for way in (way for way in ways() if way[0] in _SYNTHESIZED):
            path = self._file(*way, seed)
            self._measured((*way, seed), " | netlist", partial(netlist, path, CYCLES[self.name]))
        for way in (way for way in self._parallel if way[1] in (min(KEEPS), 1.0)):
            measure = partial(parallel_netlist, self._file(*way, seed))
            self._measured((*way, seed), " | parallel netlist", measure)

    @property
    def _parallel(self) -> list[tuple[str, float]]:
        listed = [way for way in ways() if way[0] in _SYNTHESIZED]
        return listed if self.name == _PARALLEL else []

    def _file(self, method: str, share: float, seed: int) -> Path:
        name = key(self.name, method, share, seed).replace(" | ", "_").replace(" ", "-")
        return self._folder / f"{name}.onnx"

    def _measured(
        self, run: tuple[str, float, int], suffix: str, measure: Callable[[], Any]
    ) -> None:
        name = key(self.name, *run) + suffix
        print(name, self._keep(name, measure), flush=True)

    def _seeds(self, suffix: str, methods: Sequence[str]) -> list[int]:
        """Returns the seeds of which all was measured."""
        listed = [way for way in ways() if way[0] in methods]
        return [
            seed
            for seed in range(self.seeds)
            if all(key(self.name, *way, seed) + suffix in self._keep for way in listed)
        ]

    def _of(
        self,
        method: str,
        share: float,
        suffix: str = "",
        methods: Sequence[str] = (DENSE, *METHODS),
    ) -> list[Any]:
        seeds = self._seeds(suffix, methods)
        names = [key(self.name, method, share, seed) + suffix for seed in seeds]
        return [self._keep(name, dict) for name in names]

    def accuracy(self) -> list[list[str]]:
        """Returns rows of the table of accuracies."""
        rows: list[list[str]] = []
        for method, share in ways():
            found = self._of(method, share)
            if not found:
                return []
            right = 100 * np.array([each["right"] for each in found])
            weights, nonzero = (
                f"{np.mean([each[name] for each in found]):,.0f}" for name in ("weights", "nonzero")
            )
            said = _spread(right, 1.0)
            difference = ""
            if method not in (DENSE, UNSTRUCTURED):
                less = right - 100 * np.array([e["right"] for e in self._of(UNSTRUCTURED, share)])
                difference = _spread(less, len(less) ** 0.5, "+")
            seeds = str(len(found))
            rows.append(
                [self.name, f"{share:.0%}", method, seeds, weights, nonzero, said, difference]
            )
        return rows

    def areas(self) -> list[list[str]]:
        """Returns rows of the table of estimates: means over seeds."""
        rows: list[list[str]] = []
        for method, share in ways():
            found = self._of(method, share, " | area")
            if not found:
                return []
            equal, fastest = (
                [each[name] for each in found if not isinstance(each[name], str)]
                for name in ("equal", "fastest")
            )
            kinds = ("cycles", *KINDS) if equal else ()
            means = [f"{np.mean([each[kind] for each in equal]):,.0f}" for kind in kinds]
            cycles = [each["cycles"] for each in fastest]
            most = f"{np.mean(cycles):,.0f} ({min(cycles):,} to {max(cycles):,})"
            luts = f"{np.mean([each['LUT'] for each in fastest]):,.0f}"
            fit = f"{len(equal)} of {len(found)}"
            row = [self.name, f"{share:.0%}", method, fit, *(means or 5 * [""]), most, luts]
            rows.append(row)
        return rows

    def netlists(self) -> list[list[str]]:
        """Returns rows of the table of netlists, those that were made."""
        rows: list[list[str]] = []
        for method, share in ways():
            name = f"{key(self.name, method, share, 0)} | netlist"
            if name in self._keep:
                found = self._keep(name, dict)
                yosys = [f"{found['yosys'][kind]:,}" for kind in KINDS]
                estimates = ", ".join(f"{found['estimate'][kind]}" for kind in KINDS)
                rows.append([self.name, f"{share:.0%}", method, *yosys, estimates])
        return rows

    def parallels(self) -> list[list[str]]:
        """Returns rows of the table of networks with hardware of every product."""
        rows: list[list[str]] = []
        for method, share in (way for way in ways() if way[0] in _SYNTHESIZED):
            found = self._of(method, share, " | parallel", _SYNTHESIZED)
            if not found:
                return []
            means = [f"{np.mean([each[kind] for each in found]):,.0f}" for kind in ("LUT", "FF")]
            name = f"{key(self.name, method, share, 0)} | parallel netlist"
            yosys = self._keep(name, dict) if name in self._keep else {}
            made = [f"{yosys[kind]:,}" if yosys else "" for kind in ("LUT", "FF")]
            rows.append([self.name, f"{share:.0%}", method, str(len(found)), *means, *made])
        return rows


def _measure(studies: Sequence[Study], seeds: int, steps: Sequence[str]) -> None:
    """Measures what matters most first: a run may be stopped, and go on."""
    for seed in range(seeds):
        for study in studies:
            if "train" in steps:
                study.train(seed)
            if "compile" in steps:
                study.compile(seed)
                study.parallel(seed)
    for study in studies if "netlists" in steps else ():
        study.synthesize()


def main() -> int:
    """Trains, compiles, prints the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", default=["digits", "fashion"])
    parser.add_argument("--folder", type=Path, help="keeps networks and figures: goes on there")
    parser.add_argument(
        "--steps", nargs="*", choices=_STEPS, default=_STEPS, help="none: show what --folder has"
    )
    parser.add_argument("--write-docs", action="store_true", help="write docs/cropping.md")
    add_any_commit(parser)
    given = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(exist_ok=True, parents=True)
        keep = Kept(folder / "measured.json", any_commit=given.any_commit or not given.steps)
        wanted = [task for task in tasks() if name_of(task) in given.tasks]
        studies = [Study(task, given.seeds, folder, keep) for task in wanted]
        _measure(studies, given.seeds, given.steps)
    columns = {"accuracy": ACCURACY, "area": AREA, "netlist": NETLIST, "parallel": PARALLEL}
    tables = {
        "accuracy": [row for study in studies for row in study.accuracy()],
        "area": [row for study in studies for row in study.areas()],
        "netlist": [row for study in studies for row in study.netlists()],
        "parallel": [row for study in studies for row in study.parallels()],
    }
    page = _PAGE.read_text(encoding="utf-8") if given.write_docs else ""
    for title, rows in tables.items():
        print_table(title, columns[title], rows)
        text = markdown(columns[title], rows) if rows else "Not measured yet."
        page = with_section(page, title, text) if page else ""
    save_results("crop_study", {**tables, "commits": keep.commits})
    if page:
        _PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
