"""What became of a layer: types, folding, cycles and what bounds them, requantizer, FIFOs, area."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue

from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.analysis.foldable_layers import Folding, Layer
from qcompiler.analysis.network import Network
from qcompiler.analysis.requantizer_alternatives import reconsider
from qcompiler.backends.report.estimates import type_name
from qcompiler.backends.report.found import Data, Found
from qcompiler.dialects import qint, stream
from qcompiler.provenance.sources import own_nodes


@dataclass(frozen=True)
class Known:
    """What a layer is explained from.

    Attributes:
        found: the files of the report.
        network: the processes.
        qint: the module at the level qint, None if the design began later.
        cost: what forms take on the device that was asked for, if one was.
    """

    found: Found
    network: Network
    qint: ModuleOp | None
    cost: DeviceCost | None


def explain_layer(known: Known, name: str, process: stream.Process) -> dict[str, Any]:
    """Returns all that is known of a process, by what it is about, as far as it applies."""
    told: dict[str, Any] = {
        "name": name,
        "kind": process.name.removeprefix("stream."),
        "nodes": list(own_nodes(process)),
        "inputs": [_channel(channel) for channel in process.input_channels],
        "outputs": [_channel(channel) for channel in process.output_channels],
        "cycles": _cycles(known, name, process),
    }
    if isinstance(process, stream.Foldable):
        told["folding"] = _folding(known, process)
    if isinstance(process, stream.RequantizeOp):
        told["requantizer"] = _requantizer(known, process)
    told |= process.details
    told["fifos"] = _fifos(known, process)
    told["area"] = _area(known.found, name)
    return told


def _channel(channel: stream.ChannelType) -> dict[str, Any]:
    element = channel.element
    return {
        "frame": list(channel.frame_shape),
        "type": type_name(element),
        "range": [element.lo.data, element.hi.data],
        "lanes": channel.lanes.data,
        "beats": channel.beats,
    }


def _cycles(known: Known, name: str, process: stream.Process) -> dict[str, Any]:
    own, period = process.cycles_per_frame, known.found.cycles
    slowest = known.found.bottleneck
    if name == slowest:
        bound = "it is the slowest: the rate of the whole"
    elif own == period:
        bound = f"as slow as {slowest}: both bound the rate"
    else:
        bound = f"it waits for {slowest}, the slowest, with {period}"
    return {"own": own, "of": period, "made of": process.pace, "bound": bound}


def _folding(known: Known, process: stream.Foldable) -> Data:
    layer, period = Layer.of(process), known.found.cycles
    own, now = process.cycles_per_frame, layer.chosen
    others = [(folding, layer.cycles(folding)) for folding in layer.foldings]

    def size(folding: Folding) -> int:
        return folding.pe * folding.simd

    slower = [(f, c) for f, c in others if size(f) < size(now)]
    faster = [(f, c) for f, c in others if c < own]
    down = min(slower, key=lambda e: (e[1], size(e[0])), default=None)
    up = max(faster, key=lambda e: (e[1], -size(e[0])), default=None)
    if down is None:
        why = "nothing smaller is legal"
    elif down[1] > period:
        why = f"the next smaller one would take {down[1]} cycles, more than the {period} of a frame"
    else:
        why = "a smaller one would keep the rate, too: it was given, or is cheaper as it is"
    return {
        "PE": now.pe,
        "SIMD": now.simd,
        **({} if now.style is None else {"style": now.style}),
        "legal": {"PE": list(layer.pe), "SIMD": list(layer.simd)},
        "smaller": _step(down),
        "faster": _step(up),
        "why": why,
    }


def _step(step: tuple[Folding, int] | None) -> Data | None:
    return None if step is None else {"PE": step[0].pe, "SIMD": step[0].simd, "cycles": step[1]}


def _requantizer(known: Known, process: stream.RequantizeOp) -> Data:
    """Returns the form of a requantizer; with the others if the level qint is there to tell."""
    (scalar,) = process.scalar_body.operations or (None,)
    if not isinstance(scalar, qint.RequantizerOp):
        return {"form": "", "words": "scalar operations, one after the other", "others": []}
    kind = scalar.name.removeprefix("qint.")
    tensors = known.qint and _same_on_tensors(known, process, scalar)
    if not tensors:
        return {"form": kind, "words": "", "others": []}
    channel = process.input_channel
    if known.cost is None:
        choice = reconsider(tensors)
    else:
        cost = replace(known.cost, cycles=max(1, known.found.cycles // channel.beats))
        choice = reconsider(tensors, cost, channel.lanes.data)
    return {
        "form": choice.name,
        "words": choice.words,
        "cost": round(choice.cost, 1),
        "others": [
            {
                "form": other.name,
                "cost": None if other.cost is None else round(other.cost, 1),
                "reason": other.reason,
            }
            for other in choice.others
        ],
    }


def _same_on_tensors(
    known: Known, process: stream.RequantizeOp, scalar: qint.RequantizerOp
) -> qint.RequantizerOp | None:
    """Returns the operation on tensors that a process was made of, by its nodes and place."""
    assert known.qint is not None, "the caller looked"
    wanted = own_nodes(process)
    alike = [
        op
        for op in known.network.processes
        if isinstance(op, stream.RequantizeOp)
        and own_nodes(op) == wanted
        and [inner.name for inner in op.scalar_body.operations] == [scalar.name]
    ]
    found = [
        op
        for op in _core(known.qint)
        if isinstance(op, qint.RequantizerOp) and own_nodes(op) == wanted and op.name == scalar.name
    ]
    return found[alike.index(process)] if len(found) == len(alike) else None


def _core(module: ModuleOp) -> Iterator[Operation]:
    for function in module.ops:
        if isinstance(function, func.FuncOp) and function.sym_name.data == "core":
            yield from function.body.block.ops


def _fifos(known: Known, process: stream.Process) -> Sequence[Data]:
    """Returns the FIFOs in front of a process and behind it, or the process if it is one."""
    names: dict[Operation, str] = {op: name for name, op in known.network.named()}
    before = [value.owner for value in process.operands]
    behind = [use.operation for result in process.results for use in result.uses]
    places = [("itself", process), *(("before", op) for op in before)]
    places += [("behind", op) for op in behind]
    return [
        {
            "place": place,
            "name": names[op],
            "depth": op.depth.value.data,
            "bits a word": op.input_channel.width_bits,
            "from": _maker(known, names, op.input),
            "to": next((names.get(use.operation, "m_axis") for use in op.result.uses), "m_axis"),
        }
        for place, op in places
        if isinstance(op, stream.FifoOp)
    ]


def _maker(known: Known, names: Mapping[Operation, str], value: SSAValue) -> str:
    owner = value.owner
    if isinstance(owner, Operation) and owner in names:
        return names[owner]
    return known.network.input_name(value)


def _area(found: Found, name: str) -> Data:
    """Returns what a layer takes: estimated for the design's device, and as Yosys found."""
    (estimated,) = (layer["area"] for layer in found.layers if layer["name"] == name)
    measured = [
        {"device": run["device"], "estimated": run["estimates"].get(name, {}), "measured": usage}
        for run in found.syntheses
        if (usage := run["layers"].get(name)) is not None
    ]
    return {
        "estimated": dict(estimated),
        "device": found.performance["device"],
        "measured": measured,
    }
