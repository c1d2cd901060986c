"""Ends the command line in order when a signal asks it to."""

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from qcompiler.child_programs import end_all, start_again

# By name: Windows has no SIGHUP.
_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


def interruptible(work: Callable[[], int]) -> int:
    """Returns the exit status of `work`, or 128 + the number of the signal that interrupted it.

    An interruption ends all child processes, unwinds `work`, and is one line on stderr. A signal
    that the caller ignores (as under nohup) stays ignored. Only the main thread can handle signals;
    in others `work` just runs.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    got: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        got.append(number)
        if end_all():
            raise KeyboardInterrupt  # the one exception that asyncio and others let through

    former = {number: signal.getsignal(number) for number in _SIGNALS}
    # None: set by a program that Python runs in; nobody could put it back.
    ours = [n for n, handler in former.items() if handler not in (signal.SIG_IGN, None)]
    try:
        for number in ours:
            signal.signal(number, interrupt)
        return work()
    except BaseException:  # on the way out, a terminal that hung up raises others
        if not got:
            raise
        with suppress(OSError):
            sys.stderr.write("interrupted\n")
        return 128 + got[0]
    finally:
        for number in ours:
            signal.signal(number, former[number])
        start_again()
