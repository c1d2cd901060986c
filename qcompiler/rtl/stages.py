"""Pipeline registers within a block, as many as the process asks for (`Process.registers`)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from qcompiler.arith.trees import group_sizes
from qcompiler.errors import ModelError, Problem
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number, total

_T = TypeVar("_T", bound=Signal)

Registers = Mapping[str, int]
"""How many registers stand at each cut of a block; none at those that are absent."""


def require_cuts(name: str, registers: Registers, cuts: Collection[str]) -> None:
    """Checks that a block has the cuts at which registers are asked for.

    Raises:
        ModelError: it lacks one, or a number is negative; registers that nobody puts would make
            the predicted latency wrong, and valid signals late.
    """
    problems = [
        Problem(
            name,
            f"registers are asked for at {cut!r}, but this hardware has {_listed(cuts)}",
            "remove them from its attribute stream.registers",
        )
        for cut in registers
        if cut not in cuts
    ]
    problems += [
        Problem(name, f"{count} registers are asked for at {cut!r}", "ask for 0 or more")
        for cut, count in registers.items()
        if count < 0
    ]
    if problems:
        raise ModelError(problems)


def _listed(cuts: Collection[str]) -> str:
    return f"the cuts {', '.join(sorted(cuts))}" if cuts else "no cuts"


def staged(
    b: ModuleBuilder,
    name: str,
    signal: Signal,
    count: int,
    enable: Signal | None,
    *,
    reset: int | None = None,
) -> Signal:
    """Returns a signal `count` registers later; they are called `name`, or `name1`, `name2`, ..."""
    for stage in range(1, count + 1):
        suffix = "" if count == 1 else str(stage)
        register = b.register(f"{name}{suffix}", signal.width, reset=reset)
        register.drive(signal, enable=enable)
        signal = register
    return signal


def staged_number(
    b: ModuleBuilder, name: str, number: Number, count: int, enable: Signal | None
) -> Number:
    """Returns a number `count` registers later, see `staged`."""
    return number.at(staged(b, name, number, count, enable))


def keeper(b: ModuleBuilder, name: str, enable: Signal) -> Callable[[str, Signal], Signal]:
    """Returns what `tree` keeps signals with, in registers called by name, level and place."""

    def keep(place: str, signal: Signal) -> Signal:
        return b.delay(f"{name}{place}", signal, enable=enable)

    return keep


def tree(
    values: Sequence[_T],
    combine: Callable[[Sequence[_T]], _T],
    registers: int,
    keep: Callable[[str, _T], _T],
) -> _T:
    """Returns what `combine` makes of all values, with registers between levels of a tree.

    Args:
        values: at least one.
        combine: makes one of several.
        registers: levels with registers; 0 for none, and one `combine` of all.
        keep: returns a value one register later; is told its level and place, to name it.
    """
    left = list(values)
    *inner, last = group_sizes(len(left), registers + 1)
    for level, size in enumerate(inner, 1):
        groups = [combine(left[i : i + size]) for i in range(0, len(left), size)]
        left = [keep(f"{level}_{i}", group) for i, group in enumerate(groups)]
    assert len(left) <= last
    return combine(left)


def sum_tree(
    b: ModuleBuilder,
    name: str,
    terms: Sequence[Number],
    most: int,
    registers: int,
    enable: Signal,
) -> Number:
    """Returns the sum of numbers, modulo 2**most; every sum is as wide as its range.

    Args:
        b: the module.
        name: of the registers; level and place are appended.
        terms: at least one.
        most: as in `total`.
        registers: levels with registers.
        enable: of the registers.
    """
    keep = keeper(b, name, enable)
    return tree(
        terms,
        lambda group: total(group, most),
        registers,
        lambda place, number: number.at(keep(place, number)),
    )
