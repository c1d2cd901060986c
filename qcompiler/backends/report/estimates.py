"""Cycles, latency, area and folding of a design, as data and as the files that this field knows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from xdsl.dialects.builtin import DictionaryAttr, StringAttr
from xdsl.ir import SSAValue

from qcompiler.analysis.area.estimate import Area, total
from qcompiler.analysis.folding import CHOICE, Layer
from qcompiler.analysis.host_part import HostPart
from qcompiler.analysis.network import Network
from qcompiler.analysis.products import Products, next_smaller
from qcompiler.analysis.sources import source_node
from qcompiler.analysis.throughput import Timing
from qcompiler.backends.report.notebook import plot_report, report_html, report_text
from qcompiler.devices import Device
from qcompiler.dialects import qint, stream
from qcompiler.rtl.blocks.weight_codes import LOGIC, PAIRS


@dataclass(frozen=True)
class LayerReport:
    """One process.

    Attributes:
        name: as in the Verilog and in folding files.
        kind: of process.
        source: node of the model.
        cycles: per frame.
        input, output: types, as text.
        detail: folding, requantizer form, window, or depth.
        area: estimated LUT, FF, BRAM, DSP; empty if the design has no hardware yet.
        reads: names of the processes that it takes its inputs from, or `s_axis_N`.
        element: of the first output: `bits`, `lo`, `hi`, and `lanes` in a beat.
        products: of a matrix or vector unit, else empty: `macs` of a frame, of these `padding`,
            `multipliers`, whether it is a `convolution`, `efficiency` (share of the places for
            products that are filled, padding too) and `useful` (without it), and `fewer`: the
            multipliers and cycles of the fastest folding with fewer multipliers, None without.
    """

    name: str
    kind: str
    source: str
    cycles: int
    input: str
    output: str
    detail: dict[str, Any]
    area: dict[str, int]
    reads: list[str]
    element: dict[str, int]
    products: dict[str, Any]


@dataclass(frozen=True, repr=False)
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
        capacity: the same of the device; empty if no device was asked for.
        choice: in words, what bounds the folding and its neighbours; empty without a search.
        host: what the host computes `before`, `beside` and `after` the hardware.
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
    host: dict[str, HostPart]

    def __repr__(self) -> str:
        return report_text(self)

    def _repr_html_(self) -> str:
        """Returns a table for notebooks."""
        return report_html(self)

    def plot(self, axes: Any = None) -> Any:
        """Draws the cycles of each process, and its resources where they are estimated.

        Args:
            axes: of matplotlib, to draw the cycles into; None for a figure with all.

        Returns:
            The axes, or the figure.

        Raises:
            ModelError: matplotlib is not installed.
        """
        return plot_report(self, axes)

    @property
    def bottlenecks(self) -> tuple[str, ...]:
        """All processes that are as slow as the slowest."""
        return tuple(e.name for e in self.layers if e.cycles == self.cycles_per_frame)

    @property
    def mac_efficiency(self) -> float | None:
        """Average of the convolutions' shares of filled places for products; None without any."""
        found = [e.products["efficiency"] for e in self.layers if e.products.get("convolution")]
        return sum(found) / len(found) if found else None

    def files(self) -> dict[str, Any]:
        """Returns the contents of the report files by name."""
        foldings = {
            layer.name: {key: layer.detail[key] for key in ("PE", "SIMD")}
            for layer in self.layers
            if "SIMD" in layer.detail
        }
        for layer in self.layers:
            if layer.detail.get("style") in (LOGIC, PAIRS):  # others are their plug-in's to set
                foldings[layer.name]["style"] = layer.detail["style"]
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
                "max_cycles_node_names": list(self.bottlenecks),
                "estimated_throughput_fps": self.fps,
                "estimated_latency_ns": self.latency_cycles * 1e3 / self.mhz,
                "clock_mhz": self.mhz,
                "device": self.device,
                "capacity": self.capacity,
                "mac_efficiency": self.mac_efficiency,
                "folding_choice": self.choice,
                "host": {side: asdict(part) for side, part in self.host.items()},
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


def _detail(process: stream.Process) -> dict[str, Any]:
    style = {} if process.style is None else {"style": process.style}
    return {**style, **process.facts}


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


@dataclass(frozen=True)
class Estimates:
    """What a report is made of.

    Attributes:
        network: the processes.
        timing: cycles and latency.
        mhz: assumed clock.
        device: that areas are for.
        sized: whether that device was asked for.
        areas: by layer, `GLUE` for the top module; empty without hardware.
        host: what the host computes, see `host_parts`.
    """

    network: Network
    timing: Timing
    mhz: float
    device: Device
    sized: bool
    areas: Mapping[str, Area]
    host: Mapping[str, HostPart]


def build_report(found: Estimates) -> Report:
    """Returns the report of a streaming network."""
    timing = found.timing
    makers: dict[SSAValue, str] = {v: f"s_axis_{i}" for i, v in enumerate(found.network.inputs)}
    layers: list[LayerReport] = []
    for name, process in found.network.named():
        makers.update(dict.fromkeys(process.results, name))
        area = found.areas[name].as_dict() if name in found.areas else {}
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
        found.mhz * 1e6 / timing.cycles_per_frame,
        timing.latency_cycles,
        timing.bottleneck,
        found.mhz,
        tuple(layers),
        found.device.name,
        total(found.areas.values()).as_dict() if found.areas else {},
        found.device.capacity() if found.sized else {},
        _choice(found.network),
        dict(found.host),
    )


def _choice(network: Network) -> dict[str, str]:
    found = network.core.attributes.get(CHOICE)
    if not isinstance(found, DictionaryAttr):
        return {}
    return {n: v.data for n, v in found.data.items() if isinstance(v, StringAttr)}
