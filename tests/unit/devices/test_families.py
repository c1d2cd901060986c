"""Families: one file each, which answers all that is asked of a family."""

import re
from pathlib import Path

import pytest

import qcompiler
from qcompiler.backends.synthesis.yosys import share_folder
from qcompiler.devices import load_device
from qcompiler.devices.families import FAMILIES, add_family
from qcompiler.devices.family import Family
from qcompiler.devices.memories import Memory
from qcompiler.errors import ModelError

PACKAGE = Path(qcompiler.__file__).parent
FOLDER = PACKAGE / "devices" / "families"
DEVICES = tuple((PACKAGE / "devices").glob("*.toml"))
SHIPPED = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
NAMES = [name for name in SHIPPED if name != "generic"]
# What may say such a word elsewhere: the default part in examples of messages, and pragmas that
# comments of Verilog must not hold; names that a vendor's tool has for busses and cores.
SPARED = re.compile(
    r'ecp5-25k|"Lattice ECP5 LFE5U-25F"|\(verilator\|[\w|]*\)'
    r"|\bxilinx\.com\b|xilinx_anylanguage|\bXILINX\b|register_namespace\(\"xilinx\""
)


def test_a_family_is_a_file():
    assert {*SHIPPED} >= {"ecp5", "generic", "gowin", "ice40", "nexus", "xilinx"}
    assert {*FAMILIES} >= {*SHIPPED}
    assert all(FAMILIES[name].name == name for name in SHIPPED)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_else_names_a_family(name):
    files = [path for path in PACKAGE.rglob("*.py") if FOLDER not in path.parents]
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
    for path in DEVICES:
        device = load_device(path.stem)
        family = FAMILIES[device.family]
        assert device.synthesis.command.split()[0] in family.commands
        assert device.place is None or device.place.tool in family.placers


def taken(family, cell):
    """What a cell of a family takes, by kind."""
    return {kind: n for kind, n in FAMILIES[family].count_cells({cell: 2}).items() if n}


@pytest.mark.parametrize("name", sorted(path.stem for path in DEVICES))
def test_a_device_and_its_family_agree(name):
    device = load_device(name)
    family = FAMILIES[device.family]
    assert device.logic.lut_inputs == family.inputs
    counted = {kind for _, cost in family.costs for kind in cost}
    assert counted >= {kind for kind, number in device.capacity().items() if number}
    if device.dsp is not None:
        assert "DSP" in taken(family.name, device.dsp.kind)
        assert family.multiplier is not None
        assert family.multiplier.count(8, 8, 16) > 0
        assert family.multiplier.factors >= device.dsp.operand_bits
    large = family.place(Memory(4096, 16, rom=True))
    assert (large.ram is not None) == bool(device.block_rams)
    assert large.ram is None or large.ram.kind == "block"
    if large.ram is not None and family.name != "generic":  # kept whole there
        held = max(depth * width for ram in device.block_rams for width, depth in ram.shapes)
        assert large.units >= 4096 * 16 / held


@pytest.mark.parametrize("name", SHIPPED)
def test_what_a_family_says_fits_together(name):
    family = FAMILIES[name]
    assert family.inputs <= 6
    assert not family.files or family.wrapper_script()
    assert family.factors.keys() <= FAMILIES["ecp5"].factors.keys() | FAMILIES["xilinx"].factors
    for cell in family.spare_pins:
        assert taken(name, cell), f"{cell} is no cell that is counted"
    assert not set(family.constants) & {pattern for pattern, _ in family.costs}
    for tool, made in family.placers.items():
        assert made.entry == f"run_{tool.replace('-', '_')}"
        assert made.module == f"yowasp_{tool.replace('-', '_')}"
        assert bool(made.pins) == bool(made.pin_line)
    without = family.without_multipliers()
    assert without.multiplier is None
    assert type(without) is type(family)


@pytest.mark.parametrize("name", NAMES)
def test_models_of_cells_are_there(name):
    pytest.importorskip("pyosys")
    family = FAMILIES[name]
    assert all((share_folder() / path).is_file() for path in family.models)
    ours = family.own_models
    text = ours if isinstance(ours, str) else ours.read_text(encoding="utf-8")
    modelled = set(re.findall(r"\bmodule (\w+)", text))
    assert family.model_registers.keys() <= modelled
    counted = {cell for cell in modelled if taken(name, cell)}
    assert bool(counted) == bool(modelled)
