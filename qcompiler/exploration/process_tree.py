"""A trial and all processes that it starts: what they hold, and ending them, all of them.

Tools of a trial run in sessions of their own, and what they start may outlive them. So a trial's
processes are known by a mark in their environment, which children inherit.
"""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil  # comes with the extra `explore`, which looking at a store does not need

MARK = "QCC_TRIAL"
_ROUNDS = 50


def limit_memory(size_bytes: int) -> None:
    """Limits the data of this process, and of each that it starts; on Linux only."""
    if sys.platform == "linux":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = size_bytes if hard == resource.RLIM_INFINITY else min(size_bytes, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def resident_bytes(pid: int) -> int:
    """Returns what a process and its descendants hold in memory together."""
    import psutil

    total = 0
    try:
        root = psutil.Process(pid)
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it ended just now
    return total


def kill_marked(mark: str | None = None) -> int:
    """Ends all processes that carry a mark, but for this one; returns how many those were.

    Args:
        mark: of a trial; None for the one of this process, if it has one.
    """
    import psutil

    wanted = os.environ.get(MARK) if mark is None else mark
    ended = 0
    if wanted:
        for _ in range(_ROUNDS):  # what was just being started is found in the next round
            found = list(_marked(wanted))
            for process in found:
                try:
                    process.kill()
                    ended += 1
                except psutil.Error:
                    continue
            psutil.wait_procs(found, timeout=0.2)
            if not found:
                break
    return ended


def _marked(mark: str) -> "Iterator[psutil.Process]":
    import psutil

    for process in psutil.process_iter():
        try:
            carries = process.pid != os.getpid() and process.environ().get(MARK) == mark
            if carries and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except psutil.Error:
            continue  # of another user, or it ended just now
