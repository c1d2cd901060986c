"""What `qcc quantize` costs in accuracy on digits and Fashion-MNIST, and what bits buy in hardware.

Accuracy, over seeds: inputs that are distilled from batch norms, normal numbers, and 32 real
images; widths for all layers alike, and chosen for each; beside onnxruntime's `quantize_static`.
Hardware: for a budget of look-up tables, every uniform width that fits, and the mixed one that is
found, all compiled, the mixed one simulated.
"""

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from benchmarks.common import REPOSITORY, markdown, print_table, save_results
from benchmarks.float_networks import Task, digits, fashion, trained
from qcompiler import compile as compile_model
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError
from qcompiler.quantization.plan import Plan
from qcompiler.quantization.quantize import Result, quantize
from qcompiler.quantization.runtime import Session

REAL = 32
DEVICE = "ecp5-25k"
WIDTHS = (2, 3, 4, 6, 8)
HARDWARE: Mapping[str, tuple[int, int]] = {"digits": (1200, 6000), "fashion": (60000, 9000)}
"""Cycles a frame and look-up tables of the budget, by task."""
_DOCUMENT = REPOSITORY / "docs" / "quantization.md"
_IMAGES = REPOSITORY / "docs" / "images"


def accuracy(model: onnx.ModelProto | Path, task: Task) -> float:
    """Returns the share of test images of the right class, in percent, by onnxruntime."""
    loaded = onnx.load(model) if isinstance(model, Path) else model
    session, (x, y) = Session(loaded), task.test
    found = [session.run({"image": x[i : i + 100]})["scores"] for i in range(0, len(x), 100)]
    return float(100 * (np.concatenate(found).argmax(1) == y).mean())


def of_design(path: Path, task: Task, images: int | None = None) -> float:
    """Returns the same of what a model compiles to."""
    x, y = (part[:images] for part in task.test)
    design = compile_model(path)
    found = [np.asarray(design.predict(x[i : i + 50])) for i in range(0, len(x), 50)]
    scores = np.concatenate(found).reshape(len(x), -1)
    return float(100 * (scores.argmax(1) == y).mean())


def measured(result: Result, task: Task, folder: Path) -> float:
    """Returns the accuracy of a quantized network: QDQ in onnxruntime, QONNX as it compiles."""
    if result.format == "qdq":
        return accuracy(result.model, task)
    return of_design(result.write(folder / "mixed.onnx"), task)


def real_images(task: Task, seed: int) -> dict[str, Array]:
    """Returns some images of the training set."""
    chosen = np.random.default_rng(seed).choice(len(task.train[0]), REAL, replace=False)
    return {"image": task.train[0][chosen]}


class _Reader(CalibrationDataReader):
    def __init__(self, images: Array):
        self._rest = iter(images)

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._rest, None)
        return None if image is None else {"image": image[None]}


def by_onnxruntime(path: Path, images: Array, folder: Path) -> Path:
    """Returns the model that `quantize_static` makes: 8 bits, weights per channel."""
    made = folder / "ort.onnx"
    quantize_static(
        path, made, _Reader(images), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    return made


def four_bits_on_average(path: Path) -> float:
    """Returns the bytes that all weights take at four bits."""
    made = quantize(path, "gaussian")
    return sum(codes.codes.size for codes in made.quantized.weights.values()) / 2


def settings(path: Path, options: Mapping[str, Any]) -> dict[str, Callable[[Any, int], Result]]:
    """Returns the ways to quantize that are compared, by name, of data and a seed."""

    def way(**own: Any) -> Callable[[Any, int], Result]:
        return lambda data, seed: quantize(path, data, seed=seed, **{**options, **own})

    size = four_bits_on_average(path)
    return {
        "W8A8": way(),
        "W8A4": way(activation_bits=4),
        "W4A4": way(weight_bits=4, activation_bits=4),
        "mixed W, mean 4": way(weight_bits="auto", activation_bits=4, size=size, widths=WIDTHS),
    }


def accuracies(task: Task, path: Path, seeds: int, options: Mapping[str, Any]) -> list[list[Any]]:
    """Returns the rows of the table of accuracies: by way and data, the mean over seeds."""
    rows: list[list[Any]] = []
    floats = accuracy(path, task)
    rows.append([task.name, "float", "", f"{floats:.1f}", ""])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for way, made in settings(path, options).items():
            for kind in ("distilled", "gaussian", "real"):
                found: list[float] = []
                for seed in range(seeds):
                    words = {"distilled": "none", "gaussian": "gaussian"}
                    data = words.get(kind) or real_images(task, seed)
                    found.append(measured(made(data, seed), task, folder))
                rows.append([task.name, way, kind, _mean(found), _loss(floats, found)])
                print(rows[-1], flush=True)
        theirs = [
            accuracy(by_onnxruntime(path, real_images(task, seed)["image"], folder), task)
            for seed in range(seeds)
        ]
        rows.append(
            [task.name, "W8A8, quantize_static", "real", _mean(theirs), _loss(floats, theirs)]
        )
    return rows


def _mean(found: list[float]) -> str:
    return f"{np.mean(found):.1f} ({min(found):.1f} to {max(found):.1f})"


def _loss(floats: float, found: list[float]) -> str:
    return f"{floats - np.mean(found):.1f}"


def hardware(task: Task, path: Path, options: Mapping[str, Any]) -> tuple[list[list[Any]], Plan]:
    """Returns the rows of the table of hardware, and the plan of the mixed network."""
    cycles, luts = HARDWARE[task.name]
    limits = {"device": DEVICE, "cycles": cycles, "max_luts": luts}
    rows: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "network.onnx"
        for bits in WIDTHS:
            made = quantize(path, weight_bits=bits, activation_bits=bits, format="qonnx", **options)
            rows.append(
                [task.name, f"W{bits}A{bits}", *_compiled(made.write(target), task, limits)]
            )
            print(rows[-1], flush=True)
        auto = {"weight_bits": "auto", "activation_bits": "auto", "widths": WIDTHS}
        made = quantize(path, format="qonnx", **auto, **limits, **options)
        rows.append([task.name, "mixed", *_compiled(made.write(target), task, limits, True)])
        print(rows[-1], flush=True)
    assert made.plan is not None
    return rows, made.plan


def _compiled(
    path: Path, task: Task, limits: Mapping[str, Any], simulate: bool = False
) -> list[Any]:
    """Returns accuracy and areas of a network within limits; or why it does not fit."""
    found = f"{of_design(path, task):.1f}"
    try:
        design = compile_model(path, **limits)
    except ModelError as error:
        return [found, "does not fit", "", "", error.problems[0].what]
    area = design.report().area
    said = ""
    if simulate:
        x = task.test[0][:3]
        equal = np.array_equal(np.asarray(design.simulate(x)), np.asarray(design.predict(x)))
        said = "simulation equal" if equal else "simulation differs"
    return [found, area["LUT"], area["DSP"], design.timing.cycles_per_frame, said]


ACCURACY = ("task", "way", "data", "accuracy, %", "below float")
AREA = ("task", "widths", "accuracy, %", "LUT", "DSP", "cycles", "")
_PAGE = """# What fewer bits cost

Written by `python -m benchmarks.quantization --write-docs`; do not edit.

Two residual networks with batch norms are trained in float on digits (scikit-learn, 8 x 8) and on
the first 12,000 images of Fashion-MNIST (Debian's `dataset-fashion-mnist`). Then `qcc quantize`
makes integers of them without training. Figures are means over {seeds} seeds, with the least and
the greatest. The network is trained once. *Distilled* inputs come from the batch norms alone,
*gaussian* ones are normal numbers, *real* ones are {real} images of the training set. Settings:
{options}.

{accuracy}

`quantize_static` is onnxruntime's, with the same real images. Brevitas' flow after training is not
compared: it is not installed with this project.

## In hardware

On {device}, each network is folded for the same cycles a frame and gets the same look-up tables at
most. Widths of the mixed one are chosen by `--device`, by the estimates of the compiler for every
layer and width; inputs are distilled, so no image was needed. Accuracy is that of the compiled
integers on the test images.

{area}
"""


def write_page(rows: list[list[Any]], areas: list[list[Any]], seeds: int, options: str) -> None:
    """Writes docs/quantization.md."""
    text = _PAGE.format(
        seeds=seeds,
        real=REAL,
        device=DEVICE,
        options=options,
        accuracy=markdown(ACCURACY, rows),
        area=markdown(AREA, areas) if areas else "Not measured.",
    )
    figures = [
        f"![Least sensitivity by resources, {task}](images/front-{task}.svg)\n"
        for task in HARDWARE
        if (_IMAGES / f"front-{task}.svg").exists()
    ]
    _DOCUMENT.write_text("\n".join([text, *figures]), encoding="utf-8")


def main() -> int:
    """Measures; exit status 1 if 8 bits lose more than half a point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", nargs="*", default=["digits", "fashion"])
    parser.add_argument("--models", type=Path, help="folder that keeps the trained networks")
    parser.add_argument("--no-hardware", action="store_true")
    parser.add_argument("--write-docs", action="store_true", help="write docs/quantization.md")
    parsed = parser.parse_args()
    logging.disable(logging.WARNING)  # quantize_static advises to preprocess each model
    options: dict[str, Any] = {"ranges": "percentile", "rounding": "ldlq", "correct_biases": True}
    rows: list[list[Any]] = []
    areas: list[list[Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = parsed.models or Path(name)
        for task in (digits(), fashion()):
            if task is None or task.name not in parsed.tasks:
                continue
            path = folder / f"{task.name}.onnx"
            if not path.exists():
                trained(task, path)
            rows += accuracies(task, path, parsed.seeds, options)
            if not parsed.no_hardware:
                found, plan = hardware(task, path, options)
                areas += found
                if parsed.write_docs:
                    plan.plot().figure.savefig(_IMAGES / f"front-{task.name}.svg")
    print_table("Accuracy", ACCURACY, rows)
    print_table("Hardware", AREA, areas)
    save_results("quantization", [dict(zip(ACCURACY, row, strict=True)) for row in rows])
    if parsed.write_docs:
        words = ", ".join(f"{key}={value}" for key, value in options.items())
        write_page(rows, areas, parsed.seeds, words)
    losses = [float(row[4]) for row in rows if row[1] == "W8A8" and row[2] != "gaussian"]
    return int(max(losses, default=0.0) > 0.5)


if __name__ == "__main__":
    sys.exit(main())
