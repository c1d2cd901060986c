"""Compiles a ResNet-50-shaped QDQ model of 25 million random weights, and smaller ones.

Each compilation (ONNX to Verilog, written) is a process of its own; time, and its peak memory.
Models are made in a temporary folder. `--write-docs` writes docs/performance.md and the plot beside
it; `--profile` shows where the time of one model goes.
"""

import argparse
import cProfile
import pstats
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.common import REPOSITORY, commit, markdown, print_table, save_results
from benchmarks.compile_time import cold
from benchmarks.plot import Series, line_plot

WANTED_SECONDS, WANTED_MEBIBYTES = 60.0, 4096.0
RESNET50 = (3, 4, 6, 3)
"""Blocks of each stage."""
_STEPS = ((8, (1, 1, 1, 1)), (16, RESNET50), (32, RESNET50), (45, RESNET50), (64, RESNET50))
_DEPTHS = ((32, (1, 1, 1, 1)), (32, (2, 2, 2, 2)), (32, RESNET50), (32, (3, 6, 9, 3)))
_PAGE = REPOSITORY / "docs" / "performance.md"
_PLOT = REPOSITORY / "docs" / "images" / "resnet50_growth.svg"


@dataclass(frozen=True)
class Shape:
    """A network of bottleneck blocks.

    Attributes:
        width: channels of the stem; 64 in ResNet-50.
        blocks: of each stage.
        pixels: height and width of the image.
    """

    width: int
    blocks: tuple[int, ...]
    pixels: int = 224

    @property
    def name(self) -> str:
        """Width and blocks, in short."""
        return f"w{self.width}, {'-'.join(map(str, self.blocks))}"


class QdqBuilder:
    """Nodes and initializers of a QDQ model under construction; int8, symmetric, per channel."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.weights = self.layers = 0
        self.zero = self._constant("zero", np.zeros((), np.int8))

    def _constant(self, name: str, array: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, operation: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """Adds a node with one output, which is called as it is."""
        self.nodes.append(helper.make_node(operation, inputs, [name], name, **attributes))
        return name

    def quantized(self, value: str, scale: float) -> tuple[str, float]:
        """Quantizes a value and returns the dequantized one, with its scale."""
        step = self._constant(f"{value}_scale", np.float32(scale))
        codes = self.node("QuantizeLinear", [value, step, self.zero], f"{value}_q")
        return self.node("DequantizeLinear", [codes, step, self.zero], f"{value}_dq"), scale

    def linear(
        self, x: tuple[str, float], shape: tuple[int, ...], relu: bool, **attributes: Any
    ) -> tuple[str, float]:
        """Adds a convolution (weights [O, I, K, K]) or a dense layer ([O, I]) with its bias."""
        self.layers += 1
        name, (value, x_scale) = f"layer{self.layers}", x
        count, fan_in = shape[0], int(np.prod(shape[1:]))
        self.weights += count * fan_in
        scale = (self.rng.uniform(0.5, 1.5, count) / 127 / np.sqrt(fan_in)).astype(np.float32)
        codes = self.rng.integers(-127, 128, shape, dtype=np.int8)
        bias = self.rng.integers(-5000, 5000, count, dtype=np.int32)
        parameters: list[str] = []
        for part, array, step in (
            ("w", codes, scale),
            ("b", bias, (scale * np.float32(x_scale)).astype(np.float32)),
        ):
            zeros = self._constant(f"{name}_{part}_z", np.zeros(count, array.dtype))
            stored = self._constant(f"{name}_{part}", array)
            steps = self._constant(f"{name}_{part}_s", step)
            real = f"{name}_{part}_dq"
            parameters.append(self.node("DequantizeLinear", [stored, steps, zeros], real, axis=0))
        operation = "Conv" if len(shape) == 4 else "Gemm"
        options = attributes if operation == "Conv" else {"transB": 1}
        made = self.node(operation, [value, *parameters], name, **options)
        made = self.node("Relu", [made], f"{name}_relu") if relu else made
        return self.quantized(made, 0.6 * x_scale)

    def convolution(
        self, x: tuple[str, float], sizes: tuple[int, int, int], stride: int, relu: bool
    ) -> tuple[str, float]:
        """Adds a square convolution: inputs, outputs, kernel; padded to keep the extent."""
        given, made, kernel = sizes
        return self.linear(
            x, (made, given, kernel, kernel), relu, pads=[kernel // 2] * 4, strides=[stride] * 2
        )

    def block(
        self, x: tuple[str, float], sizes: tuple[int, int], stride: int, project: bool
    ) -> tuple[str, float]:
        """Adds a bottleneck block: 1x1, 3x3, 1x1, and the residual addition."""
        given, inner = sizes
        y = self.convolution(x, (given, inner, 1), 1, True)
        y = self.convolution(y, (inner, inner, 3), stride, True)
        y = self.convolution(y, (inner, 4 * inner, 1), 1, False)
        if project:
            x = self.convolution(x, (given, 4 * inner, 1), stride, False)
        name = f"add{self.layers}"
        total = self.node("Add", [y[0], x[0]], name)
        return self.quantized(self.node("Relu", [total], f"{name}_relu"), max(x[1], y[1]) * 1.5)

    def pooled(self, x: tuple[str, float], operation: str, **attributes: Any) -> tuple[str, float]:
        """Adds a pooling operation; its codes keep their scale."""
        return self.quantized(self.node(operation, [x[0]], f"{operation}_1", **attributes), x[1])

    def model(self, output: str, pixels: int, name: str) -> onnx.ModelProto:
        """Returns the network of images of so many rows and columns, with 1000 outputs."""
        image, kind = [1, 3, pixels, pixels], TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", kind, image)],
            [helper.make_tensor_value_info(output, kind, [1, 1000])],
            self.constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)

    def flattened(self, x: tuple[str, float]) -> tuple[str, float]:
        """Drops the extents of space, which are one."""
        return self.node("Flatten", [x[0]], "flat"), x[1]


def build(shape: Shape) -> tuple[onnx.ModelProto, int, int]:
    """Returns the model, its number of weights, and of layers with weights."""
    b = QdqBuilder()
    width = shape.width
    x = b.quantized("image", 1 / 64)
    x = b.convolution(x, (3, width, 7), 2, True)
    x = b.pooled(x, "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    given = width
    for stage, blocks in enumerate(shape.blocks):
        inner = width << stage
        for index in range(blocks):
            x = b.block(x, (given, inner), 2 if index == 0 and stage else 1, index == 0)
            given = 4 * inner
    x = b.flattened(b.pooled(x, "GlobalAveragePool"))
    x = b.linear(x, (1000, given), False)
    return b.model(x[0], shape.pixels, "resnet"), b.weights, b.layers


def measure(shape: Shape, folder: Path) -> dict[str, Any]:
    """Compiles one network in a fresh process."""
    model, weights, layers = build(shape)
    path = folder / "resnet.onnx"
    onnx.save(model, path)
    wall, processor, mebibytes = cold([str(path)])
    found: dict[str, Any] = {"name": shape.name, "weights": weights, "layers": layers}
    found |= {"seconds": wall, "cpu_seconds": processor, "MiB": mebibytes}
    return found


def profile(shape: Shape, folder: Path, count: int = 25) -> None:
    """Prints the functions with the most time of their own."""
    from qcompiler import compile as compile_model

    path = folder / "resnet.onnx"
    onnx.save(build(shape)[0], path)
    recorder = cProfile.Profile()
    recorder.enable()
    compile_model(path).write(folder / "out")
    recorder.disable()
    for order in ("tottime", "cumulative"):
        pstats.Stats(recorder).sort_stats(order).print_stats(count if order == "tottime" else 70)


def growth(rows: Sequence[dict[str, Any]], key: str) -> float:
    """Returns the exponent of processor time in `key` between the two largest; one is linear."""
    small, large = sorted(rows, key=lambda row: row[key])[-2:]
    return float(
        np.log(large["cpu_seconds"] / small["cpu_seconds"]) / np.log(large[key] / small[key])
    )


_TEXT = """\
# Performance of the compiler

Written by `python -m benchmarks.resnet50_qdq --write-docs`; do not edit.

`qcc compile` of a ResNet-50-shaped QDQ model with random int8 weights, ONNX to Verilog in files, in
a fresh process on {machine}, commit {commit}. Wanted: less than {seconds:g} s and {mebibytes:g} MiB
for ResNet-50 (`w64, 3-4-6-3`), and growth that is at most linear. `python -m
benchmarks.two_commits REVISION` compares the processor seconds of everyday models (a MobileNetV2
among them) with those of another commit, in one run. Others use the machine, too: run
with `nice -n -10`, else wall seconds are theirs.

Processor seconds beside those of 6746adf~1, in one run of `two_commits` at commit 2c7dfcf:
digits_mlp 0.92 and 1.28 (0.72 of it), ResNet-50's shape of quarter width 11.3 and 17.2 (0.66),
MobileNetV2 13.3 and 20.4 (0.65). Of digits_mlp's 0.92 s, loading numpy, onnx, xDSL and rich takes
0.36, our modules 0.19, compiling and writing 0.36: verification, areas, Verilog and text.

{table}

Exponent of the processor seconds between the two largest, where one is linear: {by_weights:.2f} in
weights (the first rows, by width), {by_layers:.2f} in layers (the last rows, by depth).

![processor seconds over weights and over layers](images/resnet50_growth.svg)
"""


def _page(widths: list[dict[str, Any]], depths: list[dict[str, Any]]) -> str:
    about = "two shared cores"
    columns, rows = _table([*widths, *depths])
    return _TEXT.format(
        machine=about,
        commit=commit(),
        seconds=WANTED_SECONDS,
        mebibytes=WANTED_MEBIBYTES,
        table=markdown(columns, rows),
        by_weights=growth(widths, "weights"),
        by_layers=growth(depths, "layers"),
    )


def _table(results: Sequence[dict[str, Any]]) -> tuple[list[str], list[list[str]]]:
    columns = ["network", "weights", "layers", "wall s", "cpu s", "MiB"]
    return columns, [
        [
            r["name"],
            f"{r['weights']:,}",
            str(r["layers"]),
            f"{r['seconds']:.1f}",
            f"{r['cpu_seconds']:.1f}",
            f"{r['MiB']:.0f}",
        ]
        for r in results
    ]


def _draw(widths: list[dict[str, Any]], depths: list[dict[str, Any]]) -> str:
    return line_plot(
        "qcc compile, processor seconds",
        [
            Series("million weights", [(r["weights"] / 1e6, r["cpu_seconds"]) for r in widths]),
            Series("layers", [(r["layers"], r["cpu_seconds"]) for r in depths]),
        ],
    )


def main() -> int:
    """Measures; exit status 1 if ResNet-50 takes more time or memory than wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md")
    parser.add_argument("--largest", action="store_true", help="ResNet-50 only")
    parser.add_argument("--profile", type=int, metavar="WIDTH", help="profile this width only")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        if parsed.profile:
            profile(Shape(parsed.profile, RESNET50), folder)
            return 0
        steps = _STEPS[-1:] if parsed.largest else _STEPS
        widths = [measure(Shape(*step), folder) for step in steps]
        depths = [] if parsed.largest else [measure(Shape(*step), folder) for step in _DEPTHS]
    print_table("qcc compile", *_table([*widths, *depths]))
    save_results("resnet50_qdq", [*widths, *depths])
    if parsed.write_docs and depths:
        _PAGE.write_text(_page(widths, depths), encoding="utf-8")
        _PLOT.parent.mkdir(exist_ok=True)
        _PLOT.write_text(_draw(widths, depths), encoding="utf-8")
    largest = widths[-1]
    return int(largest["seconds"] > WANTED_SECONDS or largest["MiB"] > WANTED_MEBIBYTES)


if __name__ == "__main__":
    sys.exit(main())
