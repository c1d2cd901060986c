"""Device files: those that ship, those of users, and what is said about faulty ones."""

import json
import tomllib
from pathlib import Path

import pytest

from qcompiler.devices import FOLDER_VARIABLE, device_names, load_device
from qcompiler.errors import ModelError

FOLDER = Path(__file__).parents[2] / "qcompiler" / "devices"
ECP5 = (FOLDER / "ecp5-25k.toml").read_text()
MINE = ECP5.replace('"ecp5-25k"', '"mine"')


def problems(path: Path) -> list[str]:
    with pytest.raises(ModelError) as caught:
        load_device(str(path))
    return [f"{p.where}: {p.what}" for p in caught.value.problems]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_files_load_and_name_their_source(path):
    device = load_device(path.stem)
    assert device.name == path.stem
    assert all(count >= 0 for count in device.capacity().values())
    assert path.read_text().startswith("# Figures") or device.family == "generic"


def test_figures_of_the_smallest_ecp5():
    device = load_device("ecp5-25k")
    assert device.capacity() == {"LUT": 24288, "FF": 24288, "BRAM": 56, "LARGE": 0, "DSP": 28}
    assert device.dsp is not None
    assert device.dsp.operand_bits == (18, 18)
    # Every shape of a block holds 16 or 18 Kb.
    sizes = {width * depth for width, depth in device.block_rams[0].shapes}
    assert sizes == {16384, 18432}


def test_file_of_the_user_by_path_and_by_folder(tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text(MINE)
    assert load_device(str(tmp_path / "mine.toml")).name == "mine"
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert load_device("mine").name == "mine"
    assert {"mine", "ecp5-25k"} <= set(device_names())


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ModelError, match="no device ecp6; choose one of ecp5-25k, ecp5-45k"):
        load_device("ecp6")
    with pytest.raises(ModelError, match="no device"):
        load_device("../devices/ecp5-25k")


def test_all_faults_at_once(tmp_path):
    path = tmp_path / "bad.toml"
    text = MINE.replace("luts = 24288", "luts = -1").replace('family = "ecp5"', 'family = "ecp6"')
    text = text.replace("count = 56\n", "").replace("[[18, 18]]", "[18, 18]")
    path.write_text(text.replace('"synth_ecp5"', '"synth_ecp5; exec -- rm"') + "\nspeeed = 6\n")
    assert problems(path) == [
        f"{path}: family: is not known: 'ecp6'",
        f"{path}: logic.luts: must be an integer of at least 1, got -1",
        f"{path}: block_ram[0].count: is missing",
        f"{path}: dsp.operand_bits: must be pairs of positive integers, got [18, 18]",
        f"{path}: synthesis.command: must be like 'synth_ecp5', got 'synth_ecp5; exec -- rm'",
        f"{path}: place.speeed: is not a key of device files",
    ]


def test_missing_table_is_one_problem(tmp_path):
    path = tmp_path / "bad.toml"
    data = tomllib.loads(MINE)
    assert "logic" in data
    path.write_text(MINE.replace("[logic]", "[logics]"))
    found = problems(path)
    assert found == [f"{path}: logic: is missing", f"{path}: logics: is not a key of device files"]


def test_not_toml(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("name = ")
    assert problems(path)[0].startswith(f"{path}: cannot be read")


@pytest.mark.parametrize("title", ['V"; exec touch x', "[exec x]", "$x", "a\\b", "a;b", "a\nb"])
def test_title_cannot_hold_commands(tmp_path, title):
    path = tmp_path / "bad.toml"
    path.write_text(MINE.replace('"Lattice ECP5 LFE5U-25F"', json.dumps(title)))
    assert f"{path}: title: must be like 'Lattice ECP5 LFE5U-25F', got {title!r}" in problems(path)


def test_pins_are_of_ports(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text(MINE + '\n[place.pins]\n"clk] [x" = "A1"\n')
    assert f"{path}: place.pins.clk] [x: must be the name of a port" in problems(path)


def test_copy_needs_a_name_of_its_own(tmp_path, monkeypatch):
    path = tmp_path / "mine.toml"
    path.write_text(ECP5)
    taken = "name: ecp5-25k is that of a shipped device, and this is another file"
    assert problems(path) == [f"{path}: {taken}"]
    assert load_device(str(FOLDER / "ecp5-25k.toml")) == load_device("ecp5-25k")
    path.write_text(ECP5.replace('"ecp5-25k"', '"other"'))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    with pytest.raises(ModelError, match="is other, but the file is called mine"):
        load_device("mine")
