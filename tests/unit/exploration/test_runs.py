"""Runs and plans, on workers that are told what to answer."""

from contextlib import contextmanager

import pytest
from cli_runner import saved_mlp

from qcompiler.exploration import run
from qcompiler.exploration.space import space_of
from qcompiler.exploration.store import open_store
from qcompiler.exploration.tasks import DONE, INTERRUPTED, REFUSED, Limits, Outcome
from qcompiler.exploration.workers import open_workers


class Answers:
    """Stands for workers: one place, where each trial ends with the next answer."""

    def __init__(self, *states):
        self._states, self.started = list(states), []
        self.running = 0

    def places(self):
        return 1

    def check(self, versions, steps):
        """Finds nothing wrong."""

    def start(self, task):
        self.started.append(task)
        self.running += 1

    def ended(self, seconds):
        assert bool(seconds) == bool(self.running), "it waits for nothing, or not at all"
        if not self.running:
            return []
        self.running = 0
        return [(self.started[-1], Outcome(self._states.pop(0), log="no"))]


@pytest.fixture
def folder(tmp_path):
    saved_mlp(tmp_path)
    return tmp_path


def space(folder, **changes):
    return space_of({"models": ["net.onnx"], "options": {"cycles": [1, 4]}, **changes}, folder)


def test_a_trial_that_a_worker_gave_up_is_started_again(folder, monkeypatch):
    answers = Answers(INTERRUPTED, REFUSED, INTERRUPTED, INTERRUPTED, REFUSED)

    @contextmanager
    def opened(*arguments, **options):
        yield answers

    assert run.open_workers is open_workers, "the name that is replaced is the one in use"
    monkeypatch.setattr(run, "open_workers", opened)
    with open_store(folder / "s.sqlite", make=True) as store:
        found = run.explore(space(folder), store)
    assert (found.ran, found.counts) == (2, {REFUSED: 2})
    assert len(answers.started) == 5


def test_a_plan_does_not_guess_a_placement_from_estimates(folder):
    path = folder / "s.sqlite"
    with open_store(path, make=True) as store:
        planner = run.Planner(space(folder), run.Files())
        for entry in space(folder).grid():
            outcome = Outcome(DONE, {}, seconds=3.0)
            store.put(planner.design(*entry), outcome, Limits())
    done = run.plan(space(folder), path, jobs=1)
    assert (done.known, done.to_run) == (2, 0)
    more = run.plan(space(folder, options={"cycles": [1, 4, 16]}), path, jobs=1)
    assert (more.to_run, more.seconds) == (1, (3.0, 3.0))
    placed = run.plan(space(folder, steps="place"), path, jobs=1)
    assert (placed.to_run, placed.seconds) == (2, None)
    assert placed.basis.startswith("not known: no synthesis")
