"""What Yosys makes of a design, by layer; kept in `build/`, as it takes long."""

import hashlib
import json
import re
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.common import REPOSITORY
from qcompiler.backends.simulators import RtlDesign
from qcompiler.backends.synthesis.flow import prepare
from qcompiler.backends.synthesis.netlist import GLUE, read_netlist
from qcompiler.backends.synthesis.tools import Limits, SynthesisError
from qcompiler.backends.synthesis.yosys import Job, finishing_script, run_yosys, script
from qcompiler.devices import Device, families
from qcompiler.devices.families import FAMILIES

CACHE = REPOSITORY / "build" / "area"


@dataclass(frozen=True)
class Area:
    """What Yosys found.

    Attributes:
        layers: number of cells by type, by instance of the top module.
        seconds: that it took.
        error: last words of Yosys if it failed or took too long; there are no layers then.
    """

    layers: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    seconds: float = 0.0
    error: str = ""

    def total(self, family: str) -> dict[str, int]:
        """Returns resources of the whole, by kind."""
        cells: Counter[str] = Counter()
        for layer in self.layers.values():
            cells.update(layer)
        return FAMILIES[family].count_cells(cells)

    def by_layer(self, family: str) -> dict[str, dict[str, int]]:
        """Returns resources by layer and kind; what belongs to none is under `GLUE`."""
        return {name: FAMILIES[family].count_cells(cells) for name, cells in self.layers.items()}


def measure(rtl: RtlDesign, device: Device, limits: Limits, *, cached_only: bool = False) -> Area:
    """Returns what Yosys makes of Verilog for a device, from the cache if it is there.

    With `cached_only` nothing is run: what is not there is an error.
    """
    path = CACHE / f"{_key(rtl, device)}.json"
    if path.is_file():
        found = Area(**json.loads(path.read_text(encoding="utf-8")))
        if cached_only or not found.error or found.seconds >= limits.seconds:
            return found
    if cached_only:
        return Area(error="not run yet")
    found = _run(rtl, device, limits)
    CACHE.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found.__dict__), encoding="utf-8")
    return found


def _key(rtl: RtlDesign, device: Device) -> str:
    """Returns a name for everything that the result depends on: not comments."""
    about: list[Any] = [version("pyosys"), device.name]
    for path in sorted([*rtl.sources, *rtl.sources[0].parent.glob("*.mem")]):
        about += [path.name, re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))]
    job = Job(rtl.top, (), device)
    about += script(job)
    for file in sorted(Path(families.__file__).parent.glob(f"_{device.family}_*.py")):
        about.append(file.read_text(encoding="utf-8"))
    about += finishing_script(job)
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def _run(rtl: RtlDesign, device: Device, limits: Limits) -> Area:
    start = time.perf_counter()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "work"
        job = Job(rtl.top, prepare(rtl, folder), device)
        try:
            run_yosys(job, folder, limits, lambda _: None)
        except SynthesisError as error:
            seconds = time.perf_counter() - start
            return Area(error=str(error)[-300:], seconds=round(seconds, 1))
        netlist = read_netlist(folder, rtl.top)
    layers: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, type_ in netlist.types.items():
        layers[netlist.layers[name]][type_] += 1
    ordered = {n: dict(sorted(layers[n].items())) for n in (*netlist.order, GLUE) if n in layers}
    return Area(ordered, round(time.perf_counter() - start, 1))
