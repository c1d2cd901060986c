"""Runs graphs in torch, where gradients are needed; one row an operation.

A row has the operands and keywords of the numpy function of the operation, on tensors with the
batch in front.
"""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.quantization.extra import library
from qcompiler.quantization.graph import Graph, Node

Tensor = Any
Hook = Callable[[Tensor], Tensor]
torch: Any = library("torch")
functional: Any = torch.nn.functional


_SMALL = 2e8
"""Multiplications of a run that are too few for several threads."""


@contextmanager
def few_threads(multiplications: float) -> Generator[None]:
    """Takes one thread where each operation is short, and leaves torch its number elsewhere.

    Threads of torch wait for each other in loops: on a machine that others use, short operations
    took several times the processor time of one thread.

    Args:
        multiplications: that a run of a network takes.
    """
    before = torch.get_num_threads()
    if multiplications < _SMALL:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def tensor(array: Array) -> Tensor:
    """Returns an array as a float32 tensor of its own."""
    return torch.from_numpy(np.array(array, np.float32))


def parameters(graph: Graph) -> dict[str, Tensor]:
    """Returns the constants of a graph."""
    return {name: tensor(array) for name, array in graph.constants.items()}


def run(
    graph: Graph,
    feeds: Mapping[str, Tensor],
    constants: Mapping[str, Tensor],
    hooks: Mapping[str, Hook] | None = None,
    start: int = 0,
) -> dict[str, Tensor]:
    """Returns the outputs of a graph by name.

    Args:
        graph: whose values have the batch in front.
        feeds: inputs by name; or what there is before node `start`, as of `steps`.
        constants: by name.
        hooks: by name of a value, what takes its place.
        start: the place of the first node that is computed.
    """
    hooks = hooks or {}
    hooked = {name: hooks[name](x) if name in hooks else x for name, x in feeds.items()}
    (values,) = deque(_computed(graph, hooked, constants, hooks, start), 1)
    return {name: values[name] for name in graph.outputs}


def steps(
    graph: Graph, feeds: Mapping[str, Tensor], constants: Mapping[str, Tensor]
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Yields, for the place of each node, the values before it that it or later ones read."""
    for place, values in enumerate(_computed(graph, feeds, constants, {}, 0)):
        if place < len(graph.nodes):
            yield place, {name: x for name, x in values.items() if name not in constants}


def made(node: Node, values: Mapping[str, Tensor]) -> Tensor:
    """Returns what a node makes of the values and constants that it reads."""
    return ROWS[node.kind](*(values[name] for name in node.inputs), **node.attributes)


def _computed(
    graph: Graph, feeds: Mapping[str, Tensor], constants: Mapping[str, Tensor],
    hooks: Mapping[str, Hook], start: int,
) -> Iterator[dict[str, Tensor]]:  # fmt: skip
    """Yields the values that are still read: before each node from `start` on, and at the end."""
    nodes = graph.nodes[start:]
    values = {**constants, **feeds}
    left = Counter(name for node in nodes for name in node.inputs)
    yield values
    for node in nodes:
        found = made(node, values)
        values[node.output] = hooks[node.output](found) if node.output in hooks else found
        _forget(values, left, node, graph)
        yield values


def _forget(values: dict[str, Tensor], left: Counter[str], node: Node, graph: Graph) -> None:
    """Drops what nothing reads any more."""
    for name in node.inputs:
        left[name] -= 1
        if not left[name] and name not in graph.outputs:
            values.pop(name, None)


def _halves(pads: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    half = len(pads) // 2
    return pads[:half], pads[half:]


def _padded(x: Tensor, begin: Sequence[int], end: Sequence[int], value: float) -> Tensor:
    """Returns a tensor with more elements around its last axes."""
    listed = [n for b, e in zip(begin[::-1], end[::-1], strict=True) for n in (b, e)]
    return functional.pad(x, listed, value=value) if any(listed) else x


def _conv(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, strides: Any, dilations: Any, pads: Any,
    group: int,
) -> Tensor:  # fmt: skip
    begin, end = _halves(pads)
    convolve = (functional.conv1d, functional.conv2d)[len(strides) - 1]
    if list(begin) == list(end):
        return convolve(x, w, bias, strides, list(begin), dilations, group)
    return convolve(_padded(x, begin, end, 0.0), w, bias, strides, 0, dilations, group)


def _conv_transpose(
    x: Tensor, w: Tensor, bias: Tensor | None = None, *, strides: Any, dilations: Any, pads: Any,
    output_padding: Any, group: int,
) -> Tensor:  # fmt: skip
    begin, end = _halves(pads)
    convolve = (functional.conv_transpose1d, functional.conv_transpose2d)[len(strides) - 1]
    more = [max(p, 0) for p in output_padding]
    made = convolve(x, w, bias, strides, 0, more, group, dilations)
    kept = [slice(b, n - e) for b, e, n in zip(begin, end, made.shape[2:], strict=True)]
    return made[(slice(None), slice(None), *kept)]


def _matmul(x: Tensor, w: Tensor, bias: Tensor | None = None) -> Tensor:
    made = torch.matmul(x, w)
    return made if bias is None else made + bias


def _batch_norm(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, var: Tensor, *, epsilon: float
) -> Tensor:
    return functional.batch_norm(x, mean, var, scale, bias, False, 0.0, epsilon)


def _max_pool(x: Tensor, *, kernel: Any, strides: Any, dilations: Any, pads: Any) -> Tensor:
    begin, end = _halves(pads)
    pool = (functional.max_pool1d, functional.max_pool2d)[len(kernel) - 1]
    return pool(_padded(x, begin, end, -torch.inf), kernel, strides, 0, dilations)


def _average_pool(
    x: Tensor, *, kernel: Any, strides: Any, dilations: Any, pads: Any, overhang: Any,
    count_include_pad: bool,
) -> Tensor:  # fmt: skip
    begin, end = _halves(pads)
    weights = torch.ones((x.shape[1], 1, *kernel), dtype=x.dtype)
    static = {"strides": strides, "dilations": dilations, "pads": [0] * len(pads)}

    def sums(of: Tensor, inner: float) -> Tensor:
        padded = _padded(of, begin, end, inner)
        whole = _padded(padded, [0] * len(begin), overhang, 0.0)
        return _conv(whole, weights, group=x.shape[1], **static)

    counts = sums(torch.ones_like(x[:1]), float(count_include_pad))
    return sums(x, 0.0) / counts


def _reshape(x: Tensor, *, shape: Sequence[int]) -> Tensor:
    return x.reshape(x.shape[0], *shape[1:]) if shape[:1] == [1] else x.reshape(shape)


def _slice(x: Tensor, *, starts: Any, ends: Any, steps: Any) -> Tensor:
    bounds = zip(starts[1:], ends[1:], steps[1:], strict=True)
    return x[(slice(None), *(slice(*b) for b in bounds))]


def _depth_to_space(x: Tensor, *, block: int, mode: str) -> Tensor:
    if mode == "CRD":
        return functional.pixel_shuffle(x, block)
    batch, channels, rows, columns = x.shape
    parts = x.reshape(batch, block, block, channels // block**2, rows, columns)
    shape = batch, channels // block**2, rows * block, columns * block
    return parts.permute(0, 3, 4, 1, 5, 2).reshape(shape)


def _resize(x: Tensor, *, scales: Sequence[int]) -> Tensor:
    for axis, factor in enumerate(scales):
        x = x.repeat_interleave(factor, axis) if factor > 1 else x
    return x


def _arg_max(x: Tensor, *, axis: int, keepdims: bool, last: bool) -> Tensor:
    found = x.flip(axis).argmax(axis, keepdim=keepdims) if last else x.argmax(axis, keepdims)
    return (x.shape[axis] - 1 - found if last else found).float()


def _transpose(x: Tensor, permutation: Sequence[int]) -> Tensor:
    return x.permute(permutation)


def _concat(*parts: Tensor, axis: int) -> Tensor:
    return torch.cat(parts, axis)


def _reduce_mean(x: Tensor, axes: Sequence[int], keepdims: bool) -> Tensor:
    return x.mean(axes, keepdims)


def _softmax(x: Tensor, axis: int) -> Tensor:
    return torch.softmax(x, axis)


def _log_softmax(x: Tensor, axis: int) -> Tensor:
    return torch.log_softmax(x, axis)


def _mul_add(a: Tensor, b: Tensor, factor: float) -> Tensor:
    return a * factor + b


def _clip(x: Tensor, lo: float, hi: float) -> Tensor:
    return x.clamp(lo, hi)


def _hard_sigmoid(x: Tensor, alpha: float, beta: float) -> Tensor:
    return (alpha * x + beta).clamp(0, 1)


def _gelu_tanh(x: Tensor) -> Tensor:
    return functional.gelu(x, approximate="tanh")


def _leaky_relu(x: Tensor, slope: Any) -> Tensor:
    return torch.where(x >= 0, x, slope * x)


def _layer_norm(
    x: Tensor, scale: Tensor, bias: Tensor, *, epsilon: float, centered: bool
) -> Tensor:
    middle = x - x.mean(-1, keepdim=True) if centered else x
    return middle * torch.rsqrt((middle**2).mean(-1, keepdim=True) + epsilon) * scale + bias


ROWS: dict[str, Callable[..., Tensor]] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "matmul": _matmul,
    "batch_norm": _batch_norm,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "pad": _padded,
    "resize_nearest": _resize,
    "depth_to_space": _depth_to_space,
    "concat": _concat,
    "reduce_mean": _reduce_mean,
    "arg_max": _arg_max,
    "softmax": _softmax,
    "layer_norm": _layer_norm,
    "log_softmax": _log_softmax,
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "pow": torch.pow,
    "min": torch.minimum,
    "max": torch.maximum,
    "mul_add": _mul_add,
    "relu": torch.relu,
    "sqrt": torch.sqrt,
    "neg": torch.neg,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "hard_swish": functional.hardswish,
    "clip": _clip,
    "leaky_relu": _leaky_relu,
    "hard_sigmoid": _hard_sigmoid,
    "gelu": functional.gelu,
    "gelu_tanh": _gelu_tanh,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
}
"""How torch computes each kind of node."""
