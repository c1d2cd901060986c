"""Weights from elsewhere: what brings them, and units that take them, are proven with values."""

import shutil
from pathlib import Path

import pytest
from cli_runner import saved_mlp

import qcompiler
from qcompiler.proofs.jobs import Effort, Proofs


def proofs_of(folder, place):
    qcompiler.compile(saved_mlp(folder), weights=place, cycles=16).write(folder / "d")
    return Proofs.read(folder / "d", Effort())


@pytest.fixture(scope="module")
def external(tmp_path_factory):
    return proofs_of(tmp_path_factory.mktemp("external"), "external")


def test_all_is_proven_of_weights_beside_the_chip(external):
    results = {name: external.prove(name) for name in external.names if "slice_w" not in name}
    assert [r for r in results.values() if r.status != "proven"] == []
    assert "if weights are there when asked for" in results["liveness"].words
    assert results["fc1_weight_source"].kind == "weight_source"


def test_of_weights_that_the_host_writes_units_are_proven(tmp_path):
    proofs = proofs_of(tmp_path, "writable")
    words = {
        "liveness": "when weights come that the host writes, no certificate says",
        "fc1_weight_source": "which of two sets of weights it brings depends on a number "
        "that comes",
    }
    for name in ("top", "fc1_mvau", *words):
        result = proofs.prove(name)
        assert result.status == ("undecided" if name in words else "proven")
        assert words.get(name, "") in result.words


BROKEN = [
    ("fc1_weight_source", "part[0] ? ", "!part[0] ? ", "not"),
    ("fc1_weight_source", "part + 4'd1", "part + 4'd3", "not"),
    ("fc1_mvau", "weights <= in1_data", "weights <= in1_data ^ 1", "not"),
    ("top", ".bus_valid(weight_reader_out0_valid)", ".bus_valid(1'b1)", "bus_valid"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "good", "bad", "words"), BROKEN)
def test_broken_hardware_is_refused(external, tmp_path, name, good, bad, words):
    sources = [Path(shutil.copy(path, tmp_path)) for path in external.sources.files]
    module = "net" if name == "top" else f"net_{name}"
    (own,) = [path for path in sources if path.stem == module]
    text = own.read_text(encoding="utf-8")
    assert good in text
    own.write_text(text.replace(good, bad), encoding="utf-8")
    result = Proofs(external.design, sources, tmp_path).prove(name)
    assert (result.status, words in result.words) == ("refuted", True), result
    assert f"$scope module {name} $end" in (tmp_path / result.trace).read_text(encoding="ascii")
