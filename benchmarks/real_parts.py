"""Networks where a real part, then moves or pools, stand between a layer and the next quantizer.

A case is three words: what is computed in real numbers (`REALS`), what moves or pools it (`MOVES`,
one or several with `+`), and what reads it (`READERS`). Every combination is a network that a user
may write. `onnxruntime_codes` is what onnxruntime makes of one with its graph optimizations off, so
that each operation is computed as it is defined.

Scales and parameters are round, powers of two and short binary fractions: float32 holds all numbers
then, and both numerics have the integers of onnxruntime. With `round_scales=False` float32 rounds,
and numerics `onnxruntime` has its integers where everything is done on elements alone.

`python -m benchmarks.real_parts` compiles and compares all of them.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, shape_inference

import qcompiler
from benchmarks.zoo import runtimes
from qcompiler.errors import ModelError

Array = NDArray[Any]
F32 = np.float32
SHAPE = (1, 8, 4, 4)


@dataclass
class Net:
    """A graph that grows from its input x.

    Attributes:
        random: for parameters.
        round_scales: whether every number is a short binary fraction.
    """

    random: np.random.Generator
    round_scales: bool = True
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])

    def constant(self, value: Any) -> str:
        """Adds an initializer; returns its name."""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def add(self, kind: str, *inputs: str, count: int = 1, **attributes: Any) -> str:
        """Adds a node; returns its first result."""
        name = f"{kind.lower()}{len(self.nodes)}"
        results = [name, *(f"{name}_{i}" for i in range(1, count))]
        self.nodes.append(helper.make_node(kind, inputs, results, name=name, **attributes))
        return name

    def numbers(self, shape: Sequence[int], *, signed: bool = True) -> str:
        """Adds parameters: short fractions other than zero, or any numbers."""
        size = self.random.choice([0.25, 0.5, 1, 2], shape)
        signs = self.random.choice([-1, 1], shape) if signed else 1
        noise = 1 if self.round_scales else self.random.uniform(0.7, 1.4, shape)
        return self.constant(np.asarray(size * signs * noise, F32))

    def quantize(self, x: str, scale: float, zero_point: int = 0, signed: bool = True) -> str:
        """Adds a QuantizeLinear; returns codes."""
        zero = (np.int8 if signed else np.uint8)(zero_point)
        return self.add("QuantizeLinear", x, self.constant(F32(scale)), self.constant(zero))

    def requantized(self, x: str, scale: float, zero_point: int = 0, signed: bool = True) -> str:
        """Adds a quantizer and its inverse; returns reals."""
        codes = self.quantize(x, scale, zero_point, signed)
        zero = (np.int8 if signed else np.uint8)(zero_point)
        return self.add("DequantizeLinear", codes, self.constant(F32(scale)), self.constant(zero))

    def weights(self, *shape: int) -> str:
        """Adds quantized weights; returns reals."""
        codes = self.constant(self.random.integers(-7, 8, shape).astype(np.int8))
        return self.add(
            "DequantizeLinear", codes, self.constant(F32(0.125)), self.constant(np.int8(0))
        )


Shape = tuple[int, ...]
Real = Callable[[Net, str, Shape], str]
Move = Callable[[Net, str, Shape], tuple[str, Shape]]
Reader = Callable[[Net, str, Shape], str]


def _per_channel(shape: Shape) -> Shape:
    return (shape[1], *[1] * (len(shape) - 2))


def _batch_norm(net: Net, x: str, shape: Shape) -> str:
    rows = [net.numbers(shape[1:2]) for _ in range(3)]
    variance = net.constant(net.random.choice([0.25, 1, 4], shape[1]).astype(F32))
    return net.add("BatchNormalization", x, *rows, variance, epsilon=0.0)


def _chain(*parts: Real) -> Real:
    def all_of_them(net: Net, x: str, shape: Shape) -> str:
        for part in parts:
            x = part(net, x, shape)
        return x

    return all_of_them


def _unary(kind: str, **attributes: Any) -> Real:
    return lambda net, x, shape: net.add(kind, x, **attributes)


def _binary(kind: str, where: Callable[[Shape], Shape], *, signed: bool = True) -> Real:
    return lambda net, x, shape: net.add(kind, x, net.numbers(where(shape), signed=signed))


def _number(shape: Shape) -> Shape:
    return ()


def _all(shape: Shape) -> Shape:
    return shape[1:]


def _branch(net: Net, x: str, shape: Shape) -> str:
    """A second activation, on another scale, that is added."""
    other = net.requantized(net.add("Neg", x), 0.25, 3)
    return net.add("Add", net.requantized(x, 0.5, -2), other)


def _gate(net: Net, x: str, shape: Shape) -> str:
    """The codes of x, read twice: a ReLU of them is subtracted."""
    codes = net.quantize(x, 0.25, 3)
    parameters = net.constant(F32(0.25)), net.constant(np.int8(3))
    one, other = (net.add("DequantizeLinear", codes, *parameters) for _ in range(2))
    return net.add("Sub", one, net.add("Relu", other))


_BIAS = _binary("Add", _per_channel)
REALS: Mapping[str, Real] = {
    "none": lambda net, x, shape: x,
    "bias": _BIAS,
    "batch_norm": _batch_norm,
    "factor": _binary("Mul", _number, signed=False),
    "negative_factor": lambda net, x, shape: net.add("Mul", x, net.constant(F32(-0.5))),
    "quotient": _binary("Div", _number),
    "factors": _binary("Mul", _per_channel),
    "quotients": _binary("Div", _per_channel, signed=False),
    "difference": lambda net, x, shape: net.add("Sub", net.numbers(_per_channel(shape)), x),
    "bias_relu": _chain(_BIAS, _unary("Relu")),
    "bias_relu_batch_norm": _chain(_BIAS, _unary("Relu"), _batch_norm),
    "leaky": _chain(_BIAS, _unary("LeakyRelu", alpha=0.25)),
    "clip": _chain(
        _BIAS,
        lambda net, x, shape: net.add("Clip", x, net.constant(F32(-1)), net.constant(F32(2))),
    ),
    "hard_swish": _chain(_BIAS, _unary("HardSwish")),
    "bias_everywhere": _binary("Add", _all),
    "sum": _branch,
    "gate": _gate,
}
"""Keyed by name: what is computed between the layer and the moves."""


def _transpose(*permutation: int) -> Move:
    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        made = tuple(shape[axis] for axis in permutation)
        return net.add("Transpose", x, perm=list(permutation)), made

    return move


def _reshape(make: Callable[[Shape], Shape]) -> Move:
    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        made = make(shape)
        if np.prod(made) != np.prod(shape):
            raise ValueError(f"cannot reshape {shape} to {made}")
        return net.add("Reshape", x, net.constant(np.array(made))), made

    return move


def _flatten(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
    return net.add("Flatten", x), (1, int(np.prod(shape)))


def _slice(axis: int, start: int, end: int, step: int) -> Move:
    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        parts = [net.constant(np.array([v])) for v in (start, end, axis, step)]
        count = len(range(shape[axis])[start:end:step])
        return net.add("Slice", x, *parts), (*shape[:axis], count, *shape[axis + 1 :])

    return move


def _split(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
    half = shape[1] // 2
    first = net.add("Split", x, count=2, axis=1, num_outputs=2)
    return net.add("Add", first, f"{first}_1"), (shape[0], half, *shape[2:])


def _gather(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
    indices = net.constant(np.array([2, 0, 1]))
    return net.add("Gather", x, indices, axis=1), (shape[0], 3, *shape[2:])


def _pad(value: float, *widths: int) -> Move:
    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        rank = len(widths) // 2
        made = tuple(e + widths[i] + widths[i + rank] for i, e in enumerate(shape))
        parts = net.constant(np.array(widths)), net.constant(F32(value))
        return net.add("Pad", x, *parts), made

    return move


def _concat(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
    other = net.add("Neg", x)
    return net.add("Concat", x, other, axis=1), (shape[0], 2 * shape[1], *shape[2:])


def _resize(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
    name = net.add(
        "Resize", x, "", net.constant(np.array([1, 1, 2, 2], F32)), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    return name, (*shape[:2], 2 * shape[2], 2 * shape[3])


def _depth(mode: str) -> Move:
    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        made = (shape[0], shape[1] // 4, 2 * shape[2], 2 * shape[3])
        if shape[1] % 4:
            raise ValueError(f"{shape[1]} channels are not four times others")
        return net.add("DepthToSpace", x, blocksize=2, mode=mode), made

    return move


def _pool(kind: str, **attributes: Any) -> Move:
    pads: list[int] = attributes.get("pads", [0] * 4)

    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        space = [(shape[i + 2] + pads[i] + pads[i + 2] - 2) // 2 + 1 for i in range(2)]
        name = net.add(kind, x, kernel_shape=[2, 2], strides=[2, 2], **attributes)
        return name, (*shape[:2], *space)

    return move


def _global(kind: str) -> Move:
    return lambda net, x, shape: (net.add(kind, x), (*shape[:2], 1, 1))


def _mean(axes: Sequence[int], keepdims: int) -> Move:
    def move(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
        made = [1 if a in axes else e for a, e in enumerate(shape) if keepdims or a not in axes]
        name = net.add("ReduceMean", x, net.constant(np.array(axes)), keepdims=keepdims)
        return name, tuple(made)

    return move


def _there_and_back(net: Net, x: str, shape: Shape) -> tuple[str, Shape]:
    axes = net.constant(np.array([2]))
    wide = net.add("Unsqueeze", x, axes)
    biased = net.add("Add", wide, net.numbers((shape[1], *[1] * (len(shape) - 1))))
    return net.add("Squeeze", biased, axes), shape


MOVES: Mapping[str, Move] = {
    "stay": lambda net, x, shape: (x, shape),
    "channels_last": _transpose(0, 2, 3, 1),
    "swap_space": _transpose(0, 1, 3, 2),
    "flatten": _flatten,
    "split_channels": _reshape(lambda s: (s[0], 2, s[1] // 2, s[2] * s[3])),
    "merge_space": _reshape(lambda s: (s[0], s[1], s[2] * s[3])),
    "unsqueeze_squeeze": _there_and_back,
    "slice_channels": _slice(1, 1, 4, 2),
    "slice_rows": _slice(2, 1, 4, 1),
    "split_add": _split,
    "gather": _gather,
    "pad": _pad(0.0, 0, 0, 1, 0, 0, 0, 0, 1),
    "pad_with_number": _pad(1.5, 0, 0, 0, 1, 0, 0, 1, 0),
    "pad_channels": _pad(0.0, 0, 1, 0, 0, 0, 0, 0, 0),
    "concat": _concat,
    "resize": _resize,
    "depth_to_space": _depth("DCR"),
    "depth_to_space_crd": _depth("CRD"),
    "max_pool": _pool("MaxPool"),
    "max_pool_padded": _pool("MaxPool", pads=[1, 0, 1, 0]),
    "average_pool": _pool("AveragePool"),
    "average_pool_padded": _pool("AveragePool", pads=[1, 0, 1, 0], count_include_pad=1),
    "global_max_pool": _global("GlobalMaxPool"),
    "global_average_pool": _global("GlobalAveragePool"),
    "mean": _mean([2, 3], 0),
    "mean_rows": _mean([2], 1),
    "mean_channels": _mean([1], 1),
}
"""Keyed by name: what moves or pools."""

AVERAGES = frozenset({"average_pool", "average_pool_padded", "global_average_pool",
                      "mean", "mean_rows", "mean_channels"})  # fmt: skip


def _into_quantizer(net: Net, x: str, shape: Shape) -> str:
    return net.quantize(x, 0.5, 3)


def _into_layer(net: Net, x: str, shape: Shape) -> str:
    return _layer(net, net.requantized(x, 0.5, -1), shape)


def _relu_into_layer(net: Net, x: str, shape: Shape) -> str:
    return _layer(net, net.requantized(net.add("Relu", x), 0.25, 0, False), shape)


def _layer(net: Net, x: str, shape: Shape) -> str:
    if len(shape) == 4:
        y = net.add("Conv", x, net.weights(3, shape[1], 1, 1))
    else:
        y = net.add("MatMul", x, net.weights(shape[-1], 3))
    return net.quantize(y, 1.0, 1)


READERS: Mapping[str, Reader] = {
    "quantizer": _into_quantizer,
    "quantizer_layer": _into_layer,
    "relu_quantizer_layer": _relu_into_layer,
    "layer": lambda net, x, shape: _layer(net, x, shape),
}
"""Keyed by name: what reads the result. `layer` is a layer without a quantizer before it."""


def network(
    real: str, moves: str, reader: str, *, seed: int = 0, round_scales: bool = True,
    first_layer: bool = True,
) -> ModelProto:  # fmt: skip
    """Returns a model: quantizer, layer, real part, moves, reader.

    Raises:
        ValueError, IndexError, ZeroDivisionError, InferenceError: the moves do not fit one another.
    """
    net = Net(np.random.default_rng(seed), round_scales)
    x = net.requantized("x", 0.25 if round_scales else 0.0731, 3)
    if first_layer:
        x = net.add("Conv", x, net.weights(SHAPE[1], SHAPE[1], 1, 1))
    x = REALS[real](net, x, SHAPE)
    shape: Shape = SHAPE
    for name in moves.split("+"):
        x, shape = MOVES[name](net, x, shape)
    y = READERS[reader](net, x, shape)
    graph = helper.make_graph(
        net.nodes,
        "real_parts",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPE)],
        [helper.make_tensor_value_info(y, TensorProto.INT8, None)],
        [numpy_helper.from_array(a, name) for name, a in net.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    shape_inference.infer_shapes(model, strict_mode=True)
    return model


def frames(count: int = 20) -> Array:
    """Returns random inputs, and extremes."""
    random = np.random.default_rng(1)
    some = random.integers(-600, 600, (count, *SHAPE)).astype(F32) / 16
    ends = [np.full(SHAPE, value, F32) for value in (-1e6, 1e6, 0)]
    checkered = np.where(np.indices(SHAPE).sum(0) % 2, F32(1e6), F32(-1e6))
    return np.concatenate([some, np.stack([*ends, checkered, -checkered])])


def onnxruntime_codes(model: ModelProto, x: Array, *, optimized: bool = False) -> Array:
    """Returns the codes that onnxruntime computes, one operation after the other."""
    session = runtimes.session(model.SerializeToString(), optimized, False)
    run = session.run  # pyright: ignore[reportUnknownMemberType] # onnxruntime does not say
    return np.stack([np.asarray(run(None, {"x": image})[0]) for image in x])


def cases() -> Iterator[tuple[str, str, str]]:
    """Yields every real part with every move and reader, and pairs of moves with some."""
    for move in MOVES:
        for real in REALS:
            for reader in READERS:
                yield real, move, reader
    pairs = (f"{a}+{b}" for a in MOVES for b in MOVES if "stay" not in (a, b))
    for pair in pairs:
        for real in ("batch_norm", "bias_relu", "sum"):
            yield real, pair, "relu_quantizer_layer"


def outcome(case: tuple[str, str, str], numerics: str, folder: Path) -> str:
    """Compiles one case; returns `equal`, or in words what went wrong."""
    try:
        model = network(*case)
        wanted = onnxruntime_codes(model, frames())
    except (ValueError, IndexError, ZeroDivisionError, shape_inference.InferenceError):
        return "no network"
    path = folder / "real_parts.onnx"
    path.write_bytes(model.SerializeToString())
    try:
        design = qcompiler.compile(path, numerics=numerics, validate=True)
    except ModelError as error:
        return f"refused: {error.problems[0]}"
    except Exception as error:  # whatever it is, it is what this looks for
        return f"CRASHED: {type(error).__name__}: {error}"
    found = np.reshape(design.predict(frames()), wanted.shape)
    differ = int((found != wanted).sum())
    return f"{differ} of {wanted.size} codes differ" if differ else "equal"


def main() -> int:
    """Compiles all cases, or those that `--only` names; exit status 1 unless all are equal."""
    parser = argparse.ArgumentParser(description="Compiles and compares networks.")
    parser.add_argument("--only", default="", help="a word of the case's name")
    parser.add_argument("--numerics", default="exact", choices=("exact", "onnxruntime"))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--every", type=int, default=1, metavar="K", help="take each K-th case")
    parsed = parser.parse_args()
    counts: dict[str, int] = {}
    end = time.monotonic() + parsed.seconds
    with tempfile.TemporaryDirectory() as folder:
        for index, case in enumerate(cases()):
            name = " ".join(case)
            if index % parsed.every or parsed.only not in name or time.monotonic() > end:
                continue
            found = outcome(case, parsed.numerics, Path(folder))
            counts[found.split(":")[0]] = counts.get(found.split(":")[0], 0) + 1
            if found not in ("equal", "no network"):
                print(f"{name}: {found}", flush=True)
    for found, count in counts.items():
        print(f"{count:6} {found}")
    return int(set(counts) - {"equal", "no network"} != set())


if __name__ == "__main__":
    sys.exit(main())
