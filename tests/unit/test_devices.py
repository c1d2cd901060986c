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
        f"{path}: synthesis.command: 'synth_ecp5;' is not one of synth, synth_anlogic, synth_ecp5, "
        "synth_efinix, synth_gatemate, synth_gowin, synth_ice40, synth_intel_alm, synth_lattice, "
        "synth_microchip, synth_nexus, synth_quicklogic, synth_xilinx",
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


def _with(key: str, value: str) -> str:
    """The user's file with another value of a key."""
    lines = [f"{key} = {json.dumps(value)}" if line.startswith(f"{key} =") else line
             for line in MINE.splitlines()]  # fmt: skip
    assert lines != MINE.splitlines()
    return "\n".join(lines)


HOSTILE = [
    ("arguments", "--25k --package CABGA381 --write ../victim.txt", "'--write' is none"),
    ("arguments", "--25k --writ ../victim.txt", "'--writ' is none"),
    ("arguments", "--25k --textcfg=/home/me/.profile", "'--textcfg' is none"),
    ("arguments", "--25k --report x --sdf y", "'--report' is none"),
    ("arguments", "--25k --run evil.py", "'--run' is none"),
    ("arguments", "--25k --pre-place evil.py", "'--pre-place' is none"),
    ("arguments", "--25k --package ../../x", "--package cannot be '../../x'"),
    ("arguments", "--25k --package", "--package cannot be ''"),
    ("arguments", "--25k --package=--write", "--package cannot be '--write'"),
    ("arguments", "-o x --25k", "'-o' is none"),
    ("arguments", "victim", "'victim' is none"),
    ("arguments", "--25k --package CÄBGA", "arguments: must be like"),
    ("arguments", "--25k\n--package x", "arguments: must be like"),
    ("command", "synth_ecp5 -json victim", "'-json' is none"),
    ("command", "synth_ecp5 -blif /home/me/x", "'-blif' is none"),
    ("command", "synth_ecp5 -edif victim", "'-edif' is none"),
    ("command", "synth -encfile victim", "'-encfile' is none"),
    ("command", "synth -extra-map evil.v", "'-extra-map' is none"),
    ("command", "synth_ecp5 -run begin", "'-run' is none"),
    ("command", "synth_gowin -vout victim", "'-vout' is none"),
    ("command", "synth_ecp5 ; shell rm", "';' is none"),
    ("command", "exec -- rm", "'exec' is not one of synth"),
    ("command", "synth_xilinx -family ../x", "-family cannot be '../x'"),
    ("command", "", "'' is not one of synth"),
    ("no_dsp", "-nodsp -json victim", "'-json' is none"),
    ("no_dsp", "victim", "'victim' is none"),
    ("no_dsp", "-nodsp\u00b2", "no_dsp: must be like"),
]


@pytest.mark.parametrize(("key", "value", "words"), HOSTILE)
def test_tools_are_told_known_options_only(tmp_path, key, value, words):
    path = tmp_path / "hostile.toml"
    path.write_text(_with(key, value), encoding="utf-8")
    (found,) = problems(path)
    assert f".{key}: " in found
    assert words in found


@pytest.mark.parametrize("tool", ["nextpnr-ice40", "nextpnr-nexus", "nextpnr-himbaechel-gowin"])
@pytest.mark.parametrize("option", ["--write", "--asc", "--fasm", "--pdc", "--vopt", "--pcf"])
def test_no_placer_takes_a_path(tmp_path, tool, option):
    path = tmp_path / "hostile.toml"
    text = MINE.replace('"nextpnr-ecp5"', f'"{tool}"')
    text = text.replace("--25k --package CABGA381 --speed 6", f"{option} cst=victim")
    path.write_text(text)
    (found,) = problems(path)
    assert "arguments" in found


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 40_000,
        "a = " + "{a=" * 15_000,
        "[" + "a." * 4_000 + "a]",
        "\0",
        "a=1e999",
        "#" * 60_000,
    ],
    ids=["arrays", "tables", "dotted", "zero", "infinite", "long"],
)
def test_odd_toml(tmp_path, text):
    path = tmp_path / "odd.toml"
    path.write_text(text)
    assert all(str(path) in found for found in problems(path))


@pytest.mark.parametrize("pin", ["\u00c41", "\u0661"])
def test_pins_are_ascii(tmp_path, pin):
    path = tmp_path / "odd.toml"
    path.write_text(MINE + f'\n[place.pins]\nclk = "{pin}"\n', encoding="utf-8")
    assert "place.pins.clk: must be like" in problems(path)[0]


@pytest.mark.parametrize("name", ["x" * 300, "../x", "x" * 300 + ".toml", "\0.toml"])
def test_odd_names(name):
    with pytest.raises(ModelError):
        load_device(name)
