"""How long `qcc quantize` takes without data for ResNet-18, MobileNetV2 and ResNet-50 shapes.

Weights and statistics are random: what is measured is distillation, sensitivities and the choice of
bits. Each network runs in a process of its own, whose peak of memory is that of its children too.
"""

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.common import print_table, save_results

SECONDS = {"resnet18": 30.0, "mobilenetv2": 300.0, "resnet50": 300.0}
"""The most that each may take, on two cores."""
BOPS = {"resnet18": 45e9, "mobilenetv2": 8e9, "resnet50": 100e9}
"""Bit operations a frame, about those of five bits each."""
GIBIBYTES = 6.0


class Shape:
    """Writes convolutions with batch norms, their numbers random."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._nodes: list[onnx.NodeProto] = []
        self._arrays: list[onnx.TensorProto] = []

    def _constant(self, name: str, array: Any) -> str:
        self._arrays.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def op(self, kind: str, inputs: list[str], **more: Any) -> str:
        """Adds a node; returns its output."""
        name = f"{kind.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [name], name, **more))
        return name

    def conv(
        self, x: str, inputs: int, outputs: int, kernel: int, stride: int = 1, group: int = 1
    ) -> str:
        """Adds a convolution and its batch norm."""
        name = f"w{len(self._nodes)}"
        shape = (outputs, inputs // group, kernel, kernel)
        scale = (2 / np.prod(shape[1:])) ** 0.5
        weights = self._constant(name, self._random.normal(0, scale, shape))
        more = {"strides": [stride] * 2, "pads": [kernel // 2] * 4, "group": group}
        x = self.op("Conv", [x, weights], kernel_shape=[kernel] * 2, **more)
        parts = [
            self._constant(f"{name}_{part}", array)
            for part, array in {
                "scale": self._random.uniform(0.5, 1.5, outputs),
                "bias": self._random.normal(0, 0.2, outputs),
                "mean": self._random.normal(0, 0.2, outputs),
                "var": self._random.uniform(0.5, 2, outputs),
            }.items()
        ]
        return self.op("BatchNormalization", [x, *parts])

    def model(self, x: str, channels: int) -> onnx.ModelProto:
        """Ends the network with a mean and 1000 classes."""
        x = self.op("Flatten", [self.op("GlobalAveragePool", [x])])
        weights = self._constant("dense", self._random.normal(0, 0.03, (channels, 1000)))
        self._nodes.append(helper.make_node("Gemm", [x, weights], ["scores"], "dense"))
        graph = helper.make_graph(
            self._nodes,
            "shape",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, 224, 224])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 1000])],
            self._arrays,
        )
        opsets = [helper.make_opsetid("", 17)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def _stem(b: Shape) -> str:
    x = b.op("Relu", [b.conv("image", 3, 64, 7, 2)])
    return b.op("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])


def resnet18() -> onnx.ModelProto:
    """Two blocks of two convolutions in each of four stages."""
    b = Shape()
    x, channels = _stem(b), 64
    for stage, width in enumerate((64, 128, 256, 512)):
        for block in range(2):
            stride = 2 if stage and not block else 1
            y = b.op("Relu", [b.conv(x, channels, width, 3, stride)])
            y = b.conv(y, width, width, 3)
            if channels != width:
                x = b.conv(x, channels, width, 1, stride)
            x, channels = b.op("Relu", [b.op("Add", [x, y])]), width
    return b.model(x, channels)


def resnet50() -> onnx.ModelProto:
    """Three, four, six and three bottlenecks."""
    b = Shape()
    x, channels = _stem(b), 64
    for stage, (width, count) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3), strict=True)):
        for block in range(count):
            stride = 2 if stage and not block else 1
            y = b.op("Relu", [b.conv(x, channels, width, 1)])
            y = b.op("Relu", [b.conv(y, width, width, 3, stride)])
            y = b.conv(y, width, 4 * width, 1)
            if not block:
                x = b.conv(x, channels, 4 * width, 1, stride)
            x, channels = b.op("Relu", [b.op("Add", [x, y])]), 4 * width
    return b.model(x, channels)


_MOBILE = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip
"""Of MobileNetV2: expansion, channels, how many blocks, stride."""


def mobilenetv2() -> onnx.ModelProto:
    """Seventeen inverted bottlenecks."""
    b = Shape()
    six = {"kind": "Clip"}

    def relu6(x: str) -> str:
        return b.op(six["kind"], [x, "zero", "six"])

    b._constant("zero", 0.0)  # pyright: ignore[reportPrivateUsage]
    b._constant("six", 6.0)  # pyright: ignore[reportPrivateUsage]
    x, channels = relu6(b.conv("image", 3, 32, 3, 2)), 32
    for expansion, width, count, first in _MOBILE:
        for block in range(count):
            stride, inner = first if not block else 1, channels * expansion
            y = relu6(b.conv(x, channels, inner, 1)) if expansion > 1 else x
            y = b.conv(relu6(b.conv(y, inner, inner, 3, stride, inner)), inner, width, 1)
            x = b.op("Add", [x, y]) if stride == 1 and channels == width else y
            channels = width
    return b.model(relu6(b.conv(x, channels, 1280, 1)), 1280)


SHAPES: dict[str, Callable[[], onnx.ModelProto]] = {
    "resnet18": resnet18,
    "mobilenetv2": mobilenetv2,
    "resnet50": resnet50,
}


def measured(name: str) -> dict[str, Any]:
    """Returns seconds, seconds of processors, and GiB that choosing bits for a shape takes."""
    from qcompiler.quantization.quantize import quantize

    phase, since = "", 0.0

    def progress(text: str) -> None:
        nonlocal phase, since
        words, now = text.split(":")[0].split(" of ")[0], time.process_time()
        if words != phase:
            if phase:
                print(f"  {now - since:7.1f} s  {phase}", flush=True)
            phase, since = words, now

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        model = SHAPES[name]()
        path.write_bytes(model.SerializeToString())
        begin, used = time.perf_counter(), time.process_time()
        bits: dict[str, Any] = {"weight_bits": "auto", "activation_bits": "auto"}
        made = quantize(path, progress=progress, bops=BOPS[name], **bits)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - used
        progress("")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    widths = [layer.weight_bits for layer in made.layers()]
    return {
        "network": name,
        "seconds": round(seconds, 1),
        "processor seconds": round(cpu, 1),
        "GiB": round(peak, 2),
        "mean bits": round(float(np.mean(widths)), 2),
    }


def main() -> int:
    """Measures; exit status 1 if a network takes too long, or too much memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SHAPES)} (default: all)")
    parsed = parser.parse_args()
    found: list[dict[str, Any]] = []
    for name in parsed.names or SHAPES:
        print(name, flush=True)
        with get_context("spawn").Pool(1) as pool:
            found.append(pool.apply(measured, (name,)))
    print_table("Quantizing without data", [*found[0]], [[*row.values()] for row in found])
    save_results("quantize_time", found)
    # Other programs may use the machine: of two cores, at most twice the time was used.
    slow = [row for row in found if row["processor seconds"] > 2 * SECONDS[row["network"]]]
    large = [row for row in found if row["GiB"] > GIBIBYTES]
    return int(bool(slow or large))


if __name__ == "__main__":
    sys.exit(main())
