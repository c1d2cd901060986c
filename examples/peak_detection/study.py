"""Trains detectors of few bits and in float, and measures them beside those that people use.

    python study.py SEED RESULTS.json [--bits 4 2 3 8] [--onnx MODEL.onnx]

With --onnx, writes the model of 4 bits. Some ten seconds a model on one core that is free.
"""

import argparse
import json
from dataclasses import asdict
from math import isnan
from pathlib import Path

import torch
from detectors import BASELINES, Result, measure
from lines import make_lines
from network import detector, fit, floating, quantized

from qcompiler import train

FLOAT_STEPS, STEPS = 1200, 1000
_LINES = 2000


def run(seed: int, bits: list[int], results: Path, onnx: Path | None) -> None:
    """Adds the results of a seed to a file, one after the other."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    calibration, test = (make_lines(_LINES, 100 * part + seed) for part in (1, 2))
    for name, method in BASELINES.items():
        _note(results, seed, name, measure(method, test, calibration))
    model = floating()
    fit(model, seed, FLOAT_STEPS)
    for count in bits:
        small = quantized(model, count, seed)
        fit(small, seed + 50, STEPS, rate=0.01)
        _note(results, seed, f"{count} bits", measure(detector(small), test, calibration))
        if count == 4 and onnx is not None:
            train.export(small, onnx)
    fit(model, seed + 50, STEPS, rate=0.01)  # as long as the others
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
    parser.add_argument("--onnx", type=Path)
    given = parser.parse_args()
    run(given.seed, given.bits, given.results, given.onnx)


if __name__ == "__main__":
    main()
