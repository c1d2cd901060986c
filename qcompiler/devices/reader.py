"""Reads a table of a device file key by key, and collects everything that is wrong with it."""

import re
from collections.abc import Sequence
from typing import Any

from xdsl.utils.hints import isa

from qcompiler.errors import Problem


class TomlTable:
    """One table of a TOML file.

    A key that is missing or wrong adds a problem and gives a harmless value, so that one reading
    finds every fault. `close` adds a problem for each key that nobody asked for.
    """

    def __init__(self, file: str, path: str, data: object, problems: list[Problem]):
        self.problems = problems
        self._file = file
        self._path = path
        self._asked: set[str] = set()
        self._data: dict[str, Any] = {}
        if isa(data, dict[str, Any]):
            self._data = data
        else:
            self.fault("", f"must be a table, got {data!r}", "write it as [name] with keys below")

    def _where(self, key: str) -> str:
        return f"{self._file}: {'.'.join(part for part in (self._path, key) if part)}"

    def fault(self, key: str, what: str, remedy: str) -> None:
        """Notes that a key is wrong."""
        self.problems.append(Problem(self._where(key), what, remedy))

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def get(self, key: str) -> object:
        """Returns what stands at a key, right or wrong; None if nothing does."""
        return self._data.get(key)

    def _get(self, key: str, remedy: str) -> Any:
        self._asked.add(key)
        if key not in self._data:
            self.fault(key, "is missing", remedy)
        return self._data.get(key)

    def integer(self, key: str, least: int, example: int) -> int:
        """Returns an integer of at least `least`."""
        remedy = f"give an integer, e.g. {key} = {example}"
        value = self._get(key, remedy)
        if value is None:
            return least
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            self.fault(key, f"must be an integer of at least {least}, got {value!r}", remedy)
            return least
        return value

    def number(self, key: str, example: float) -> float:
        """Returns a number that is not negative."""
        remedy = f"give a number, e.g. {key} = {example:g}"
        value = self._get(key, remedy)
        if value is None:
            return example
        # Not a number compares as false.
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1e3:
            self.fault(key, f"must be a number of at least 0 and below 1000, got {value!r}", remedy)
            return example
        return float(value)

    def text(self, key: str, pattern: str, example: str, default: str | None = None) -> str:
        """Returns a string that `pattern` matches as a whole."""
        if default is not None and key not in self._data:
            return default
        remedy = f'give a string, e.g. {key} = "{example}"'
        value = self._get(key, remedy)
        if value is None:
            return example
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            self.fault(key, f"must be like {example!r}, got {value!r}", remedy)
            return example
        return value

    def choice(self, key: str, choices: Sequence[str], default: str | None = None) -> str:
        """Returns one of the strings `choices`."""
        if default is not None and key not in self._data:
            return default
        remedy = f"give one of {', '.join(choices)}"
        value = self._get(key, remedy)
        if value is not None and value not in choices:
            self.fault(key, f"is not known: {value!r}", remedy)
        return value if isinstance(value, str) and value in choices else choices[0]

    def pairs(self, key: str, example: str) -> tuple[tuple[int, int], ...]:
        """Returns a list of pairs of positive integers, at least one."""
        remedy = f"give pairs of positive integers, e.g. {key} = {example}"
        value = self._get(key, remedy)
        if value is None:
            return ((1, 1),)
        if not _are_pairs(value):
            self.fault(key, f"must be pairs of positive integers, got {value!r}", remedy)
            return ((1, 1),)
        return tuple((a, b) for a, b in value)

    def table(self, key: str, remedy: str) -> "TomlTable":
        """Returns a table within this one."""
        value = self._get(key, remedy)
        made = TomlTable(self._file, self._sub(key), {} if value is None else value, self.problems)
        if value is None:
            made.problems = []  # that the table is missing has been said
        return made

    def tables(self, key: str) -> list["TomlTable"]:
        """Returns the tables of an array of tables, which may be absent."""
        self._asked.add(key)
        value = self._data.get(key, [])
        if not isa(value, list[Any]):
            self.fault(key, f"must be an array of tables, got {value!r}", f"write [[{key}]]")
            return []
        return [
            TomlTable(self._file, f"{self._sub(key)}[{index}]", item, self.problems)
            for index, item in enumerate(value)
        ]

    def strings(self) -> dict[str, str]:
        """Returns all keys of this table, whose values must be strings."""
        for key in self._data:
            if not re.fullmatch(r"\w+", key, re.ASCII):  # it goes into a file of constraints
                self.fault(key, "must be the name of a port", 'e.g. clk = "A1"')
        return {key: self.text(key, r"[\w./-]+", "A1") for key in self._data}

    def _sub(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def close(self) -> None:
        """Notes the keys that nobody asked for."""
        for key in self._data.keys() - self._asked:
            known = ", ".join(sorted(self._asked))
            self.fault(key, "is not a key of device files", f"remove it; known here: {known}")


def _are_pairs(value: object) -> bool:
    if not isa(value, list[list[int]]) or not value:
        return False
    return all(len(pair) == 2 and min(pair) > 0 for pair in value)
