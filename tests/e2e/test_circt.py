"""CIRCT, fed the hw/comb/seq that we print, makes Verilog that behaves as ours does."""

from pathlib import Path

import numpy as np
import pytest
from rtl_testing import circt_verilog

import qcompiler
from qcompiler.analysis.validation import random_integers
from qcompiler.backends.simulators import RtlDesign

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"


@pytest.mark.simulation
def test_circt_exports_the_same_hardware(tmp_path: Path):
    design = qcompiler.compile(EXAMPLE, cycles=1)  # fully parallel: no memories
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
