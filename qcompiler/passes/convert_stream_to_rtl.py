"""Builds the hardware: one module per process, and a top module with AXI4-Stream ports.

Before:
```mlir
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1> {
  %y = stream.fifo %x depth 2 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
}
```
After: (one `hw.module` per process, here the FIFO, with the register slice they share, and the top)
Requires: insert-width-adapters, size-fifos.
Keeps: every integer, for every pattern of stalls.
Leaves alone: modules without a streaming core. The host's functions are dropped: what they do is in
the driver.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from xdsl.context import Context
from xdsl.dialects import func, hw
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.analysis.sources import (
    identifier,
    model_nodes,
    own_nodes,
    source_node,
    source_of,
)
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
from qcompiler.rtl.blocks.mvau import MvauConfig, WeightCode, build_mvau, styled_code
from qcompiler.rtl.blocks.rearrange import ReorderConfig, build_reorder, build_slice
from qcompiler.rtl.blocks.reduction import ReductionConfig, build_reduction
from qcompiler.rtl.blocks.requantize import RequantizeConfig, build_requantize
from qcompiler.rtl.blocks.sliding_window import SlidingWindowConfig, build_sliding_window
from qcompiler.rtl.blocks.top import BlockInstance, TopConfig, build_top
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


def _describe(channel: stream.ChannelType) -> str:
    kind = "int" if channel.element.signed else "uint"
    frame = " x ".join(map(str, channel.frame_shape))
    bounds = f"[{channel.element.lo.data}, {channel.element.hi.data}]"
    return (
        f"frame {frame} of {kind}{channel.element.width_bits} {bounds}, {channel.lanes.data} a beat"
    )


def _of_groups(groups: int) -> str:
    return f", {groups} groups" if groups > 1 else ""


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
    if isinstance(process, stream.MvauOp):
        lines.append(
            f"MW = {process.mw}, MH = {process.mh}, PE = {process.pe.value.data}, "
            f"SIMD = {process.simd.value.data}{_of_groups(process.groups.value.data)}"
        )
    elif isinstance(process, stream.AddOp):
        lines.append("y = {} * in0 + {} * in1".format(*process.factors))
    lines += [
        *(f"input:  {_describe(channel)}" for channel in process.input_channels),
        *(f"output: {_describe(channel)}" for channel in process.output_channels),
        f"{schedule.cycles} cycles a frame, latency {schedule.latency} cycles",
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
        ),
    )


def _weight_code(op: stream.MvauOp) -> WeightCode | None:
    style = op.attributes.get("stream.style")
    if not isinstance(style, StringAttr):
        return None
    try:
        return styled_code(style.data, op.weights_op.array)
    except ValueError as error:
        raise ModelError([Problem(source_of(op), str(error), "load its plugin")]) from None


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
        ),
    )


_POOLS: dict[str, Literal["max", "sum"]] = {"max": "max", "sum": "sum"}


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


def _check(network: Network) -> None:
    """Raises ModelError where the network is not ready for hardware, all places at once."""
    problems = [
        Problem(
            name,
            f"takes {wanted} lanes, but its channel has {channel.lanes.data}",
            "run insert-width-adapters first",
        )
        for name, process in network.named()
        for wanted, channel in zip(process.wanted_lanes, process.input_channels, strict=True)
        if wanted != channel.lanes.data
    ]
    problems += [
        Problem(
            name, "one of its outputs has several readers", "put a stream.duplicate between them"
        )
        for name, process in network.named()
        if any(len(list(result.uses)) > 1 for result in process.results)
    ]
    problems += [
        Problem(name, f"no hardware is known for {process.name}", "remove the operation")
        for name, process in network.named()
        if type(process) not in _BUILDERS and not isinstance(process, stream.ReshapeOp)
    ]
    if not network.processes:
        problems.append(Problem("core", "it has no process", "compile a network with a layer"))
    if problems:
        raise ModelError(problems)


def _build(place: Place, process: stream.Process) -> hw.HWModuleOp:
    """Returns the module of a process; it and those made for it alone know its source nodes."""
    shared = set(place.library.modules)
    module = place.library.add(_BUILDERS[type(process)](place, process))
    for name, made in place.library.modules.items():
        if name not in shared and name.startswith(place.name):
            made.location = process.location
    return module


@dataclass(frozen=True)
class ConvertStreamToRtlPass(ModulePass):
    """Builds the hardware: one module per process, and a top module with AXI4-Stream ports."""

    name = "convert-stream-to-rtl"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        _check(network)
        name = op.attributes.get("nn.name")
        top = identifier(name.data, "network") if isinstance(name, StringAttr) else "network"
        nodes = model_nodes(op)
        library = Library()
        blocks: list[BlockInstance] = []
        wires: dict[SSAValue, SSAValue] = {}
        for instance, process in network.named():
            sources = [wires.get(operand, operand) for operand in process.operands]
            if isinstance(process, stream.ReshapeOp):
                wires[process.result] = sources[0]
                continue
            place = Place(library, top, f"{top}_{instance}", _comment(process, nodes))
            module = _build(place, process)
            blocks.append(BlockInstance(instance, module, sources, process.results))
        outputs = [wires.get(value, value) for value in network.outputs]
        config = TopConfig(top, _top_comment(network), network.inputs, outputs, blocks)
        library.add(build_top(config))
        for function in list(op.ops):
            if isinstance(function, func.FuncOp | stream.WeightsOp):
                function.detach()
                function.erase(safe_erase=False)
        op.body.block.add_ops(library.modules.values())


def _top_comment(network: Network) -> tuple[str, ...]:
    lines = ["Generated by qcompiler: a streaming network, bit-exact with its model."]
    for kind, ports in (("s_axis", network.inputs), ("m_axis", network.outputs)):
        lines += [
            f"{kind}_{i}: {_describe(stream.channel_of(value))}" for i, value in enumerate(ports)
        ]
    return tuple(lines)
