"""Trials in processes of their own: limits, refusals, faults, and that nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cli_runner import saved_mlp

import qcompiler
from qcompiler.exploration.files import Files
from qcompiler.exploration.planning import Planner
from qcompiler.exploration.process_tree import MARK
from qcompiler.exploration.space import space_of
from qcompiler.exploration.supervisor import run_trial
from qcompiler.exploration.tasks import (
    DONE,
    FAILED,
    INTERRUPTED,
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    REFUSED,
    Limits,
)

LIMITS = Limits(120.0, 4 << 30)
# Starts a grandchild in a session of its own, then hangs, takes memory, ends itself, or raises.
PLUGIN = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "1000"], start_new_session=True)
word = os.environ["QCC_TEST"]
if word == "hang":
    time.sleep(1000)
elif word == "take":
    held = [bytearray(1 << 24) for _ in range(1000)]
elif word == "die":
    os.kill(os.getpid(), 9)
elif word == "end":
    os._exit(7)
"""


def trial(folder, monkeypatch=None, word=None, **changes):
    """The task of a small network, with a plug-in that does what `word` says; and its files."""
    saved_mlp(folder)
    data = {"models": ["net.onnx"], "options": {"cycles": 4}, **changes}
    if word is not None:
        (folder / "plugin.py").write_text(PLUGIN)
        _tell(monkeypatch, folder, word)
        data["plugins"] = ["plugin.py"]
    space = space_of(data, folder)
    files = Files()
    task = Planner(space, files).design(*next(space.grid()))
    return task, files.of_task(task)


def starting(folder, monkeypatch, word):
    """The same, but what `word` says is done before the trial has imported anything."""
    (folder / "start").mkdir()
    (folder / "start" / "sitecustomize.py").write_text(PLUGIN)
    monkeypatch.setenv("PYTHONPATH", str(folder / "start"))
    _tell(monkeypatch, folder, word)
    return trial(folder)


def _tell(monkeypatch, folder, word):
    monkeypatch.setenv("QCC_TEST", word)
    monkeypatch.setenv("QCC_TEST_FOLDER", str(folder))


def marked(folder):
    """Processes of a trial that a test started; others' trials may run beside it."""
    found = []
    for process in psutil.process_iter():
        try:
            carries = process.environ()
            if carries.get("QCC_TEST_FOLDER") != str(folder):
                continue
            if MARK in carries and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.cmdline())
        except psutil.Error:
            continue
    return found


def test_a_trial_is_what_compile_says(tmp_path):
    task, files = trial(tmp_path)
    outcome = run_trial(task, LIMITS, files)
    assert outcome.state == DONE
    found = qcompiler.compile(tmp_path / "net.onnx", cycles=4).report().files()
    report = json.loads(json.dumps(found))  # as qcc compile --json prints it
    assert outcome.result["estimate"] == report["estimate_network_performance.json"]
    assert outcome.result["resources"] == report["estimate_layer_resources.json"]["total"]
    assert outcome.seconds > 0
    assert outcome.memory_bytes > 10 << 20


def test_a_refusal_is_a_result(tmp_path):
    task, files = trial(tmp_path, options={"cycles": 4, "multipliers": "any"})
    outcome = run_trial(task, LIMITS, files)
    assert outcome.state == REFUSED
    assert "only a device or a budget bounds the hard multipliers" in outcome.log
    assert str(tmp_path) not in outcome.log


@pytest.mark.parametrize(
    ("made", "word", "limits", "state", "words"),
    [
        (starting, "hang", Limits(2.0, 4 << 30), OUT_OF_TIME, "took more than 2 s"),
        (trial, "take", Limits(60.0, 400 << 20), OUT_OF_MEMORY, ""),
        (trial, "none", Limits(60.0, 50 << 20), OUT_OF_MEMORY, ""),
        (starting, "die", LIMITS, FAILED, "ended by SIGKILL"),
        (starting, "end", LIMITS, FAILED, "status 7"),
    ],
)
def test_limits_and_faults(tmp_path, monkeypatch, made, word, limits, state, words):
    task, files = made(tmp_path, monkeypatch, word)
    outcome = run_trial(task, limits, files)
    assert outcome.state == state
    assert words in outcome.log
    assert marked(tmp_path) == []


def test_a_trial_that_nobody_wants_ends(tmp_path, monkeypatch):
    task, files = trial(tmp_path, monkeypatch, "hang")
    outcome = run_trial(task, LIMITS, files, lambda words: False)
    assert outcome.state == INTERRUPTED
    assert marked(tmp_path) == []


def test_a_trial_ends_with_whoever_started_it(tmp_path, monkeypatch):
    trial(tmp_path, monkeypatch, "hang")
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2] / 'support')!r})\n"
        "import test_trials, pathlib, pytest\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "patch = pytest.MonkeyPatch()\n"
        "test_trials.run_trial(*_order(*test_trials.trial(folder, patch, 'hang')))\n"
    ).replace("_order(", "(lambda task, files: (task, test_trials.LIMITS, files))(")
    starter = subprocess.Popen([sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while not any("sleep" in words for words in marked(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert any("sleep" in words for words in marked(tmp_path))
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    while marked(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert marked(tmp_path) == []


def test_a_task_cannot_write_elsewhere(tmp_path):
    task, files = trial(tmp_path)
    for name in ("../escaped", "/tmp/escaped", "a/../../escaped"):
        key = next(iter(files))
        spec = {**task.spec, "files": {name: key}}
        wrong = type(task)(task.kind, spec, "")
        with pytest.raises(ValueError, match="is not to be"):
            run_trial(wrong, LIMITS, files)
