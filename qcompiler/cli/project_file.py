"""`qcc.toml`: the options of a model, kept in a file. What the command line says wins.

Keys are the options of `qcc compile` without their dashes; `model` is the file to compile, `output`
the directory, `[input]` a table of inputs without quantizers, `[state]` one of outputs left
for inputs of the next frame. Paths are relative to the file.
"""

import argparse
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qcompiler.cli.common import input_option
from qcompiler.errors import ModelError, Problem, printable, suggestion
from qcompiler.options import DECLARED, chosen
from qcompiler.plugins import load_plugin

FILE = "qcc.toml"
_MOST_BYTES = 1 << 20
_PATHS = ("model", "output")
_KEYS: Mapping[str, str] = {
    **{name.replace("_", "-"): name for name in DECLARED},
    **{name: name for name in (*_PATHS, "input", "plugin", "state")},
}
_FORMS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "rate": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "count": ("an integer", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "text": ("a text", lambda v: isinstance(v, str)),
    "choice": ("a text", lambda v: isinstance(v, str | int) and not isinstance(v, bool)),
    "input": ('a table of texts, such as {x = "uint8:0.5"}', lambda v: _texts(v, dict)),
    "state": ('a table of texts, such as {hidden = "hidden_out"}', lambda v: _texts(v, dict)),
    "plugin": ("a list of files", lambda v: _texts(v, list)),
}


def _texts(value: Any, kind: type) -> bool:
    if not isinstance(value, kind):
        return False
    return all(isinstance(one, str) for one in (value.values() if kind is dict else value))


def _form(key: str) -> str:
    if key in _PATHS:
        return "text"
    return key if key in ("input", "plugin", "state") else DECLARED[_KEYS[key]].kind


def read_project(path: Path) -> dict[str, Any]:
    """Returns what a project file says, by the names of `parsed`; paths lead from here.

    Raises:
        ModelError: it cannot be read, has unknown keys, or values of another kind: all of them.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is too large")
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        what = f"cannot be read: {error}"
        raise ModelError([Problem(str(path), what, "mend it, or give MODEL")]) from None
    problems = [p for key, value in told.items() if (p := _wrong(path, key, value))]
    if "model" not in told:
        problems.append(Problem(str(path), "names no model", 'add model = "FILE.onnx"'))
    if told.keys() >= {"fps", "cycles"}:
        problems.append(Problem(f"{path}: fps", "says the same as cycles", "leave one out"))
    if problems:
        raise ModelError(problems)
    return {_KEYS[key]: _led(path.parent, key, value) for key, value in told.items()}


def _wrong(path: Path, key: str, value: Any) -> Problem | None:
    where = f"{path}: {printable(key, 60)}"
    if key not in _KEYS:
        known = f"there are {', '.join(_KEYS)}"
        return Problem(where, "is no option that a model has", suggestion(key, _KEYS, known))
    words, good = _FORMS[_form(key)]
    if not good(value):
        return Problem(where, f"must be {words}, got {value!r}", f"write {key} = {words}")
    row = DECLARED.get(_KEYS[key])
    said = None if row is None else row.wrong(chosen(_KEYS[key], value))
    return None if said is None else Problem(where, *said)


def _led(folder: Path, key: str, value: Any) -> Any:
    """Returns a value whose paths lead from the working directory."""
    is_file = key in (*_PATHS, "folding") or (key == "device" and value.endswith(".toml"))
    if is_file:
        return str(folder / value)
    return [str(folder / one) for one in value] if key == "plugin" else chosen(_KEYS[key], value)


def follow_project(parsed: argparse.Namespace) -> None:
    """Fills in what a project file says where the command line says nothing.

    The file is MODEL if that ends in `.toml`, and `qcc.toml` if no MODEL is given.

    Raises:
        ModelError: something is wrong with the file.
        SystemExit: there is neither a model nor a file.
    """
    if parsed.model is not None and Path(parsed.model).suffix != ".toml":
        return
    path = Path(parsed.model or FILE)
    if parsed.model is None and not path.is_file():
        said = (
            f"the following arguments are required: MODEL, as there is no {FILE} in this directory"
        )
        parsed.wrong_usage(said)
    told = read_project(path)
    for plugin in told.pop("plugin", []):
        load_plugin(plugin)
        parsed.plugin = [*parsed.plugin, plugin]
    given = {name for name, _ in parsed.input}
    parsed.input = [*parsed.input, *_inputs(path, told.pop("input", {}), given)]
    kept = {name for name, _ in parsed.state}
    states = told.pop("state", {}).items()
    parsed.state = [*parsed.state, *(pair for pair in states if pair[0] not in kept)]
    parsed.model = told.pop("model")
    if "output" in told and getattr(parsed, "output", "") is None:
        parsed.output = told["output"]
    told.pop("output", None)
    for name, value in told.items():
        row = DECLARED[name]
        other = getattr(parsed, row.excludes) if row.excludes else None
        if getattr(parsed, name) is None and other is None:
            setattr(parsed, name, value)


def _inputs(path: Path, told: Mapping[str, str], given: set[str]) -> list[Any]:
    found: list[Any] = []
    problems: list[Problem] = []
    for name, text in told.items():
        try:
            if name not in given:
                found.append(input_option(f"{name}={text}"))
        except argparse.ArgumentTypeError as error:
            where = f"{path}: input.{printable(name, 60)}"
            problems.append(Problem(where, str(error), "write it as --input takes it"))
    if problems:
        raise ModelError(problems)
    return found
