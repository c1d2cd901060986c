"""A search for the front, with Optuna: which design to look at next, by what is known so far."""

import warnings
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import product
from typing import Any, Literal

from qcompiler.errors import ModelError, Problem
from qcompiler.exploration.points import MEASURES
from qcompiler.exploration.space import Space, Variant, given
from qcompiler.version import installing

_ASKS = 30
"""Times in a row that a design may come up which was looked at, before one is drawn at random."""


def check_installed() -> None:
    """Raises ModelError if Optuna is absent."""
    if find_spec("optuna") is None:
        what = "needs optuna, which is not installed"
        raise ModelError([Problem("[search]", what, installing("explore"))])


class ParetoSearch:
    """Asks for designs, each once, and is told how they did.

    Args:
        space: to search, with a `search`.
        variants: the models of it that there are.
    """

    def __init__(self, space: Space, variants: Sequence[Variant]):
        check_installed()
        import optuna
        from optuna.distributions import BaseDistribution, CategoricalDistribution

        assert space.search is not None, "only such a space is searched"
        self._variants, self._choices = variants, space.choices
        self._objectives = space.search.objectives
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        directions: list[Literal["minimize", "maximize"]] = [
            "minimize" if MEASURES[name][1] > 0 else "maximize" for name in self._objectives
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Optuna calls experimental
            sampler = optuna.samplers.TPESampler(
                seed=space.search.seed, multivariate=True, constant_liar=True
            )
        self._study = optuna.create_study(directions=directions, sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL
        self._distributions: dict[str, BaseDistribution] = {
            str(axis): CategoricalDistribution(list(range(size)))
            for axis, size in enumerate(self._sizes())
        }
        self._asked: set[tuple[int, ...]] = set()
        total = len(variants)
        for values in space.choices.values():
            total *= len(values)
        self.most = min(total, space.search.trials)

    def _sizes(self) -> list[int]:
        return [len(self._variants), *map(len, self._choices.values())]

    def ask(self) -> tuple[Any, Variant, dict[str, Any]] | None:
        """Returns the next design and what to tell of it; None if the budget is spent."""
        if len(self._asked) >= self.most:
            return None
        for _ in range(_ASKS):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                trial = self._study.ask(self._distributions)
            place = tuple(int(trial.params[str(axis)]) for axis in range(len(self._sizes())))
            if place not in self._asked:
                return self._design(trial, place)
            self._study.tell(trial, state=self._failed)
        return self._unseen()

    def _unseen(self) -> tuple[Any, Variant, dict[str, Any]]:
        """Returns a design that was not asked for, the first there is."""
        import optuna

        place = next(p for p in product(*map(range, self._sizes())) if p not in self._asked)
        fixed: dict[str, Any] = {str(axis): value for axis, value in enumerate(place)}
        self._study.enqueue_trial(fixed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            trial = self._study.ask(self._distributions)
        return self._design(trial, place)

    def _design(self, trial: Any, place: tuple[int, ...]) -> tuple[Any, Variant, dict[str, Any]]:
        self._asked.add(place)
        values = zip(self._choices.items(), place[1:], strict=True)
        options = given({name: listed[index] for (name, listed), index in values})
        return trial, self._variants[place[0]], options

    def tell(self, trial: Any, measures: Mapping[str, float] | None) -> None:
        """Notes the measures of a design that was asked for; None if it is none that works."""
        if measures is None or any(name not in measures for name in self._objectives):
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, [measures[name] for name in self._objectives])
