"""Child processes, each with a process group of its own, which end when we are interrupted."""

import os
import signal
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

_running: set[subprocess.Popen[Any]] = set()


@contextmanager
def started(command: Sequence[str], **options: Any) -> Generator[subprocess.Popen[Any]]:
    """Starts a program; ends it and its children when the block is left before it is done.

    Args:
        command: words, never given to a shell.
        options: of `subprocess.Popen`.
    """
    process = subprocess.Popen(list(command), start_new_session=True, **options)
    _running.add(process)
    try:
        yield process
    finally:
        if process.poll() is None:
            _kill(process)
            process.wait()
        _running.discard(process)


def run_to_end(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
    """Runs a program as `subprocess.run` does without `check`, but as `started` starts it."""
    with started(command, **options) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(list(command), process.returncode, output, errors)


def end_all() -> None:
    """Ends what runs, in all threads; does not wait, so that a signal's handler may call it."""
    for process in list(_running):
        if process.returncode is None:
            _kill(process)


def _kill(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):  # it ended just now
        os.killpg(process.pid, signal.SIGKILL)
