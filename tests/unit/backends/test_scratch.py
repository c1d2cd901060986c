"""Temporary folders: what a killed run left goes, what others have stays."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from qcompiler.backends.scratch import scratch_folder

KILLED = """
import os, signal, sys
from pathlib import Path
from qcompiler.backends.scratch import scratch_folder
place = Path(sys.argv[1])
with scratch_folder(place, ".out", place / "out") as work:
    (work / "file").write_text("x")
    if len(sys.argv) > 2:
        os.rename(place / "out", work / "old0")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _kill(place, *more):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(place), *more])
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path):
    _kill(tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    with scratch_folder(tmp_path, ".out") as work:
        assert [p.name for p in tmp_path.iterdir()] == [work.parent.name]
        assert list(work.iterdir()) == []
    assert list(tmp_path.iterdir()) == []


def test_a_design_that_was_moved_aside_comes_back(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    _kill(tmp_path, "moved")
    assert not (tmp_path / "out").exists()
    with scratch_folder(tmp_path, ".out"):
        assert (tmp_path / "out" / "mine").read_text() == "kept"


def test_what_runs_now_stays(tmp_path):
    with scratch_folder(tmp_path, ".out") as first, scratch_folder(tmp_path, ".out"):
        assert first.is_dir()


@pytest.mark.parametrize("content", [None, "", "[]", "{", '{"target": "../x"}'])
def test_foreign_folders_stay(tmp_path, content):
    """Also those with our mark, if it does not say what ours says."""
    foreign = tmp_path / ".out.abc"
    foreign.mkdir()
    (foreign / "file").write_text("mine")
    if content is not None:
        (foreign / ".qcompiler-scratch").write_text(content)
    with scratch_folder(tmp_path, ".out"):
        pass
    if content != '{"target": "../x"}':
        assert (foreign / "file").read_text() == "mine"
    assert not (tmp_path.parent / "x").exists()


def test_a_link_is_not_followed(tmp_path):
    target = tmp_path / "elsewhere"
    target.mkdir()
    (target / ".qcompiler-scratch").write_text('{"target": null}')
    (tmp_path / "place").mkdir()
    os.symlink(target, tmp_path / "place" / ".out.x")
    with scratch_folder(tmp_path / "place", ".out"):
        pass
    assert (target / ".qcompiler-scratch").exists()


def test_long_and_odd_names(tmp_path):
    for prefix in ("." + "x" * 250, ".a*b[c]?"):
        with scratch_folder(tmp_path, prefix) as work:
            assert work.is_dir()
    assert list(tmp_path.iterdir()) == []
