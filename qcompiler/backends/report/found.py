"""What is known of a written design: estimates, and what was measured since."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from qcompiler.backends.layout import Layout
from qcompiler.json_files import read_json

Data = Mapping[str, Any]
KINDS = ("LUT", "FF", "BRAM", "DSP")
"""Resources that are estimated."""


class Found(Struct, frozen=True):
    """Everything that the page of a design tells; entries are those of the files.

    Attributes:
        design: `design.json`.
        layers: `layers.json`.
        performance: `estimate_network_performance.json`.
        area: the estimated total.
        simulated: `rtlsim_performance.json`, None before `qcc verify`.
        netlists: `netlist_DEVICE_performance.json`, in the order of their names.
        syntheses: `synthesis_DEVICE.json`, the newest first.
        viewed: whether `qcc view` has left its page beside.
    """

    design: Data
    layers: list[Data]
    performance: Data
    area: Mapping[str, int]
    simulated: Data | None = None
    netlists: list[Data] = field(default_factory=list[Data])
    syntheses: list[Data] = field(default_factory=list[Data])
    viewed: bool = False

    @staticmethod
    def estimated(design: Data, files: Mapping[str, Any]) -> "Found":
        """Returns what is known without measurements; `files` as `Report.files` has them."""
        return Found(
            design,
            files["layers.json"],
            files["estimate_network_performance.json"],
            files["estimate_layer_resources.json"]["total"],
        )

    @staticmethod
    def read(directory: Path) -> "Found":
        """Returns what the files of a written design say.

        Raises:
            OSError, ValueError, KeyError: one of them is absent or broken.
        """
        layout = Layout(directory)
        folder = layout.reports
        names = (
            "layers.json",
            "estimate_network_performance.json",
            "estimate_layer_resources.json",
        )
        estimated = Found.estimated(
            _read(layout.manifest), {name: _read(folder / name) for name in names}
        )
        simulated = layout.report("rtlsim_performance")
        newest = sorted(
            folder.glob("synthesis_*.json"), key=lambda path: path.stat().st_mtime, reverse=True
        )
        return Found(
            estimated.design,
            estimated.layers,
            estimated.performance,
            estimated.area,
            _read(simulated) if simulated.is_file() else None,
            _all(sorted(folder.glob("netlist_*_performance.json"))),
            _all(newest),
            layout.view.is_file(),
        )

    @property
    def cycles(self) -> int:
        """Predicted cycles a frame."""
        return self.performance["max_cycles"]

    @property
    def bottleneck(self) -> str:
        """The slowest process."""
        return self.performance["max_cycles_node_name"]


def _read(path: Path) -> Any:
    return read_json(path)


def _all(paths: Iterable[Path]) -> list[Data]:
    return [_read(path) for path in paths]
