"""Cycles, latency, area and folding of a design, found in its network."""

from dataclasses import asdict
from typing import Any

from xdsl.dialects.builtin import DictionaryAttr, StringAttr
from xdsl.ir import SSAValue

from qcompiler.analysis.area.estimate import total
from qcompiler.analysis.foldable_layers import CHOICE, Layer
from qcompiler.analysis.host_part import host_parts
from qcompiler.analysis.network import Network
from qcompiler.analysis.products import Products, next_smaller
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.report.data import LayerReport
from qcompiler.backends.report.notebook import Report
from qcompiler.backends.weight_sets import weights_told
from qcompiler.dialects import qint, stream
from qcompiler.provenance.sources import source_node


def type_name(element: qint.IntType) -> str:
    """Returns a range type in the field's words, e.g. INT6 or UINT2."""
    return f"{'INT' if element.signed else 'UINT'}{element.width_bits}"


def _channel(channel: stream.ChannelType) -> str:
    frame = "x".join(map(str, channel.frame_shape))
    return f"{frame} {type_name(channel.element)}, {channel.lanes.data} lanes"


def _detail(process: stream.Process) -> dict[str, Any]:
    styles = {"style": process.style, "ram_style": process.ram_style}
    return {**{k: style for k, style in styles.items() if style is not None}, **process.facts}


def _element(channel: stream.ChannelType) -> dict[str, int]:
    element = channel.element
    return {
        "bits": element.width_bits,
        "lo": element.lo.data,
        "hi": element.hi.data,
        "lanes": channel.lanes.data,
    }


def _products(process: stream.Process, cycles: int) -> dict[str, Any]:
    """Returns what a process multiplies; `cycles` are those of the slowest process."""
    found = Products.of(process)
    if found is None or not isinstance(process, stream.Foldable):
        return {}
    smaller = next_smaller(Layer.of(process))
    fewer = None
    if smaller is not None:
        fewer = {"multipliers": smaller[0].pe * smaller[0].simd, "cycles": smaller[1]}
    return {
        **asdict(found),
        "efficiency": round(found.efficiency(cycles), 4),
        "useful": round(found.useful(cycles), 4),
        "fewer": fewer,
    }


def build_report(design: CompiledDesign) -> Report:
    """Returns the report of a design that has a stream level."""
    timing, areas = design.timing, design.areas
    network = design.network
    makers: dict[SSAValue, str] = {value: network.input_name(value) for value in network.inputs}
    layers: list[LayerReport] = []
    for name, process in design.network.named():
        makers.update(dict.fromkeys(process.results, name))
        area = areas[name].as_dict() if name in areas else {}
        layers.append(
            LayerReport(
                name,
                process.name.removeprefix("stream."),
                source_node(process) or "",
                process.cycles_per_frame,
                "; ".join(map(_channel, process.input_channels)),
                "; ".join(map(_channel, process.output_channels)),
                _detail(process),
                area,
                [makers[value] for value in process.operands],
                _element(process.output_channels[0]),
                _products(process, timing.cycles_per_frame),
            )
        )
    return Report(
        timing.cycles_per_frame,
        design.mhz * 1e6 / timing.cycles_per_frame,
        timing.latency_cycles,
        timing.bottleneck,
        design.mhz,
        tuple(layers),
        design.device.name,
        total(areas.values()).as_dict() if areas else {},
        design.device.capacity() if design.sized else {},
        _choice(design.network),
        host_parts(design.model),
        weights_told(network, timing.cycles_per_frame, design.mhz),
    )


def _choice(network: Network) -> dict[str, str]:
    found = network.core.attributes.get(CHOICE)
    if not isinstance(found, DictionaryAttr):
        return {}
    return {n: v.data for n, v in found.data.items() if isinstance(v, StringAttr)}
