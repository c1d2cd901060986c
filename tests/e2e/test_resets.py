"""Resets at any beat, and stalls at any port: no integer of a later frame changes."""

import numpy as np
import pytest
from gpt_models import Shape, step
from gpt_models import states as caches
from onnx_models import save
from recurrent_nodes import STATES as RECURRENT
from recurrent_nodes import network as recurrent
from recurrent_nodes import parameters
from tflite_layers import streaming

import qcompiler
from qcompiler.backends.resets import expected_after, frames_kept, random_cycles
from qcompiler.backends.simulators import Reset
from qcompiler.backends.verification import verify


def checked(design, integers, resets, **chances):
    """Simulates with resets; returns those there were, and how many frames were given."""
    made, result = design.simulate_core(integers, resets=resets, **chances)
    wanted = expected_after(design, integers, result.resets)
    given = 0
    for port, (want, have) in enumerate(zip(wanted, made, strict=True)):
        kept = frames_kept(len(have), f"m_axis_{port}", result.resets)
        np.testing.assert_array_equal(want.reshape(have.shape)[kept], have[kept])
        given += int(kept.sum())
    assert not result.tlast_errors
    return result.resets, given


TEXTS = {
    "cell": """\
network cell(x: int4[1, 3] scale 0.5, h: int4[1, 2] scale 0.5 = 1, k: int4[1, 2] scale 0.5 = -3) {
  w: int3[3, 2] scale 0.5 = [[1, -2], [3, 1], [-1, 2]]
  next = requantize(add(matmul(x, w), h), int4, scale: 0.5)
  return requantize(add(next, k), int5, scale: 0.5), h = next, k = h
}
""",
    "filter": """\
network filter(x: int4[1, 2, 5, 4] scale 0.5) {
  w: int3[3, 2, 3, 3] scale 0.5 = load("w.npy")
  y = requantize(relu(conv(x, w, pads: same)), uint4, scale: 2)
  return requantize(max_pool(y, kernel: [2, 2], strides: [1, 1]), uint3, scale: 4)
}
""",
}


@pytest.fixture(scope="module", params=TEXTS)
def design(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("m")
    np.save(folder / "w.npy", np.random.default_rng(0).integers(-4, 4, (3, 2, 3, 3)))
    path = folder / f"{request.param}.qnn"
    path.write_text(TEXTS[request.param])
    return qcompiler.compile(path, cycles=30)


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(2))
def test_what_comes_later_is_as_if_it_were_the_beginning(design, seed):
    random, frames = np.random.default_rng(seed), 150
    codes = [random.integers(-8, 8, (frames, *design.network.port_channels[0][0].frame_shape))]
    if design.initial_states:
        codes.append((random.random((frames, 1)) < 0.05).astype(np.int64))
    stall = 0.1 * (seed % 4)
    chances = {"stall_probability_in": stall, "stall_probability_out": stall, "seed": seed}
    cycles = random_cycles(8, frames * design.timing.cycles_per_frame, seed)
    resets, given = checked(design, codes, cycles, **chances)
    assert len(resets) >= 2
    assert frames / 3 < given < frames
    if design.initial_states:
        assert (expected_after(design, codes, resets)[0] != design.core(codes)[0]).any()


def test_the_check_would_see_a_state_that_survives(design):
    if not design.initial_states:
        return
    codes = np.random.default_rng(1).integers(-8, 8, (20, 3))
    reset = Reset(100, 10, {"m_axis_0": 8})
    wanted = expected_after(design, [codes], [reset])[0]
    whole = design.core([codes])[0]
    np.testing.assert_array_equal(wanted[:10], whole[:10])
    np.testing.assert_array_equal(wanted[10:], design.core([codes[10:]])[0])
    assert (wanted[10:] != whole[10:]).any()
    assert frames_kept(20, "m_axis_0", [reset]).tolist() == [True] * 8 + [False] * 2 + [True] * 10


@pytest.mark.simulation
def test_verify_sends_resets_too(design, tmp_path):
    design.write(tmp_path / "out")
    result = verify(tmp_path / "out", vectors=120, resets=6, seed=1)
    assert result.passed
    assert [run.resets > 0 for run in result.runs] == [False, False, True]
    assert result.runs[2].latency_cycles is None


def _recurrent(kind):
    return lambda folder: (save(recurrent(kind, parameters(kind)), folder), RECURRENT[kind], 64)


def _cached(write):
    shape = Shape(tokens=8, layers=1)
    return lambda folder: (save(step(shape, write), folder), caches(shape), 300)


def _ring_buffers(folder):
    return streaming(np.random.default_rng(4)).write(folder / "stream.tflite"), {}, 40


KEPT = {
    "LSTM": _recurrent("LSTM"),
    "GRU": _recurrent("GRU"),
    "cache that is written": _cached("scatter"),
    "cache that moves along": _cached("shift"),
    "ring buffers": _ring_buffers,
}


@pytest.mark.sweep
@pytest.mark.simulation
@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("weights", ["internal", "external", "writable"])
def test_whatever_is_kept(kept, weights, tmp_path):
    """Resets at random cycles, stalls at all ports, restarts of sequences, weights elsewhere."""
    model, states, cycles = KEPT[kept](tmp_path)
    design = qcompiler.compile(model, states=states, cycles=cycles, weights=weights)
    assert design.initial_states
    design.write(tmp_path / "out")
    result = verify(tmp_path / "out", vectors=200, resets=20, seed=3)
    assert result.passed, result.first_differences
    assert result.runs[2].resets >= 10
