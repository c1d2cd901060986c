"""Trained layers on every rung: torch, its integers, the interpreter, Verilog and the netlist.

Each kind of layer at 2, 3, 4 and 8 bits, folded, on random inputs. All integers are compared, of
10,000 inputs in the Verilog and in Yosys' netlist, each back to back and with random stalls.
Rows are kept as they come, and those of other calls stay in the file of results.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.common import RESULTS, Kept, add_any_commit, print_table
from qcompiler import compile as compile_model
from qcompiler import train
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.backends.verification import verify
from qcompiler.devices import load_device

_COLUMNS = ("layers", "bits", "inputs", "torch", "interpreter", "Verilog", "netlist", "DSP")
_BITS = (2, 3, 4, 8)


def images(bits: int, **options: Any) -> nn.Module:
    """Dense, depthwise, grouped and strided convolutions, a pool, a dense layer; requantizers."""
    return train.Sequential(
        train.Input(bits, shape=(2, 6, 6)),
        train.QuantConv2d(2, 4, 3, padding=1, bits=bits, **options),
        train.Requantizer(bits, 4),
        train.QuantConv2d(4, 4, 3, padding=1, groups=4, bits=bits, bias=False, **options),
        train.Requantizer(bits, signed=True),
        nn.MaxPool2d(2),
        train.QuantConv2d(
            4, 8, (2, 1), stride=(2, 1), groups=2, bits=bits, per_channel=False, **options
        ),
        train.Requantizer(bits, multiplier_bits=4),
        nn.Flatten(),
        train.QuantLinear(24, 5, bits=bits, **options),
        train.Output(),
    )


def _few_digits(bits: int) -> nn.Module:
    """The same with weights of at most two signed digits."""
    return images(bits, digits=2)


def points(bits: int) -> nn.Module:
    """Fixed point with trained binary points, a normalization, several roundings."""
    return train.Sequential(
        train.Input(bits, signed=True, shape=(2, 6, 6)),
        train.FixedConv2d(2, 4, 3, padding=1, bits=bits),
        train.FixedBatchNorm(4, min(bits, 4)),
        train.Cast(bits),
        train.FixedConv2d(4, 4, 3, stride=2, groups=4, bits=bits, bias=False),
        train.Cast(bits, signed=True, rounding="RND_CONV", overflow="SAT_SYM"),
        nn.Flatten(),
        train.FixedLinear(16, 6, bits=bits),
        train.Cast(bits + 2, signed=True, rounding="RND_MIN_INF"),
    )


class Branches(train.Model):
    """A residual sum, a concatenation and sums over windows of 4, 9 and all elements."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.input = train.Input(bits, shape=(2, 6, 6))
        self.stem = train.QuantConv2d(2, 4, 3, padding=1, bits=bits)
        self.stem_codes = train.Requantizer(bits, 4)
        self.branch = train.QuantConv2d(4, 4, 3, padding=1, bits=bits)
        self.branch_codes = train.Requantizer(bits, signed=True)
        self.add = train.Add()
        self.sum_codes = train.Requantizer(bits)
        self.concat = train.Concat()
        self.concat_codes = train.Requantizer(bits, 8)
        self.pool = train.SumPool2d(2)
        self.pool_codes = train.Requantizer(bits)
        self.small = train.SumPool2d(3, 1, 1)
        self.small_codes = train.Requantizer(bits)
        self.whole = train.SumPool2d()
        self.whole_codes = train.Requantizer(bits)
        self.flatten = nn.Flatten()
        self.dense = train.QuantLinear(8, 5, bits=bits)
        self.initialize()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns sums of the dense layer."""
        x = self.stem_codes(self.stem(self.input(x)))
        y = self.sum_codes(self.add(x, self.branch_codes(self.branch(x))))
        y = self.concat_codes(self.concat(x, y))
        y = self.small_codes(self.small(self.pool_codes(self.pool(y))))
        return self.dense(self.flatten(self.whole_codes(self.whole(y))))


KINDS: Mapping[str, tuple[Callable[[int], nn.Module], Mapping[str, Any]]] = {
    "convolutions, requantizers": (images, {}),
    "sums, concatenation, pools": (Branches, {}),
    "learned binary points": (points, {}),
    "weights of two digits": (_few_digits, {"multipliers": "shifts"}),
}


@dataclass(frozen=True)
class Row:
    """What differs on each rung, of a model.

    Attributes:
        kind, bits: of the layers.
        inputs: that were sent.
        torch: outputs of the forward pass that are not those of `integers`.
        interpreter: those of the interpreter.
        verilog: of both simulations of the Verilog.
        netlist: of both of the netlist.
        dsps: hard multipliers in the netlist.
        seconds: of CPU that all of it took.
    """

    kind: str
    bits: int
    inputs: int
    torch: int
    interpreter: int
    verilog: int
    netlist: int
    dsps: int
    seconds: float

    @property
    def mismatches(self) -> int:
        """Of all rungs."""
        return self.torch + self.interpreter + self.verilog + self.netlist

    def columns(self) -> list[str]:
        """Returns the row of the table."""
        said = [self.kind, self.bits, self.inputs, self.torch, self.interpreter, self.verilog]
        return [str(each) for each in (*said, self.netlist, self.dsps)]


def _shaken(model: nn.Module) -> nn.Module:
    """Returns a model whose parameters are as after some training: nothing is round."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("weight"):
                parameter += torch.randn(parameter.shape) * 0.4
    return model.eval()


def check(kind: str, bits: int, inputs: int, device: str) -> Row:
    """Returns what differs."""
    start = sum(os.times()[:4])
    make, options = KINDS[kind]
    torch.manual_seed(bits)
    model = _shaken(make(bits))
    first = next(module for module in model.modules() if isinstance(module, train.Input))
    random = np.random.default_rng(bits)
    low, high = first.range.lo - 1, first.range.hi + 2
    x = random.integers(low, high, (inputs, *(first.shape or ()))).astype(np.float32)
    numbers = train.fixed(model, x).numbers
    with torch.no_grad():
        forward = model(torch.from_numpy(x)).numpy()
    part = load_device(device)
    with TemporaryDirectory() as name:
        folder = Path(name)
        design = compile_model(train.export(model, folder / "m.onnx"), cycles=144, **options)
        interpreted = np.asarray(design.predict(x))
        np.save(folder / "x.npy", x)
        written = design.write(folder / "design")
        verilog = verify(written, file=folder / "x.npy")
        area = synthesize(written, Request(part), lambda _: None).total
        netlist = verify(written, file=folder / "x.npy", netlist=part)
    return Row(
        kind,
        bits,
        inputs,
        int((forward != numbers).sum()),
        int((interpreted != numbers).sum()),
        sum(run.mismatches for run in verilog.runs),
        sum(run.mismatches for run in netlist.runs),
        area["DSP"],
        round(sum(os.times()[:4]) - start, 1),
    )


def main() -> int:
    """Checks all; exit status 1 if an integer differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--bits", type=int, nargs="+", default=_BITS)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--device", default="ecp5-25k", help="of the netlist")
    add_any_commit(parser)
    given = parser.parse_args()
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    kept = Kept(RESULTS / "train_rungs.json", any_commit=given.any_commit)
    rows: list[Row] = []
    for bits, kind in itertools.product(given.bits, given.kinds):
        task = kind, bits, given.inputs, given.device
        key = f"{kind}, {bits} bits, {given.inputs} inputs, {given.device}"
        rows.append(Row(**kept(key, lambda task=task: asdict(check(*task)))))
        print(f"{key}: {rows[-1].mismatches} differ, {rows[-1].seconds} s of CPU", flush=True)
    rows.sort(key=lambda row: (list(KINDS).index(row.kind), row.bits))
    print_table("integers that differ", _COLUMNS, [row.columns() for row in rows])
    return int(any(row.mismatches for row in rows))


if __name__ == "__main__":
    sys.exit(main())
