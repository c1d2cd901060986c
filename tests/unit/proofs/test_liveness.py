"""The certificate of FIFO sizes: checked on the Verilog of each block, and refused if forged."""

import json

import numpy as np
import pytest
from cli_runner import saved_mlp
from msgspec.structs import replace
from stream_networks import StreamNetwork, channel
from xdsl.dialects.builtin import IntegerAttr, i64

from qcompiler import compile as compile_model
from qcompiler.arith.ranges import IntRange
from qcompiler.design import Design
from qcompiler.dialects import qint, stream
from qcompiler.passes.pipeline import run_passes
from qcompiler.proofs.jobs import Effort, Proofs
from qcompiler.proofs.liveness import LIVENESS, Certificate
from qcompiler.proofs.recording import runs_of

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


def written(module, folder):
    """Writes the Verilog of a module; returns its proofs."""
    hardware = module.clone()
    run_passes(hardware, ["convert-stream-to-rtl"])
    design = Design({"stream": module, "rtl": hardware, "last": hardware})
    rtl = design.rtl_design(folder / "rtl")
    (folder / "report").mkdir(parents=True)
    return Proofs(design, rtl.sources, folder)


@pytest.fixture(scope="module")
def proofs(tmp_path_factory):
    return written(branches(), tmp_path_factory.mktemp("liveness"))


@pytest.fixture
def forged(proofs):
    """Lets a test change the certificate, and puts it back."""
    path = proofs.directory / "report" / "liveness.json"
    if not path.exists():
        proofs.prove(LIVENESS)
    good = path.read_text(encoding="utf-8")

    def forge(change):
        data = json.loads(good)
        change(data)
        path.write_text(json.dumps(data), encoding="utf-8")
        return proofs.prove(LIVENESS)

    yield forge
    path.write_text(good, encoding="utf-8")


def test_a_certificate_is_made_and_kept(proofs):
    first, second = proofs.prove(LIVENESS), proofs.prove(LIVENESS)
    assert (first.status, first.kind) == ("proven", "FIFO sizes")
    assert first.words == second.words
    assert "a frame each 64 cycles for ever" in first.words
    assert (proofs.directory / "report" / "liveness.json").exists()


@pytest.mark.parametrize("cycles", [1, 8, None])
def test_a_pipeline_that_stands_still_has_a_certificate(tmp_path, cycles):
    """At 8 cycles, beats wait behind a requantizer whose output waits."""
    compile_model(saved_mlp(tmp_path), cycles=cycles).write(tmp_path / "d")
    result = Proofs.read(tmp_path / "d", Effort()).prove(LIVENESS)
    assert result.status == "proven", result.words


def test_a_fifo_that_is_one_too_shallow_is_refused(tmp_path):
    """Eight beats wait: two in the slice before the FIFO, three beside its memory."""
    assert written(branches(3), tmp_path / "enough").prove(LIVENESS).status == "proven"
    result = written(branches(2), tmp_path / "less").prove(LIVENESS)
    assert result.status == "refuted"
    assert "it stops for ever in cycle" in result.words
    assert "beats wait before n_fifo.in" in result.words
    trace = (tmp_path / "less" / result.trace).read_text(encoding="ascii")
    assert "$scope module n_fifo $end" in trace
    assert result.words in trace


def test_a_network_that_is_slower_than_promised_is_refused(tmp_path, monkeypatch):
    proofs = written(branches(), tmp_path)
    timing = replace(proofs.design.timing, cycles_per_frame=63)
    monkeypatch.setitem(vars(proofs.design), "timing", timing)
    result = proofs.prove(LIVENESS)
    assert result.status == "refuted"
    assert "a frame each 64 cycles for ever, not 63; beats wait before" in result.words
    assert "$scope module n_" in (tmp_path / result.trace).read_text(encoding="ascii")


def channel_of(data, giver):
    (found,) = [c for c in data["channels"] if c["from"].startswith(giver)]
    return found


@pytest.mark.parametrize("giver", ["n_mvau", "n_fifo", "s_axis_0"])
@pytest.mark.parametrize("wire", ["valid", "ready"])
def test_a_shifted_event_is_refused(forged, giver, wire):
    def shift(data):
        runs = channel_of(data, giver)[wire]
        runs[0][0] += 1
        runs[-1][1] -= 1

    result = forged(shift)
    assert result.status == "undecided"
    assert "the certificate is refused" in result.words


def test_what_a_block_does_not_do_is_shown(forged, proofs):
    def one_cycle_more(data):
        channel_of(data, "n_mvau")["valid"].append([0, 1, 1, 1, 0])

    result = forged(one_cycle_more)
    assert "n_mvau.out_valid is 0 in cycle 0, not 1" in result.words
    trace = (proofs.directory / result.trace).read_text(encoding="ascii")
    assert "$scope module n_mvau $end" in trace


OTHERS = "its channels are not the network's: "
FORGERIES = [
    (lambda data: channel_of(data, "n_mvau").update({"from": "n_pool.out"}), OTHERS),
    (lambda data: data["channels"].pop(), OTHERS),
    (lambda data: data["channels"].append(data["channels"][0]), "a channel twice"),
    (lambda data: data.update(again=data["again"] + 1), "in cycle"),
    (lambda data: data.update(again=data["cycles"]), "comes again in cycle"),
    (lambda data: data.update(cycles=0), "is no certificate:"),
    (lambda data: channel_of(data, "n_mvau").update(valid=[]), "no beat moves from n_mvau.out"),
    (lambda data: channel_of(data, "n_add").update(ready=[[0, 1, 1, 1, 0]]), "a port of n_add.out"),
    (lambda data: channel_of(data, "n_mvau").update(ready=[[9, 1 << 40, 1, 1, 0]]), "a run of"),
    (lambda data: data.update(channels=3), "is no certificate:"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), FORGERIES)
def test_what_is_no_run_of_this_network_is_refused(forged, change, words):
    result = forged(change)
    assert (result.status, words in result.words) == ("undecided", True), result


def test_runs_hold_all_numbers(tmp_path):
    rng = np.random.default_rng(0)
    for case in range(40):
        steps = rng.choice([1, 1, 1, 2, 7], rng.integers(1, 30))
        times = np.tile(np.cumsum(steps), 1 + case % 3)
        times = times + np.repeat(np.arange(1 + case % 3) * 300, len(steps))
        path = tmp_path / "c.json"
        channels = [{"from": "a", "to": "b", "valid": runs_of(times), "ready": []}]
        data = {"cycles": 2000, "again": 0, "channels": channels}
        path.write_text(json.dumps(data), encoding="utf-8")
        valid, ready = Certificate.read(path).waves["a", "b"]
        np.testing.assert_array_equal(np.flatnonzero(valid), times)
        assert not ready.any()
