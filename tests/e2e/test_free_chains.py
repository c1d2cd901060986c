"""Chains of windows and pipelines in which nothing waits: the last has room for all of them."""

import numpy as np
import pytest

import qcompiler
from qcompiler.dialects import stream
from qcompiler.proofs.jobs import Effort, Proofs

TEXT = """\
network chain(x: uint4[1, 1, 16] scale 1) {
  w: int3[2, 1, 3] scale 1 = [[[1, -2, 3]], [[-3, 2, 1]]]
  v: int3[2, 2, 3] scale 1 = [[[1, 0, 3], [2, 1, -3]], [[-1, 2, 0], [3, 1, 1]]]
  h = requantize(relu(conv(x, w, pads: same)), uint4, scale: 4)
  return quantize(conv(h, v, pads: same), int8, scale: 1)
}
"""


def made(folder, pixels):
    path = folder / "chain.qnn"
    path.write_text(TEXT, encoding="ascii")
    return qcompiler.compile(path, pixels_per_clock=pixels)


def test_all_but_the_last_run_free(tmp_path):
    processes = made(tmp_path, 4).network.processes
    assert [type(p) for p in processes] == [stream.LineWindowOp, stream.PipelineOp] * 2
    assert [p.runs_free for p in processes] == [True, True, True, False]
    last = processes[-1]
    assert last.before_it == list(reversed(processes[:-1]))
    assert [p.held_beats for p in processes[:-1]] == [3, processes[1].stages, 3]


def test_its_proofs_say_that_it_runs_free(tmp_path):
    design = made(tmp_path, 4)
    design.write(tmp_path / "d")
    proofs = Proofs.read(tmp_path / "d", Effort())
    said = {proofs.prove(name).words for name in proofs.processes}
    assert said == {"it is part of a chain that runs free"}


@pytest.mark.simulation
def test_a_reader_that_stalls_for_long_loses_nothing(tmp_path):
    """More beats come than the storage has room for, before any leaves."""
    design = made(tmp_path, 4)
    x = np.random.default_rng(0).integers(0, 16, (60, 1, 16))
    stalls = {"stall_probability_in": 0.1, "stall_probability_out": 0.95}
    np.testing.assert_array_equal(design.simulate(x, **stalls), design.predict(x))
