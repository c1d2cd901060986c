"""Gathers simulation models of cells: Yosys' own, and ours where Yosys has an empty module."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.devices.families import FAMILIES

_INCLUDE = re.compile(r'^[ \t]*`include\s+"([^"]+)".*$', re.MULTILINE)
_MODULE = re.compile(r"\bmodule\s+\\?(\w+).*?\bendmodule\b", re.DOTALL)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\(\*(?!\)).*?\*\)", re.DOTALL)
_TIMING = re.compile(r"\bspecify\b.*?\bendspecify\b", re.DOTALL)
_DECLARATION = re.compile(
    r"\b(module|parameter|localparam|input|output|inout|wire|reg)\b[^;]*;|`\w+[^\n]*|\bendmodule\b"
)
_OFF = re.compile(r"NONE|NOREG|BYPASSED|0*")
_REGISTER = re.compile(r"\w*REG|REG_\w+_CLK|REGMODE_\w|READ_MODE\d?|OUTREG_\w")


def _inlined(path: Path, folders: tuple[Path, ...]) -> str:
    """Returns a file with what it includes put in place."""

    def include(match: re.Match[str]) -> str:
        found = next(f / match[1] for f in (path.parent, *folders) if (f / match[1]).is_file())
        return _inlined(found, folders)

    return _INCLUDE.sub(include, path.read_text(encoding="utf-8"))


def _plain(text: str) -> str:
    """Returns Verilog without comments, attributes and timing."""
    return _TIMING.sub("", _COMMENT.sub("", text))


def empty_modules(text: str) -> set[str]:
    """Returns the modules of a Verilog text that have outputs and no behaviour."""
    found: set[str] = set()
    for match in _MODULE.finditer(text):
        plain = _plain(match[0])
        if "output" in plain and not re.search(r"\w", _DECLARATION.sub("", plain)):
            found.add(match[1])
    return found


def _without(text: str, names: Iterable[str]) -> str:
    unwanted = set(names)
    return _MODULE.sub(lambda match: "" if match[1] in unwanted else match[0], text)


def only_modules(text: str, user: str) -> str:
    """Returns a Verilog text without the modules that neither `user` uses, nor those that it does.

    Args:
        text: modules of cells.
        user: Verilog that uses some.
    """
    texts: dict[str, str] = {}
    for match in _MODULE.finditer(text):
        texts.setdefault(match[1], match[0])
    found: set[str] = set()
    todo = [user]
    while todo:
        new = set(re.findall(r"\w+", todo.pop())) & texts.keys() - found
        found |= new
        todo += [texts[name] for name in new]
    return _without(text, texts.keys() - found)


def cell_models(family: str, share: Path, cells: Iterable[Mapping[str, Any]]) -> str:
    """Returns Verilog that simulates the cells of a netlist.

    Args:
        family: a device's.
        share: Yosys' folder of cell libraries.
        cells: as in Yosys' JSON, with `type` and `parameters`.

    Raises:
        SynthesisError: a cell has no model, or is used in a way that its model does not cover.
    """
    known_of = FAMILIES[family]
    if not known_of.models:
        return ""  # Yosys writes its own cells as expressions
    files = (share / name for name in known_of.models)
    yosys = "".join(_plain(_inlined(file, (share / "lattice",))) for file in files)
    own = known_of.own_models
    ours = _plain(own if isinstance(own, str) else _inlined(own, ()))
    modelled = {match[1] for match in _MODULE.finditer(ours)}
    text = _without(yosys, modelled) + ours
    known = {match[1] for match in _MODULE.finditer(text)} - empty_modules(text)
    used = list(cells)
    missing = sorted({cell["type"] for cell in used} - known)
    if missing:
        raise SynthesisError(
            f"the netlist cannot be simulated: there is no model of {', '.join(missing)}; "
            "verify without --netlist, on another device, or with a folding that needs none"
        )
    for cell in used:
        if cell["type"] in modelled:
            _check_registers(cell, known_of.model_registers.get(cell["type"], {}))
    return text


def _check_registers(cell: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Our models have few registers inside."""
    for name, value in cell["parameters"].items():
        if not _REGISTER.fullmatch(name) or _OFF.fullmatch(value):
            continue
        if value != known.get(name):
            raise SynthesisError(
                f"the netlist cannot be simulated: {cell['type']} has {name} = {value}, and our "
                "model has no such register; verify without --netlist, or on another device"
            )
