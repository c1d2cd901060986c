"""Measures how far softmax as integers is from the real one: a million random rows, and worst rows.

Quotients of the table's entries are compared with those of exponentials, in codes before they are
rounded. Random rows are computed in float64, whose noise is far below; rows that a search finds, by
enclosures on fractions. `--write-docs` writes docs/softmax_bound.md.
"""

import argparse
import sys
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import log2

import numpy as np

from benchmarks.common import REPOSITORY, markdown, print_table, save_results
from qcompiler.arith.arrays import IntArray
from qcompiler.arith.softmax import Softmax
from qcompiler.arith.transcendental import exp_minus
from qcompiler.dialects.attributes import Array

_PAGE = REPOSITORY / "docs" / "softmax_bound.md"
LENGTHS = 8, 32, 128
SCALES = Fraction(1, 10), Fraction(1, 50)
STEP, SPAN = Fraction(1, 256), 255
_AT_ONCE, _SEED, _STARTS = 20_000, 1, 12


@dataclass
class Found:
    """How far softmax was off, in codes.

    Attributes:
        row: elements.
        scale: of the codes that enter.
        bits: behind the binary point of the table's entries.
        bound: that is proven.
        rows: random ones.
        random: the furthest of them.
        searched: the furthest that a search found.
    """

    row: int
    scale: float
    bits: int
    bound: float
    rows: int
    random: float = 0.0
    searched: float = 0.0

    @property
    def good(self) -> bool:
        """Whether the bound holds."""
        return max(self.random, self.searched) <= self.bound


@dataclass(frozen=True)
class Errors:
    """A softmax beside the real one.

    Attributes:
        table: entries, as fractions of the largest.
        real: what they stand for.
        step: of the codes that leave.
    """

    table: Array
    real: Array
    step: float

    @staticmethod
    def of(softmax: Softmax) -> "Errors":
        """Returns those of a softmax."""
        real = np.exp(-float(softmax.scale) * np.arange(softmax.span + 1))
        return Errors(softmax.table / 2.0**softmax.bits, real, float(softmax.step))

    def of_rows(self, distances: IntArray) -> Array:
        """Returns how far each element of rows of distances to the largest is off, in codes."""
        made, wanted = self.table[distances], self.real[distances]
        made = made / made.sum(axis=-1, keepdims=True)
        return (made - wanted / wanted.sum(axis=-1, keepdims=True)) / self.step

    def after_changes(self, row: IntArray, target: int) -> Array:
        """Returns how far the target is off if an element, but the first, is another: [n, span]."""
        made, wanted = self.table[row], self.real[row]
        sums = [
            part.sum() - part[:, None] + values
            for part, values in ((made, self.table), (wanted, self.real))
        ]
        tops = [np.full_like(sums[0], part[target]) for part in (made, wanted)]
        for top, values in zip(tops, (self.table, self.real), strict=True):
            top[target] = values
        off = np.abs(tops[0] / sums[0] - tops[1] / sums[1]) / self.step
        off[0] = 0  # the largest stays
        return off


def random_rows(row: int, count: int, random: np.random.Generator) -> IntArray:
    """Returns distances to the largest, 0 in the first place, of narrow and of wide rows."""
    spread = random.integers(1, SPAN + 2, (count, 1))
    distances = random.integers(0, 2**16, (count, row)) % spread
    distances[:, 0] = 0
    return distances


def ascend(errors: Errors, row: IntArray, target: int) -> IntArray:
    """Returns a row in which the target is no further off if any one element is another."""
    row, best = row.copy(), float(np.abs(errors.of_rows(row))[target])
    while True:
        off = errors.after_changes(row, target)
        place, value = np.unravel_index(int(off.argmax()), off.shape)
        if off[place, value] <= best * (1 + 1e-12):
            return row
        best, row[place] = float(off[place, value]), value


def exactly(softmax: Softmax, row: IntArray) -> float:
    """Returns how far the row's worst element is off at most, in codes, by enclosures."""
    exact = [exp_minus(120, softmax.scale * int(d)) for d in row]
    made = [int(e) for e in softmax.table[row]]
    low, high, total = sum(e.lo for e in exact), sum(e.hi for e in exact), sum(made)
    worst = max(
        max(abs(Fraction(m, total) - e.lo / high), abs(Fraction(m, total) - e.hi / low))
        for m, e in zip(made, exact, strict=True)
    )
    return float(worst / softmax.step)


def search(softmax: Softmax, errors: Errors, starts: IntArray) -> float:
    """Returns how far the worst row is off that ascents find, in codes."""
    off = errors.table - errors.real
    made = [np.full(softmax.row, d) for d in (int(off.argmax()), int(off.argmin()))]
    worst = 0.0
    for row in [*made, *starts]:
        row[0] = 0
        for target in {0, 1, int(np.abs(errors.of_rows(row)).argmax())}:
            worst = max(worst, exactly(softmax, ascend(errors, row, target)))
    return worst


def measure(row: int, scale: Fraction, count: int) -> Found:
    """Compares random rows, and searches from the worst of them on."""
    softmax = Softmax.within(scale, STEP, SPAN, row)
    errors, random = Errors.of(softmax), np.random.default_rng(_SEED)
    found = Found(row, float(scale), softmax.bits, float(softmax.bound), count)
    starts: list[tuple[float, IntArray]] = []
    for begin in range(0, count, _AT_ONCE):
        rows = random_rows(row, min(_AT_ONCE, count - begin), random)
        off = np.abs(errors.of_rows(rows)).max(axis=1)
        worst = int(off.argmax())
        starts.append((float(off[worst]), rows[worst]))
    starts.sort(key=lambda start: -start[0])
    found.random = starts[0][0]
    found.searched = search(softmax, errors, np.array([row for _, row in starts[:_STARTS]]))
    return found


_TEXT = """# Softmax: the bound, measured

Written by `python -m benchmarks.softmax_bound --write-docs`; do not edit.

How far a quotient of softmax as integers is from real softmax, in codes of 8 bits, before it is
rounded ([numerics](numerics.md#functions-of-a-row)). Codes of 8 bits enter; the table has the
fewest bits with which the bound that is proven is at most 2^-12 of a code.

{table}

- *random*: the furthest element of so many random rows, narrow and wide ones.
- *searched*: the furthest that ascents find, which change one element at a time to any other code
  until nothing is further off. They begin at the worst random rows, and at rows whose elements, but
  the largest, all have the entry of the table that is off the most. By enclosures on fractions.
"""
_COLUMNS = [
    "elements",
    "scale",
    "table bits",
    "bound",
    "random rows",
    "random",
    "searched",
    "holds",
]


def _row(found: Found) -> list[str]:
    sizes = (f"2^{log2(size):.2f}" for size in (found.bound, found.random, found.searched))
    bound, random, searched = sizes
    return [
        str(found.row), f"{found.scale:g}", str(found.bits), bound, str(found.rows), random,
        searched, "yes" if found.good else "NO",
    ]  # fmt: skip


def main() -> int:
    """Measures all lengths; exit status 1 if the bound does not hold."""
    parser = argparse.ArgumentParser(description="How far softmax as integers is off.")
    parser.add_argument("--rows", type=int, default=10**6, help="random ones of each length")
    parser.add_argument("--write-docs", action="store_true", help=f"write {_PAGE.name}")
    parsed = parser.parse_args()
    results = [measure(row, scale, parsed.rows) for row in LENGTHS for scale in SCALES]
    rows = [_row(found) for found in results]
    print_table("softmax", _COLUMNS, rows)
    save_results("softmax_bound", [asdict(found) for found in results])
    if parsed.write_docs:
        text = _TEXT.format(table=markdown(_COLUMNS, rows))
        _PAGE.write_text(text, encoding="utf-8")
    return int(not all(found.good for found in results))


if __name__ == "__main__":
    sys.exit(main())
