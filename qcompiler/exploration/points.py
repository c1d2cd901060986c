"""What a store says of designs, as numbers side by side, and which of them are best."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qcompiler.exploration.store import Trial
from qcompiler.exploration.tasks import DONE, RUNNING, STATES, Task, canonical, digest
from qcompiler.exploration.trial import DEVICES

MEASURES: Mapping[str, tuple[str, int]] = {
    "rate": ("frames/s", -1),
    "luts": ("LUT", 1),
    "latency": ("us", 1),
    "accuracy": ("share", -1),
    "ffs": ("FF", 1),
    "dsps": ("DSP", 1),
    "brams": ("BRAM", 1),
    "clock": ("MHz", -1),
    "cycles": ("cycles/frame", 1),
    "seconds": ("s", 1),
}
"""Numbers of a design: their unit, and 1 if less is better, -1 if more is."""
FRONT = ("rate", "luts", "latency", "accuracy")
"""What the front of a report is about; accuracy where it is known."""
_RESOURCES = {"luts": "LUT", "ffs": "FF", "dsps": "DSP", "brams": "BRAM"}


@dataclass(frozen=True)
class Point:
    """A design, or what was to be found out about a model.

    Attributes:
        key: of its trial.
        kind: `design`, `quantize` or `accuracy`.
        state: of its trial.
        model: the file that was compiled.
        options: that were given.
        steps: how far it went.
        measures: numbers by name, as far as they are known, of `MEASURES`.
        fault: why it is on no front though its trial is done: it does not fit, or differs.
        command: the command line that makes it.
        log: last words of a trial that is not done.
        host: the machine.
        network: what tells its model from others of the same file name; "" is the name alone.
    """

    key: str
    kind: str
    state: str
    model: str
    options: Mapping[str, Any]
    steps: tuple[str, ...]
    measures: Mapping[str, float]
    fault: str
    command: str
    log: str
    host: str
    network: str = ""

    @property
    def device(self) -> str:
        """The device asked for, or ""."""
        return str(self.options.get("device", ""))

    def data(self) -> dict[str, Any]:
        """Returns it for JSON."""
        return {
            "key": self.key,
            "kind": self.kind,
            "state": self.state,
            "model": self.model,
            "options": dict(self.options),
            "steps": list(self.steps),
            "measures": dict(self.measures),
            "fault": self.fault,
            "command": self.command,
            "log": self.log,
            "host": self.host,
        }


def points_of(trials: Sequence[Trial]) -> list[Point]:
    """Returns the points of a store, with the accuracy that other trials of it found.

    These other trials, and those that made models, are points only if they came to nothing.
    """
    accuracies: dict[str, tuple[float, float]] = {}
    for trial in trials:
        task, result = trial.task, trial.outcome.result
        if task is not None and task.kind == "accuracy" and result is not None:
            value = result.get("accuracy")
            known = accuracies.get(_same_integers(task))
            if value is not None and (known is None or known[0] < trial.ended):
                accuracies[_same_integers(task)] = trial.ended, float(value)
    return [
        _point(trial, accuracies)
        for trial in trials
        if trial.task is None or trial.task.kind == "design" or trial.state != DONE
    ]


def _same_integers(task: Task) -> str:
    """Returns what all tasks share whose designs compute the same integers."""
    spec = task.spec
    numerics = spec.get("options", {}).get("numerics")
    return canonical([_network(task), numerics, spec["versions"].get("qcompiler")])


def _network(task: Task) -> str:
    """Returns what all tasks of one model share: its files, what it names beside it, its inputs."""
    spec = task.spec
    options = spec.get("options", {})
    others = spec.get("data"), options.get("folding"), options.get("device")
    model = {
        name: key
        for name, key in spec["files"].items()
        if name not in others and not name.startswith(f"{DEVICES}/")
    }
    return digest(canonical([model, spec.get("inputs"), spec.get("plugins")]).encode())


def _point(trial: Trial, accuracies: Mapping[str, tuple[float, float]]) -> Point:
    task, outcome = trial.task, trial.outcome
    if task is None:
        return Point(trial.key, "design", trial.state, "", {}, (), {}, "", "", outcome.log, "")
    spec = task.spec
    measures: dict[str, float] = {}
    if trial.state != RUNNING:
        measures["seconds"] = outcome.seconds
    fault = ""
    if task.kind == "design" and outcome.result is not None:
        measures.update(_measures(outcome.result))
        if (found := accuracies.get(_same_integers(task))) is not None:
            measures["accuracy"] = found[1]
        fault = _fault(outcome.result)
    options = spec.get("options", spec.get("settings", {}))
    log = "" if trial.state == DONE else outcome.log
    return Point(
        trial.key, task.kind, trial.state, spec["model"], options, tuple(spec["steps"]), measures,
        fault, task.command, log, outcome.host, _network(task),
    )  # fmt: skip


def _measures(result: Mapping[str, Any]) -> dict[str, float]:
    estimate, synth = result["estimate"], result.get("synth")
    used = synth["total"] if synth else result["resources"]
    mhz, cycles = estimate["clock_mhz"], estimate["max_cycles"]
    if synth and synth["fmax_mhz"]:
        mhz = synth["fmax_mhz"]
    found = {
        "rate": mhz * 1e6 / cycles,
        "latency": estimate["critical_path_cycles"] / mhz,
        "clock": mhz,
        "cycles": cycles,
    }
    return {**found, **{name: used[kind] for name, kind in _RESOURCES.items() if kind in used}}


def _fault(result: Mapping[str, Any]) -> str:
    capacity, used = result["estimate"]["capacity"], result["resources"]
    synth, verified = result.get("synth"), result.get("verify")
    over = [kind for kind, most in capacity.items() if used.get(kind, 0) > most]
    if synth is not None:
        over = [] if synth["fits"] else ["synthesized"]
    if over:
        return f"does not fit: {', '.join(over)}"
    return "the Verilog differs" if verified is not None and not verified["passed"] else ""


def front_of(points: Sequence[Point], measures: Sequence[str] = FRONT) -> list[Point]:
    """Returns the points than which no other one is better, in all that is measured.

    Only what can be compared is: designs for one device and, as long as their accuracies are not
    known, of one model.

    Args:
        points: to choose from; those that are not done, do not fit or differ are left out.
        measures: names of `MEASURES`; accuracy is left out where it is not known.
    """
    groups: dict[tuple[str, ...], list[Point]] = {}
    needed = [name for name in measures if name != "accuracy"]
    for point in points:
        if is_good(point) and all(name in point.measures for name in needed):
            known = "accuracy" in point.measures and "accuracy" in measures
            group = point.device, "" if known else point.network or point.model
            groups.setdefault((*group, str(known)), []).append(point)
    found: list[Point] = []
    for group in groups.values():
        used = [name for name in measures if name in group[0].measures]
        numbers = [[p.measures[name] * MEASURES[name][1] for name in used] for p in group]
        found += [group[index] for index in front(np.array(numbers, dtype=np.float64))]
    return found


def is_good(point: Point) -> bool:
    """Whether a point is a design that works."""
    return point.kind == "design" and point.state == DONE and not point.fault


def front(numbers: np.ndarray[Any, np.dtype[np.float64]]) -> list[int]:
    """Returns the rows [points, measures] that no other row equals or beats in all columns.

    Less is better. Of equal rows, the first one stays.
    """
    order = np.lexsort(numbers.T[::-1])
    left = numbers[order]
    kept: list[int] = []
    while len(order):
        kept.append(int(order[0]))  # nothing that is left beats what comes first in this order
        stays = (left < left[0]).any(axis=1)
        order, left = order[stays], left[stays]
    return sorted(kept)


def counts(points: Iterable[Point]) -> dict[str, int]:
    """Returns how many points are in each state, those that occur."""
    found: dict[str, int] = dict.fromkeys(STATES, 0)
    for point in points:
        found[point.state] += 1
    return {state: number for state, number in found.items() if number}
