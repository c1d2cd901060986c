"""Which hardware block each process of the stream dialect becomes, and where registers may stand.

A block's file says both with the decorators here; `qcompiler.rtl.build` asks for them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct
from xdsl.dialects import hw

from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import stream
from qcompiler.provenance.sources import own_nodes, source_node, spoken_kind
from qcompiler.rtl.streaming import Library


class Place(Struct, frozen=True):
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


Hardware = Callable[[Place, Any], hw.HWModuleOp]
"""Builds the module of a process; `Library.add` is called on it afterwards."""

Rule = Callable[[DelayModel, Any], dict[str, int]]
"""Returns how many registers stand at each cut of a process's hardware."""

builders: dict[type[stream.Process], Hardware] = {}
rules: dict[type[stream.Process], Rule] = {}


def hardware(*op_types: type[stream.Process]) -> Callable[[Hardware], Hardware]:
    """Returns a decorator that registers how the module of a process is built.

    The module's ports are those of `qcompiler.rtl.streaming.StreamBlock` (`JoinBlock` for several
    inputs), and it keeps to the schedule that the process states.

    Example: `@hardware(CumSumProcess)` above `def _(place, op): b = StreamBlock(...); ...`
    """

    def register(function: Hardware) -> Hardware:
        builders.update((op_type, function) for op_type in op_types)
        return function

    return register


def pipelining(*op_types: type[stream.Process]) -> Callable[[Rule], Rule]:
    """Returns a decorator that registers where a process's hardware needs registers.

    What the rule returns becomes `Process.registers`: the hardware has to put so many there, and
    each adds a cycle to the latency (`Process.added_latency`).

    Example: `@pipelining(CumSumProcess)` above `def _(model, op): return {"sum": 1}`
    """

    def register(rule: Rule) -> Rule:
        rules.update((op_type, rule) for op_type in op_types)
        return rule

    return register


Placement = Callable[[DelayModel, Any], None]
"""Says in a process itself where registers stand."""

placements: dict[type[stream.Process], Placement] = {}


def placing(*op_types: type[stream.Process]) -> Callable[[Placement], Placement]:
    """Returns a decorator that registers what places the registers inside a process.

    It is for hardware whose places are too many for `pipelining`'s cuts.
    """

    def register(function: Placement) -> Placement:
        placements.update((op_type, function) for op_type in op_types)
        return function

    return register


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
    lines = [f"  with {name} ({spoken_kind(nodes[name])})" for name in names[:_MOST_NAMES]]
    if len(names) > _MOST_NAMES:
        lines.append(f"  and {len(names) - _MOST_NAMES} more, see map.json")
    return lines


def heading(process: stream.Process, nodes: Mapping[str, str]) -> tuple[str, ...]:
    """Returns the lines at the head of a process's module; `nodes` as for `build_process`."""
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
