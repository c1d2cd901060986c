"""DeformConv and GridSample: samples at positions that the network computes."""

from xdsl.ir import SSAValue

from qcompiler.arith.windows import Window
from qcompiler.dialects import nn
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.ops.windows import kernel_of, window_of, with_bias
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"


@importer("", "DeformConv")
def _deform_conv(node: NodeContext) -> Value:
    x, weights, offsets = (node.operand(index) for index in range(3))
    mask = node.operand(4) if node.has_input(4) else None
    shape, w = shape_of(x.type), shape_of(weights.type)
    if len(shape) != 4 or len(w) != 4:
        raise RefusalError(
            f"input and weights must have two spatial dimensions, got shapes {list(shape)} and "
            f"{list(w)}",
            "use 2-D deformable layers",
        )
    window = window_of(node, kernel_of(node, w[2:]), shape[2:])
    group, parts = node.int_attribute("group", 1), node.int_attribute("offset_group", 1)
    nn.verify_groups(group, shape[1], w[0], w[1])
    _check_offsets(window, shape, (offsets, mask), parts)
    geometry = nn.SampleGeometry(
        _pair(window.kernel),
        _pair(window.strides),
        _pair(window.dilations),
        _pair(window.pads_begin),
    )
    samples = node.emit(nn.SampleOp(x, offsets, mask, geometry, offset_groups=parts))
    ones, zeros = (1, 1), (0, 0)
    side_by_side = Window(window.kernel, window.kernel, ones, zeros, zeros)
    y = node.emit(nn.ConvOp(samples, weights, side_by_side, group))
    return with_bias(node, y, node.operand(3)) if node.has_input(3) else y


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    rows, columns = values
    return rows, columns


def _check_offsets(
    window: Window,
    x: tuple[int, ...],
    given: tuple[SSAValue, SSAValue | None],
    parts: int,
) -> None:
    """Raises RefusalError unless offsets and mask have one entry per window, group and tap."""
    if parts < 1 or x[1] % parts:
        raise RefusalError(f"offset_group must divide {x[1]} channels, got {parts}", _NOT_VALID)
    made = window.output_shape(x[2:])
    for name, value, each in (("offset", given[0], 2), ("mask", given[1], 1)):
        wanted = (x[0], each * window.taps * parts, *made)
        if value is not None and shape_of(value.type) != wanted:
            raise RefusalError(
                f"{name} must have shape {list(wanted)}, got {list(shape_of(value.type))}",
                _NOT_VALID,
            )


_MODES = {"bilinear": "bilinear", "linear": "bilinear", "nearest": "nearest"}


@importer("", "GridSample")
def _grid_sample(node: NodeContext) -> Value:
    x, grid = node.operand(0), node.operand(1)
    mode = node.string_attribute("mode", "linear") or "linear"
    padding = node.string_attribute("padding_mode", "zeros") or "zeros"
    corners = bool(node.int_attribute("align_corners", 0))
    shape, given = shape_of(x.type), shape_of(grid.type)
    if len(shape) != 4 or len(given) != 4 or given[3] != 2 or given[0] != shape[0]:
        raise RefusalError(
            f"input must have shape [N, C, H, W] and grid [N, H, W, 2], got {list(shape)} and "
            f"{list(given)}",
            "use 2-D grids",
        )
    if mode not in _MODES:
        raise RefusalError(f"mode {mode} is not supported", "use linear (bilinear) or nearest")
    if padding not in ("zeros", "border"):
        raise RefusalError(
            f"padding_mode {padding} is not supported", "use zeros or border, or a Pad before it"
        )
    return _sampled_grid(node, x, grid, _MODES[mode], corners=corners, border=padding == "border")


def _sampled_grid(
    node: NodeContext, x: SSAValue, grid: SSAValue, mode: str, *, corners: bool, border: bool
) -> SSAValue:
    """Emits the samples at a grid of (x, y), of which -1 and 1 are the ends of the input."""
    kind = "grid_corners" if corners else "grid"
    geometry = nn.SampleGeometry()
    positions = node.emit(nn.TransposeOp(grid, [0, 3, 1, 2]))
    return node.emit(
        nn.SampleOp(x, positions, None, geometry, positions=kind, mode=mode, border=border)
    )
