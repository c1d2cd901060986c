"""What hardware the study of cropping has: estimates and netlists of its networks."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from qcompiler import compile as compile_model
from qcompiler.analysis.area.process_area import network_area
from qcompiler.analysis.foldable_layers import foldable_layers
from qcompiler.analysis.network import Network
from qcompiler.backends.synthesis.flow import Request, synthesize
from qcompiler.design import Design
from qcompiler.devices import load_device
from qcompiler.errors import ModelError

DEVICE = "ecp5-25k"
LARGER = "ecp5-85k"
"""For hardware of every product."""
KINDS = ("LUT", "FF", "BRAM", "DSP")


def _area(design: Design) -> dict[str, int]:
    area = design.report().area
    return {**{kind: area[kind] for kind in KINDS}, "cycles": design.timing.cycles_per_frame}


def hardware(path: Path, cycles: int) -> dict[str, Any]:
    """Returns estimates at a rate and of the fastest that fits, or why there is none."""
    found: dict[str, Any] = {}
    for name, rate in (("equal", {"cycles": cycles}), ("fastest", {})):
        try:
            found[name] = _area(compile_model(path, device=DEVICE, **rate))
        except ModelError as error:
            found[name] = error.problems[0].what
    return found


def netlist(path: Path, cycles: int) -> dict[str, Any]:
    """Returns what Yosys makes of a network at a rate, and the estimate."""
    design = compile_model(path, device=DEVICE, cycles=cycles)
    return {"yosys": _synthesized(design, DEVICE), "estimate": _area(design)}


def _synthesized(design: Design, device: str) -> dict[str, int]:
    with TemporaryDirectory() as name:
        folder = design.write(Path(name) / "design")
        total = synthesize(folder, Request(load_device(device)), lambda _: None).total
    return {kind: total[kind] for kind in KINDS}


def _widest(path: Path) -> Design:
    """Returns a network with hardware for every product: a pixel of its input a cycle."""
    found: dict[str, dict[str, int]] = {}

    def note(module: ModuleOp) -> None:
        for name, layer in foldable_layers(Network.of(module)).items():
            found[name] = {"PE": layer.widest.pe, "SIMD": layer.widest.simd}

    compile_model(path, pass_before={"select-folding": note})
    with TemporaryDirectory() as name:
        folding = Path(name) / "folding.json"
        folding.write_text(json.dumps(found), encoding="utf-8")
        return compile_model(path, folding=folding)


def parallel(path: Path) -> dict[str, int]:
    """Returns the estimate of hardware for every product."""
    design = _widest(path)
    area = network_area(design.network, load_device(LARGER).family)
    return {"LUT": area.luts, "FF": area.ffs, "cycles": design.timing.cycles_per_frame}


def parallel_netlist(path: Path) -> dict[str, int]:
    """Returns what Yosys makes of it."""
    return _synthesized(_widest(path), LARGER)
