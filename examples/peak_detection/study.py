"""Trains detectors of few bits and in float, and measures them beside those that people use.

    python study.py SEED RESULTS.json [--bits 4 2 3 8] [--small] [--onnx MODEL.onnx]

With --onnx, writes the model of 4 bits. Some ten seconds a model on one core that is free; half a
minute of the small network, whose thresholds are set on more lines.
"""

import argparse
import json
from dataclasses import asdict
from math import isnan
from pathlib import Path

import torch
from detectors import BASELINES, Result, measure
from lines import make_lines
from network import SMALL, WIDE, Kind, detector, fit, floating, quantized

from qcompiler import train

_LINES = {WIDE: (2000, 2000), SMALL: (10_000, 4000)}
"""Lines that thresholds are set on, and those of the test."""


def run(kind: Kind, seed: int, bits: list[int], results: Path, onnx: Path | None) -> None:
    """Adds the results of a seed to a file, one after the other."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    counts = enumerate(_LINES[kind], start=1)
    calibration, test = (make_lines(count, 100 * part + seed) for part, count in counts)
    for name, method in BASELINES.items():
        _note(results, seed, name, measure(method, test, calibration))
    model = floating(kind)
    fit(model, kind, seed, kind.steps[0])
    for count in bits:
        few = quantized(model, kind, count, seed)
        fit(few, kind, seed + 50, kind.steps[1], rate=0.01)
        _note(results, seed, f"{count} bits", measure(detector(few), test, calibration))
        if count == 4 and onnx is not None:
            train.export(few, onnx)
    fit(model, kind, seed + 50, kind.steps[1], rate=0.01)  # as long as the others
    _note(results, seed, "float", measure(detector(model), test, calibration))


def _note(results: Path, seed: int, name: str, result: Result) -> None:
    known = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    # Strict JSON has no NaN: what found nothing has no error.
    known.setdefault(str(seed), {})[name] = {
        key: None if isnan(value) else value for key, value in asdict(result).items()
    }
    text = json.dumps(known, indent=1, sort_keys=True, allow_nan=False)
    results.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("results", type=Path)
    parser.add_argument("--bits", type=int, nargs="+", default=list(range(2, 9)))
    parser.add_argument("--small", action="store_true", help="the network of less hardware")
    parser.add_argument("--onnx", type=Path)
    given = parser.parse_args()
    run(SMALL if given.small else WIDE, given.seed, given.bits, given.results, given.onnx)


if __name__ == "__main__":
    main()
