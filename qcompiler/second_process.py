"""Work that a copy of this process does meanwhile, where the system has copies and processors."""

import os
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import zip_longest
from typing import Generic, TypeVar

from qcompiler.child_programs import ending

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


@contextmanager
def meanwhile(
    work: Callable[[], ResultT], *, worth: bool = True
) -> Generator[Callable[[], ResultT]]:
    """Starts work in a copy of this process; yields what waits for its result.

    Where that cannot be, or is not worth it, work is done here when its result is asked for; so it
    is if the copy fails, and then it is here that it raises. What else it changes is lost.

    Args:
        work: its result can be pickled.
        worth: whether it takes longer than to copy the process.
    """
    here = cache(work)
    if not worth or not _can_fork():
        yield here
        return
    copy = _Copy(work)
    with ending(copy.pid):
        yield cache(lambda: copy.result(here))


def in_halves(
    work: Callable[[ItemT], ResultT], items: Sequence[ItemT], *, worth: bool = True
) -> list[ResultT]:
    """Returns the results of all items, in their order; a copy of this process makes every other.

    Args:
        work: changes nothing that lasts; its results can be pickled.
        items: what to work on.
        worth: whether half of it takes longer than to copy the process.

    Raises:
        Exception: what `work` raises of the first item of which it raises something.
    """
    if not worth or not _can_fork():
        return [work(item) for item in items]
    results: list[ResultT] = []
    try:
        with meanwhile(lambda: [work(item) for item in items[1::2]]) as rest:
            here = [work(item) for item in items[::2]]
            there = rest()
    except Exception:  # whatever it is, it may not be that of the first item
        return [work(item) for item in items]
    for pair in zip_longest(here, there):
        results += pair
    return results[: len(items)]


def _can_fork() -> bool:
    """Whether a copy of the process works on, and beside it: other threads would not be in it."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    return len(os.sched_getaffinity(0)) > 1


class _Copy(Generic[ResultT]):
    """A copy of this process that works and ends."""

    def __init__(self, work: Callable[[], ResultT]):
        self._read, write = os.pipe()
        with warnings.catch_warnings():
            # Threads of numpy's library, which has handlers for that.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _work_and_end(work, write)
        os.close(write)

    def result(self, here: Callable[[], ResultT]) -> ResultT:
        """Waits for the result; has it made here if the copy failed."""
        with os.fdopen(self._read, "rb") as pipe:
            told = pipe.read()
        return pickle.loads(told) if told else here()  # our own process wrote it


def _work_and_end(work: Callable[[], object], write: int) -> None:
    """Writes a result, or nothing if there is none, and ends the process as it is."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        told = pickle.dumps(work())
        with os.fdopen(write, "wb") as pipe:
            pipe.write(told)
    finally:
        os._exit(0)  # nothing of the other process's is to be flushed or removed
