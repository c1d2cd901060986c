"""Trains detectors of few bits and in float, and measures them beside those that people use.

    python study.py SEED RESULTS.json [--bits 4 2 3 8] [--all-few] [--onnx MODEL.onnx]

With --onnx, writes the model of 4 bits; with --all-few, the last layer has few bits like the
others. Some twenty seconds of CPU for what all bits share, and 36 for each.
"""

import argparse
import json
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from math import isnan
from pathlib import Path

import torch
from detectors import BASELINES, Detector, Result, measure
from integers import AGAIN, HEAD_BITS, NOISY, ROUNDED, SWEEPS, quantized
from lines import make_lines
from network import detector, fit, floating, make_windows, on_windows

from qcompiler import train

_CALIBRATION, _TEST = 6000, 4000
"""Lines that thresholds are set on, and those of the test."""

_TRAINED_ON = "float, trained on"
"""In float for as many steps more as integers are."""


class _Study:
    """One seed."""

    def __init__(self, seed: int, results: Path) -> None:
        self._seed, self._results = seed, results
        self._calibration = make_lines(_CALIBRATION, 100 + seed)
        self._test = make_lines(_TEST, 200 + seed)

    def run(self, bits: list[int], onnx: Path | None, *, all_few: bool) -> None:
        """Adds results to the file, one after the other."""
        known = json.loads(self._results.read_text("utf-8")) if self._results.exists() else {}
        done = known.get(str(self._seed), {})
        model, windows = floating(), make_windows(self._seed)
        fit(lambda x: on_windows(model, x), model.parameters(), windows, self._seed)
        if "float" not in done:
            self._measured("float", detector(model.eval()))
        if _TRAINED_ON not in done:
            more = deepcopy(model)
            for steps, rate in (NOISY, ROUNDED, *[AGAIN] * len(SWEEPS)):
                fit(partial(on_windows, more), more.parameters(), windows, self._seed, steps, rate)
            self._measured(_TRAINED_ON, detector(more.eval()))
        for count in bits:
            name = f"{count} bits, all layers" if all_few else f"{count} bits"
            head = count if all_few else HEAD_BITS
            few = quantized(model, windows, count, self._seed, head)
            self._measured(name, detector(few))
            if count == 4 and onnx is not None:
                train.export(few, onnx)
        for name in BASELINES.keys() - done.keys():
            self._measured(name, BASELINES[name])

    def _measured(self, name: str, method: Detector) -> None:
        result = measure(method, self._test, self._calibration)
        _note(self._results, self._seed, name, result)


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
    parser.add_argument("--bits", type=int, nargs="*", default=list(range(2, 9)))
    parser.add_argument("--all-few", action="store_true")
    parser.add_argument("--onnx", type=Path)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    study = _Study(given.seed, given.results)
    study.run(given.bits, given.onnx, all_few=given.all_few)


if __name__ == "__main__":
    main()
