"""Work beside the process: its result, its errors, and that nothing is left of it."""

import os
import subprocess
import sys
import threading

import pytest
from cli_runner import contents, qcc, saved_mlp

from qcompiler.backends import output
from qcompiler.child_programs import end_all, start_again
from qcompiler.second_process import in_halves, meanwhile


def children():
    """Whether this process has children that nobody waited for."""
    try:
        return os.waitpid(-1, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return False


@pytest.mark.parametrize("worth", [True, False])
def test_the_result_comes_once(worth):
    with meanwhile(os.getpid, worth=worth) as result:
        first = result()
        assert (result(), isinstance(first, int)) == (first, True)
    assert not children()


def test_an_error_is_raised_here():
    with pytest.raises(ZeroDivisionError), meanwhile(lambda: 1 // 0) as result:
        result()
    assert not children()


def test_what_nobody_asks_for_ends():
    with meanwhile(threading.Event().wait):
        pass
    assert not children()


def test_an_interruption_ends_it():
    here = os.getpid()
    with meanwhile(lambda: os.getpid() == here or threading.Event().wait()) as result:
        end_all()
        start_again()
        assert result()  # the copy is gone: it is made here
    assert not children()


def test_files_are_the_same(tmp_path, monkeypatch, capfd):
    model = saved_mlp(tmp_path)
    for name, large, many in (("one", 10**9, 10**9), ("two", 1, 10**9), ("three", 1, 1)):
        monkeypatch.setattr(output, "_LARGE", large)
        monkeypatch.setattr(output, "_MANY_PROCESSES", many)
        assert qcc(capfd, "compile", model, "--cycles", 8, "-o", tmp_path / name).status == 0
    one, two, three = (contents(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two == three
    assert not children()


def test_what_was_begun_ends_where_the_rate_is_refused(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(output, "_MANY_PROCESSES", 1)
    asked = ("--fps", "1e9", "--max-luts", "10")
    result = qcc(capfd, "compile", saved_mlp(tmp_path), *asked, "-o", tmp_path / "design")
    assert result.status == 1
    assert not children()


HALVES = """
import os, sys
from qcompiler.second_process import in_halves
here, count = os.getpid(), int(sys.argv[1])
made = in_halves(lambda item: (item, os.getpid() == here), range(count))
alone = len(os.sched_getaffinity(0)) == 1 if sys.platform == "linux" else True
assert made == [(item, alone or item % 2 == 0) for item in range(count)], made
"""
"""In a process that has no other threads, which a test before may have left."""


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_halves_are_put_together_in_order(count):
    subprocess.run([sys.executable, "-c", HALVES, str(count)], check=True)


@pytest.mark.parametrize("wrong", [{0, 1}, {1, 2}, {3}])
def test_of_errors_in_halves_the_first_items_is_raised(wrong):
    def work(item):
        if item in wrong:
            raise ValueError(item)

    with pytest.raises(ValueError, match=str(min(wrong))):
        in_halves(work, range(5))
    assert not children()
