"""What a report says, as data and as the files that this field knows."""

from dataclasses import asdict, dataclass
from typing import Any

from qcompiler.analysis.host_part import HostPart
from qcompiler.rtl.blocks.shift_codes import SHIFTS
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
class ReportData:
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
        weights: what is elsewhere, as `weights_told` has it; empty if nothing is.
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
    weights: dict[str, Any]

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
            # A requantizer follows its layer; other styles are their plug-in's to set.
            if layer.name in foldings and layer.detail.get("style") in (LOGIC, PAIRS, SHIFTS):
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
                "weights": self.weights,
                "host": {side: asdict(part) for side, part in self.host.items()},
            },
            "folding_config.json": {"Defaults": {}, **foldings},
            "layers.json": [asdict(layer) for layer in self.layers],
        }
