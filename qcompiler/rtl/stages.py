"""Pipeline registers within a block, as many as the process asks for (`Process.registers`)."""

from collections.abc import Callable, Collection, Mapping, Sequence

from qcompiler.arith.trees import group_sizes
from qcompiler.errors import ModelError, Problem
from qcompiler.rtl.builder import ModuleBuilder, Signal

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


def tree(
    b: ModuleBuilder,
    name: str,
    values: Sequence[Signal],
    combine: Callable[[Sequence[Signal]], Signal],
    registers: int,
    enable: Signal,
) -> Signal:
    """Returns what `combine` makes of all values, with registers between levels of a tree.

    Args:
        b: the module.
        name: of the registers; level and place are appended.
        values: at least one.
        combine: makes one of several.
        registers: levels with registers; 0 for none, and one `combine` of all.
        enable: of the registers.
    """
    left = list(values)
    *inner, last = group_sizes(len(left), registers + 1)
    for level, size in enumerate(inner, 1):
        groups = [combine(left[i : i + size]) for i in range(0, len(left), size)]
        left = [b.delay(f"{name}{level}_{i}", g, enable=enable) for i, g in enumerate(groups)]
    assert len(left) <= last
    return combine(left)


def sum_tree(
    b: ModuleBuilder,
    name: str,
    terms: Sequence[Signal],
    width: int,
    registers: int,
    enable: Signal,
) -> Signal:
    """Returns the sum of signed terms in `width` bits; sums are no wider than they can get."""

    def add(group: Sequence[Signal]) -> Signal:
        wide = min(width, group[0].width + (len(group) - 1).bit_length())
        return b.sum([term.sext(wide) for term in group])

    if registers == 0:
        return b.sum([term.sext(width) for term in terms])
    return tree(b, name, terms, add, registers, enable).sext(width)
