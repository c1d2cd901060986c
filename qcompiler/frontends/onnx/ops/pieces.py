"""Concat, Split, Slice, Pad, Resize, Tile, Expand and DepthToSpace of activations."""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import ceil, floor, isfinite, prod

import numpy as np
from onnx import AttributeProto
from xdsl.ir import SSAValue

from qcompiler.arith.decimals import shortest
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.embedding import look_up
from qcompiler.frontends.onnx.ops.shapes import axis_in
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"
_MAX_GATHERED = 64
_MOST_ELEMENTS = 2**28
_HALF = Fraction(1, 2)


@importer("", "Concat", moves_data=True)
def _concat(node: NodeContext) -> Value:
    operands = [node.number(index) for index in range(len(node.proto.input))]
    return concat(node, operands)


def concat(node: NodeContext, operands: Sequence[SSAValue]) -> SSAValue:
    """Emits the operands joined along the node's axis."""
    if not operands:
        raise RefusalError("nothing to join: the node has no inputs", _NOT_VALID)
    axis = axis_in(node.int_attribute("axis"), len(shape_of(operands[0].type)))
    return operands[0] if len(operands) == 1 else node.emit(nn.ConcatOp(operands, axis))


def _sliced(node: NodeContext, axis: int, start: int, end: int, step: int = 1) -> SSAValue:
    x = node.number(0)
    shape = shape_of(x.type)
    starts, ends, steps = [0] * len(shape), list(shape), [1] * len(shape)
    starts[axis], ends[axis], steps[axis] = start, end, step
    return node.emit(nn.SliceOp(x, starts, ends, steps))


@importer("", "Gather", moves_data=True)
def _gather(node: NodeContext) -> Value:
    if not node.is_constant(1) and node.is_constant(0):
        return look_up(node)
    shape = node.shape(0)
    axis = axis_in(node.int_attribute("axis", 0), len(shape))
    indices = node.constant(1, "indices")
    if indices.dtype.kind not in "iu" or indices.size == 0:
        raise RefusalError(f"indices must be integers, got {indices.dtype}", _NOT_VALID)
    wanted = [int(i) + (shape[axis] if i < 0 else 0) for i in indices.reshape(-1)]
    if not all(0 <= index < shape[axis] for index in wanted):
        raise RefusalError(
            f"indices must be in [{-shape[axis]}, {shape[axis] - 1}], got {indices.tolist()}",
            _NOT_VALID,
        )
    if len(wanted) > _MAX_GATHERED:
        raise RefusalError(
            f"at most {_MAX_GATHERED} elements can be gathered, got {len(wanted)}",
            "use Slice, or gather on the host",
        )
    parts = [_sliced(node, axis, index, index + 1) for index in wanted]
    joined = parts[0] if len(parts) == 1 else node.emit(nn.ConcatOp(parts, axis))
    result = (*shape[:axis], *indices.shape, *shape[axis + 1 :])
    return joined if result == shape_of(joined.type) else node.emit(nn.ReshapeOp(joined, result))


@importer("", "Split", moves_data=True)
def _split(node: NodeContext) -> Sequence[Value]:
    shape = node.shape(0)
    axis = axis_in(node.int_attribute("axis", 0), len(shape))
    sizes = node.integers(1, "split") if node.has_input(1) else node.ints_attribute("split")
    if sizes is None:
        count = node.int_attribute("num_outputs", len(node.proto.output))
        if not 1 <= count <= shape[axis]:
            raise RefusalError(
                f"cannot split {shape[axis]} elements of axis {axis} into {count} parts", _NOT_VALID
            )
        size = -(-shape[axis] // max(count, 1))
        sizes = [min(size, shape[axis] - i * size) for i in range(count)]
    wrong = len(sizes) != len(node.proto.output)
    if wrong or sum(sizes) != shape[axis] or min(sizes, default=0) < 1:
        raise RefusalError(
            f"cannot split {shape[axis]} elements of axis {axis} into {sizes}", _NOT_VALID
        )
    ends = np.cumsum(sizes).tolist()
    return [_sliced(node, axis, e - size, e) for e, size in zip(ends, sizes, strict=True)]


@importer("", "Slice", moves_data=True)
def _slice(node: NodeContext) -> Value:
    shape = node.shape(0)
    starts, ends = _list(node, 1, "starts"), _list(node, 2, "ends")
    if starts is None or ends is None:
        raise RefusalError("starts or ends are missing", _NOT_VALID)
    axes = _list(node, 3, "axes")
    steps = _list(node, 4, "steps") or [1] * len(starts)
    axes = list(range(len(starts))) if axes is None else axes
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise RefusalError("starts, ends, axes and steps differ in length", _NOT_VALID)
    all_starts, all_ends, all_steps = [0] * len(shape), list(shape), [1] * len(shape)
    axes = [axis_in(axis, len(shape)) for axis in axes]
    if len(set(axes)) != len(axes):
        raise RefusalError(f"axes {axes} name one twice", _NOT_VALID)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise RefusalError(f"steps must be positive, got {step}", "reverse on the host instead")
        all_starts[axis], all_ends[axis], _ = slice(start, end).indices(shape[axis])
        all_steps[axis] = step
    return node.emit(nn.SliceOp(node.number(0), all_starts, all_ends, all_steps))


def _list(node: NodeContext, index: int, name: str) -> list[int] | None:
    """Returns a list of integers: an input in newer opsets, an attribute in older ones."""
    return node.integers(index, name) if node.has_input(index) else node.ints_attribute(name)


@importer("", "Pad", moves_data=True)
def _pad(node: NodeContext) -> Value:
    mode = node.string_attribute("mode", "constant")
    if mode != "constant":
        raise RefusalError(f"mode must be constant, got {mode}", "pad with a constant")
    rank = len(node.shape(0))
    pads = _list(node, 1, "pads") or []
    axes = node.integers(3, "axes") if node.has_input(3) else list(range(rank))
    if len(pads) != 2 * len(axes) or min(pads, default=0) < 0:
        raise RefusalError(
            f"pads must be {2 * len(axes)} integers of 0 or more, got {pads}",
            "use Slice to remove elements",
        )
    begin, end = [0] * rank, [0] * rank
    for i, axis in enumerate(axes):
        begin[axis_in(axis, rank)] = pads[i]
        end[axis_in(axis, rank)] = pads[i + len(axes)]
    value = node.float_attribute("value", 0.0)
    if node.has_input(2):
        given = node.constant(2, "constant_value").reshape(-1)
        if given.size != 1:
            raise RefusalError(f"constant_value must be one number, got {given.size}", _NOT_VALID)
        value = float(given[0])
    if not isfinite(value):
        raise RefusalError(f"pads with {value}", "pad with a finite number")
    return node.emit(nn.PadOp(node.number(0), begin, end, value))


@importer("", "DepthToSpace", moves_data=True)
def _depth_to_space(node: NodeContext) -> Value:
    block, mode = node.int_attribute("blocksize"), node.string_attribute("mode", "DCR")
    return node.emit(nn.DepthToSpaceOp(node.number(0), block, mode))


_COORDINATES: dict[str, Callable[[int, int, int], Fraction]] = {
    "asymmetric": lambda i, n, m: Fraction(i * n, m),
    "half_pixel": lambda i, n, m: (i + _HALF) * n / m - _HALF,
    "half_pixel_symmetric": lambda i, n, m: (i + _HALF) * n / m - _HALF,
    "pytorch_half_pixel": lambda i, n, m: (i + _HALF) * n / m - _HALF if m > 1 else Fraction(0),
    "align_corners": lambda i, n, m: Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0),
}
_NEAREST: dict[str, Callable[[Fraction], int]] = {
    "floor": floor,
    "ceil": ceil,
    "round_prefer_floor": lambda x: ceil(x - _HALF),
    "round_prefer_ceil": lambda x: floor(x + _HALF),
}


@importer("", "Resize", moves_data=True)
def _resize(node: NodeContext) -> Value:
    old = not node.has_input(2) and not node.has_input(3)  # opset 10: X and scales
    policy = node.string_attribute("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch" and node.has_input(3):
        raise RefusalError(
            f"keep_aspect_ratio_policy {policy} is not supported", "give scales, or the exact sizes"
        )
    if node.int_attribute("antialias", 0):
        raise RefusalError("antialias is not supported", "resize to the nearest element")
    coordinates = node.string_attribute(
        "coordinate_transformation_mode", "asymmetric" if old else "half_pixel"
    )
    nearest = node.string_attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    if coordinates not in _COORDINATES or nearest not in _NEAREST:
        raise RefusalError(
            f"coordinates {coordinates} with nearest_mode {nearest} are not supported",
            "use asymmetric coordinates and nearest_mode floor",
        )
    scales = _scales(node, 1 if old else 2)
    for n, scale in zip(node.shape(0), scales, strict=True):
        for i in range(n * scale):
            at = _NEAREST[nearest](_COORDINATES[coordinates](i, n, n * scale))
            if min(max(at, 0), n - 1) != i // scale:
                raise RefusalError(
                    f"coordinates {coordinates} with nearest_mode {nearest} do not repeat each "
                    f"element {scale} times",
                    "use asymmetric coordinates and nearest_mode floor",
                )
    return _repeated(node, scales)


@importer("", "Upsample", moves_data=True)
def _upsample(node: NodeContext) -> Value:
    return _repeated(node, _scales(node, 1))


@importer("", "Tile", moves_data=True)
def _tile(node: NodeContext) -> Value:
    shape, repeats = node.shape(0), node.integers(1, "repeats")
    if len(repeats) != len(shape) or min(repeats, default=1) < 1:
        raise RefusalError(
            f"repeats must be {len(shape)} positive integers, got {repeats}", _NOT_VALID
        )
    return _copied(node, shape, repeats)


@importer("", "Expand", moves_data=True)
def _expand(node: NodeContext) -> Value:
    wanted = node.integers(1, "shape")
    shape = (*[1] * (len(wanted) - len(node.shape(0))), *node.shape(0))
    wanted = [*[1] * (len(shape) - len(wanted)), *wanted]
    if min(wanted, default=1) < 1 or any(
        1 not in (n, extent) and n != extent for n, extent in zip(wanted, shape, strict=True)
    ):
        raise RefusalError(f"cannot expand {list(node.shape(0))} to {wanted}", _NOT_VALID)
    repeats = [n if extent == 1 else 1 for n, extent in zip(wanted, shape, strict=True)]
    return _copied(node, shape, repeats)


def _copied(node: NodeContext, shape: Sequence[int], repeats: Sequence[int]) -> SSAValue:
    """Emits copies of all of `shape` along axes, one after the other: each copy is one element."""
    made = [extent * n for extent, n in zip(shape, repeats, strict=True)]
    if prod(made) > _MOST_ELEMENTS:
        raise RefusalError(f"makes a tensor of {prod(made)} elements", "repeat less")
    parted: list[int] = []
    scales: list[int] = []
    for extent, n in zip(shape, repeats, strict=True):
        several = extent > 1 and n > 1
        parted += [1, extent] if several else [extent]
        scales += [n, 1] if several else [n]
    x = _shaped(node, node.number(0), parted)
    if max(scales, default=1) > 1:
        x = node.emit(nn.ResizeNearestOp(x, scales))
    return _shaped(node, x, made)


def _shaped(node: NodeContext, x: SSAValue, shape: Sequence[int]) -> SSAValue:
    return x if shape_of(x.type) == tuple(shape) else node.emit(nn.ReshapeOp(x, shape))


def _repeated(node: NodeContext, scales: Sequence[int]) -> SSAValue:
    mode = node.string_attribute("mode", "nearest")
    if mode != "nearest":
        raise RefusalError(f"mode must be nearest, got {mode}", "resize to the nearest element")
    return node.emit(nn.ResizeNearestOp(node.number(0), scales))


def _scales(node: NodeContext, index: int) -> list[int]:
    """Returns the integer by which each axis grows, from scales or sizes."""
    shape = node.shape(0)
    axes = node.ints_attribute("axes") or list(range(len(shape)))
    factors: list[Fraction]
    if node.has_input(3) and node.proto.op_type == "Resize":
        sizes = node.integers(3, "sizes")
        axes = [axis_in(axis, len(shape)) for axis in axes]
        factors = [Fraction(size, shape[axis]) for size, axis in zip(sizes, axes, strict=False)]
    elif node.has_input(index):
        given = node.constant(index, "scales").reshape(-1).tolist()
        factors = _fractions(given)
    else:
        attribute = node.attribute("scales", AttributeProto.FLOATS)
        factors = _fractions(attribute.floats) if attribute is not None else []
    if len(factors) != len(axes) or any(f.denominator != 1 or f < 1 for f in factors):
        shown = ", ".join(shortest(float(f)) for f in factors)
        raise RefusalError(
            f"must enlarge {len(axes)} axes by integers, got {shown or 'none'}",
            "resize by integers, to the nearest element",
        )
    scales = [1] * len(shape)
    for axis, factor in zip(axes, factors, strict=True):
        scales[axis_in(axis, len(shape))] = int(factor)
    made = prod(scales) * prod(shape)
    if made > _MOST_ELEMENTS:
        raise RefusalError(f"makes a tensor of {made} elements", "resize by less")
    return scales


def _fractions(scales: Iterable[float]) -> list[Fraction]:
    """Returns scales as fractions.

    Raises:
        RefusalError: one is no finite number.
    """
    given = [float(scale) for scale in scales]
    if not all(map(isfinite, given)):
        shown = ", ".join(map(shortest, given))
        raise RefusalError(f"scales must be finite, got {shown}", _NOT_VALID)
    return [Fraction(scale) for scale in given]
