"""Runs synthesis tools: in a directory, with a log, limits of time and memory, and progress."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from qcompiler.child_programs import started
from qcompiler.errors import printable
from qcompiler.progress import Progress

_POLL_SECONDS = 0.2
_SHOWN_LINES = 12
_TAIL_BYTES = 20_000
_NO_MEMORY = r"(?i)bad_alloc|memoryerror|out of memory|cannot allocate memory"
_TITLES = {"yosys": "Yosys"}
# What a line in the log of Yosys, nextpnr or a packer says of the phase.
_PHASES = {
    r"Executing (HIERARCHY|PROC|FLATTEN|TRIBUF|DEMINOUT)": "elaborating",
    r"Executing (WREDUCE|PEEPOPT|SHARE|FSM|ALUMACC|MACCMAP)": "optimizing",
    r"Executing MEMORY": "mapping memories",
    r"Executing (TECHMAP|ABC|DFFLEGALIZE|SIMPLEMAP|EXTRACT|SYNTH)": "mapping",
    r"Executing (JSON|Verilog|RTLIL) backend": "writing the netlist",
    r"Info: (Packing|Constraining)": "packing",
    r"Info: (Creating initial|Running (main )?(analytic|simulated|heap)|Placed|initial placement)"
    r"|at iteration #\d+: .*(cost|wirelen)|at initial placer": "placing",
    r"Info: (Routing|Setting up routing|Running router|Starting routing)": "routing",
}


class SynthesisError(Exception):
    """A tool is absent, failed, or ran into a limit; the message has its own last words.

    Attributes:
        limit: `time` or `memory` if it ran into one.
    """

    def __init__(self, message: str, limit: str | None = None):
        self.limit = limit
        super().__init__(message)


class Limits(Struct, frozen=True):
    """What one run of a tool may take.

    Attributes:
        seconds: of wall clock.
        memory_bytes: of data; enforced on Linux only.
    """

    seconds: float = 1800.0
    memory_bytes: int = 8 << 30


def run_limited(
    command: Sequence[str], log: Path, limits: Limits, progress: Progress, name: str
) -> float:
    """Runs a program in the directory of `log` and returns the seconds it took.

    Args:
        command: words, never given to a shell.
        log: receives all that the program says.
        limits: time and memory.
        progress: told tool, phase, and what the program last said it was doing in parentheses.
        name: of the tool, for messages.

    Raises:
        SynthesisError: the program failed or reached a limit.
    """
    start = time.monotonic()
    title, phase = _TITLES.get(name, name), "starting"
    with (
        log.open("wb") as file,
        started(
            command,
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        _limit_memory(process.pid, limits.memory_bytes)
        while process.poll() is None:
            if time.monotonic() - start > limits.seconds:
                raise SynthesisError(
                    f"{name} took more than {limits.seconds:g} s; give it more with --timeout, or "
                    f"a slower folding less to do\n{_last_words(log)}",
                    "time",
                )
            phase = _phase(log) or phase
            progress(f"{title}: {phase} ({_doing(log)})")
            time.sleep(_POLL_SECONDS)
    if process.returncode:
        words = _last_words(log)
        starved = process.returncode < 0 or re.search(r"(?i)\balloc|bad_alloc|memory", words)
        limit = f"; its limit was {limits.memory_bytes >> 20} MiB of memory (--memory)"
        status = f"{process.returncode}{limit if starved else ''}"
        out_of_memory = process.returncode < 0 or re.search(_NO_MEMORY, words)
        raise SynthesisError(
            f"{name} failed with status {status}:\n{words}", "memory" if out_of_memory else None
        )
    return time.monotonic() - start


def _limit_memory(pid: int, size_bytes: int) -> None:
    """Limits data, not address space: WebAssembly reserves far more of that than it uses."""
    if sys.platform == "linux":
        import resource

        try:
            resource.prlimit(pid, resource.RLIMIT_DATA, (size_bytes, size_bytes))
        except ProcessLookupError:  # it is done already
            return


def _tail(log: Path) -> list[str]:
    """Returns the last lines of a log."""
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip()]


def _doing(log: Path) -> str:
    """Returns the last line with a heading, of Yosys or nextpnr, or just the last line."""
    lines = _tail(log)
    headings = [line for line in lines if "Executing" in line]
    last = (headings or lines or ["starting"])[-1]
    return printable(last.strip(), 70)


def _phase(log: Path) -> str | None:
    """Returns the last phase that the end of a log tells of, None if it tells of none."""
    for line in reversed(_tail(log)):
        for pattern, phase in _PHASES.items():
            if re.search(pattern, line):
                return phase
    return None


def _last_words(log: Path) -> str:
    """Returns the lines from the last error on, or the last lines of all."""
    lines = _tail(log)
    errors = [index for index, line in enumerate(lines) if "ERROR" in line]
    start = errors[-1] if errors else -_SHOWN_LINES
    shown = [printable(line, 500) for line in lines[start:][:_SHOWN_LINES]]
    return "\n".join([*shown, f"log: {log}"])
