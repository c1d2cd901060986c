"""Requantizers whose multipliers are trained, beside those that are fitted to free scales.

The digits network of `few_digits`, weights and activations of 4 bits, trained with scales that are
any real number, with multipliers of 8 bits, with a term of the loss that pulls these to few
digits, and with shifts. Each is compiled for the form that multiplies and shifts, and for the
cheapest form; areas are the compiler's estimates. Needs scikit-learn.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.common import print_table, save_results
from benchmarks.few_digits import network, trained
from qcompiler import compile as compile_model
from qcompiler import train
from qcompiler.adder_graphs.digits import weight
from qcompiler.analysis.area.process_area import process_area
from qcompiler.arith.arrays import IntArray
from qcompiler.design import Design
from qcompiler.dialects import stream
from qcompiler.dialects.qint import MulShiftOp
from qcompiler.train.layer import Fixed
from qcompiler.train.onnx_graph import OnnxGraph

_NAME = "trained_requantizers"
_COLUMNS = (
    *("requantizers", "right", "bits of a multiplier", "its signed digits"),
    *("LUT, mul_shift", "LUT, cheapest"),
)
_CYCLES = 256
_DEVICE = "ecp5-85k"
_PULL = 0.02
"""Factor of the term for short multipliers."""


class _Free(train.Requantizer):
    """A requantizer by any real number, which the compiler has to find a multiplier for."""

    def _dyadic(self, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the scale itself, in place of M, and no shift."""
        return scale.detach().float().double(), torch.zeros(scale.shape, dtype=torch.int64)

    def integers(self, *x: IntArray) -> IntArray:
        """Returns codes, as torch computes them."""
        with torch.no_grad():
            return self(torch.from_numpy(x[0]).double()).numpy().astype(np.int64)

    def fixed(self, *x: Fixed) -> Fixed:
        """Returns the same; layers of integers have no places behind the point."""
        return Fixed(self.integers(x[0].codes))

    def write(self, graph: OnnxGraph, *x: str) -> str:
        """Adds a factor, a summand and a quantizer that rounds down."""
        factors = self.scale().detach().float().numpy()
        assert self.bias is not None, "made with one"
        summands = self._offset().detach().numpy() + 0.5
        scaled = graph.constant("multiplier", graph.along_channels(factors, x[0]))
        made = graph.node("Mul", [x[0], scaled], "scaled")
        offset = graph.constant("offset", graph.along_channels(summands, x[0]))
        moved = graph.node("Add", [made, offset], "moved")
        return graph.quant(moved, self.range, self.bits, "", mode="FLOOR")


@dataclass(frozen=True)
class Row:
    """A way to train, of one seed.

    Attributes:
        kind: of requantizers.
        seed: of the training.
        right: share of test images told.
        bits: of the multipliers that are in the hardware, mean.
        digits: their signed digits, mean.
        luts: of all requantizers, in the form mul_shift.
        cheapest: the same, each in the cheapest form.
    """

    kind: str
    seed: int
    right: float
    bits: float
    digits: float
    luts: int
    cheapest: int


def _requantizers(design: Design) -> list[stream.RequantizeOp]:
    return [p for p in design.network.processes if isinstance(p, stream.RequantizeOp)]


def _multipliers(design: Design) -> IntArray:
    found = [
        op.requantizer.multiplier.ravel()
        for process in _requantizers(design)
        for op in process.scalar_body.operations
        if isinstance(op, MulShiftOp)
    ]
    return np.abs(np.concatenate(found))


def _luts(design: Design) -> int:
    family = "ecp5"
    return sum(process_area(process, family, dsp=False).luts for process in _requantizers(design))


def _check(kind: str, seed: int, epochs: int) -> Row:
    layer, options, term = KINDS[kind]
    torch.manual_seed(seed)
    model = network(None, bits=4, requantizer=layer, **options)
    right = trained(model, seed, epochs, term)
    with TemporaryDirectory() as name:
        path = train.export(model, Path(name) / "digits.onnx")
        forced = compile_model(path, cycles=_CYCLES, device=_DEVICE, requantizer="mul_shift")
        chosen = compile_model(path, cycles=_CYCLES, device=_DEVICE)
    multipliers = [int(each) for each in _multipliers(forced)]
    odd = [each // (each & -each) for each in multipliers if each]
    return Row(
        kind,
        seed,
        right,
        float(np.mean([each.bit_length() for each in odd])),
        float(np.mean([weight(each) for each in odd])),
        _luts(forced),
        _luts(chosen),
    )


Term = Callable[[nn.Module], Tensor]
KINDS: dict[str, tuple[type[train.Requantizer], dict[str, Any], Term | None]] = {
    "fitted to free scales": (_Free, {}, None),
    "multipliers of 8 bits": (train.Requantizer, {}, None),
    "the same, pulled to few digits": (
        train.Requantizer,
        {},
        lambda model: _PULL * train.multiplier_length(model),
    ),
    "shifts": (train.Requantizer, {"multiplier_digits": 1}, None),
}


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=15)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[Row] = []
    table: list[list[str]] = []
    for kind in KINDS:
        found = [_check(kind, seed, given.epochs) for seed in given.seeds]
        rows += found
        right = 100 * np.array([row.right for row in found])
        means = [
            np.mean([getattr(row, name) for row in found])
            for name in ("bits", "digits", "luts", "cheapest")
        ]
        said = [f"{means[0]:.1f}", f"{means[1]:.1f}", f"{means[2]:.0f}", f"{means[3]:.0f}"]
        table.append([kind, f"{right.mean():.1f} ± {right.std():.1f} %", *said])
        print(table[-1], flush=True)
    print_table("digits, 4 bits", _COLUMNS, table)
    save_results(_NAME, [asdict(row) for row in rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
