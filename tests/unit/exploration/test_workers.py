"""Clusters that are not as they should be: other versions, no workers, no scheduler."""

import re
import subprocess
import sys

import pytest

from qcompiler.errors import ModelError
from qcompiler.exploration import workers
from qcompiler.exploration.files import Files
from qcompiler.exploration.store import open_store
from qcompiler.exploration.tasks import Limits
from qcompiler.exploration.workers import Workers


class Client:
    """Stands for a client of Dask."""

    def __init__(self, status="running", threads=(), versions=None):
        self.status, self._threads, self._versions = status, dict(threads), versions

    def nthreads(self):
        return self._threads

    def run(self, function, *arguments):
        return self._versions


def cluster(**said):
    return Workers(Client(**said), Files(), Limits(), "tcp://host:1")


def test_places_are_threads_of_workers():
    assert cluster(threads={"a": 2, "b": 3}).places() == 5


def test_workers_with_other_versions_are_refused():
    versions = {"tcp://a": [], "tcp://b": ["numpy 1, not 2"], "tcp://c": ImportError("no module")}
    with pytest.raises(ModelError) as error:
        cluster(versions=versions).check({"numpy": "2"}, ["estimate"])
    assert [str(problem).partition(";")[0] for problem in error.value.problems] == [
        "worker tcp://b: has numpy 1, not 2",
        "worker tcp://c: cannot tell its versions: no module",
    ]


def test_a_cluster_without_workers_is_not_waited_for_without_end(monkeypatch):
    found = cluster()
    assert found.places() == 0
    monkeypatch.setattr(workers, "_LOST_SECONDS", -1.0)
    with pytest.raises(ModelError, match=r"scheduler tcp://host:1: has no worker left"):
        found.places()


def test_a_lost_scheduler_is_said():
    with pytest.raises(ModelError, match=r"connection was lost.*run the same command again"):
        cluster(status="connecting").places()


def test_looking_at_a_store_needs_nothing_else(tmp_path):
    with open_store(tmp_path / "s.sqlite", make=True):
        pass
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['dask', 'distributed', 'optuna', 'psutil']))\n"
        "from qcompiler.cli.main import main\n"
        "sys.exit(main(['explore', 'report', '--store', 's.sqlite', '--html', 'r.html']))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("tls://127.0.0.1:1", "name its certificates in Dask's configuration"),
        ("here", "does not answer: missing port number"),
    ],
)
def test_an_address_that_cannot_be_used_is_said(address, words):
    """In a process of its own: Dask's loop is one a process, and others have theirs here."""
    script = (
        "from qcompiler.errors import ModelError\n"
        "from qcompiler.exploration import workers\n"
        "from qcompiler.exploration.files import Files\n"
        "from qcompiler.exploration.tasks import Limits\n"
        "try:\n"
        f"    with workers.open_workers(Files(), Limits(), jobs=1, scheduler={address!r}):\n"
        "        pass\n"
        "except ModelError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert re.search(rf"scheduler {address}: .*{words}", done.stdout)
