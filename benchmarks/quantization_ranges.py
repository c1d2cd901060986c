"""Whether distilled inputs, or normal numbers, give activations of 4 bits their ranges.

Networks on pixels, with each method of ranges: inputs distilled, distilled within the range that
pixels have, normal numbers as they are, evenly spread numbers of that range, and 32 real images.
How far the first values reach beside how far they do on test images.
`--write-docs` writes its section of docs/quantization.md.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.common import (
    REPOSITORY,
    Kept,
    add_any_commit,
    markdown,
    print_table,
    save_results,
    with_section,
)
from benchmarks.quantization import REAL, Network, networks, words
from qcompiler.dialects.attributes import Array
from qcompiler.quantization.batch_norm import fold_batch_norms
from qcompiler.quantization.data import Data
from qcompiler.quantization.placement import groups
from qcompiler.quantization.quantize import made_data
from qcompiler.quantization.ranges import observe
from qcompiler.quantization.reading import read_float_model

_DOCUMENT = REPOSITORY / "docs" / "quantization.md"
MARK = "ranges"
KINDS = ("distilled", "distilled in range", "gaussian", "even in range", "real")
KNOWN, NORMAL, LAST = KINDS[1], KINDS[2], KINDS[4]
_NEAREST: dict[str, Any] = {"rounding": "nearest", "correct_biases": False}
HOWS: dict[str, dict[str, Any]] = {
    "min-max, nearest codes": {"ranges": "min-max", **_NEAREST},
    "percentile, nearest codes": {"ranges": "percentile", **_NEAREST},
    "mse, nearest codes": {"ranges": "mse", **_NEAREST},
    "min-max": {"ranges": "min-max"},
    "percentile": {"ranges": "percentile"},
    "mse": {"ranges": "mse"},
}
_FOUR = {"activation_bits": 4}
WIDTHS: dict[str, dict[str, Any]] = {"W8A4": _FOUR, "W4A4": {**_FOUR, "weight_bits": 4}}
ABOVE, BELOW = 40.0, 3.0
"""Points that distilled inputs are to be above normal numbers, and at most below real images."""
_REACHES = 4
"""Of how many values the page has the reach, beginning with the input."""


class Pixels(Network):
    """A network of pixels, and data of the kinds that are compared here."""

    @cache  # noqa: B019 - as long as the benchmark runs
    def data(self, kind: str, seed: int) -> Any:
        """Returns data; those that are made are made once."""
        reach = self.task.reach
        assert reach is not None, "of a task of pixels"
        if kind == KNOWN:
            return made_data(read_float_model(self.paths[seed]), "none", seed, within=reach)
        if kind == "even in range":
            shape = (REAL, *self.task.train[0].shape[1:])
            numbers = np.random.default_rng(seed).uniform(*reach, shape).astype(np.float32)
            return Data({"image": numbers}, None, made=True)
        return super().data(kind, seed)

    def reaches(self, kind: str) -> list[list[float]]:
        """Returns how far values reach, over how far on test images, of each seed."""
        found: list[list[float]] = []
        for seed, path in enumerate(self.paths):
            data = self.data(kind, seed)
            feeds = data.feeds if isinstance(data, Data) else data
            seen, tests = (_reaches(path, x) for x in (feeds, {"image": self.task.test[0]}))
            found.append([*map(float, seen / tests)])
        return found


def _reaches(path: Path, feeds: dict[str, Array]) -> Array:
    graph = read_float_model(path)
    fold_batch_norms(graph)
    seen = observe(graph, feeds, groups(graph))
    reaches: list[float] = [max(of.hi, -of.lo) for of in seen.values()]
    return np.array(reaches[:_REACHES])


def table(net: Pixels, keep: Kept) -> list[list[Any]]:
    """Returns rows: how ranges are found, widths, accuracies, and whether both margins hold."""
    rows: list[list[Any]] = []
    for how, options in HOWS.items():
        for width, bits in WIDTHS.items():
            found = {
                kind: keep(
                    f"{net.task.name} | {how} | {width} | {kind}",
                    partial(net.accuracies, kind, **options, **bits),
                )
                for kind in KINDS
            }
            mean = {kind: float(np.mean(numbers)) for kind, numbers in found.items()}
            above, below = mean[KNOWN] - mean[NORMAL], mean[LAST] - mean[KNOWN]
            margins = [f"{above:.1f}", f"{below:.1f}", _both(above, below)]
            rows.append([net.task.name, how, width, *map(words, found.values()), *margins])
            print(rows[-1], flush=True)
    return rows


def _both(above: float, below: float) -> str:
    return "yes" if above >= ABOVE and below <= BELOW else "no"


COLUMNS = ("network", "ranges", "widths", *KINDS, "above gaussian", "below real", "both")
REACH_COLUMNS = ("network", "inputs", "input", "first ReLU", "second ReLU", "first sum's operand")


def reach_table(net: Pixels, keep: Kept) -> list[list[Any]]:
    """Returns rows: how far the first values reach, over how far they do on test images."""
    rows: list[list[Any]] = []
    for kind in KINDS:
        found = np.array(keep(f"{net.task.name} | reach | {kind}", partial(net.reaches, kind)))
        ratios = [f"{c.mean():.2f} ({c.min():.2f} to {c.max():.2f})" for c in found.T]
        rows.append([net.task.name, kind, *ratios])
    return rows


_SECTION = """Written by `python -m benchmarks.quantization_ranges --tasks {tasks} --write-docs`,
measured at {commits} with the same networks of pixels and seeds. *Distilled in range* is
`--input-range`: whoever trained on pixels of 0 to 1 knows that they are. *Even in range* are
random numbers spread evenly over it, which know that and nothing of the batch norms; *gaussian*
ones are of mean 0 and deviation 1, as in the paper of ZeroQ. Margins are of *distilled in range*,
in points: are they {above:g} above *gaussian* and at most {below:g} below *real*, with one method
of ranges for all three? Where codes are nearest, biases are not corrected, as in the paper, whose
ranges are min-max; elsewhere they are, and `rounding=ldlq`.

{accuracy}

With min-max, numbers beyond the range cost 7 to 9 points beside real images, and much more with
some trainings; *distilled in range* mends more than half of that. So do numbers that are spread
evenly: it is the range that counts there, not the batch norms. Least squared error, the default,
forgives such numbers: inputs that were distilled without a range are as good then, evenly spread
ones are not, and normal numbers are 16 to 22 points worse, not 40.

How far values reach, over how far they do on all test images (means over seeds, with the least and
the greatest): batch norms remember two moments, so that inputs that were distilled from nothing
else have a few numbers that no pixel has, and the first layer passes them on.

{reach}
"""


def main() -> int:
    """Measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="*", default=["digits", "fashion"])
    parser.add_argument(
        "--folder", type=Path, help="keeps trained networks and figures: a second run goes on"
    )
    parser.add_argument("--write-docs", action="store_true", help="write its section of the page")
    add_any_commit(parser)
    parsed = parser.parse_args()
    rows: list[list[Any]] = []
    reaches: list[list[Any]] = []
    with TemporaryDirectory() as name:
        folder = parsed.folder or Path(name)
        folder.mkdir(exist_ok=True, parents=True)
        keep = Kept(folder / "ranges.json", any_commit=parsed.any_commit)
        for net in networks(folder, parsed.tasks, parsed.seeds, [True]):
            pixels = Pixels(net.task, net.paths)
            reaches += reach_table(pixels, keep)
            rows += table(pixels, keep)
    print_table("Ranges", COLUMNS, rows)
    print_table("Reach", REACH_COLUMNS, reaches)
    save_results("quantization_ranges", {"accuracy": rows, "reach": reaches})
    if parsed.write_docs:
        _write(rows, reaches, keep.commits, parsed.tasks)
    return 0


def _write(
    rows: Sequence[Sequence[Any]], reaches: Sequence[Sequence[Any]], commits: Sequence[str],
    tasks: Sequence[str],
) -> None:  # fmt: skip
    text = _SECTION.format(
        commits=", ".join(commits),
        tasks=" ".join(tasks),
        above=ABOVE,
        below=BELOW,
        accuracy=markdown(COLUMNS, rows),
        reach=markdown(REACH_COLUMNS, reaches),
    )
    page = _DOCUMENT.read_text(encoding="utf-8")
    _DOCUMENT.write_text(with_section(page, MARK, text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
