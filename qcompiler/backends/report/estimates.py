"""Cycles, latency, area and folding of a design, as data and as the files that this field knows."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from xdsl.dialects.builtin import DictionaryAttr, StringAttr

from qcompiler.analysis.area.estimate import Area, total
from qcompiler.analysis.folding import CHOICE
from qcompiler.analysis.network import Network
from qcompiler.analysis.sources import source_node
from qcompiler.analysis.throughput import Timing
from qcompiler.devices import Device
from qcompiler.dialects import qint, stream


@dataclass(frozen=True)
class LayerReport:
    """One process.

    Attributes:
        name: as in the Verilog and in folding files.
        kind: of process.
        source: node of the model.
        cycles: per frame.
        input, output: types, as text.
        detail: folding, requantizer form, or depth.
        area: estimated LUT, FF, BRAM, DSP; empty if the design has no hardware yet.
    """

    name: str
    kind: str
    source: str
    cycles: int
    input: str
    output: str
    detail: dict[str, Any]
    area: dict[str, int]


@dataclass(frozen=True)
class Report:
    """What is known of a design before synthesis.

    Attributes:
        cycles_per_frame: in steady state.
        fps: frames per second at `mhz`.
        latency_cycles: from the first input beat to the last output beat of a frame, idle start.
        bottleneck: the slowest process.
        mhz: assumed clock.
        layers: the processes in order.
        device: that areas are estimated for.
        area: estimated LUT, FF, BRAM, DSP of the whole; empty if the design has no hardware yet.
        capacity: the same of the device.
        choice: in words, what bounds the folding and its neighbours; empty without a search.
    """

    cycles_per_frame: int
    fps: float
    latency_cycles: int
    bottleneck: str
    mhz: float
    layers: tuple[LayerReport, ...]
    device: str
    area: dict[str, int]
    capacity: dict[str, int]
    choice: dict[str, str]

    def files(self) -> dict[str, Any]:
        """Returns the contents of the report files by name."""
        foldings = {
            layer.name: {"PE": layer.detail["PE"], "SIMD": layer.detail["SIMD"]}
            for layer in self.layers
            if "SIMD" in layer.detail
        }
        return {
            "estimate_layer_cycles.json": {layer.name: layer.cycles for layer in self.layers},
            "estimate_layer_resources.json": {
                **{layer.name: layer.area for layer in self.layers if layer.area},
                "total": self.area,
            },
            "estimate_network_performance.json": {
                "critical_path_cycles": self.latency_cycles,
                "max_cycles": self.cycles_per_frame,
                "max_cycles_node_name": self.bottleneck,
                "estimated_throughput_fps": self.fps,
                "estimated_latency_ns": self.latency_cycles * 1e3 / self.mhz,
                "clock_mhz": self.mhz,
                "device": self.device,
                "folding_choice": self.choice,
            },
            "folding_config.json": {"Defaults": {}, **foldings},
            "layers.json": [asdict(layer) for layer in self.layers],
        }


def type_name(element: qint.IntType) -> str:
    """Returns a range type in the field's words, e.g. INT6 or UINT2."""
    return f"{'INT' if element.signed else 'UINT'}{element.width_bits}"


def _channel(channel: stream.ChannelType) -> str:
    frame = "x".join(map(str, channel.frame_shape))
    return f"{frame} {type_name(channel.element)}, {channel.lanes.data} lanes"


def _detail(process: stream.Process) -> Iterator[tuple[str, Any]]:
    if isinstance(process, stream.MvauOp):
        yield from (
            ("MW", process.mw),
            ("MH", process.mh),
            ("PE", process.pe.value.data),
            ("SIMD", process.simd.value.data),
            ("reuse_factor", process.folds[0] * process.folds[1]),
        )
    elif isinstance(process, stream.VvauOp | stream.PoolOp):
        lanes = process.output_channel.lanes.data
        yield from (("PE", lanes), ("SIMD", process.simd.value.data))
    elif isinstance(process, stream.RequantizeOp):
        forms = [op.name.removeprefix("qint.") for op in process.scalar_body.operations]
        yield "form", ", ".join(forms)
    elif isinstance(process, stream.FifoOp):
        yield "depth", process.depth.value.data


@dataclass(frozen=True)
class Estimates:
    """What a report is made of.

    Attributes:
        network: the processes.
        timing: cycles and latency.
        mhz: assumed clock.
        device: that areas are for.
        areas: by layer, `GLUE` for the top module; empty without hardware.
    """

    network: Network
    timing: Timing
    mhz: float
    device: Device
    areas: Mapping[str, Area]


def build_report(found: Estimates) -> Report:
    """Returns the report of a streaming network."""
    layers = tuple(
        LayerReport(
            name,
            process.name.removeprefix("stream."),
            source_node(process) or "",
            process.cycles_per_frame,
            "; ".join(map(_channel, process.input_channels)),
            "; ".join(map(_channel, process.output_channels)),
            dict(_detail(process)),
            found.areas[name].as_dict() if name in found.areas else {},
        )
        for name, process in found.network.named()
    )
    timing = found.timing
    return Report(
        timing.cycles_per_frame,
        found.mhz * 1e6 / timing.cycles_per_frame,
        timing.latency_cycles,
        timing.bottleneck,
        found.mhz,
        layers,
        found.device.name,
        total(found.areas.values()).as_dict() if found.areas else {},
        found.device.capacity(),
        _choice(found.network),
    )


def _choice(network: Network) -> dict[str, str]:
    found = network.core.attributes.get(CHOICE)
    if not isinstance(found, DictionaryAttr):
        return {}
    return {n: v.data for n, v in found.data.items() if isinstance(v, StringAttr)}
