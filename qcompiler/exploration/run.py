"""Runs the trials of a space: those that the store does not have, as many at once as there are."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from qcompiler.exploration.files import Files
from qcompiler.exploration.planning import Planner
from qcompiler.exploration.points import Point, counts, front_of, points_of
from qcompiler.exploration.remaining import Durations, Group, time_words, total_left
from qcompiler.exploration.search import ParetoSearch
from qcompiler.exploration.search import check_installed as check_search
from qcompiler.exploration.space import Space, Variant
from qcompiler.exploration.store import Store, open_store
from qcompiler.exploration.supervisor import run_trial
from qcompiler.exploration.tasks import DONE, INTERRUPTED, REFUSED, Limits, Outcome, Task
from qcompiler.exploration.workers import Workers, open_workers
from qcompiler.progress import Progress, silent

_LOOK_SECONDS = 0.5
_UNKNOWN = "not known"

Told = Callable[[Outcome], None]


@dataclass(frozen=True)
class Exploration:
    """What is known of a space after a run.

    Attributes:
        points: its designs, and models that could not be quantized or evaluated.
        ran: trials of this run.
        known: trials that the store had.
        seconds: the run took.
    """

    points: tuple[Point, ...]
    ran: int
    known: int
    seconds: float

    @property
    def front(self) -> list[Point]:
        """The points than which no other one is better, see `points.front_of`."""
        return front_of(self.points)

    @property
    def counts(self) -> dict[str, int]:
        """How many points are in each state."""
        return counts(self.points)


@dataclass(frozen=True)
class Plan:
    """What a run would do.

    Attributes:
        designs: that would be looked at.
        known: trials that the store has.
        left: trials to run, by group.
        seconds: from least to most that they may take; None if nobody knows.
        basis: in words, what that is known from.
        commands: the first command lines of what is left.
    """

    designs: int
    known: int
    left: dict[Group, int]
    seconds: tuple[float, float] | None
    basis: str
    commands: tuple[str, ...]

    @property
    def to_run(self) -> int:
        """Trials to run."""
        return sum(self.left.values())


def explore(
    space: Space,
    store: Store,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    again: bool = False,
    progress: Progress = silent,
) -> Exploration:
    """Runs what the store does not have, and returns what it then has of the space.

    Args:
        space: what to explore.
        store: keeps each result as soon as there is one.
        jobs: trials at once on this machine, if there is no scheduler.
        scheduler: address of a Dask scheduler whose workers run the trials.
        again: try once more what failed before.
        progress: is told what goes on.

    Raises:
        ModelError: a file cannot be read, Dask is absent, the store is damaged, or the cluster is
            lost; what ended until then is kept.
    """
    files = Files()
    planner = Planner(space, files)
    if space.search is not None:
        check_search()
    with open_workers(files, space.limits, jobs=jobs, scheduler=scheduler) as workers:
        run = _Run(space, planner, store, workers, again=again, progress=progress)
        try:
            return run.all()
        finally:
            store.leave()


def group_of(task: Task) -> Group:
    """Returns what tasks share that take about as long."""
    return task.kind, task.spec["model"], *task.spec["steps"]


def durations_in(store: Store) -> Durations:
    """Returns how long the trials of a store took."""
    found = Durations()
    for trial in store.trials():
        if trial.task is not None and trial.state in (DONE, REFUSED):
            found.add(group_of(trial.task), trial.outcome.seconds)
    return found


class _Run:
    """One run on one store."""

    def __init__(
        self,
        space: Space,
        planner: Planner,
        store: Store,
        workers: Workers,
        *,
        again: bool,
        progress: Progress,
    ):
        self._space, self._planner, self._store, self._workers = space, planner, store, workers
        self._again, self._progress = again, progress
        self._durations = durations_in(store)
        self._keys: dict[str, None] = {}  # in their order
        self._ran, self._known, self._bad = 0, 0, 0
        self._left: dict[Group, int] = {}
        self._places = 1

    def all(self) -> Exploration:
        """Runs all."""
        start = time.monotonic()
        self._store.hear()
        variants = self._variants()
        if self._space.search is None:
            self._designs((v, o) for v, o in self._space.grid() if v in variants)
        else:
            self._search(variants)
        wanted = self._keys
        found = [trial for trial in self._store.trials() if trial.key in wanted]
        seconds = round(time.monotonic() - start, 3)
        return Exploration(tuple(points_of(found)), self._ran, self._known, seconds)

    def _variants(self) -> list[Variant]:
        """Returns the models that there are, after quantizing those that are to be."""
        made = self._planner.quantizing()
        if made:
            self._workers.check(made[0][1].spec["versions"], ("quantize",))
            self._left = total_left(group_of(task) for _, task in made)
            self._run_all(task for _, task in made)
        for variant, task in made:
            if (model := self._store.output(task.key)) is not None:
                self._planner.made(variant, model)
                del self._keys[task.key]
        return [variant for variant in self._space.variants if self._planner.is_ready(variant)]

    def _designs(self, grid: Iterable[tuple[Variant, dict[str, Any]]]) -> None:
        tasks: list[Task] = []
        for variant, options in grid:
            tasks.append(self._planner.design(variant, options))
            accuracy = self._planner.accuracy(variant, options)
            tasks += [accuracy] if accuracy is not None else []
        tasks = list({task.key: task for task in tasks}.values())
        self._check(tasks)
        self._left = total_left(map(group_of, tasks))
        self._run_all(tasks)

    def _check(self, tasks: Sequence[Task]) -> None:
        if tasks:
            self._workers.check(tasks[0].spec["versions"], self._space.steps)

    def _run_all(self, tasks: Iterable[Task]) -> None:
        waiting = iter(tasks)
        self._keep_busy(lambda: next(((task, _ignore) for task in waiting), None))

    def _search(self, variants: Sequence[Variant]) -> None:
        """Runs what a search asks for; accuracies first, as they are the same for many designs."""
        self._accuracies(variants)
        search = ParetoSearch(self._space, variants)
        self._left = {("design", "search"): search.most}

        def following() -> tuple[Task, Told] | None:
            asked = search.ask()
            if asked is None:
                return None
            trial, variant, options = asked
            task = self._planner.design(variant, options)
            accuracy = self._planner.accuracy(variant, options)

            def tell(outcome: Outcome) -> None:
                keys = [task.key, *([accuracy.key] if accuracy is not None else [])]
                kept = [found for key in keys if (found := self._store.get(key)) is not None]
                known = [p for p in points_of(kept) if p.key == task.key]
                works = outcome.state == DONE and known and not known[0].fault
                search.tell(trial, known[0].measures if works else None)

            return task, tell

        self._keep_busy(following)

    def _accuracies(self, variants: Sequence[Variant]) -> None:
        numerics = self._space.choices.get("numerics", (None,))
        tasks: dict[str, Task] = {}
        for variant in variants:
            for value in numerics:
                options = {} if value is None else {"numerics": value}
                if (task := self._planner.accuracy(variant, options)) is not None:
                    tasks[task.key] = task
        self._left = total_left(map(group_of, tasks.values()))
        self._run_all(tasks.values())

    def _keep_busy(self, following: Callable[[], tuple[Task, Told] | None]) -> None:
        """Runs trials until there is none to follow and all have ended, elsewhere, too.

        Args:
            following: gives the next task, and whom to tell its outcome; None if there is none.
        """
        told: dict[str, Told] = {}
        elsewhere: deque[tuple[Task, Told]] = deque()
        more = True
        while more or told or elsewhere:
            self._store.hear()
            self._places = self._workers.places()
            while more and self._workers.running < self._places:
                entry = following()
                more = entry is not None
                if entry is not None and not self._begin(*entry, told):
                    elsewhere.append(entry)
                self._store.hear()
            self._tell(len(elsewhere))
            for task, outcome in self._workers.ended(_LOOK_SECONDS if told or elsewhere else 0.0):
                if outcome.state == INTERRUPTED:  # a worker gave it up, and this run did not
                    self._workers.start(task)
                else:
                    self._end(task, outcome, told.pop(task.key))
            for _ in range(len(elsewhere) if self._workers.running < self._places else 0):
                entry = elsewhere.popleft()
                if not self._begin(*entry, told):
                    elsewhere.append(entry)
        self._tell(0)

    def _begin(self, task: Task, tell: Told, told: dict[str, Told]) -> bool:
        """Starts a trial, or takes it as known; returns False if another run is at it."""
        self._keys[task.key] = None
        claim = self._store.claim(task, self._space.limits, again=self._again)
        if claim == "ours":
            told[task.key] = tell
            self._workers.start(task)
        elif claim == "known":
            found = self._store.get(task.key)
            assert found is not None, "it was just there"
            self._known += 1
            self._count(task, found.outcome)
            tell(found.outcome)
        return claim != "elsewhere"

    def _end(self, task: Task, outcome: Outcome, tell: Told) -> None:
        self._store.put(task, outcome, self._space.limits)
        self._ran += 1
        if outcome.state in (DONE, REFUSED):
            self._durations.add(group_of(task), outcome.seconds)
        self._count(task, outcome)
        tell(outcome)

    def _count(self, task: Task, outcome: Outcome) -> None:
        self._bad += outcome.state != DONE
        group = group_of(task)
        group = group if group in self._left else ("design", "search")
        if group in self._left:
            self._left[group] -= 1

    def _tell(self, elsewhere: int) -> None:
        ended, left = self._ran + self._known, sum(self._left.values())
        words = [f"{ended} of {ended + left} trials"]
        words += [f"{self._bad} without a result"] if self._bad else []
        words += [f"{elsewhere} in another run"] if elsewhere else []
        words += [f"{self._places} at once" if self._places else "no worker, waiting"]
        if left:
            words.append(time_words(self._durations.range(self._left, self._places)))
        self._progress(", ".join(words))


def _ignore(outcome: Outcome) -> None:
    """Is told how a trial ended, and does nothing."""


def plan(space: Space, path: Path, *, jobs: int, progress: Progress = silent) -> Plan:
    """Returns what a run would do, without doing it.

    Where the store has no trial of the kind, one is timed: to its estimate, and not kept.

    Args:
        space: what to explore.
        path: of the store; it may be absent.
        jobs: trials at once.
        progress: is told what goes on.

    Raises:
        ModelError: a file cannot be read, or the store is damaged.
    """
    files = Files()
    planner = Planner(space, files)
    if not path.is_file():
        return _Planning(space, planner, None).plan(jobs, progress)
    with open_store(path) as store:
        return _Planning(space, planner, store).plan(jobs, progress)


class _Planning:
    """Works out what a run would do."""

    def __init__(self, space: Space, planner: Planner, store: Store | None):
        self._space, self._planner, self._store = space, planner, store

    def _is_known(self, task: Task) -> bool:
        limits = self._space.limits
        return self._store is not None and self._store.settled(task, limits) is not None

    def _tasks(self) -> Iterator[tuple[Group, Task | None]]:
        """Yields the trials, None for those whose model is still to be made."""
        for variant, task in self._planner.quantizing():
            model = None if self._store is None else self._store.output(task.key)
            if model is not None:
                self._planner.made(variant, model)
            yield group_of(task), task
        seen: set[str] = set()
        search = self._space.search
        # Which designs a search will ask for, nobody knows yet: others of the grid stand for them.
        most = None if search is None else search.trials
        for variant, options in islice(self._space.grid(), most):
            if not self._planner.is_ready(variant):
                yield ("design", variant.name, *self._space.steps), None
                continue
            tasks = self._planner.design(variant, options), self._planner.accuracy(variant, options)
            for task in filter(None, tasks):
                if task.key not in seen:
                    seen.add(task.key)
                    yield group_of(task), task

    def plan(self, jobs: int, progress: Progress) -> Plan:
        """Returns the plan."""
        tasks = list(self._tasks())
        missing = [
            (group, task) for group, task in tasks if task is None or not self._is_known(task)
        ]
        known = len(tasks) - len(missing)
        left = total_left(group for group, _ in missing)
        search = self._space.search
        designs = self._space.size if search is None else min(self._space.size, search.trials)
        durations = Durations() if self._store is None else durations_in(self._store)
        basis = "trials of the store"
        if left and not any(map(durations.knows, left)):
            basis = self._time_one([t for _, t in missing if t is not None], durations, progress)
        # What was timed of other models may tell something, but of other steps it does not.
        seconds = None if basis.startswith(_UNKNOWN) else durations.range(left, jobs)
        commands = tuple(task.command for _, task in missing[:5] if task is not None)
        return Plan(designs, known, left, seconds, basis, commands)

    def _time_one(self, tasks: Sequence[Task], durations: Durations, progress: Progress) -> str:
        """Times two designs up to their estimates; returns in words what that tells."""
        if self._space.steps != ("estimate",):
            return f"{_UNKNOWN}: no synthesis or simulation of this model is in the store"
        chosen = [task for task in tasks if task.kind == "design"]
        if not chosen:
            return f"{_UNKNOWN}: the models are still to be made"
        for task in [*chosen[:1], *chosen[1:][-1:]]:
            progress("timing a trial")
            outcome = run_trial(task, Limits(60.0), self._planner.files.of_task(task))
            durations.add(group_of(task), outcome.seconds)
        return "trials timed just now"
