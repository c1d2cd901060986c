"""A signal ends the command and all that it started: one line, status 128 + its number."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from qcompiler.child_programs import run_to_end
from qcompiler.cli.interruption import interruptible
from qcompiler.cli.main import main

POPEN = subprocess.Popen

# The tool, as Yosys does with ABC, starts another program, which says its number.
TOOL = "sh -c 'echo $$ > grandchild; exec sleep 60' & wait"
LIMITED = f"""
from qcompiler.backends.synthesis.tools import Limits, run_limited
work = lambda: run_limited(["sh", "-c", {TOOL!r}], Path("log"), Limits(), lambda _: None, "tool")
"""
IN_THREADS = f"""
from qcompiler.backends.simulators.toolchain import run_tools
work = lambda: run_tools([["sh", "-c", {TOOL!r}]] * 9, Path())
"""
COMMAND = """
import signal, sys
from pathlib import Path
# Those that run the tests may ignore signals, as nohup does.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)
from qcompiler.cli.interruption import interruptible
{}
sys.exit(interruptible(work))
"""


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def waited(condition, seconds=20.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("work", [LIMITED, IN_THREADS], ids=["limited", "threads"])
def test_tools_end_too(tmp_path, work, number):
    command = [sys.executable, "-c", COMMAND.format(work)]
    path = os.pathsep.join([str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, env=environment)
    file = tmp_path / "grandchild"
    told: list[str] = []

    def begun():  # others write there as well, and may be ended while they do
        told.append(file.read_text() if file.exists() else "")
        return told[-1].endswith("\n")

    assert waited(begun)
    process.send_signal(number)
    _, words = process.communicate(timeout=50)
    assert (words.decode(), process.returncode) == ("interrupted\n", 128 + number)
    assert waited(lambda: not runs(int(told[-1])), 5)


def test_program_that_is_just_being_started(monkeypatch, capsys):
    begun: list[subprocess.Popen[bytes]] = []

    def popen(*arguments, **options):
        begun.append(POPEN(*arguments, **options))
        signal.raise_signal(signal.SIGTERM)
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", popen)
    assert interruptible(lambda: run_to_end(["sleep", "60"]).returncode) == 143
    assert begun[0].returncode == -signal.SIGKILL
    monkeypatch.undo()
    assert run_to_end(["true"]).returncode == 0
    assert capsys.readouterr().err == "interrupted\n"


def test_handlers_are_put_back_and_errors_pass(capsys):
    former = signal.getsignal(signal.SIGTERM)
    assert interruptible(lambda: signal.raise_signal(signal.SIGTERM) or 0) == 143
    assert capsys.readouterr().err == "interrupted\n"
    with pytest.raises(ZeroDivisionError):
        interruptible(lambda: 1 // 0)
    assert signal.getsignal(signal.SIGTERM) is former


def test_ignored_signals_stay_ignored():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert interruptible(lambda: signal.raise_signal(signal.SIGHUP) or 7) == 7
    finally:
        signal.signal(signal.SIGHUP, former)


def test_in_another_thread():
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(main(["opt", "--explain-pass", "dce"])))
    thread.start()
    thread.join()
    assert found == [0]
