"""The families that are known: a file for each beside this one, and those of plug-ins."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from qcompiler.devices.family import Family, Placer
from qcompiler.errors import ModelError, Problem


@cache
def _shipped() -> frozenset[str]:
    found = (module.name for module in iter_modules(__path__))
    return frozenset(name for name in found if not name.startswith("_"))


class _Families(Mapping[str, Family]):
    """Families by name; a file of ours is imported when it is asked for."""

    def __init__(self) -> None:
        self._known: dict[str, Family] = {}

    def __getitem__(self, name: str) -> Family:
        if name not in self._known:
            if name not in _shipped():
                raise KeyError(name)
            self._known[name] = import_module(f"{__name__}.{name}").FAMILY
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*_shipped(), *self._known}))

    def __len__(self) -> int:
        return len({*_shipped(), *self._known})

    def add(self, family: Family) -> None:
        """See `add_family`."""
        self._known[family.name] = family


FAMILIES = _Families()


def add_family(family: Family) -> Family:
    """Makes a family of a plug-in known by its name, and returns it.

    Raises:
        ModelError: another family has the name.
    """
    if family.name in FAMILIES and FAMILIES[family.name] is not family:
        what = f"a family {family.name} exists already"
        raise ModelError([Problem("add_family", what, "choose another name")])
    FAMILIES.add(family)
    return family


def all_commands() -> list[str]:
    """Returns the synth commands of Yosys that are known for any family."""
    return sorted({command for family in FAMILIES.values() for command in family.commands})


def all_placers() -> dict[str, Placer]:
    """Returns the placers of all families by name."""
    return {name: placer for family in FAMILIES.values() for name, placer in family.placers.items()}


def placer(family: Family, name: str) -> Placer:
    """Returns a placer that a device of a family names, most often one of the family's."""
    return family.placers.get(name) or all_placers()[name]
