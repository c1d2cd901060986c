"""Runs a trial in a process of its own, within its limits, and leaves nothing of it behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from qcompiler.backends.scratch import scratch_folder
from qcompiler.child_programs import started
from qcompiler.errors import printable
from qcompiler.exploration import trial
from qcompiler.exploration.process_tree import MARK, kill_marked, resident_bytes
from qcompiler.exploration.tasks import (
    DIED,
    FAILED,
    INTERRUPTED,
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    Limits,
    Outcome,
    Task,
)
from qcompiler.exploration.versions import host_name

_POLL_SECONDS = 0.25
_LOG_BYTES = 4000
_ATTEMPTS = 2
"""A trial that something else killed is tried again."""

_NO_MEMORY = r"(?i)memoryerror|bad_alloc|out of memory|memory allocation|allocate memory"
"""What programs say last that were given too little, even to be loaded."""
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_marks: set[str] = set()
"""Of the trials that this process supervises."""

Wanted = Callable[[str], bool]
"""Is told the last words of a trial now and then; whether its result is still wanted."""


def run_trial(
    task: Task, limits: Limits, files: Mapping[str, bytes], wanted: Wanted = lambda words: True
) -> Outcome:
    """Returns how a trial ended: a function of the task and its files alone.

    Args:
        task: what to find out.
        limits: of time and memory, for the trial with all that it starts.
        files: contents by hash.
        wanted: is asked while it runs; once it says no, the trial ends as `interrupted`.
    """
    outcome = Outcome(FAILED)
    for _ in range(_ATTEMPTS):
        with scratch_folder(prefix="qcompiler-trial") as folder:
            _lay_out(task, limits, files, folder)
            outcome = _supervised(folder, limits, wanted)
        if outcome.state != DIED:
            return outcome
    return replace(outcome, state=FAILED, log=f"{outcome.log}\nso it was, {_ATTEMPTS} times")


def end_supervised() -> None:
    """Ends all trials that this process supervises, before it ends itself."""
    for mark in list(_marks):
        kill_marked(mark)


def _lay_out(task: Task, limits: Limits, files: Mapping[str, bytes], folder: Path) -> None:
    """Writes the files of a trial.

    Raises:
        ValueError: one of them would not be in the folder.
    """
    (folder / trial.FILES / trial.DEVICES).mkdir(parents=True)
    for name, key in task.files.items():
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise ValueError(f"a file of a trial is not to be {name!r}")
        path = folder / trial.FILES / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(files[key])
    data = {"task": task.data(), "limits": asdict(limits)}
    (folder / trial.TASK).write_text(json.dumps(data), encoding="utf-8")


def _environment(mark: str, folder: Path) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        **dict.fromkeys(_ONE_THREAD, "1"),  # as many trials run as there are cores
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONHASHSEED": "0",
        "QCOMPILER_DEVICES": str(folder / trial.FILES / trial.DEVICES),
        MARK: mark,
    }


def _supervised(folder: Path, limits: Limits, wanted: Wanted) -> Outcome:
    mark = uuid4().hex
    _marks.add(mark)
    log = folder / "log"
    start = time.monotonic()
    # -P: the trial's folder, which holds files of others, is not where modules are looked for.
    command = [sys.executable, "-P", "-m", trial.__name__, str(folder)]
    try:
        with (
            log.open("wb") as file,
            started(
                command,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=_environment(mark, folder),
            ) as process,
        ):
            ended, most = _watch(process, limits, log, wanted)
    except KeyboardInterrupt:  # in a thread that starts a program while the main one ends all
        ended, most = INTERRUPTED, 0
    finally:
        kill_marked(mark)
        _marks.discard(mark)
    data = _read(folder / trial.OUTCOME)
    outcome = _ended(ended, data, process_words(log), limits)
    outcome = replace(outcome, log=outcome.log.replace(f"{folder}{os.sep}", ""))
    output = folder / trial.OUTPUT
    return replace(
        outcome,
        seconds=round(time.monotonic() - start, 3),
        memory_bytes=most,
        host=host_name(),
        output=output.read_bytes() if outcome.result is not None and output.is_file() else None,
    )


def _watch(
    process: "subprocess.Popen[bytes]", limits: Limits, log: Path, wanted: Wanted
) -> tuple[str | int, int]:
    """Waits; returns the exit status, or the state that ended it, and the most memory seen."""
    start, most = time.monotonic(), 0
    assert process.stdin is not None, "it was opened"
    with process.stdin:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL_SECONDS), most
            most = max(most, resident_bytes(process.pid))
            if time.monotonic() - start > limits.seconds:
                return OUT_OF_TIME, most
            if most > limits.memory_bytes:
                return OUT_OF_MEMORY, most
            if not wanted(process_words(log, 1)):
                return INTERRUPTED, most


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _ended(ended: str | int, data: Mapping[str, Any] | None, words: str, limits: Limits) -> Outcome:
    """Returns how a trial ended, by what it wrote or how its process did."""
    if ended == OUT_OF_TIME:
        return Outcome(OUT_OF_TIME, log=f"took more than {limits.seconds:g} s\n{words}")
    if ended == OUT_OF_MEMORY:
        most = f"{limits.memory_bytes / 2**20:,.0f} MiB"
        return Outcome(OUT_OF_MEMORY, log=f"took more than {most} of memory\n{words}")
    if ended == INTERRUPTED:
        return Outcome(INTERRUPTED)
    if ended == 0 and data is not None:
        return Outcome(data["state"], data.get("result"), printable_lines(data.get("log", "")))
    how = f"ended with status {ended}"
    if isinstance(ended, int) and ended < 0:
        how = f"was ended by {signal.Signals(-ended).name}"
    log = f"its process {how}\n{words}".rstrip()
    if re.search(_NO_MEMORY, words):
        return Outcome(OUT_OF_MEMORY, log=log)
    return Outcome(DIED if isinstance(ended, int) and ended < 0 else FAILED, log=log)


def process_words(log: Path, lines: int = 40) -> str:
    """Returns the last lines of a log, fit to be shown."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LOG_BYTES))
        text = file.read().decode("utf-8", "replace")
    return printable_lines("\n".join(text.splitlines()[-lines:]))


def printable_lines(text: str) -> str:
    """Returns lines without control characters, as many as are kept."""
    lines = [printable(line, 500) for line in text.splitlines()]
    return "\n".join(lines)[:_LOG_BYTES]
