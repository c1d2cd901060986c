"""Both simulators, on the same designs: what they give, and that they agree on every cycle."""

import shutil

import numpy as np
import pytest
from msgspec.structs import replace

from qcompiler.backends.simulators import SimulationError, simulator

ICARUS = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
BOTH = pytest.mark.parametrize("name", ["verilator", pytest.param("icarus", marks=ICARUS)])
STALLS = {"stall_probability_in": 0.4, "stall_probability_out": 0.3}


@BOTH
def test_data_survives_stalls(name, make_design, make_stimulus):
    design = make_design("passthrough")
    for options in ({}, STALLS, {**STALLS, "seed": 5}, {"frame_gap_cycles": 3}):
        stimulus = make_stimulus(design, **options)
        result = simulator(name).run(design, stimulus)
        assert np.array_equal(result.frames["m_axis_0"], stimulus.frames["s_axis_0"])
        assert result.tlast_errors == []


@BOTH
def test_cycles_are_counted(name, make_design, make_stimulus):
    design = make_design("adder")
    result = simulator(name).run(design, make_stimulus(design, n_frames=4))
    assert result.latency_cycles == 3 + 3
    assert result.cycles_per_frame == 4.0
    assert result.first_in_cycle.tolist() == [0, 4, 8, 12]
    assert result.last_out_cycle.tolist() == [6, 10, 14, 18]
    result = simulator(name).run(design, make_stimulus(design, n_frames=4, frame_gap_cycles=3))
    assert result.first_in_cycle.tolist() == [0, 7, 14, 21]


@BOTH
def test_memory_contents_are_read_when_it_runs(name, make_design, make_stimulus):
    design = make_design("adder")
    stimulus = make_stimulus(design)
    for constant in (5, 9):
        (design.sources[0].parent / "adder_rom.mem").write_text(f"{constant:02x}\n")
        result = simulator(name).run(design, stimulus)
        assert np.array_equal(result.frames["m_axis_0"], stimulus.frames["s_axis_0"] + constant)
    (design.sources[0].parent / "adder_rom.mem").unlink()
    with pytest.raises(SimulationError, match=r"adder_rom\.mem"):
        simulator(name).run(design, stimulus)


@BOTH
def test_wide_beats(name, make_design, make_stimulus):
    design = make_design("passthrough", width_bits=130)
    stimulus = make_stimulus(design, **STALLS)
    result = simulator(name).run(design, stimulus)
    assert np.array_equal(result.frames["m_axis_0"], stimulus.frames["s_axis_0"])


@BOTH
@pytest.mark.parametrize(
    ("top", "message"),
    [
        ("drops_valid", "handshake rule broken on m_axis_0: in cycle .*TVALID fell"),
        ("valid_in_reset", "handshake rule broken on m_axis_0: TVALID is .* during reset"),
        ("deadlocks", r"no beat on any port for 500 .* s_axis_0 \d+ of 80, m_axis_0 \d+ of 80"),
    ],
)
def test_broken_designs_are_named(name, top, message, make_design, make_stimulus):
    design = make_design(top)
    stimulus = make_stimulus(design, timeout_cycles=500, stall_probability_out=0.5)
    with pytest.raises(SimulationError, match=message):
        simulator(name).run(design, stimulus)


@BOTH
def test_wrong_tlast_is_listed(name, make_design, make_stimulus):
    design = make_design("wrong_last")
    stimulus = make_stimulus(design)
    stimulus.frames["s_axis_0"][:] = 0
    stimulus.frames["s_axis_0"][1, 2] = 7
    stimulus.frames["s_axis_0"][3, 3] = 7
    errors = simulator(name).run(design, stimulus).tlast_errors
    assert errors == [("m_axis_0", 1, 2, True), ("m_axis_0", 3, 3, False)]
    assert "TLAST set before the end of frame 1" in str(errors[0])


@ICARUS
def test_simulators_agree_on_every_cycle(make_design, make_stimulus):
    design = make_design("adder")
    stimulus = make_stimulus(design, n_frames=50, frame_gap_cycles=2, **STALLS)
    one, two = (simulator(name).run(design, stimulus) for name in ("verilator", "icarus"))
    for field in ("first_in_cycle", "last_in_cycle", "first_out_cycle", "last_out_cycle"):
        assert np.array_equal(getattr(one, field), getattr(two, field))
    assert one.cycles_total == two.cycles_total
    other = simulator("verilator").run(design, replace(stimulus, seed=1))
    assert not np.array_equal(one.last_out_cycle, other.last_out_cycle)
