"""Chooses bits: least sensitivity within a budget, exactly, as a mixed-integer program.

Source: the programs of HAWQ-V3 (one width for the weights and inputs of a layer), in the more
general form in which the widths of weights and activations are separate, and costs may depend on
both.
"""

import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompiler.errors import ModelError, Problem
from qcompiler.quantization.extra import library


@dataclass(frozen=True)
class Choice:
    """One way to build an item.

    Attributes:
        widths: bits of the variables that it decides; items that name one variable agree.
        sensitivity: what it costs in accuracy.
        costs: of each kind of resource.
    """

    widths: Mapping[str, int]
    sensitivity: float
    costs: Mapping[str, float]


@dataclass(frozen=True)
class Chosen:
    """A solution: the bits of each variable, its sensitivity, and what it takes."""

    widths: dict[str, int]
    sensitivity: float
    costs: dict[str, float]


def least_sensitive(items: Sequence[Sequence[Choice]], budget: Mapping[str, float]) -> Chosen:
    """Returns the widths of least sensitivity that keep a budget.

    Args:
        items: of each, exactly one choice is taken.
        budget: most of each kind of resource.

    Raises:
        ModelError: no choice keeps it; says the smallest that can be kept.
    """
    found = _solve(items, budget, [c.sensitivity for item in items for c in item])
    if found is None:
        raise ModelError(_unmeetable(items, budget))
    return found


def _unmeetable(items: Sequence[Sequence[Choice]], budget: Mapping[str, float]) -> list[Problem]:
    """Returns which resources are too few: even alone, or else, of several, beside the others."""
    leasts: dict[str, Chosen] = {}
    for kind in budget:
        costs = [c.costs.get(kind, 0.0) for item in items for c in item]
        least = _solve(items, {}, costs)
        assert least is not None, "without a budget there is a solution"
        leasts[kind] = least
    short = {k: f.costs.get(k, 0.0) for k, f in leasts.items() if f.costs.get(k, 0.0) > budget[k]}
    if not short:
        listed = ", ".join(f"{most:,.6g} of {kind}" for kind, most in budget.items())
        what = f"{listed} cannot be kept together, each alone can"
        return [Problem("budget", what, "allow more of one of them")]
    return [
        Problem(
            "budget",
            f"{budget[kind]:,.6g} of {kind} cannot be kept; the least is {least:,.6g}",
            f"allow {least:,.6g}, or fewer bits to choose from (--widths)",
        )
        for kind, least in short.items()
    ]


def _solve(
    items: Sequence[Sequence[Choice]], budget: Mapping[str, float], objective: Sequence[float]
) -> Chosen | None:
    """Returns the best solution; None if there is none."""
    optimize, sparse = library("scipy.optimize"), library("scipy.sparse")
    choices = [c for item in items for c in item]
    rows = _Rows(items)
    count = rows.variables
    scale = max((abs(x) for x in objective), default=0.0) or 1.0
    cost = np.zeros(count)
    cost[: len(choices)] = np.asarray(objective) / scale
    constraints: list[Any] = [
        optimize.LinearConstraint(sparse.csr_array(rows.matrix()), rows.sides, rows.sides)
    ]
    for kind, most in budget.items():
        row = np.zeros(count)
        row[: len(choices)] = [c.costs.get(kind, 0.0) for c in choices]
        unit = max(row.max(), 1e-300)
        constraints.append(optimize.LinearConstraint(row / unit, -np.inf, most / unit))
    with _quiet():
        found = optimize.milp(
            cost,
            integrality=np.ones(count),
            bounds=optimize.Bounds(0, 1),
            constraints=constraints,
            options={"mip_rel_gap": 0.0},
        )
    if found.x is None:
        return None
    taken = [c for c, x in zip(choices, found.x, strict=False) if x > 0.5]
    widths: dict[str, int] = {}
    costs: dict[str, float] = {}
    for choice in taken:
        widths.update(choice.widths)
        for kind, amount in choice.costs.items():
            costs[kind] = costs.get(kind, 0.0) + amount
    return Chosen(widths, sum(c.sensitivity for c in taken), costs)


@contextmanager
def _quiet() -> Generator[None]:
    """Keeps the solver's own lines out of the standard output, where `--json` writes.

    HiGHS in scipy 1.17 prints "HighsMipSolverData::transformNewInteger..." now and then, whatever
    it is told of printing.
    """
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class _Rows:
    """Equations: one choice an item, and one value a variable, on which its items agree."""

    def __init__(self, items: Sequence[Sequence[Choice]]):
        total = sum(map(len, items))
        self.sides: list[float] = []
        self._entries: list[tuple[int, int, float]] = []
        values: dict[tuple[str, int], int] = {}
        start = 0
        for item in items:
            self._add(dict.fromkeys(range(start, start + len(item)), 1.0), 1.0)
            pairs = dict.fromkeys(pair for c in item for pair in c.widths.items())
            for pair in pairs:
                column = values.setdefault(pair, total + len(values))
                row = {
                    start + place: 1.0
                    for place, choice in enumerate(item)
                    if choice.widths.get(pair[0]) == pair[1]
                }
                self._add({**row, column: -1.0}, 0.0)
            start += len(item)
        self.variables = total + len(values)
        self._close(items, values)

    def _close(
        self, items: Sequence[Sequence[Choice]], values: Mapping[tuple[str, int], int]
    ) -> None:
        """A value that one item of a variable cannot have, none may have."""
        for item in items:
            own = {pair for c in item for pair in c.widths.items()}
            names = {name for name, _ in own}
            for pair, column in values.items():
                if pair[0] in names and pair not in own:
                    self._add({column: 1.0}, 0.0)

    def _add(self, row: Mapping[int, float], side: float) -> None:
        place = len(self.sides)
        self.sides.append(side)
        self._entries += [(place, column, value) for column, value in row.items()]

    def matrix(self) -> Any:
        """Returns the left sides."""
        sparse = library("scipy.sparse")
        rows, columns, values = zip(*self._entries, strict=True)
        return sparse.coo_array((values, (rows, columns)), (len(self.sides), self.variables))


def pareto(items: Sequence[Sequence[Choice]], kind: str, points: int = 12) -> list[Chosen]:
    """Returns solutions of least sensitivity for amounts of a resource, the smallest first.

    Args:
        items: as of `least_sensitive`.
        kind: of resource.
        points: how many budgets are tried, between the least and the greatest amount.
    """
    least = sum(min(c.costs.get(kind, 0.0) for c in item) for item in items)
    most = sum(max(c.costs.get(kind, 0.0) for c in item) for item in items)
    found: list[Chosen] = []
    for limit in np.linspace(least, most, points):
        solution = _solve(items, {kind: float(limit)}, [c.sensitivity for i in items for c in i])
        if solution is None:
            continue
        if not found or solution.sensitivity < found[-1].sensitivity:
            found.append(solution)
    return found
