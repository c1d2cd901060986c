from pathlib import Path

import numpy as np
import pytest

from qcompiler.backends.simulators import RtlDesign, SimulationResult, Stimulus, StreamPort

IN = StreamPort("s_axis_0", "in", 12, 3)
OUT = StreamPort("m_axis_0", "out", 8, 1)
DESIGN = RtlDesign("top", (Path("top.v"),), (IN, OUT))


def frames(n_frames: int, beats: int = 3) -> dict[str, np.ndarray]:
    return {"s_axis_0": np.zeros((n_frames, beats, 2), np.uint8)}


@pytest.mark.parametrize("name", ["", "1a", "a b", 'a"', "a;system", "a\n"])
def test_names_that_could_be_code_are_refused(name: str):
    with pytest.raises(ValueError, match="plain identifier"):
        StreamPort(name, "in", 8, 1)
    with pytest.raises(ValueError, match="plain identifier"):
        RtlDesign(name, DESIGN.sources, DESIGN.ports)


def test_a_design_needs_both_directions_and_different_names():
    with pytest.raises(ValueError, match="an input and an output"):
        RtlDesign("top", DESIGN.sources, (IN,))
    with pytest.raises(ValueError, match="must differ"):
        RtlDesign("top", DESIGN.sources, (IN, IN, OUT))


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_stall_probability_is_below_one(probability: float):
    with pytest.raises(ValueError, match=r"must be in \[0, 1\)"):
        Stimulus(frames(1), stall_probability_out=probability)


def test_frames_must_fit_the_ports():
    assert Stimulus(frames(2)).n_frames(DESIGN) == 2
    with pytest.raises(ValueError, match=r"shape \(2, 3, 2\), got uint8 of shape \(2, 4, 2\)"):
        Stimulus(frames(2, beats=4)).n_frames(DESIGN)
    with pytest.raises(ValueError, match="at least 1 frame"):
        Stimulus(frames(0)).n_frames(DESIGN)
    with pytest.raises(ValueError, match="need"):
        Stimulus({}).n_frames(DESIGN)


def test_steady_state_looks_at_the_later_half():
    def result(*last_out: int) -> SimulationResult:
        last = np.array(last_out)
        return SimulationResult({}, last - 2, last, last, last, 100)

    assert result(50, 60, 64, 68, 72).cycles_per_frame == 4.0
    assert result(50, 60).cycles_per_frame == 10.0
    assert result(50).latency_cycles == 2
    with pytest.raises(ValueError, match="at least 2 frames"):
        _ = result(50).cycles_per_frame
