"""What `qcc quantize` costs in accuracy, and what bits buy in hardware.

Accuracy on digits and Fashion-MNIST, of networks whose inputs are normalized, and of others whose
inputs are pixels, each seed a training of its own: inputs that are distilled from batch norms,
normal numbers, and 32 real images; beside onnxruntime's `quantize_static` and Brevitas. Robustness
by SPADE. Hardware: `quantization_hardware`.
"""

import argparse
import logging
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from benchmarks.common import (
    REPOSITORY,
    Kept,
    add_any_commit,
    markdown,
    print_table,
    save_results,
    section,
)
from benchmarks.float_networks import Task, digits, fashion, trained
from benchmarks.quantization_hardware import AREA, hardware
from qcompiler.dialects.attributes import Array
from qcompiler.quantization import torch_ops
from qcompiler.quantization.cost import bit_operations, weight_bytes
from qcompiler.quantization.data import Data
from qcompiler.quantization.quantize import made_data, quantize
from qcompiler.quantization.quantizers import Quantized
from qcompiler.quantization.reading import read_float_model
from qcompiler.quantization.runtime import Session
from qcompiler.quantization.sensitivity import rounded
from qcompiler.quantization.spade import spade

REAL = 32
WIDTHS = (2, 3, 4, 6, 8)
OPTIONS: dict[str, Any] = {"ranges": "mse", "rounding": "ldlq", "correct_biases": True}
_PLAIN: dict[str, Any] = {"ranges": "min-max", "rounding": "nearest", "correct_biases": False}
_DOCUMENT = REPOSITORY / "docs" / "quantization.md"
_IMAGES = REPOSITORY / "docs" / "images"
KINDS = ("distilled", "gaussian", "real")
UNIFORM, MIXED = "W4A4", "4 bits on average"
ACCURACY = ("network", "way", *KINDS)
DIFFERENCE = ("network", "difference, points", "standard error", "by seed")
NEIGHBOURS = (10, 64)
"""Of samples in SPADE's graphs: as published, and more than there are of a class."""
ROBUSTNESS = (
    "network", "accuracy, %", "accuracy attacked, %",
    *(f"{what}, {k} neighbours" for k in NEIGHBOURS for what in ("score", "parts")),
)  # fmt: skip
_LARGEST_LOSS = 0.5
INPUT_BITS = 8
Keep = Callable[[str, Callable[[], Any]], Any]
"""Returns what was measured under a name before, or measures it."""
_SAMPLES = 400


def outputs(model: onnx.ModelProto | Path, images: Array) -> Array:
    """Returns the scores of images, by onnxruntime."""
    session = Session(onnx.load(model) if isinstance(model, Path) else model)
    parts = [session.run({"image": images[i : i + 100]}) for i in range(0, len(images), 100)]
    return np.concatenate([part["scores"] for part in parts])


def accuracy(model: onnx.ModelProto | Path, task: Task) -> float:
    """Returns the share of test images of the right class, in percent."""
    return float(100 * (outputs(model, task.test[0]).argmax(1) == task.test[1]).mean())


def real_images(task: Task, seed: int) -> dict[str, Array]:
    """Returns some images of the training set."""
    chosen = np.random.default_rng(seed).choice(len(task.train[0]), REAL, replace=False)
    return {"image": task.train[0][chosen]}


class Network:
    """A network that was trained once a seed, and data of each kind for it."""

    def __init__(self, task: Task, paths: Sequence[Path]):
        self.task, self.paths = task, paths

    @cache  # noqa: B019 - as long as the benchmark runs
    def data(self, kind: str, seed: int) -> Data | Mapping[str, Array]:
        """Returns data; those that are made are made once."""
        if kind == "real":
            return real_images(self.task, seed)
        if kind == "distilled":
            return self.distilled(seed)
        return made_data(read_float_model(self.paths[seed]), kind, seed)

    @cache  # noqa: B019 - likewise
    def distilled(self, seed: int) -> Data:
        """Returns inputs that are made of what the batch norms know."""
        return made_data(read_float_model(self.paths[seed]), "none", seed)

    def accuracies(self, kind: str, **options: Any) -> list[float]:
        """Returns the accuracy of each seed, in percent."""
        right: list[float] = []
        for seed, path in enumerate(self.paths):
            made = quantize(path, self.data(kind, seed), seed=seed, **{**OPTIONS, **options})
            found = computed(made.quantized, self.task.test[0])
            right.append(float(100 * (found.argmax(1) == self.task.test[1]).mean()))
        return right

    def four_bits(self) -> tuple[float, float]:
        """Returns bytes of weights and bit operations a frame where all have four bits."""
        graph = read_float_model(self.paths[0])
        layers, first = graph.layers(), [*graph.inputs]
        bits = [(layer, INPUT_BITS if layer.inputs[0] in first else 4) for layer in layers]
        size = sum(weight_bytes(graph, layer, 4) for layer in layers)
        return size, sum(bit_operations(graph, layer, 4, width) for layer, width in bits)


def computed(quantized: Quantized, images: Array) -> Array:
    """Returns the scores of images as the quantized network has them, computed in torch."""
    graph, constants = quantized.graph, torch_ops.parameters(quantized.graph)
    for layer in graph.layers():
        constants[layer.inputs[1]] = torch_ops.tensor(quantized.weights[layer.output].values)
    hooks = {name: partial(rounded, q=q) for name, q in quantized.of_values().items()}
    parts: list[Array] = []
    with torch_ops.torch.no_grad():
        for start in range(0, len(images), 100):
            batch = {"image": torch_ops.tensor(images[start : start + 100])}
            parts.append(torch_ops.run(graph, batch, constants, hooks)["scores"].numpy())
    return np.concatenate(parts)


def ways(net: Network) -> dict[str, dict[str, Any]]:
    """Returns the ways to quantize that are compared, by name."""
    four = {"weight_bits": 4, "activation_bits": 4}
    both = {"weight_bits": "auto", "activation_bits": "auto"}
    size, bops = net.four_bits()
    return {
        "W8A8": {},
        "W8A4": {"activation_bits": 4},
        UNIFORM: four,
        "W4A4, nearest codes, ranges from least to greatest": {**four, **_PLAIN},
        "weights of 4 bits on average, A4": {
            "weight_bits": "auto", "activation_bits": 4, "size": size, "widths": WIDTHS,
        },
        MIXED: {**both, "bops": bops, "widths": WIDTHS},
        "W2A8, LDLQ": {"weight_bits": 2},
        "W2A8, QuIP": {"weight_bits": 2, "rounding": "quip"},
    }  # fmt: skip


def accuracies(net: Network, keep: Keep) -> list[list[Any]]:
    """Returns rows of the table of accuracies; `keep` returns what was measured before."""
    from benchmarks.quantization_peers import by_brevitas, by_onnxruntime

    name = net.task.name
    floats = keep(f"{name} | float", lambda: [accuracy(path, net.task) for path in net.paths])
    rows: list[list[Any]] = [[name, "float", *[words(floats)] * 3]]
    for way, options in ways(net).items():
        row: list[Any] = [name, way]
        for kind in KINDS:
            measure = partial(net.accuracies, kind, **options)
            row.append(words(keep(_key(name, way, kind), measure)))
        rows.append(row)
        print(row, flush=True)
    with tempfile.TemporaryDirectory() as folder:

        def runtime(path: Path, images: Array) -> float:
            return accuracy(by_onnxruntime(path, images, Path(folder)), net.task)

        def brevitas(path: Path, images: Array) -> float:
            return by_brevitas(path, net.task, images)

        peers = {
            "W8A8, quantize_static of onnxruntime": runtime,
            "W4A4, Brevitas": brevitas,
        }
        for way, measure in peers.items():

            def over_seeds(measure: Callable[[Path, Array], float] = measure) -> list[float]:
                images = [real_images(net.task, seed)["image"] for seed in range(len(net.paths))]
                return [*map(measure, net.paths, images)]

            rows.append([name, way, "", "", words(keep(f"{name} | {way}", over_seeds))])
            print(rows[-1], flush=True)
    return rows


def differences(names: Sequence[str], keep: Keep) -> list[list[Any]]:
    """Returns rows: mixed widths with distilled inputs, less four bits with real images."""
    rows: list[list[Any]] = []
    for name in names:
        pairs = [keep(_key(name, *of), list) for of in ((MIXED, KINDS[0]), (UNIFORM, KINDS[2]))]
        found = np.subtract(*pairs)
        spread = found.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else float("nan")
        rows.append([name, f"{found.mean():+.2f}", f"{spread:.2f}", _signed(found)])
    return rows


def _signed(found: Array) -> str:
    return ", ".join(f"{number:+.1f}" for number in found)


def _key(name: str, way: str, kind: str) -> str:
    return f"{name} | {way} | {kind}"


def words(found: Sequence[float]) -> str:
    """Returns the mean over seeds, with the least and the greatest."""
    return f"{np.mean(found):.1f} ({min(found):.1f} to {max(found):.1f})"


def robustness(net: Network, twin: Path, keep: Keep) -> list[list[Any]]:
    """Returns rows of the table of SPADE scores: widths, and a twin trained against attacks."""
    from benchmarks.float_networks import attacked

    def of(model: onnx.ModelProto | Path) -> list[float]:
        x, y = (part[:_SAMPLES] for part in net.task.test)
        scores = outputs(model, x)
        hurt = outputs(model, attacked(net.paths[0], net.task, _SAMPLES))
        rights = [float(100 * (found.argmax(1) == y).mean()) for found in (scores, hurt)]
        found = [spade(x, scores, neighbours) for neighbours in NEIGHBOURS]
        return [*rights, *(number for one in found for number in (one.score, one.parts))]

    def quantized(bits: int) -> list[float]:
        options: dict[str, Any] = {**OPTIONS, "weight_bits": bits, "activation_bits": 8}
        return of(quantize(net.paths[0], net.data("real", 0), **options).model)

    cases: dict[str, Callable[[], list[float]]] = {
        "float": lambda: of(net.paths[0]),
        **{f"W{bits}A8": lambda bits=bits: quantized(bits) for bits in (8, 4, 3, 2)},
        "float, trained on attacked images": lambda: of(twin),
    }
    rows: list[list[Any]] = []
    for case, measure in cases.items():
        found = keep(f"{net.task.name} | spade | {case}", measure)
        rows.append([case, *(f"{n:.1f}" for n in found[:2]), *(f"{n:.3g}" for n in found[2:])])
        print(rows[-1], flush=True)
    return rows


_PAGE = """# What fewer bits cost

Written by `python -m benchmarks.quantization --write-docs`, measured at {commits}; do not edit.

Residual networks with batch norms are trained in float on digits (scikit-learn, 8 x 8) and on the
first 12,000 images of Fashion-MNIST (Debian's `dataset-fashion-mnist`), one each on images of mean
zero and deviation one, and one on pixels as they are (0 to 16, and 0 to 1). Then `qcc quantize`
makes integers of them without training. Figures are percent of test images (500 and 2,000) of the
right class: means over {seeds} seeds, with the least and the greatest; each seed is a training, a
choice of real images and a beginning of distilled ones. *Distilled* inputs come from the model
alone, *gaussian* ones are normal numbers, *real* ones are {real} images of the training set. Where
nothing else is said: {options}.

{accuracy}

Normal numbers do well where the network was trained on inputs of mean zero and deviation one,
because they are like them. Where inputs are pixels, they have the wrong reach, and 4 bits do not
forgive that; distilled inputs find the reach in the batch norms. Weights of 4 bits on average have
{widths} bits, chosen for the bytes that 4 bits each take. *4 bits on average*: weights and
activations have these widths, chosen for the bit operations of W4A4 (width of weight times width
of activation, summed over products).

Is a network of mixed widths that saw no image as good as one of 4 bits that saw 32? Both are
rounded and corrected alike. Accuracy of *4 bits on average*, distilled, less that of W4A4, real:

{differences}

`quantize_static` and Brevitas (layers equalized, biases corrected) get the same real images.

## Ranges and inputs

<!-- ranges begins -->
{ranges}<!-- ranges ends -->

## Robustness

The score of SPADE on {samples} test images of digits, and the accuracy on images that the float
network's gradients changed by at most 0.2 (FGSM); no ranking is promised. With 10 neighbours, as
published, the graph of outputs falls into parts, because the networks keep classes apart: the score
is then that of edges of inputs between them over 1e-6, and says nothing of a network. With more
neighbours than there are images of a class the graph has one part.

{robustness}

## In hardware

On {device}, each network is folded for the same cycles a frame and gets the same look-up tables at
most. Widths of the mixed one are chosen by `--device` among {mixed}, by the estimates of the
compiler for every layer and width; inputs are distilled, so no image was needed. Accuracy is that
of the compiled integers on the test images; images were simulated in Verilog.

{area}
"""


def write_page(tables: Mapping[str, list[list[Any]]], seeds: int, commits: Sequence[str]) -> None:
    """Writes docs/quantization.md."""
    from benchmarks.quantization_hardware import DEVICE
    from benchmarks.quantization_hardware import WIDTHS as MIXED

    text = _PAGE.format(
        commits=", ".join(commits),
        widths=", ".join(map(str, WIDTHS)),
        mixed=", ".join(map(str, MIXED)),
        seeds=seeds,
        real=REAL,
        device=DEVICE,
        samples=_SAMPLES,
        options=", ".join(f"`{key}={value}`" for key, value in OPTIONS.items()),
        accuracy=markdown(ACCURACY, tables["accuracy"]),
        differences=markdown(DIFFERENCE, tables["differences"]),
        robustness=markdown(ROBUSTNESS, tables["robustness"]),
        ranges=section(_DOCUMENT.read_text(encoding="utf-8"), "ranges"),
        area=markdown(AREA, tables["area"]) if tables["area"] else "Not measured.",
    )
    figures = [
        f"![Accuracy and sensitivity by look-up tables, {task}](images/front-{task}.svg)\n"
        for task in ("digits", "fashion")
        if tables["area"] and (_IMAGES / f"front-{task}.svg").exists()
    ]
    _DOCUMENT.write_text("\n".join([text, *figures]), encoding="utf-8")


def networks(
    folder: Path, wanted: Sequence[str], seeds: int, inputs: Sequence[bool] = (False, True)
) -> list[Network]:
    """Returns the networks of tasks, trained where the folder does not have them.

    Args:
        folder: where they are.
        wanted: names of tasks.
        seeds: how many networks of each.
        inputs: whether they are pixels.
    """
    tasks = [made(pixels=pixels) for made in (digits, fashion) for pixels in inputs]
    found: list[Network] = []
    for task in tasks:
        if task is None or task.name.split(",")[0] not in wanted:
            continue
        paths = [folder / f"{task.name} {seed}.onnx" for seed in range(seeds)]
        for seed, path in enumerate(paths):
            if not path.exists():
                trained(task, path, seed)
        found.append(Network(task, paths))
    return found


def main() -> int:
    """Measures; exit status 1 if 8 bits lose more than half a point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="*", default=["digits", "fashion"])
    parser.add_argument(
        "--folder", type=Path, help="keeps trained networks and figures: a second run goes on"
    )
    parser.add_argument("--no-hardware", action="store_true")
    parser.add_argument("--write-docs", action="store_true", help="write docs/quantization.md")
    add_any_commit(parser)
    parsed = parser.parse_args()
    logging.disable(logging.WARNING)  # quantize_static advises to preprocess each model
    warnings.simplefilter("ignore")  # Brevitas warns of what it could use
    tables: dict[str, list[list[Any]]] = {"accuracy": [], "robustness": [], "area": []}
    with tempfile.TemporaryDirectory() as name:
        folder = parsed.folder or Path(name)
        folder.mkdir(exist_ok=True, parents=True)
        keep = Kept(folder / "measured.json", any_commit=parsed.any_commit)
        nets = networks(folder, parsed.tasks, parsed.seeds)
        for net in nets:
            tables["accuracy"] += accuracies(net, keep)
        tables["differences"] = differences([net.task.name for net in nets], keep)
        for net in nets[:1]:
            twin = folder / "twin.onnx"
            robust = replace(net.task, attack=0.2)
            tables["robustness"] += robustness(
                net, twin if twin.exists() else trained(robust, twin), keep
            )
        for net in [] if parsed.no_hardware else nets:
            if net.task.name in parsed.tasks:
                figure = _IMAGES / f"front-{net.task.name}.svg" if parsed.write_docs else None
                data = partial(net.distilled, 0)
                tables["area"] += hardware(net.task, net.paths[0], data, OPTIONS, keep, figure)
    print_table("Accuracy", ACCURACY, tables["accuracy"])
    print_table("Mixed and distilled, less W4A4 and real", DIFFERENCE, tables["differences"])
    print_table("Robustness", ROBUSTNESS, tables["robustness"])
    print_table("Hardware", AREA, tables["area"])
    save_results("quantization", tables)
    if parsed.write_docs:
        write_page(tables, parsed.seeds, keep.commits)
    return int(_loses(tables["accuracy"]))


def _loses(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a network of 8 bits is too far below its float one, with distilled or real inputs."""
    floats = {row[0]: float(row[2].split()[0]) for row in rows if row[1] == "float"}
    means = [
        floats[row[0]] - float(row[column].split()[0])
        for row in rows
        if row[1] == "W8A8"
        for column in (2, 4)
    ]
    return max(means, default=0.0) > _LARGEST_LOSS


if __name__ == "__main__":
    sys.exit(main())
