"""Finds device files and reads them."""

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from qcompiler import plugins
from qcompiler.devices.device import (
    BlockRam,
    Delays,
    Device,
    Dram,
    Dsp,
    Logic,
    PlaceAndRoute,
    Synthesis,
    Vendor,
)
from qcompiler.devices.families import FAMILIES, all_commands, all_placers, placer
from qcompiler.devices.family import USUAL_DELAYS, Family
from qcompiler.devices.reader import TomlTable
from qcompiler.devices.words import known_synthesis_options, options_fault, synthesis_fault
from qcompiler.errors import ModelError, Problem

FOLDER_VARIABLE = "QCOMPILER_DEVICES"
"""Environment variable: a folder with device files of the user, beside ours."""

DEFAULT_DEVICE = "ecp5-25k"

_SHIPPED = Path(__file__).parent
_added: dict[str, Device] = {}

# Titles get into scripts of vendors' tools: nothing that quotes or runs anything in Tcl or make.
_TITLE = r"[^\x00-\x1f\x7f\"$;`#{}\[\]\\]{1,100}"
_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_MOST_BYTES = 50_000
_LINE = r"[ -~]{0,400}"
_NO_SYNTHESIS = 'add [synthesis] with command = "synth_..."'


def _folders() -> list[Path]:
    own = os.environ.get(FOLDER_VARIABLE)
    return [*([Path(own)] if own else []), _SHIPPED]


def device_names() -> list[str]:
    """Returns the names that `load_device` knows: of the user's folder, ours, and of plugins."""
    found = {path.stem for folder in _folders() for path in folder.glob("*.toml")}
    return sorted(found | _added.keys())


def add_device(device: Device | str | Path) -> Device:
    """Makes a device of a plugin known by its name, and returns it.

    Args:
        device: an object, or the path of a device file (.toml).

    Raises:
        ModelError: the file is faulty, or another device has the name.
    """
    made = device if isinstance(device, Device) else _read(Path(device))
    known = _added.get(made.name)
    if known != made and (known is not None or _file_of(made.name) is not None):
        what = f"a device {made.name} exists already"
        raise ModelError([Problem("add_device", what, "choose another name")])
    _added[made.name] = made
    return made


def _file_of(name: str) -> Path | None:
    paths = [folder / f"{name}.toml" for folder in _folders()]
    return next((path for path in paths if path.is_file()), None)


def load_device(name: str) -> Device:
    """Returns a device.

    Args:
        name: of a file without its `.toml`, in the user's folder or ours; or of a device that a
            plugin or an installed package added; or a path of a file.

    Raises:
        ModelError: there is none of that name, or the file is faulty; lists every fault.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] of a user
        what = f"must be a name or a file, got {type(name).__name__}"
        raise ModelError([Problem("--device", what, "give its name, such as ecp5-25k")])
    if name.endswith(".toml"):
        return replace(_read(Path(name)), file=str(Path(name).absolute()))
    if re.fullmatch(_NAME, name):
        path = _file_of(name)
        if path is not None:
            return _named(_read(path), path)
        plugins.known()  # installed packages add their devices
        if name in _added:
            return _added[name]
    known = ", ".join(device_names())
    remedy = f"choose one of {known}; or give the path of a device file that ends in .toml"
    raise ModelError([Problem("--device", f"there is no device {name}", remedy)])


def _read(path: Path) -> Device:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise ValueError(f"it has more than {_MOST_BYTES} bytes")
        data = tomllib.loads(raw.decode("utf-8"))
    except RecursionError:
        what = "cannot be read: it is nested too deeply"
        raise ModelError([Problem(str(path), what, "write plain tables")]) from None
    except (OSError, ValueError) as error:
        remedy = "give a TOML file such as those in qcompiler/devices"
        raise ModelError([Problem(str(path), f"cannot be read: {error}", remedy)]) from None
    return parse_device(data, str(path))


def parse_device(data: dict[str, Any], file: str) -> Device:
    """Returns the device that a TOML file's contents describe.

    Raises:
        ModelError: lists every fault with file, key, reason and remedy.
    """
    problems: list[Problem] = []
    top = TomlTable(file, "", data, problems)
    family = _family(top)
    device = Device(
        name=top.text("name", _NAME, "ecp5-25k"),
        title=top.text("title", _TITLE, "Lattice ECP5 LFE5U-25F"),
        family=family.name,
        speed=top.text("speed", r"[\w./ -]{1,40}", "6"),
        logic=_logic(top.table("logic", "add [logic] with luts, lut_inputs, flip_flops")),
        block_rams=tuple(_block_ram(table) for table in top.tables("block_ram")),
        dsp=_dsp(top.table("dsp", "")) if "dsp" in top else None,
        delays=_delays(top.table("delays", "")) if "delays" in top else family.delays,
        synthesis=_synthesis(top.table("synthesis", _NO_SYNTHESIS), family),
        place=_place(top.table("place", ""), family) if "place" in top else None,
        vendor=_vendor(top.table("vendor", "")) if "vendor" in top else None,
        dram=_dram(top.table("dram", "")) if "dram" in top else None,
    )
    if _is_taken(device.name, Path(file)):
        what = f"{device.name} is that of a shipped device, and this is another file"
        top.fault("name", what, "give the copy a name of its own")
    top.close()
    if problems:
        raise ModelError(problems)
    return device


def _family(top: TomlTable) -> Family:
    if top.get("family") not in FAMILIES:
        plugins.known()  # installed packages add their families
    return FAMILIES[top.choice("family", tuple(FAMILIES))]


def _named(device: Device, path: Path) -> Device:
    """Returns a device that was looked up by its file's name, which reports must not contradict."""
    if device.name == path.stem:
        return device
    what = f"is {device.name}, but the file is called {path.name}"
    raise ModelError([Problem(f"{path}: name", what, f'write name = "{path.stem}"')])


def _is_taken(name: str, file: Path) -> bool:
    """Whether a file has the name of a part that ships, and would be taken for it in reports."""
    shipped = _SHIPPED / f"{name}.toml"
    return shipped.is_file() and shipped.resolve() != file.resolve()


def _logic(table: TomlTable) -> Logic:
    made = Logic(
        table.integer("luts", 1, 24288),
        table.integer("lut_inputs", 3, 4),
        table.integer("flip_flops", 1, 24288),
    )
    table.close()
    return made


def _block_ram(table: TomlTable) -> BlockRam:
    made = BlockRam(
        table.text("kind", r"\w+", "DP16KD"),
        table.integer("count", 1, 56),
        table.pairs("shapes", "[[18, 1024], [9, 2048]]"),
        table.choice("role", ("block", "large"), "block"),
    )
    table.close()
    return made


def _dram(table: TomlTable) -> Dram:
    made = Dram(
        table.text("kind", r"[\w.-]{1,20}", "HBM2"),
        table.integer("channels", 1, 32),
        table.number("gigabytes", 8),
        table.number("gigabytes_per_second", 460),
        table.number("link_gigabits_per_second", 200)
        if "link_gigabits_per_second" in table
        else 0.0,
    )
    table.close()
    return made


def _dsp(table: TomlTable) -> Dsp:
    kind = table.text("kind", r"\w+", "MULT18X18D")
    count = table.integer("count", 1, 28)
    pairs = table.pairs("operand_bits", "[[18, 18]]")
    if len(pairs) != 1:
        table.fault("operand_bits", f"must be one pair, got {len(pairs)}", "e.g. [[18, 18]]")
    table.close()
    return Dsp(kind, count, pairs[0])


def _delays(table: TomlTable) -> Delays:
    usual = USUAL_DELAYS
    made = Delays(
        table.number("register_ns", usual.register),
        table.number("lut_ns", usual.lut),
        table.number("carry_ns", usual.carry),
        table.number("carry_bit_ns", usual.carry_bit),
        table.number("multiplier_ns", usual.multiplier),
        table.number("spread_ns", usual.spread),
        table.number("block_ram_ns", usual.block_ram),
        table.number("usable", usual.usable),
        table.number("wire_ns", usual.wire) if "wire_ns" in table else usual.wire,
        table.number("chained_ns", usual.chained) if "chained_ns" in table else usual.chained,
    )
    if made.usable > 1:
        table.fault("usable", f"must be at most 1, got {made.usable:g}", "e.g. usable = 0.8")
    table.close()
    return made


def _synthesis(table: TomlTable, family: Family) -> Synthesis:
    command = table.text("command", _LINE, family.commands[0])
    made = Synthesis(
        _allowed(table, "command", command, partial(_synthesis_fault, family)),
        _allowed(table, "dsp", table.text("dsp", _LINE, "-dsp", ""), options_fault),
        _allowed(table, "no_dsp", table.text("no_dsp", _LINE, "-nodsp", ""), options_fault),
    )
    table.close()
    return made


def _synthesis_fault(family: Family, words: list[str]) -> str | None:
    known = words[:1] and words[0] in family.commands
    return synthesis_fault(words, family.commands if known else all_commands())


def _allowed(
    table: TomlTable, key: str, line: str, fault: Callable[[list[str]], str | None]
) -> str:
    """Returns a line of words for Yosys; what it must not say is a fault."""
    what = fault(line.split())
    if what is not None:
        table.fault(key, what, f"known here: {known_synthesis_options()}")
    return " ".join(line.split())


def _place(table: TomlTable, family: Family) -> PlaceAndRoute:
    pins = table.table("pins", "").strings() if "pins" in table else {}
    known = table.get("tool") in family.placers
    tool = table.choice("tool", tuple(family.placers if known else all_placers()))
    words = table.text("arguments", _LINE, "--25k --package CABGA381 --speed 6").split()
    known = placer(family, tool).options
    # An example stands for what is missing: that has been said.
    if "arguments" in table and (what := known.fault(words)) is not None:
        table.fault("arguments", f"{what} with {tool}", f"known here: {known.names()}")
    table.close()
    return PlaceAndRoute(tool, tuple(words), tuple(pins.items()))


def _vendor(table: TomlTable) -> Vendor:
    made = Vendor(
        table.choice("tool", ("vivado", "quartus")),
        table.text("part", r"[\w-]+", "xc7z020clg400-1"),
    )
    table.close()
    return made
