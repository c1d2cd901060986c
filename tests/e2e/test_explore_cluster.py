"""qcc explore on a Dask cluster: a worker that dies costs its trial, a lost scheduler nothing."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from cli_runner import qcc, saved_mlp

import qcompiler
from qcompiler.errors import ModelError
from qcompiler.exploration.store import open_store

QCC = [sys.executable, "-m", "qcompiler.cli.main"]
DASK = [sys.executable, "-m", "dask"]
SPACE = """
models = ["net.onnx"]
[options]
cycles = [1, 4]
"""
# Each trial begins with it: seconds in which a worker may be killed. One design kills its worker.
SLOW = """
import json, os, sys, time
if "qcompiler.exploration.trial" in sys.orig_argv:
    print("looking around", flush=True)
    time.sleep(2)
    with open(f"{sys.orig_argv[-1]}/task.json") as file:
        if json.load(file)["task"]["spec"]["options"]["cycles"] == 64:
            time.sleep(4)
            os.kill(os.getppid(), 9)
"""


class Cluster:
    """A scheduler and workers on loopback, each in a folder of its own."""

    def __init__(self, folder, stack):
        self.folder, self._stack, self._number = folder, stack, 0
        file = folder / "scheduler.json"
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show"]
        words += ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]
        self.scheduler = self._start(*words)
        wait(lambda: file.is_file() and file.read_text())
        self.address = json.loads(file.read_text())["address"]
        self.workers = [self.worker() for _ in range(2)]

    def _start(self, *words):
        self._number += 1
        home = self.folder / f"machine{self._number}"
        home.mkdir()
        log = (home / "log").open("wb")
        environment = {
            **os.environ,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "PYTHONPATH": str(self.folder / "start"),
        }
        made = subprocess.Popen([*DASK, *words], cwd=home, stdout=log, stderr=log, env=environment)
        self._stack.callback(log.close)
        self._stack.callback(made.wait)
        self._stack.callback(made.kill)
        return made

    def worker(self):
        words = ["worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        return self._start(*words, "--memory-limit", "0", "--host", "127.0.0.1")


def wait(ready, seconds=120.0):
    """Waits until something is true."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.1)


@pytest.fixture
def cluster(tmp_path):
    saved_mlp(tmp_path)
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "sitecustomize.py").write_text(SLOW)
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


def states(folder):
    """The states of the trials in the store; none while it is being made."""
    if not (folder / "explore.sqlite").is_file():
        return []
    try:
        with open_store(folder / "explore.sqlite") as store:
            return [trial.state for trial in store.trials()]
    except (ModelError, sqlite3.Error):  # it is just being made
        return []


def explored(cluster):
    """Explores in this process, which has imported all that it takes."""
    space, store = cluster.folder / "space.toml", cluster.folder / "explore.sqlite"
    return qcompiler.explore(space, store, scheduler=cluster.address)


def exploring(cluster):
    words = ["explore", "space.toml", "--scheduler", cluster.address]
    return subprocess.Popen(
        [*QCC, *words],
        cwd=cluster.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_workers_and_schedulers_that_die(cluster, capfd, monkeypatch):
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(explored, cluster)
        wait(lambda: states(cluster.folder).count("running") == 2)
        cluster.workers[0].send_signal(signal.SIGKILL)
        found = run.result(timeout=120)
    assert (found.counts, found.ran) == ({"done": 2}, 2)

    cluster.workers += [cluster.worker(), cluster.worker()]
    (cluster.folder / "space.toml").write_text(SPACE.replace("[1,", "[64, 1,"))
    found = explored(cluster)
    assert found.counts == {"done": 2, "worker died": 1}
    (log,) = [point.log for point in found.points if point.log]
    assert log.startswith("the worker died that ran it, 2 times")
    assert "looking around" in log

    (cluster.folder / "space.toml").write_text(SPACE.replace("[1,", "[16, 1,"))
    process = exploring(cluster)
    wait(lambda: states(cluster.folder).count("running") == 1)
    cluster.scheduler.send_signal(signal.SIGKILL)
    _, words = process.communicate(timeout=120)
    assert process.returncode == 1, words
    assert "run the same command again to go on" in " ".join(words.split())
    assert "Traceback" not in words
    assert sorted(states(cluster.folder)) == ["done"] * 2 + ["worker died"], "no claim is left"

    monkeypatch.chdir(cluster.folder)
    gone = qcc(capfd, "explore", "space.toml", "--scheduler", "tcp://127.0.0.1:1")
    assert gone.status == 1
    assert "scheduler tcp://127.0.0.1:1 does not answer" in gone.words
    result = qcc(capfd, "explore", "space.toml", "--jobs", "2", "--json")
    found = json.loads(result.out)
    assert (found["ran"], found["known"], found["states"]) == (1, 2, {"done": 3})
