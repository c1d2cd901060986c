"""Synthesizes Verilog with `qcompiler.backends.synthesis` and counts what it takes."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from qcompiler.backends.simulators import RtlDesign
from qcompiler.backends.synthesis.flow import prepare
from qcompiler.backends.synthesis.netlist import read_netlist
from qcompiler.backends.synthesis.tools import Limits, SynthesisError
from qcompiler.backends.synthesis.yosys import Job, run_yosys
from qcompiler.devices import load_device

FLOWS = {"ecp5": "ecp5-85k", "xilinx": "zu3eg"}
"""Names in tables, and the devices that stand for them."""


def synthesize(flow: str, rtl: RtlDesign, limit_seconds: float = 900) -> dict[str, Any]:
    """Returns seconds and resources by kind; {"error": ...} if Yosys fails or is too slow."""
    device = load_device(FLOWS[flow])
    start = time.perf_counter()
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "work"
        job = Job(rtl.top, prepare(rtl, folder), device)
        try:
            run_yosys(job, folder, Limits(limit_seconds), lambda _: None)
        except SynthesisError as error:
            return {"error": str(error)[-300:]}
        total = read_netlist(folder, rtl.top).total(device.family)
    return {"seconds": round(time.perf_counter() - start, 1), **total}
