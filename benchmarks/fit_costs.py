"""Fits the cost model's factors against Yosys: `python -m benchmarks.fit_costs --write`.

The model counts features of the hardware (`qcompiler/analysis/area`): look-up tables that cover its
gates, places of carry chains, tables of ROMs, and so on. Flip-flops, block memories and DSPs are
counts already. How many look-up tables one of each of the others takes in the end depends on the
synthesis: that is fitted here, for each family, on a sweep of blocks and the project's examples.
What Yosys found is kept in build/area, so a second run takes seconds.
"""

import argparse
import fnmatch
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.area import measure
from benchmarks.blocks import sweep
from benchmarks.common import print_table
from qcompiler.analysis.area.estimate import FINAL, count_modules
from qcompiler.backends.synthesis.tools import Limits
from qcompiler.devices import Device, families, load_device
from qcompiler.devices.families import FAMILIES
from qcompiler.devices.family import UNFITTED

DEVICES = ("ecp5-85k", "zu3eg")
_PRIOR_WEIGHT = 0.2
COUNTED = ("adder_luts", "compare_luts", "constant_luts", "ram_luts", "shift_luts")
"""Features that are tables already."""


@dataclass(frozen=True)
class Sample:
    """A design: its features, and the look-up tables that Yosys took for it."""

    name: str
    counts: Counter[str]
    luts: int


def samples(device: Device, seeds: int, limits: Limits, patterns: Sequence[str]) -> list[Sample]:
    """Returns the designs of the sweep for a device whose name matches a pattern."""
    found: list[Sample] = []
    for name, design in sweep(seeds):
        if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            continue
        with TemporaryDirectory() as folder:
            area = measure(design.rtl_design(Path(folder)), device, limits)
        if area.error:
            print(f"{name}: {area.error}", flush=True)
            continue
        print(f"{device.name}: {name}, {area.seconds} s", flush=True)
        layers = count_modules(design.level("rtl"), design.network, device.family)
        # Layers are not told apart: which of two neighbours a table belongs to is a guess.
        counts = sum(layers.values(), Counter[str]())
        found.append(Sample(name, counts, area.total(device.family)["LUT"]))
    return found


def fit(data: list[Sample], known: Mapping[str, float]) -> dict[str, float]:
    """Returns the factor of each feature, none negative, for the least relative error.

    Args:
        data: designs.
        known: factors that stay as they are.
    """
    features = sorted({f for sample in data for f in sample.counts} - set(FINAL))
    weights = np.array([1 / max(sample.luts, 100) for sample in data])
    left = np.array([[sample.counts[f] for f in features] for sample in data]) * weights[:, None]
    right = np.array([sample.luts for sample in data]) * weights
    prior = np.array([UNFITTED.get(f, 1.0) for f in features])
    # Relative to the share of the tables that the feature has, so that units do not matter.
    strength = _PRIOR_WEIGHT * len(data) * np.maximum(left.mean(axis=0), 0.03) ** 2
    factors = np.array([known.get(f, p) for f, p in zip(features, prior, strict=True)])
    free = np.array([f not in COUNTED and f not in known for f in features])
    while True:
        rest = right - left[:, ~free] @ factors[~free]
        normal = left[:, free].T @ left[:, free] + np.diag(strength[free])
        wanted = left[:, free].T @ rest + strength[free] * prior[free]
        factors[free] = np.linalg.solve(normal, wanted)
        negative = free & (factors < 0)
        if not negative.any():
            fitted = {f: round(float(v), 3) for f, v in zip(features, factors, strict=True)}
            return dict(sorted({**known, **fitted}.items()))
        factors[negative] = 0.0
        free &= ~negative


def write(family: str, factors: dict[str, float]) -> None:
    """Writes the factors into the family's file, as its `FACTORS`."""
    path = Path(families.__file__).with_name(f"{family}.py")
    lines = "".join(f'    "{feature}": {value},\n' for feature, value in factors.items())
    text, found = re.subn(
        r"^FACTORS = \{\n.*?^\}\n",
        f"FACTORS = {{\n{lines}}}\n",
        path.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    assert found == 1, f"{path} has no FACTORS"
    path.write_text(text, encoding="utf-8")


def main() -> int:
    """Fits; prints factors and errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=16, help="designs of random blocks")
    parser.add_argument("--seconds", type=float, default=900, help="limit of each run of Yosys")
    parser.add_argument(
        "--only", metavar="FEATURE", nargs="+", help="of which to find factors; others stay"
    )
    parser.add_argument(
        "--designs", metavar="PATTERN", nargs="+", default=["*"], help="e.g. 'memories *'"
    )
    parser.add_argument("--write", action="store_true", help="into the files of the families")
    parsed = parser.parse_args()
    for name in DEVICES:
        device = load_device(name)
        data = samples(device, parsed.seeds, Limits(parsed.seconds, 6 << 30), parsed.designs)
        now = FAMILIES[device.family].factors
        only: Sequence[str] = parsed.only or list(now)
        factors = fit(data, {f: v for f, v in now.items() if f not in only})
        if parsed.write:
            write(device.family, factors)
        errors = [
            sum(factors.get(f, 0.0) * n for f, n in s.counts.items()) / max(s.luts, 1) - 1
            for s in data
        ]
        within = [abs(e) <= 0.1 for e in errors]
        rows = [[f, v] for f, v in factors.items()]
        print_table(f"{name}: {len(data)} designs", ("feature", "look-up tables"), rows)
        print(f"within 10 %: {sum(within)} of {len(within)}; median {np.median(errors):+.1%}")
        worst = sorted(zip(errors, data, strict=True), key=lambda pair: -abs(pair[0]))[:12]
        print_table(
            "worst", ("design", "error", "Yosys", "counts"),
            [[s.name, f"{e:+.0%}", s.luts, dict(s.counts)] for e, s in worst],
        )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
