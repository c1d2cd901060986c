"""The certificate of FIFO sizes: checked on the Verilog of each block, and refused if forged."""

import json

import numpy as np
import pytest
from stream_networks import StreamNetwork, channel
from xdsl.dialects.builtin import IntegerAttr, i64

from qcompiler.arith.ranges import IntRange
from qcompiler.backends.report.liveness import LIVENESS, certificate, runs_of
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.passes.pipeline import run_passes
from qcompiler.proofs.jobs import Proofs
from qcompiler.proofs.liveness import Certificate

CODES = IntRange(0, 3)


def branches(depth=None):
    """What goes round a slow matrix unit waits in a FIFO until both are added."""
    n = StreamNetwork()
    both = stream.DuplicateOp(n.input(channel(CODES, (8,), 1)), 2)
    n.weights.append(stream.WeightsOp("w", np.arange(64).reshape(8, 8) % 5))
    unit = stream.MvauOp(both.results[0], "w", qint.IntType(0, 60), 8, 1, 1)
    total = stream.AddOp(unit.result, both.results[1], qint.IntType(0, 63), (1, 1))
    n.block.add_ops([both, unit])
    n.output(total)
    module = n.module()
    run_passes(module, ["size-fifos"])
    (fifo,) = (op for op in module.walk() if isinstance(op, stream.FifoOp))
    if depth is not None:
        fifo.properties["depth"] = IntegerAttr(depth, i64)
    return module


def written(module, folder, schedule=None):
    """Writes the Verilog of a module, and its certificate or another one; returns its proofs."""
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    rtl = design.rtl_design(folder / "rtl")
    (folder / "report").mkdir(parents=True)
    own = certificate(design.network) if schedule is None else schedule
    (folder / "report" / "liveness.json").write_text(json.dumps(own), encoding="utf-8")
    return Proofs(design, rtl.sources, folder)


@pytest.fixture(scope="module")
def proofs(tmp_path_factory):
    return written(branches(), tmp_path_factory.mktemp("liveness"))


@pytest.fixture
def forged(proofs):
    """Lets a test change the certificate, and puts it back."""
    path = proofs.directory / "report" / "liveness.json"
    good = path.read_text(encoding="utf-8")

    def forge(change):
        data = json.loads(good)
        change(data)
        path.write_text(json.dumps(data), encoding="utf-8")
        return proofs.prove(LIVENESS)

    yield forge
    path.write_text(good, encoding="utf-8")


def test_the_schedule_is_kept_for_ever(proofs):
    result = proofs.prove(LIVENESS)
    assert (result.status, result.kind) == ("proven", "FIFO sizes")
    assert "a frame each 64 cycles for ever" in result.words


@pytest.mark.parametrize(("depth", "status"), [(3, "proven"), (2, "undecided")])
def test_a_fifo_that_is_one_too_shallow_is_refused(tmp_path, depth, status):
    """Eight beats wait: two in the slice before the FIFO, three beside its memory."""
    schedule = certificate(written(branches(3), tmp_path / "enough").design.network)
    proofs = written(branches(depth), tmp_path / "made", schedule)
    result = proofs.prove(LIVENESS)
    assert result.status == status
    if status == "proven":
        return
    assert "the certificate is refused" in result.words
    assert "moves no beat in cycle" in result.words
    assert "$scope module n_fifo $end" in (tmp_path / "made" / result.trace).read_text(
        encoding="ascii"
    )


def channel_of(data, giver):
    (found,) = [c for c in data["channels"] if c["from"].startswith(giver)]
    return found


@pytest.mark.parametrize(("giver", "by"), [("n_mvau", -1), ("n_fifo", -1), ("s_axis_0", 1)])
def test_a_shifted_event_is_refused(forged, giver, by):
    def shift(data):
        run = channel_of(data, giver)["cycles"][0]
        run[0] += by

    assert forged(shift).status == "undecided"


FORGERIES = [
    (lambda data: channel_of(data, "n_mvau").update({"from": "n_pool.out"}), "not the network's"),
    (lambda data: data["channels"].pop(), "not the network's"),
    (lambda data: data["channels"].append(data["channels"][0]), "a channel twice"),
    (lambda data: data.update(period=63), "moves no beat in cycle"),
    (lambda data: channel_of(data, "n_mvau").update(cycles=[[0, 3, 1, 1, 0]]), "must have 8"),
    (lambda data: channel_of(data, "n_mvau").update(cycles=[[9, 8, 0, 1, 0]]), "in their order"),
    (lambda data: channel_of(data, "n_mvau").update(cycles=[[9, 1 << 40, 1, 1, 0]]),
     "no certificate"),
    (lambda data: data.update(channels=3), "no certificate"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), FORGERIES)
def test_what_is_no_schedule_of_this_network_is_refused(forged, change, words):
    result = forged(change)
    assert (result.status, words in result.words) == ("undecided", True), result


def test_runs_hold_all_numbers(tmp_path):
    rng = np.random.default_rng(0)
    for case in range(40):
        steps = rng.choice([1, 1, 1, 2, 7], rng.integers(1, 30))
        times = np.tile(np.cumsum(steps), 1 + case % 3)
        times = times + np.repeat(np.arange(1 + case % 3) * 300, len(steps))
        path = tmp_path / "c.json"
        data = {"period": 2000, "channels": [{"from": "a", "to": "b", "cycles": runs_of(times)}]}
        path.write_text(json.dumps(data), encoding="utf-8")
        np.testing.assert_array_equal(Certificate.read(path).cycles["a", "b"], times)
