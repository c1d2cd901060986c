"""A written design knows the device that it was compiled for."""

from pathlib import Path

import pytest
from cli_runner import qcc, saved_mlp

import qcompiler
from qcompiler.backends.written import device_of
from qcompiler.devices import load_device
from qcompiler.errors import ModelError

ECP5 = (Path(qcompiler.__file__).parent / "devices" / "ecp5-25k.toml").read_text()


def written(folder, device):
    return qcompiler.compile(saved_mlp(folder), device=device, cycles=4).write(folder / "design")


def test_known_by_its_name(tmp_path, capfd):
    design = written(tmp_path, "ecp5-85k")
    assert device_of(design) == load_device("ecp5-85k")
    words = qcc(capfd, "verify", design, "--netlist").words
    assert "has no netlist for ecp5-85k" in words
    assert "qcc synth" in words


def test_default(tmp_path):
    assert device_of(written(tmp_path, None)).name == "ecp5-25k"


def test_a_users_file(tmp_path, capfd, monkeypatch):
    file = tmp_path / "mine.toml"
    file.write_text(ECP5.replace('"ecp5-25k"', '"mine"').replace("luts = 24288", "luts = 500"))
    monkeypatch.chdir(tmp_path)
    design = written(tmp_path, "mine.toml")
    monkeypatch.chdir("/")
    assert device_of(design).logic.luts == 500
    assert qcompiler.load(design).report().capacity["LUT"] == 500
    file.unlink()
    for command in (("synth", design), ("verify", design, "--netlist")):
        result = qcc(capfd, *command)
        assert result.status == 1
        assert "was compiled for the device mine, which cannot be loaded" in result.words
        assert "mine.toml cannot be read" in result.words
    assert qcompiler.load(design).report().cycles_per_frame == 4


def test_no_design(tmp_path):
    with pytest.raises(ModelError, match="is no design"):
        device_of(tmp_path)
