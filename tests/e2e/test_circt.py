"""CIRCT, fed the hw/comb/seq that we print, makes Verilog that behaves as ours does."""

from pathlib import Path

import numpy as np
import pytest
from rtl_testing import circt_verilog

import qcompiler
from qcompiler.analysis.validation import random_integers
from qcompiler.backends.simulators import RtlDesign
from qcompiler.passes.pipeline import run_passes
from qcompiler.pipelines import DEFAULT

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"
PARALLEL = ("form-pipelines", "build-adder-graphs")


@pytest.mark.simulation
def test_circt_exports_the_same_hardware(tmp_path: Path):
    # Fully parallel, each process by itself: no memories.
    passes = [name for name in DEFAULT if name not in PARALLEL]
    design = qcompiler.compile(EXAMPLE, cycles=1, passes=passes)
    source = tmp_path / f"{design.name}.sv"  # SystemVerilog: always_ff
    source.write_text(circt_verilog(design.level("rtl")), encoding="utf-8")
    by_circt = RtlDesign(design.name, (source,), tuple(port for port, _ in design.ports))
    (channel,) = (c for port, c in design.ports if port.direction == "in")
    rng = np.random.default_rng(0)
    integers = [random_integers(channel.element.range, (200, *channel.frame_shape), rng)]
    stalls = {"stall_probability_in": 0.3, "stall_probability_out": 0.3}
    (expected,) = design.core(integers)
    (theirs,), their_result = design.simulate_rtl(by_circt, integers, tool="verilator", **stalls)
    (ours,), our_result = design.simulate_core(integers, **stalls)
    assert np.array_equal(ours, expected.reshape(ours.shape))
    assert np.array_equal(theirs, ours)
    assert np.array_equal(their_result.last_out_cycle, our_result.last_out_cycle)


def test_circt_reads_sums_of_pipelines(tmp_path: Path):
    text = (
        "network n(x: int4[1, 3] scale 1) {\n"
        "  w: int4[3, 2] scale 1 = [[1, -3], [5, 0], [-7, 2]]\n"
        "  return matmul(x, w)\n}\n"
    )
    (tmp_path / "n.qnn").write_text(text)
    hardware = qcompiler.compile(tmp_path / "n.qnn", cycles=1).level("rtl")
    (core,) = (op for op in hardware.ops if op.sym_name.data.endswith("_core"))
    inside = {op.module_name.root_reference.data for op in core.walk() if op.name == "hw.instance"}
    for op in list(hardware.ops):
        if op is not core and op.sym_name.data not in inside:
            op.detach()
    run_passes(hardware, ["expand-shift-adds"])
    assert f"module {core.sym_name.data}" in circt_verilog(hardware)
