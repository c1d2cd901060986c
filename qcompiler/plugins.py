"""Dialects, passes and targets of others: from installed packages, and from files of Python.

A package names a `xdsl.universe.Universe` as entry point of the group `xdsl.universe`; xDSL's own
tools find it there, too. A file is loaded with `--plugin FILE` or `load_plugin`: from then on, the
passes, dialects and targets that it defines are known, and those of a `Universe` in it. What both
register besides (`qcompiler.extend`: importers, devices, ...) they register by being loaded.
"""

import importlib.util
import sys
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from xdsl.ir import Dialect
from xdsl.passes import ModulePass
from xdsl.universe import Universe
from xdsl.utils.target import Target

from qcompiler.errors import ModelError, Problem

OURS = ("qcompiler", "xdsl")
"""Packages whose entry points are no plug-ins."""

_KINDS = ("dialects", "passes", "targets")
_loaded: dict[Path, Universe] = {}


@cache
def _packages() -> frozenset[str]:
    """Returns the top-level packages of installed plug-ins."""
    found = entry_points(group="xdsl.universe")
    return frozenset(point.module.partition(".")[0] for point in found) - {*OURS}


def modules() -> frozenset[str]:
    """Returns what plug-ins are made of: top-level packages, and modules of files."""
    return _packages() | {_module_name(path) for path in _loaded}


@cache
def _installed() -> Universe:
    return Universe.get_multiverse()


def known() -> Universe:
    """Returns all dialects, passes and targets: of installed packages and of files loaded."""
    found = Universe()
    for universe in (_installed(), *_loaded.values()):
        for kind in _KINDS:
            getattr(found, f"all_{kind}").update(getattr(universe, f"all_{kind}"))
    return found


def load_plugin(path: str | Path) -> Universe:
    """Loads a file of Python once; returns the dialects, passes and targets that it defines.

    Raises:
        ModelError: the file cannot be loaded, or uses a name that is taken.
    """
    path = Path(path).resolve()
    if path not in _loaded:
        before = known()
        universe = _universe_of(_load(path))
        clashes = [
            name
            for kind in _KINDS
            for name in getattr(universe, f"all_{kind}")
            if name in getattr(before, f"all_{kind}")
        ]
        if clashes:
            what = f"defines {', '.join(clashes)}, which exists already"
            raise ModelError([Problem(str(path), what, "choose another name")])
        _loaded[path] = universe
    return _loaded[path]


def _module_name(path: Path) -> str:
    # A name of its own, as two files in different folders may be called the same.
    return f"qcompiler_plugin_{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"


def _load(path: Path) -> ModuleType:
    name = _module_name(path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModelError([Problem(str(path), "is no file of Python", "give a .py file")])
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        what = f"cannot be loaded: {type(error).__name__}: {error}"
        raise ModelError([Problem(_place(path, error), what, "mend the plugin")]) from error
    return module


def _place(path: Path, error: Exception) -> str:
    """Returns the file of a plugin and its last line that took part in an error."""
    lines = [at.lineno for at in extract_tb(error.__traceback__) if at.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines.append(error.lineno)
    return f"{path}:{lines[-1]}" if lines else str(path)


def _universe_of(module: ModuleType) -> Universe:
    universe = Universe()
    for value in vars(module).values():
        if isinstance(value, Universe):
            for kind in _KINDS:
                getattr(universe, f"all_{kind}").update(getattr(value, f"all_{kind}"))
        elif isinstance(value, Dialect) and _is_own(module, value):
            universe.all_dialects[value.name] = _constant(value)
        elif isinstance(value, type) and value.__module__ == module.__name__:
            if issubclass(value, ModulePass) and hasattr(value, "name"):
                universe.all_passes[value.name] = _constant(value)
            elif issubclass(value, Target) and hasattr(value, "name"):
                universe.all_targets[value.name] = _constant(value)
    return universe


def _is_own(module: ModuleType, dialect: Dialect) -> bool:
    """Whether a dialect holds something that the module defines: not one that it imports."""
    held = [*dialect.operations, *dialect.attributes]
    return any(kind.__module__ == module.__name__ for kind in held)


def _constant(value: Any) -> Any:
    return lambda: value
