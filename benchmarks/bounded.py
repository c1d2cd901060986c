"""Runs something in a child process that must keep within bounds of time and memory."""

import os
import resource
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

_GRACE = 5
"""How often the bound of processor time may pass by the clock, on a machine that is busy."""


@dataclass(frozen=True)
class Outcome:
    """What became of a child.

    Attributes:
        said: what the function returned, or why it did not.
        failed: whether it raised, or exceeded a bound.
    """

    said: str
    failed: bool


@dataclass(frozen=True)
class Bounds:
    """What a child may take: seconds of processor time, bytes of memory beyond what is there."""

    seconds: int = 60
    memory: int = 2 << 30


def run_bounded(job: Callable[[], str], bounds: Bounds) -> Outcome:
    """Returns what `job` returns, run in a copy of this process with bounds.

    What is imported here already need not be imported there. Programs that it starts are bounded in
    the same way, each for itself, and end with it.
    """
    context = get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(job, bounds, sender))
    child.start()
    sender.close()
    try:
        if not receiver.poll(bounds.seconds * _GRACE):
            return Outcome(f"took more than {bounds.seconds * _GRACE} s by the clock", True)
        return receiver.recv()
    except EOFError:  # it ended without a word
        child.join()
        return Outcome(_death(child.exitcode or 0, bounds), True)
    finally:
        _end(child.pid)
        child.join()
        receiver.close()


def _child(job: Callable[[], str], bounds: Bounds, sender: Connection) -> None:
    os.setsid()  # a group of its own, which ends as a whole
    memory = _used() + bounds.memory
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (bounds.seconds, bounds.seconds + 1))
    try:
        outcome = Outcome(job(), False)
    except MemoryError:
        words = traceback.format_exc().strip().splitlines()[-6:]
        outcome = Outcome(f"took more than {bounds.memory} bytes\n" + "\n".join(words), True)
    except Exception:  # whatever it is, the parent is to know it
        outcome = Outcome(traceback.format_exc(), True)
    sender.send(outcome)
    sender.close()


def _used() -> int:
    """Returns the bytes of address space that this process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _death(status: int, bounds: Bounds) -> str:
    if status in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"took more than {bounds.seconds} s of processor time"
    return f"ended with status {status}"


def _end(group: int | None) -> None:
    if group is None:
        return
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:  # all of it has ended
        return
