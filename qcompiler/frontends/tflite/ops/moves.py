"""Operations that move codes without changing them."""

from itertools import accumulate

from xdsl.ir import SSAValue

from qcompiler.dialects import qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.node import NodeContext, importer

_AGAIN = "convert the model again"


def _keeps_codes(node: NodeContext) -> None:
    """Raises RefusalError if codes that only move would mean something else then."""
    activations = [node.input(i) for i in range(len(node.node.inputs)) if node.input(i).scale.size]
    made = [node.output(i).one_scale() for i in range(len(node.node.outputs))]
    if len({*(tensor.one_scale() for tensor in activations), *made}) != 1:
        raise RefusalError("its tensors must have one scale and zero point", _AGAIN)


@importer("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
def _reshape(node: NodeContext) -> None:
    _keeps_codes(node)
    node.bind(node.emit(qint.ReshapeOp(node.codes(0), node.output().shape)))


@importer("CONCATENATION")
def _concat(node: NodeContext) -> None:
    _keeps_codes(node)
    if node.node.number("FusedActivationFunction"):
        raise RefusalError("a fused activation is not supported here", "put it before")
    parts = [node.codes(i) for i in range(len(node.node.inputs))]
    axis = _axis(node, node.node.number("Axis"))
    node.bind(node.emit(qint.ConcatOp(parts, axis)))


def _axis(node: NodeContext, axis: int) -> int:
    rank = len(node.output().shape)
    if not -rank <= axis < rank:
        raise RefusalError(f"axis must be in [{-rank}, {rank - 1}], got {axis}", _AGAIN)
    return axis % rank


@importer("STRIDED_SLICE")
def _strided_slice(node: NodeContext) -> None:
    _keeps_codes(node)
    number = node.node.number
    masks = ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset")
    if any(number(name) for name in masks):
        raise RefusalError("only slices that keep every axis are supported", "slice with a range")
    shape = node.input(0).shape
    rank = len(shape)
    begins, ends, steps = (
        node.integers(i, what, rank) for i, what in enumerate(("begin", "end", "strides"), 1)
    )
    if min(steps) < 1:
        raise RefusalError(f"strides must be positive, got {steps}", "slice forwards")
    bounds: list[tuple[int, int, int]] = []
    for axis, extent in enumerate(shape):
        start = None if number("BeginMask") >> axis & 1 else begins[axis]
        stop = None if number("EndMask") >> axis & 1 else ends[axis]
        bounds.append(slice(start, stop, steps[axis]).indices(extent))
    node.bind(_sliced(node, node.codes(0), bounds))


def _sliced(node: NodeContext, codes: SSAValue, bounds: list[tuple[int, int, int]]) -> SSAValue:
    if any(stop <= start for start, stop, _ in bounds):
        raise RefusalError("it keeps nothing", _AGAIN)
    whole = [(0, extent, 1) for extent in shape_of(codes.type)]
    if bounds == whole:
        return codes
    return node.emit(qint.SliceOp(codes, *(list(part) for part in zip(*bounds, strict=True))))


@importer("SPLIT_V")
def _split_v(node: NodeContext) -> None:
    _split(node, node.integers(1, "sizes"), node.integers(2, "axis", 1)[0], 0)


@importer("SPLIT")
def _split_evenly(node: NodeContext) -> None:
    count, axis = len(node.node.outputs), node.integers(0, "axis", 1)[0]
    shape = node.input(1).shape
    if not -len(shape) <= axis < len(shape) or not count or shape[axis] % count:
        raise RefusalError(f"{list(shape)} has no {count} parts along axis {axis}", _AGAIN)
    _split(node, [shape[axis] // count] * count, axis, 1)


def _split(node: NodeContext, sizes: list[int], axis: int, index: int) -> None:
    codes, axis = node.codes(index), _axis(node, axis)
    shape = shape_of(codes.type)
    if len(sizes) != len(node.node.outputs) or sum(sizes) != shape[axis] or min(sizes) < 1:
        raise RefusalError(f"sizes {sizes} do not split {list(shape)} along axis {axis}", _AGAIN)
    for part, stop in enumerate(accumulate(sizes)):
        bounds = [(0, extent, 1) for extent in shape]
        bounds[axis] = (stop - sizes[part], stop, 1)
        node.bind(_sliced(node, codes, bounds), part)
