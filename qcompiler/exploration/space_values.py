"""Reads the values of a space's file, and gathers what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, cast

from qcompiler.devices import load_device
from qcompiler.errors import ModelError, Problem, suggestion
from qcompiler.exploration.tasks import Limits
from qcompiler.options import DECLARED, Options, flag
from qcompiler.quantization.settings import Settings

_SETTINGS = {entry.name: entry for entry in fields(Settings)}
_WORDS: Mapping[type, str] = {int: "an integer", bool: "true or false", str: "a text",
                              dict: "a table", list: "a list", float: "a number"}  # fmt: skip
_MOST_LIMIT = 10**9
"""Seconds, or GiB: what the store and the system can hold."""


class Reader:
    """Gathers what is wrong with a file."""

    def __init__(self, name: str):
        self._name = name
        self._problems: list[Problem] = []

    def refuse(self, where: str, what: str, remedy: str) -> None:
        """Notes a problem."""
        problem = Problem(f"{self._name}: {where}", what, remedy)
        if problem not in self._problems:
            self._problems.append(problem)

    def refuse_all(self, where: str, problems: Sequence[Problem]) -> None:
        """Notes what others found."""
        for problem in problems:
            self.refuse(f"{where}, {problem.where}", problem.what, problem.remedy)

    def check(self) -> None:
        """Raises ModelError if there are problems."""
        if self._problems:
            raise ModelError(self._problems)

    def texts(self, value: Any, where: str) -> list[str]:
        """Returns a list of texts."""
        items = cast(list[Any], value) if isinstance(value, list) else [None]
        if not all(isinstance(item, str) for item in items):
            self.refuse(where, f"is {value!r}", 'give a list of texts, ["..."]')
            return []
        return [str(item) for item in items]

    def file(self, data: Mapping[str, Any], key: str, folder: Path) -> Path | None:
        """Returns the path that an entry names, if there is the entry."""
        if key not in data:
            return None
        path = folder / str(data[key])
        if not path.is_file():
            self.refuse(key, f"names {data[key]!r}, which is no file", "give a file's path")
        return path

    def table(
        self, data: Mapping[str, Any], name: str, types: Mapping[str, type]
    ) -> dict[str, Any]:
        """Returns a table's entries that are known and of the right type."""
        value = data.get(name, {})
        if not isinstance(value, dict):
            self.refuse(name, f"is {value!r}", "give a table")
            return {}
        found: dict[str, Any] = {}
        for key, item in cast(dict[str, Any], value).items():
            if key not in types:
                remedy = suggestion(key, types, f"there are {', '.join(types)}")
                self.refuse(f"{name}.{key}", "is no entry", remedy)
            elif not _is(item, types[key]):
                self.refuse(f"{name}.{key}", f"is {item!r}", f"give {_WORDS[types[key]]}")
            else:
                found[key] = item
        return found

    def numbers(
        self, data: Mapping[str, Any], name: str, least: Mapping[str, int], **types: type
    ) -> dict[str, Any]:
        """Returns a table's entries, `least` of which are integers with a smallest value."""
        found = self.table(data, name, {**dict.fromkeys(least, int), **types})
        for key, smallest in least.items():
            if not smallest <= found.get(key, smallest) < 1 << 31:
                remedy = f"give an integer from {smallest} to {(1 << 31) - 1}"
                self.refuse(f"{name}.{key}", f"is {found[key]}", remedy)
                del found[key]
        return found


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _values(value: Any) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else [value]


def limits_of(data: Mapping[str, Any], reader: Reader) -> Limits:
    """Returns the limits of each trial: seconds, and memory in GiB."""
    table = reader.table(data, "limits", {"seconds": float, "memory": float})
    usual = Limits()
    found = {"seconds": usual.seconds, "memory": usual.memory_bytes / 2**30}
    for key, value in table.items():
        if 0 < value <= _MOST_LIMIT:
            found[key] = float(value)
        else:
            remedy = f"give a positive number, {_MOST_LIMIT:,} at most"
            reader.refuse(f"limits.{key}", f"is {value}", remedy)
    return Limits(found["seconds"], int(found["memory"] * 2**30))


def options_of(data: Any, folder: Path, reader: Reader) -> dict[str, tuple[Any, ...]]:
    """Returns the values of each option of `qcc compile`; None is the option left out."""
    if not isinstance(data, dict):
        reader.refuse("options", f"is {data!r}", "give a table")
        return {}
    found: dict[str, tuple[Any, ...]] = {}
    for key, value in cast(dict[str, Any], data).items():
        name = key.replace("-", "_")
        if name not in DECLARED:
            known = [flag(n).removeprefix("--") for n in DECLARED]
            remedy = suggestion(key, known, f"there are {', '.join(known)}")
            reader.refuse(f"options.{key}", "is no option of qcc compile", remedy)
            continue
        read = [_option(name, item, folder, reader) for item in _values(value)]
        if not read:
            reader.refuse(f"options.{key}", "has no value", "give one, or leave it out")
        found[name] = tuple(dict.fromkeys(read))
    together = [name for name in ("fps", "cycles") if name in found]
    if len(together) > 1:
        what = "are given both, and no design can have both"
        reader.refuse("options.fps, options.cycles", what, "give one of them")
    return found


def _option(name: str, value: Any, folder: Path, reader: Reader) -> Any:
    """Returns one value of an option as `Options` has it; None if it is left out or wrong."""
    row, where = DECLARED[name], f"options.{flag(name).removeprefix('--')}"
    if value is False:
        return None
    if row.kind in ("rate", "count"):
        if not _is(value, float if row.kind == "rate" else int):
            words = "a number" if row.kind == "rate" else "an integer"
            reader.refuse(where, f"has {value!r}", f"give {words}, or false to leave it out")
            return None
        value = float(value) if row.kind == "rate" else value
    elif not isinstance(value, str | int) or isinstance(value, bool):
        reader.refuse(where, f"has {value!r}", "give a text, or false to leave it out")
        return None
    else:
        value = str(value)
    reader.refuse_all(where, Options(**{name: value}).problems())
    if name in ("device", "folding"):
        return _file_option(name, str(value), folder, reader)
    return None if value == row.silent else value


def _file_option(name: str, value: str, folder: Path, reader: Reader) -> str:
    """Returns a device's name, or the path of a file of a device or a folding."""
    is_file = name == "folding" or value.endswith(".toml")
    value = str(folder / value) if is_file else value
    if name == "device":
        try:
            load_device(value)
        except ModelError as error:
            reader.refuse_all("options.device", error.problems)
    elif not Path(value).is_file():
        reader.refuse("options.folding", f"names {value!r}, which is no file", "give a JSON file")
    return value


def settings_of(
    data: Mapping[str, Any], where: str, reader: Reader
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields data and settings of each way to quantize: all values of the lists in a table."""
    lists: dict[str, list[Any]] = {"data": ["none"]}
    for key, value in data.items():
        name = key.replace("-", "_")
        if name != "data" and name not in _SETTINGS:
            known = ["data", *(n.replace("_", "-") for n in _SETTINGS)]
            remedy = suggestion(key, known, f"there are {', '.join(known)}")
            reader.refuse(f"{where}.{key}", "is no option of qcc quantize", remedy)
            continue
        # Widths that are chosen from are one value; [[2, 4], [2, 8]] are two.
        one = name == "widths" and not any(isinstance(item, list) for item in _values(value))
        lists[name] = [value] if one else _values(value)
        if not lists[name]:
            reader.refuse(f"{where}.{key}", "has no value", "give one, or leave it out")
    names = list(lists)
    for values in product(*lists.values()):
        chosen = dict(zip(names, values, strict=True))
        calibration = str(chosen.pop("data"))
        if "widths" in chosen:
            chosen["widths"] = sorted(set(_values(chosen["widths"])))
        try:
            problems = Settings(**chosen).problems()
        except TypeError as error:
            problems = [Problem("settings", f"are wrong: {error}", "see qcc quantize --help")]
        reader.refuse_all(where, problems)
        yield calibration, chosen
