"""Families: one file each, which answers all that is asked of a family."""

import re
from pathlib import Path

import pytest

import qcompiler
from qcompiler.devices import device_names, load_device
from qcompiler.devices.families import FAMILIES, add_family
from qcompiler.devices.family import Family
from qcompiler.errors import ModelError

PACKAGE = Path(qcompiler.__file__).parent
FOLDER = PACKAGE / "devices" / "families"
SHIPPED = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
NAMES = [name for name in SHIPPED if name != "generic"]
# Its two examples of carry chains are called after families.
APART = PACKAGE / "adder_graphs"
# What may say such a word elsewhere: the default part in examples of messages, and pragmas that
# comments of Verilog must not hold.
SPARED = re.compile(r'ecp5-25k|"Lattice ECP5 LFE5U-25F"|\(verilator\|[\w|]*\)')


def test_a_family_is_a_file():
    assert {*SHIPPED} >= {"ecp5", "generic", "gowin", "ice40", "nexus", "xilinx"}
    assert {*FAMILIES} >= {*SHIPPED}
    assert all(FAMILIES[name].name == name for name in SHIPPED)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_names_a_family(name):
    files = [path for path in PACKAGE.rglob("*.py") if not {FOLDER, APART} & {*path.parents}]
    assert len(files) > 100
    found = [
        f"{path.relative_to(PACKAGE)}: {line}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if name in SPARED.sub("", line).lower()
    ]
    assert found == []


def test_a_name_is_taken_once():
    with pytest.raises(ModelError, match="a family ecp5 exists already; choose another name"):
        add_family(Family(name="ecp5"))
    assert add_family(FAMILIES["ecp5"]) is FAMILIES["ecp5"]


def test_every_device_is_of_a_family_that_builds_for_it():
    for name in device_names():
        device = load_device(name)
        family = FAMILIES[device.family]
        assert device.synthesis.command.split()[0] in family.commands
        assert device.place is None or device.place.tool in family.placers
