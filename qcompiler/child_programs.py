"""Child processes, each with a process group of its own, which end when we are interrupted."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

_running: set[subprocess.Popen[Any]] = set()
_copies: set[int] = set()
"""Copies of this process, by their numbers."""
_starting: set[int] = set()
"""Threads that are just starting a program, which is not in `_running` yet."""
_interrupted = threading.Event()
WAKING_SECONDS = 1.0
"""How long the main thread waits at most before it looks whether a signal came: one that arrives
just before it begins to wait does not wake it."""


@contextmanager
def started(command: Sequence[str], **options: Any) -> Generator[subprocess.Popen[Any]]:
    """Starts a program; ends it and its children when the block is left before it is done.

    Args:
        command: words, never given to a shell.
        options: of `subprocess.Popen`.
    """
    thread = threading.get_ident()
    _starting.add(thread)
    try:
        process = subprocess.Popen(list(command), start_new_session=True, **options)
        _running.add(process)
    finally:
        _starting.discard(thread)
    try:
        if _interrupted.is_set():
            raise KeyboardInterrupt
        yield process
    finally:
        if process.poll() is None:
            _kill(process)
            process.wait()
        _running.discard(process)


@contextmanager
def ending(pid: int) -> Generator[None]:
    """Ends a copy of this process, which starts nothing itself, when the block is left."""
    _copies.add(pid)
    try:
        if _interrupted.is_set():
            raise KeyboardInterrupt
        yield
    finally:
        _copies.discard(pid)
        os.kill(pid, signal.SIGKILL)  # it is there, or a zombie, until it is waited for
        os.waitpid(pid, 0)


def run_to_end(
    command: Sequence[str],
    watch: Callable[[], None] | None = None,
    every_seconds: float = WAKING_SECONDS,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """Runs a program as `subprocess.run` does without `check`, but as `started` starts it.

    Args:
        command: words, never given to a shell.
        watch: is called every so many seconds while the program runs.
        every_seconds: how many.
        options: of `subprocess.Popen`.
    """
    with started(command, **options) as process:
        while True:
            try:
                output, errors = process.communicate(timeout=every_seconds)
                break
            except subprocess.TimeoutExpired:
                if watch is not None:
                    watch()
    return subprocess.CompletedProcess(list(command), process.returncode, output, errors)


def end_all() -> bool:
    """Ends what runs, in all threads; does not wait, so that a signal's handler may call it.

    What is started from now on ends at once with KeyboardInterrupt, until `start_again`. Returns
    False if this thread is just starting a program: the handler must let it, lest nobody knows it.
    """
    _interrupted.set()
    for process in list(_running):
        if process.returncode is None:
            _kill(process)
    for pid in list(_copies):
        os.kill(pid, signal.SIGKILL)
    return threading.get_ident() not in _starting


def start_again() -> None:
    """Allows programs to be started after `end_all`."""
    _interrupted.clear()


def _kill(process: subprocess.Popen[Any]) -> None:
    with suppress(ProcessLookupError):  # it ended just now
        os.killpg(process.pid, signal.SIGKILL)
