"""Work beside the process: its result, its errors, and that nothing is left of it."""

import os
import threading

import pytest
from cli_runner import saved_mlp

import qcompiler
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


def test_files_are_the_same(tmp_path, monkeypatch):
    model = saved_mlp(tmp_path)
    for name, large in (("one", 10**9), ("two", 1)):
        monkeypatch.setattr(output, "_LARGE", large)
        qcompiler.compile(model, cycles=8).write(tmp_path / name)
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")}
        for n in ("one", "two")
    )
    assert one == two
    assert not children()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_halves_are_put_together_in_order(count):
    here = os.getpid()
    made = in_halves(lambda item: (item, os.getpid() == here), range(count))
    assert made == [(item, item % 2 == 0) for item in range(count)]
    assert not children()


@pytest.mark.parametrize("wrong", [{0, 1}, {1, 2}, {3}])
def test_of_errors_in_halves_the_first_items_is_raised(wrong):
    def work(item):
        if item in wrong:
            raise ValueError(item)

    with pytest.raises(ValueError, match=str(min(wrong))):
        in_halves(work, range(5))
    assert not children()
