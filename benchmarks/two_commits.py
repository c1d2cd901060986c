"""Compiles everyday models with two commits in turn: processor time of `qcc compile`, and ratios.

`python -m benchmarks.two_commits REVISION [--only NAME ...] [--runs N]` checks the other commit out
aside. ResNet-50's shape has a quarter of its width (`w16, 3-4-6-3` of docs/performance.md),
MobileNetV2's its own; their weights are random. Least of the runs: others use the machine, too.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx

from benchmarks.common import REPOSITORY, print_table, save_results
from benchmarks.compile_time import cold
from benchmarks.resnet50_qdq import RESNET50, QdqBuilder, Shape, build
from benchmarks.same_verilog import checkout

_BLOCKS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
    (6, 320, 1, 1),
)  # fmt: skip
"""Of MobileNetV2: expansion, channels, how many blocks, stride."""
_PIXELS = 224


def mobilenetv2() -> onnx.ModelProto:
    """Returns seventeen inverted bottlenecks in QDQ form, 3.5 million weights."""
    b = QdqBuilder()
    x = b.convolution(b.quantized("image", 1 / 64), (3, 32, 3), 2, True)
    given = 32
    for expansion, made, count, first in _BLOCKS:
        for block in range(count):
            stride, inner, before = first if not block else 1, given * expansion, x
            if expansion > 1:
                x = b.convolution(x, (given, inner, 1), 1, True)
            depthwise = {"pads": [1] * 4, "strides": [stride] * 2, "group": inner}
            x = b.linear(x, (inner, 1, 3, 3), True, **depthwise)
            x = b.convolution(x, (inner, made, 1), 1, False)
            if stride == 1 and given == made:
                name = f"sum{b.layers}"
                total = b.node("Add", [x[0], before[0]], name)
                x = b.quantized(total, 1.5 * max(x[1], before[1]))
            given = made
    x = b.convolution(x, (given, 1280, 1), 1, True)
    x = b.linear(b.flattened(b.pooled(x, "GlobalAveragePool")), (1000, 1280), False)
    return b.model(x[0], _PIXELS, "mobilenetv2")


_MODELS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "digits_mlp": lambda: onnx.load(REPOSITORY / "examples" / "digits_mlp" / "digits_mlp.onnx"),
    "resnet50_w16": lambda: build(Shape(16, RESNET50))[0],
    "mobilenetv2": mobilenetv2,
}


def main() -> int:
    """Measures the models and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("revision", help="commit to compare with, e.g. HEAD~3")
    parser.add_argument("--only", nargs="+", choices=_MODELS, default=list(_MODELS))
    parser.add_argument("--runs", type=int, default=3)
    parsed = parser.parse_args()
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, checkout(parsed.revision, folder) as other:
        for name in parsed.only:
            path = Path(folder) / f"{name}.onnx"
            onnx.save(_MODELS[name](), path)
            pairs = [
                [cold([str(path)], tree)[1] for tree in (other, REPOSITORY)]
                for _ in range(parsed.runs)
            ]
            then, now = (min(side) for side in zip(*pairs, strict=True))
            rows.append([name, f"{then:.2f}", f"{now:.2f}", f"{now / then:.2f}"])
            print(*rows[-1], flush=True)
    columns = ("model", f"{parsed.revision}, s", "now, s", "ratio")
    print_table("Processor seconds of qcc compile", columns, rows)
    save_results("two_commits", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
