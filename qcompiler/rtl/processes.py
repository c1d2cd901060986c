"""Which hardware block each process of the stream dialect becomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xdsl.dialects import hw

from qcompiler.analysis.sources import own_nodes, place_of, source_node
from qcompiler.dialects import qint, stream
from qcompiler.dialects.stream.line_buffer import rows_wanted
from qcompiler.errors import ModelError, Problem
from qcompiler.rtl.blocks.fifo import build_fifo
from qcompiler.rtl.blocks.joins import (
    ElementwiseConfig,
    build_add,
    build_concat,
    build_duplicate,
    build_mul,
)
from qcompiler.rtl.blocks.label_select import LabelSelectConfig, build_label_select
from qcompiler.rtl.blocks.mvau import MvauConfig, build_mvau
from qcompiler.rtl.blocks.rearrange import ReorderConfig, build_reorder, build_slice
from qcompiler.rtl.blocks.reduction import ReductionConfig, build_reduction
from qcompiler.rtl.blocks.requantize import RequantizeConfig, build_requantize
from qcompiler.rtl.blocks.sliding_window import SlidingWindowConfig, build_sliding_window
from qcompiler.rtl.blocks.weight_codes import WeightCode, styled_code
from qcompiler.rtl.blocks.width_adapter import build_width_adapter
from qcompiler.rtl.streaming import Library


@dataclass(frozen=True)
class Place:
    """Where a process's module goes, and what its head says.

    Attributes:
        library: of the modules so far, for those that blocks share.
        top: name of the design, the prefix of shared modules.
        name: of the module to build.
        comment: header lines.
    """

    library: Library
    top: str
    name: str
    comment: tuple[str, ...]


def describe(channel: stream.ChannelType) -> str:
    """Returns what flows through a channel, for the heads of modules."""
    kind = "int" if channel.element.signed else "uint"
    frame = " x ".join(map(str, channel.frame_shape))
    bounds = f"[{channel.element.lo.data}, {channel.element.hi.data}]"
    return (
        f"frame {frame} of {kind}{channel.element.width_bits} {bounds}, {channel.lanes.data} a beat"
    )


_MOST_NAMES = 6


def _merged(process: stream.Process, nodes: Mapping[str, str]) -> list[str]:
    """Returns the lines that name the nodes which passes have merged into a process."""
    names = [name for name in own_nodes(process)[1:] if name in nodes]
    lines = [f"  with {name} (ONNX {nodes[name]})" for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        lines.append(f"  and {len(names) - _MOST_NAMES} more, see map.json")
    return lines


def _comment(process: stream.Process, nodes: Mapping[str, str]) -> tuple[str, ...]:
    schedule = process.schedule()
    lines = [
        f"{process.name} from {source_node(process) or 'the model'}",
        *_merged(process, nodes),
    ]
    if process.headline:
        lines.append(process.headline)
    lines += [
        *(f"input:  {describe(channel)}" for channel in process.input_channels),
        *(f"output: {describe(channel)}" for channel in process.output_channels),
        f"{schedule.frame_cycles} cycles a frame, latency {schedule.latency} cycles",
    ]
    return tuple(lines)


def _mvau(place: Place, op: stream.MvauOp) -> hw.HWModuleOp:
    return build_mvau(
        place.library,
        MvauConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            accumulator=op.output_channel.element.range,
            weights=op.weights_op.array,
            pe=op.pe.value.data,
            simd=op.simd.value.data,
            groups=op.groups.value.data,
            code=_weight_code(op),
            registers=op.registers,
        ),
    )


def _weight_code(op: stream.MvauOp | stream.VvauOp) -> WeightCode | None:
    if op.style is None:
        return None
    pe = op.pe.value.data if isinstance(op, stream.MvauOp) else 1
    try:
        return styled_code(op.style, op.weights_op.array, op.input_channel.element.range, pe)
    except ValueError as error:
        remedy = "load its plugin, or remove the attribute stream.style"
        raise ModelError([Problem(place_of(op), str(error), remedy)]) from None


def _sliding_window(place: Place, op: stream.SlidingWindowOp) -> hw.HWModuleOp:
    height, width, _ = op.input_channel.frame_shape
    want, free = rows_wanted(op.window, height)
    taps = op.taps_a_beat
    assert taps is not None, "verified"
    return build_sliding_window(
        place.library,
        SlidingWindowConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.output_channel.element.range,
            x_in=op.input_channel.element.range,
            lanes=op.input_lanes,
            spatial=(height, width),
            channel_folds=op.channel_folds,
            window=op.window,
            pad_value=op.pad_value.value.data,
            groups=op.groups.value.data,
            taps=taps,
            buffer_rows=op.buffer_rows,
            want=want,
            free=free,
            registers=op.registers,
        ),
    )


def _reduction(place: Place, op: stream.VvauOp | stream.PoolOp) -> hw.HWModuleOp:
    weights = op.weights_op.array if isinstance(op, stream.VvauOp) else None
    kind = "product" if isinstance(op, stream.VvauOp) else _POOLS[op.kind.data]
    return build_reduction(
        place.library,
        ReductionConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            lanes=op.output_channel.lanes.data,
            taps=op.taps,
            simd=op.simd.value.data,
            kind=kind,
            weights=weights,
            code=None if isinstance(op, stream.PoolOp) else _weight_code(op),
            registers=op.registers,
        ),
    )


_POOLS: dict[str, Literal["max", "sum"]] = {"max": "max", "sum": "sum"}


def _label_select(place: Place, op: stream.LabelSelectOp) -> hw.HWModuleOp:
    return build_label_select(
        place.library,
        LabelSelectConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            lanes=op.input_lanes,
            steps=op.steps,
            last=op.takes_last,
            registers=op.registers,
        ),
    )


def _requantize(place: Place, op: stream.RequantizeOp) -> hw.HWModuleOp:
    (scalar,) = op.scalar_body.operations
    assert isinstance(scalar, qint.RequantizerOp)
    return build_requantize(
        place.library,
        RequantizeConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            x=op.input_channel.element.range,
            y=op.output_channel.element.range,
            channels=op.input_channel.channels,
            lanes=op.input_channel.lanes.data,
            form=scalar.requantizer,
            registers=op.registers,
        ),
    )


def _width_adapter(place: Place, op: stream.WidthAdapterOp) -> hw.HWModuleOp:
    widths = op.input_channel.width_bits, op.output_channel.width_bits
    return build_width_adapter(place.library, place.top, place.name, place.comment, widths)


def _fifo(place: Place, op: stream.FifoOp) -> hw.HWModuleOp:
    return build_fifo(
        place.library,
        place.top,
        place.name,
        place.comment,
        width=op.input_channel.width_bits,
        depth=op.depth.value.data,
    )


def _duplicate(place: Place, op: stream.DuplicateOp) -> hw.HWModuleOp:
    return build_duplicate(
        place.library,
        place.top,
        place.name,
        place.comment,
        width=op.input_channels[0].width_bits,
        count=len(op.results),
    )


def _elementwise(place: Place, op: stream.AddOp | stream.MulOp) -> hw.HWModuleOp:
    first, second = (channel.element.range for channel in op.input_channels)
    (made,) = op.output_channels
    config = ElementwiseConfig(
        prefix=place.top,
        name=place.name,
        comment=place.comment,
        x=(first, second),
        y=made.element.range,
        lanes=made.lanes.data,
    )
    if isinstance(op, stream.AddOp):
        return build_add(place.library, config, op.factors, registered=op.multiplies)
    return build_mul(place.library, config)


def _concat(place: Place, op: stream.ConcatOp) -> hw.HWModuleOp:
    (made,) = op.output_channels
    ranges = [channel.element.range for channel in op.input_channels]
    return build_concat(
        place.library,
        place.top,
        place.name,
        place.comment,
        inputs=list(zip(ranges, op.runs, strict=True)),
        y=made.element.range,
        lanes=made.lanes.data,
    )


def _reorder(place: Place, op: stream.ReorderOp) -> hw.HWModuleOp:
    return build_reorder(
        place.library,
        ReorderConfig(
            prefix=place.top,
            name=place.name,
            comment=place.comment,
            width=op.input_channel.width_bits,
            block=op.block_beats,
            loops=op.beat_loops,
            buffered=stream.BUFFERED_BLOCKS,
            registers=op.registers,
        ),
    )


def _slice(place: Place, op: stream.SliceOp) -> hw.HWModuleOp:
    return build_slice(
        place.library,
        place.top,
        place.name,
        place.comment,
        width=op.input_channel.width_bits,
        bounds=op.beat_bounds,
    )


_BUILDERS: dict[type[stream.Process], Callable[[Place, Any], hw.HWModuleOp]] = {
    stream.MvauOp: _mvau,
    stream.SlidingWindowOp: _sliding_window,
    stream.VvauOp: _reduction,
    stream.PoolOp: _reduction,
    stream.LabelSelectOp: _label_select,
    stream.RequantizeOp: _requantize,
    stream.WidthAdapterOp: _width_adapter,
    stream.FifoOp: _fifo,
    stream.DuplicateOp: _duplicate,
    stream.AddOp: _elementwise,
    stream.MulOp: _elementwise,
    stream.ConcatOp: _concat,
    stream.ReorderOp: _reorder,
    stream.SliceOp: _slice,
}


Hardware = Callable[[Place, Any], hw.HWModuleOp]
"""Builds the module of a process; `Library.add` is called on it afterwards."""


def hardware(*op_types: type[stream.Process]) -> Callable[[Hardware], Hardware]:
    """Returns a decorator that registers how the module of a process is built.

    The module's ports are those of `qcompiler.rtl.streaming.StreamBlock` (`JoinBlock` for several
    inputs), and it keeps to the schedule that the process states.

    Example: `@hardware(CumSumProcess)` above `def _(place, op): b = StreamBlock(...); ...`
    """

    def register(function: Hardware) -> Hardware:
        _BUILDERS.update((op_type, function) for op_type in op_types)
        return function

    return register


def is_known(process: stream.Process) -> bool:
    """Whether `build_process` knows what the process becomes."""
    return type(process) in _BUILDERS


def build_process(
    library: Library,
    top: str,
    name: str,
    process: stream.Process,
    nodes: Mapping[str, str] | None = None,
) -> hw.HWModuleOp:
    """Returns the module of a process, and adds it and those that it needs to the library.

    It and those made for it alone know its source nodes.

    Args:
        library: of the modules so far.
        top: name of the design, the prefix of shared modules.
        name: of the module to build.
        process: which `is_known`.
        nodes: ONNX operation of the model's nodes by name, for the heads of modules.
    """
    place = Place(library, top, name, _comment(process, nodes or {}))
    shared = set(library.modules)
    module = library.add(_BUILDERS[type(process)](place, process))
    for module_name, made in library.modules.items():
        if module_name not in shared and module_name.startswith(name):
            made.location = process.location
    return module
