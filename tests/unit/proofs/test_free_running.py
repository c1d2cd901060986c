"""Pipelines that nothing stalls: core, credits and storage; with a handshake and without."""

import shutil
from pathlib import Path

import pytest
from cli_runner import saved_mlp

import qcompiler
from qcompiler.proofs.jobs import Effort, Proofs


def proofs_of(folder, **options):
    qcompiler.compile(saved_mlp(folder), cycles=1, **options).write(folder / "d")
    return Proofs.read(folder / "d", Effort())


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return proofs_of(tmp_path_factory.mktemp("pipeline"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return proofs_of(tmp_path_factory.mktemp("plain"), interface="plain")


def test_all_is_proven_with_a_handshake(pipeline):
    results = {name: pipeline.prove(name) for name in pipeline.names}
    assert [r for r in results.values() if r.status != "proven"] == []
    words = "4 functions of sums, 3 registers on every way, 6 credits"
    assert words in results["fc1_pipeline"].words


def test_all_is_proven_without_one(plain):
    assert plain.names == ["top", "fc1_pipeline"]
    assert [plain.prove(name).status for name in plain.names] == ["proven", "proven"]


CORE, STORAGE = "fc1_pipeline_core", "fc1_pipeline_storage"
BROKEN = [
    (CORE, "h_m0_s1 <= - h_n4", "h_m0_s1 <= h_n4", "not"),
    (CORE, "4'd15, 4'd14, 4'd14", "4'd15, 4'd14, 4'd15", "not"),
    (CORE, "+ $signed(y_n2)", "- $signed(y_n2)", "not"),
    (STORAGE, "read_address == 3'd6", "read_address == 3'd5", "what is kept: out, beat"),
    (STORAGE, "filled <= following != 3'd0", "filled <= following != 3'd1", "what is kept"),
    (STORAGE, "count <= following;", "count <= following - 1;", "what is kept"),
    ("fc1_pipeline", "credits <= 3'd6", "credits <= 3'd7", "what is kept"),
    ("fc1_pipeline", "following > 3'd0", "following > 3'd1", "counted wrongly"),
    ("fc1_pipeline", "beat_left <= made_beats_left", "beat_left <= enter",
     "a credit does not return in the cycle after its beat has left"),
    ("fc1_pipeline", "beat_left <= 1'b0", "beat_left <= 1'b1", "a credit returns after reset"),
    ("fc1_pipeline", "enter ^ beat_left", "enter | beat_left", "counted wrongly"),
    ("fc1_pipeline", "valid2 <= valid1", "valid2 <= enter", "has no register at stage"),
    ("fc1_pipeline", ".in_data(core_out_data)", ".in_data(in_data)", "is not core.out_data"),
]  # fmt: skip


def broken(proofs, folder, module, good, bad):
    sources = [Path(shutil.copy(path, folder)) for path in proofs.sources.files]
    (own,) = [path for path in sources if path.stem == f"net_{module}"]
    text = own.read_text(encoding="utf-8")
    assert good in text
    own.write_text(text.replace(good, bad, 1), encoding="utf-8")
    return Proofs(proofs.design, sources, folder).prove("fc1_pipeline")


@pytest.mark.parametrize(("module", "good", "bad", "words"), BROKEN)
def test_broken_hardware_is_refused(pipeline, tmp_path, module, good, bad, words):
    result = broken(pipeline, tmp_path, module, good, bad)
    assert (result.status, words in result.words) == ("refuted", True), result
    trace = (tmp_path / result.trace).read_text(encoding="ascii")
    assert "$scope module fc1_pipeline $end" in trace


def test_a_valid_bit_beside_another_beat_is_refused(plain, tmp_path):
    result = broken(plain, tmp_path, "fc1_pipeline", "out_valid <= valid2", "out_valid <= valid1")
    assert result.status == "refuted"
    assert "$scope module fc1_pipeline $end" in (tmp_path / result.trace).read_text("ascii")
