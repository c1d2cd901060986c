"""Random small QDQ graphs: any rank, extents of one, batches, shared or doubled quantizers, 16 bit.

Tensors have one to four axes. Where every scale is a power of two and every function exact, float32
holds all numbers, and onnxruntime's integers are the model's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from qcompiler.dialects.attributes import Array

_T = TypeVar("_T")
_OPSET = 21  # the first whose quantizers have 16 bits
_LARGEST = 400
_EXTENTS = (1, 1, 1, 2, 2, 3, 4, 5, 8)
_TYPES = (np.int8, np.uint8, np.int8, np.uint8, np.int8, np.uint8, np.int16, np.uint16)
_ELEMENTS = {
    np.int8: TensorProto.INT8, np.uint8: TensorProto.UINT8,
    np.int16: TensorProto.INT16, np.uint16: TensorProto.UINT16,
}  # fmt: skip


@dataclass(frozen=True)
class _Real:
    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class _Codes:
    """A quantized activation: its integers, and what dequantizes them."""

    name: str
    shape: tuple[int, ...]
    scale: str
    zero_point: str


@dataclass
class RandomGraph:
    """A model, and how exactly onnxruntime computes it.

    Attributes:
        model: legal ONNX.
        exact: whether float32 holds every number in it.
        wide: whether it has codes of 16 bits.
    """

    model: ModelProto
    exact: bool
    wide: bool


@dataclass
class _Builder:
    random: np.random.Generator
    exact: bool
    wide: bool
    nodes: list[NodeProto] = field(default_factory=list[NodeProto])
    constants: dict[str, Array] = field(default_factory=dict[str, Array])
    parameters: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    codes: list[_Codes] = field(default_factory=list[_Codes])

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def pick(self, options: Sequence[_T]) -> _T:
        return options[int(self.random.integers(len(options)))]

    def constant(self, value: object) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def op(self, kind: str, shape: Sequence[int], *inputs: str, **attributes: object) -> _Real:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return _Real(name, tuple(shape))

    def scale(self, count: int = 1) -> Array:
        powers = 2.0 ** self.random.integers(-4, 1, count)
        factors = 1 if self.exact else self.random.uniform(1, 2, count)
        found = (powers * factors).astype(np.float32)
        return found if count > 1 else found[0]

    def numbers(self, *shape: int) -> Array:
        """Multiples of 1/4, or any number, of both signs."""
        values = self.random.normal(0, 2, shape)
        return (np.rint(values * 4) / 4 if self.exact else values).astype(np.float32)

    def quantizer(self) -> tuple[str, str]:
        """Parameters of a quantizer: now and then those of another one."""
        if self.parameters and self.chance(0.4):
            return self.pick(self.parameters)
        kind = self.pick(_TYPES if self.wide else _TYPES[:6])
        zero = int(self.random.integers(-3, 4)) if self.chance(0.5) else 0
        zero += 2 ** (8 * kind().itemsize - 1) if kind in (np.uint8, np.uint16) else 0
        zero = 0 if kind in (np.uint8, np.uint16) and self.chance(0.3) else zero
        found = self.constant(self.scale()), self.constant(np.array(zero, kind))
        self.parameters.append(found)
        return found

    def quantized(self, x: _Real) -> _Codes:
        scale, zero_point = self.quantizer()
        made = self.op("QuantizeLinear", x.shape, x.name, scale, zero_point)
        codes = _Codes(made.name, x.shape, scale, zero_point)
        if self.chance(0.15):  # once more, with the same parameters or others
            scale, zero_point = (scale, zero_point) if self.chance(0.5) else self.quantizer()
            again = self.op("QuantizeLinear", x.shape, self.real(codes).name, scale, zero_point)
            codes = _Codes(again.name, x.shape, scale, zero_point)
        self.codes.append(codes)
        return codes

    def real(self, codes: _Codes) -> _Real:
        """The reals of an activation, by a dequantizer of its own."""
        given = codes.name, codes.scale, codes.zero_point
        return self.op("DequantizeLinear", codes.shape, *given)

    def weights(self, shape: Sequence[int], axis: int) -> str:
        values = self.random.integers(-9, 10, shape).astype(np.int8)
        count = shape[axis] if self.chance(0.5) else 1
        scale = self.constant(np.atleast_1d(self.scale(count)) if count > 1 else self.scale())
        more = {"axis": axis} if count > 1 else {}
        return self.op("DequantizeLinear", shape, self.constant(values), scale, **more).name


def _size(shape: Sequence[int]) -> int:
    return int(np.prod(shape, dtype=object))


def _window(b: _Builder, x: _Real) -> tuple[list[int], list[int], list[int], list[int]]:
    """Kernel, strides, pads and the space that is left, for a window that fits."""
    space = x.shape[2:]
    kernel = [int(b.random.integers(1, min(3, n) + 1)) for n in space]
    strides = [int(b.random.integers(1, 3)) for _ in space]
    pads = [int(b.random.integers(0, k)) for k in (*kernel, *kernel)]
    n = len(space)
    left = [(space[i] + pads[i] + pads[n + i] - kernel[i]) // strides[i] + 1 for i in range(n)]
    return kernel, strides, pads, left


def _conv(b: _Builder, x: _Real) -> _Real | None:
    channels = x.shape[1]
    kernel, strides, pads, left = _window(b, x)
    groups = channels if b.chance(0.3) else 1
    made = groups * b.pick([1, 1, 2, 3])
    w = b.weights([made, channels // groups, *kernel], 0)
    bias = [b.constant(b.numbers(made))] if b.chance(0.4) else []
    return b.op(
        "Conv", [x.shape[0], made, *left], x.name, w, *bias,
        kernel_shape=kernel, strides=strides, pads=pads, group=groups,
    )  # fmt: skip


def _conv_transpose(b: _Builder, x: _Real) -> _Real | None:
    space, made = x.shape[2:], b.pick([1, 1, 2, 3])
    kernel = [b.pick([1, 2, 3]) for _ in space]
    strides = [b.pick([1, 2]) for _ in space]
    left = [(n - 1) * s + k for n, s, k in zip(space, strides, kernel, strict=True)]
    w = b.weights([x.shape[1], made, *kernel], 1)
    return b.op("ConvTranspose", [x.shape[0], made, *left], x.name, w, strides=strides)


def _pool(b: _Builder, x: _Real) -> _Real | None:
    kernel, strides, pads, left = _window(b, x)
    kinds = ["MaxPool", "AveragePool"]
    kind = b.pick(kinds)
    if kind == "AveragePool" and b.exact:
        kernel = [1 if k == 3 else k for k in kernel]  # a third is no float32
        pads = [0] * len(pads)
        space = zip(x.shape[2:], kernel, strides, strict=True)
        left = [(n - k) // s + 1 for n, k, s in space]
    given = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    return b.op(kind, [*x.shape[:2], *left], x.name, **given)


def _global_pool(b: _Builder, x: _Real) -> _Real | None:
    ones = [1] * (len(x.shape) - 2)
    return b.op(b.pick(["GlobalAveragePool", "GlobalMaxPool"]), [*x.shape[:2], *ones], x.name)


def _resize(b: _Builder, x: _Real) -> _Real | None:
    factors = [b.pick([1, 2, 3]) for _ in x.shape[2:]]
    made = [*x.shape[:2], *(n * f for n, f in zip(x.shape[2:], factors, strict=True))]
    scales = b.constant(np.array([1, 1, *factors], np.float32))
    how = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    return b.op("Resize", made, x.name, "", scales, mode="nearest", **how)


def _depth(b: _Builder, x: _Real) -> _Real | None:
    n, channels, height, width = x.shape
    if channels % 4:
        return None
    mode = b.pick(["DCR", "CRD"])
    shape = [n, channels // 4, 2 * height, 2 * width]
    return b.op("DepthToSpace", shape, x.name, blocksize=2, mode=mode)


def _matmul(b: _Builder, x: _Real) -> _Real | None:
    made = b.pick([1, 1, 2, 3, 8])
    w = b.weights([x.shape[-1], made], 1)
    y = b.op("MatMul", [*x.shape[:-1], made], x.name, w)
    return b.op("Add", y.shape, y.name, b.constant(b.numbers(made))) if b.chance(0.3) else y


def _other(b: _Builder, x: _Real) -> tuple[_Real, tuple[int, ...]] | None:
    """Another activation that broadcasts with x, or x's codes again, and the result's shape."""
    fits: list[tuple[_Codes, tuple[int, ...]]] = []
    for codes in b.codes:
        try:
            shape = np.broadcast_shapes(codes.shape, x.shape)
        except ValueError:
            continue
        if _size(shape) <= _LARGEST:
            fits.append((codes, shape))
    if not fits:
        return None
    codes, shape = b.pick(fits)
    return b.real(codes), shape


def _binary(b: _Builder, x: _Real) -> _Real | None:
    found = _other(b, x)
    if found is None:
        return None
    other, shape = found
    return b.op(b.pick(["Add", "Add", "Sub", "Mul"]), shape, x.name, other.name)


def _concat(b: _Builder, x: _Real) -> _Real | None:
    axis = int(b.random.integers(len(x.shape)))
    fits = [
        c for c in b.codes
        if len(c.shape) == len(x.shape)
        and all(m == n for i, (m, n) in enumerate(zip(c.shape, x.shape, strict=True)) if i != axis)
    ]  # fmt: skip
    if not fits:
        return None
    other = b.real(b.pick(fits))
    shape = list(x.shape)
    shape[axis] += other.shape[axis]
    return b.op("Concat", shape, x.name, other.name, axis=axis)


def _reduce(b: _Builder, x: _Real) -> _Real | None:
    axes = [i for i in range(len(x.shape)) if b.chance(0.4)] or [len(x.shape) - 1]
    if len(axes) == len(x.shape):
        axes = axes[1:]
    if not axes:
        return None
    keep = b.chance(0.5)
    shape = [1 if i in axes else n for i, n in enumerate(x.shape) if keep or i not in axes]
    kind = b.pick(["ReduceMean", "ReduceMax"])
    return b.op(kind, shape, x.name, b.constant(np.array(axes)), keepdims=int(keep))


def _reshape(b: _Builder, x: _Real) -> _Real | None:
    left, shape = _size(x.shape), [1] * b.pick([1, 2, 3, 4])
    for prime in (2, 2, 2, 3, 5, 7, 2, 3):
        if left % prime == 0:
            shape[int(b.random.integers(len(shape)))] *= prime
            left //= prime
    shape[int(b.random.integers(len(shape)))] *= left
    return b.op("Reshape", shape, x.name, b.constant(np.array(shape)))


def _flatten(b: _Builder, x: _Real) -> _Real | None:
    axis = int(b.random.integers(len(x.shape) + 1))
    shape = [_size(x.shape[:axis]), _size(x.shape[axis:])]
    return b.op("Flatten", shape, x.name, axis=axis)


def _transpose(b: _Builder, x: _Real) -> _Real | None:
    order = b.random.permutation(len(x.shape)).tolist()
    return b.op("Transpose", [x.shape[i] for i in order], x.name, perm=order)


def _squeeze(b: _Builder, x: _Real) -> _Real | None:
    ones = [i for i, n in enumerate(x.shape) if n == 1]
    if not ones or len(x.shape) < 2 or b.chance(0.3):
        if len(x.shape) > 3:
            return None
        axis = int(b.random.integers(len(x.shape) + 1))
        shape = [*x.shape[:axis], 1, *x.shape[axis:]]
        return b.op("Unsqueeze", shape, x.name, b.constant(np.array([axis])))
    axis = b.pick(ones)
    shape = [n for i, n in enumerate(x.shape) if i != axis]
    return b.op("Squeeze", shape, x.name, b.constant(np.array([axis])))


def _slice(b: _Builder, x: _Real) -> _Real | None:
    axis = int(b.random.integers(len(x.shape)))
    extent = x.shape[axis]
    start = int(b.random.integers(extent))
    end = int(b.random.integers(start + 1, extent + 1))
    step = b.pick([1, 1, 2])
    shape = list(x.shape)
    shape[axis] = -(-(end - start) // step)
    given = [b.constant(np.array([n])) for n in (start, end, axis, step)]
    return b.op("Slice", shape, x.name, *given)


def _pad(b: _Builder, x: _Real) -> _Real | None:
    rank = len(x.shape)
    pads = [b.pick([0, 0, 0, 1, 2]) for _ in range(2 * rank)]
    shape = [n + pads[i] + pads[rank + i] for i, n in enumerate(x.shape)]
    return b.op("Pad", shape, x.name, b.constant(np.array(pads)))


def _elementwise(b: _Builder, x: _Real) -> _Real | None:
    exact = ["Relu", "Neg", "LeakyRelu", "Clip"]
    kind = b.pick(exact if b.exact else [*exact, "Sigmoid", "Tanh", "HardSwish", "HardSigmoid"])
    given = [b.constant(np.float32(n)) for n in (-0.5, 6)] if kind == "Clip" else []
    attributes = {"alpha": 0.25} if kind == "LeakyRelu" else {}
    return b.op(kind, x.shape, x.name, *given, **attributes)


def _with_constant(b: _Builder, x: _Real) -> _Real | None:
    """A number, one per channel or along any axis, of any rank that broadcasts."""
    axis = int(b.random.integers(-1, len(x.shape)))
    shape = [n if i == axis else 1 for i, n in enumerate(x.shape)]
    shape = shape[int(b.random.integers(len(shape) + 1)) :] if axis < 0 else shape
    values = np.where(b.chance(0.5), 0.5, b.numbers(*shape)).astype(np.float32)
    kind = b.pick(["Add", "Sub", "Mul"])
    values = np.broadcast_to(values, shape)
    return b.op(kind, x.shape, x.name, b.constant(values))


def _normalized(b: _Builder, x: _Real) -> _Real | None:
    channels = x.shape[1]
    gain, bias, mean = (b.numbers(channels) for _ in range(3))
    variance = np.full(channels, 0.25) if b.exact else b.random.uniform(0, 4, channels)
    given = [b.constant(a.astype(np.float32)) for a in (gain, bias, mean, variance)]
    return b.op("BatchNormalization", x.shape, x.name, *given, epsilon=0.0 if b.exact else 1e-5)


_Step = Callable[[_Builder, _Real], _Real | None]
_ANY: list[_Step] = [_binary, _concat, _reduce, _elementwise, _with_constant, _matmul]
_MOVES: list[_Step] = [_reshape, _flatten, _transpose, _squeeze, _slice, _pad]
_SPATIAL: list[_Step] = [_conv, _conv, _conv_transpose, _pool, _global_pool, _resize]


def _steps(x: _Real) -> list[_Step]:
    found = [*_ANY, *_MOVES]
    if len(x.shape) > 2:
        found += _SPATIAL
    if len(x.shape) == 4:
        found.append(_depth)
    if len(x.shape) > 1:
        found.append(_normalized)
    return found


def random_graph(seed: int) -> RandomGraph:
    """Returns a graph of one to five quantized steps; equal seeds give equal graphs."""
    random = np.random.default_rng([seed, 7])
    b = _Builder(random, exact=bool(random.random() < 0.6), wide=bool(random.random() < 0.15))
    rank = b.pick([1, 2, 2, 3, 4, 4, 4])
    batch = 2 if b.chance(0.1) else 1
    shape = (
        (batch, *(b.pick(_EXTENTS) for _ in range(rank - 1))) if rank > 1 else (b.pick(_EXTENTS),)
    )
    codes = b.quantized(_Real("x", shape))
    for _ in range(int(b.random.integers(1, 6))):
        x = b.real(codes if b.chance(0.7) else b.pick(b.codes))
        for _ in range(b.pick([1, 1, 2, 3])):
            if _size(x.shape) <= _LARGEST:
                x = b.pick(_steps(x))(b, x) or x
        codes = b.quantized(x)
    output = b.real(codes).name if b.chance(0.5) else codes.name
    kind = TensorProto.FLOAT
    if output == codes.name:
        kind = _ELEMENTS[b.constants[codes.zero_point].dtype.type]
    graph = helper.make_graph(
        b.nodes,
        "random",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(output, kind, codes.shape)],
        [numpy_helper.from_array(a, n) for n, a in b.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
    types = {a.dtype.type for a in b.constants.values()}
    wide = bool(types & {np.int16, np.uint16})
    return RandomGraph(model, b.exact, wide)
