"""Reads a written design again, which may have been edited or damaged."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from xdsl.dialects.builtin import ModuleOp

from qcompiler.assembly import read_module
from qcompiler.backends.compiled import CompiledDesign
from qcompiler.backends.layout import GENERATOR, MANIFEST, Layout
from qcompiler.backends.simulators import RtlDesign
from qcompiler.devices import DEFAULT_DEVICE, Device, device_names, load_device
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import read_json
from qcompiler.origin import Origin
from qcompiler.passes.pipeline import make_context

_Kind = TypeVar("_Kind", bound=CompiledDesign)


def is_ours(directory: Path) -> bool:
    """Whether `directory` holds an earlier design of ours."""
    try:
        manifest = read_json(Layout(directory).manifest)
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and ("generator", GENERATOR) in manifest.items()


def require_design(directory: Path) -> None:
    """Raises ModelError unless `directory` holds a design of ours."""
    if not is_ours(directory):
        what = f"is no design: it has no {MANIFEST} of ours"
        raise ModelError([Problem(str(directory), what, "run qcc compile first")])


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) < 5000 and "\0" not in value)


def _is_clock(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _are_sources(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(names := cast(list[object], value))
        and all(isinstance(v, str) and re.fullmatch(r"rtl/\w[\w.]*", v) for v in names)
    )


_MANIFEST: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "top": (
        "a name",
        lambda v: isinstance(v, str) and re.fullmatch(r"[A-Za-z_]\w*", v) is not None,
    ),
    "mhz": ("a positive number", _is_clock),
    "device": ("a name or null", _is_text),
    "device_file": ("a path or null", _is_text),
    "sources": ("names of files in rtl/", _are_sources),
}
"""What is relied on of `design.json`, which may have been edited: paths stay within the design."""


def read_design(
    kind: type[_Kind], directory: Path, levels: Sequence[str]
) -> tuple[_Kind, RtlDesign]:
    """Returns a written design, as a `kind`, and its Verilog as it stands in the directory.

    Raises:
        ModelError: the directory holds no design, or one that cannot be read.
    """
    manifest = _manifest(directory)
    try:
        modules = _modules(Layout(directory), levels)
        design = kind(modules, float(manifest["mhz"]), _known_device(manifest))
        design.origin = Origin.read(manifest.get("origin"))
        sources = tuple(directory / path for path in manifest["sources"] if path.endswith(".v"))
        missing = [path for path in manifest["sources"] if not (directory / path).is_file()]
        if missing:
            raise ValueError(f"{', '.join(missing)} missing")
        rtl = RtlDesign(design.name, sources, tuple(port for port, _ in design.ports))
    except (OSError, KeyError, ValueError) as error:
        problem = Problem(str(directory), f"cannot be read: {error}", "compile it again")
        raise ModelError([problem]) from None
    return design, rtl


def device_of(directory: Path) -> Device:
    """Returns the device that a written design was compiled for, or the default one.

    Raises:
        ModelError: the directory holds no design; or its device is not known here, or its file is
            gone or faulty.
    """
    manifest = _manifest(directory)
    name, file = manifest.get("device"), manifest.get("device_file")
    if not isinstance(name, str):
        return load_device(DEFAULT_DEVICE)
    try:
        return load_device(file if isinstance(file, str) else name)
    except ModelError as error:
        what = f"was compiled for the device {name}, which cannot be loaded"
        remedy = "give --device; or --plugin, if a plugin adds it"
        raise ModelError([Problem(str(directory), what, remedy), *error.problems]) from None


def asked_device(directory: Path) -> Device | None:
    """Returns the device that a written design was compiled for; None without, or if not known."""
    return _known_device(_manifest(directory))


def _known_device(manifest: dict[str, Any]) -> Device | None:
    """Returns the device that a design was compiled for, as far as it is known here."""
    name, file = manifest.get("device"), manifest.get("device_file")
    try:
        if isinstance(file, str):
            return load_device(file)
        return load_device(name) if name in device_names() else None
    except ModelError:  # all but its areas can be told without it
        return None


def _manifest(directory: Path) -> dict[str, Any]:
    require_design(directory)
    path = Layout(directory).manifest
    found: dict[str, Any] = read_json(path)
    wrong = [
        Problem(f"{path}: {key}", f"must be {what}", "compile the design again")
        for key, (what, good) in _MANIFEST.items()
        if not good(found.get(key))
    ]
    if wrong:
        raise ModelError(wrong)
    return found


def _modules(layout: Layout, levels: Sequence[str]) -> dict[str, ModuleOp]:
    """Returns the levels that a directory holds; designs compiled on from IR lack the first."""
    context = make_context()
    paths = {level: layout.level(level) for level in levels}
    found = {level: read_module(p, context) for level, p in paths.items() if p.is_file()}
    if "stream" not in found:
        raise ValueError("it has no stream level, only Verilog")
    found["last"] = list(found.values())[-1]
    return found


def load_design(
    directory: Path, levels: Sequence[str] = ("qint", "stream")
) -> tuple[CompiledDesign, RtlDesign]:
    """Returns `read_design` with what a tool needs of a design.

    Raises:
        ModelError: the directory holds no design, or one that cannot be read.
    """
    return read_design(CompiledDesign, directory, levels)
