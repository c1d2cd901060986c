"""Figures that a benchmark keeps count at the commit that they are of."""

import pytest

from benchmarks import common


@pytest.fixture
def at(monkeypatch):
    """Returns what sets the commit that is checked out."""
    return lambda name: monkeypatch.setattr(common, "commit", lambda: name)


def test_a_run_of_the_same_commit_goes_on(tmp_path, at):
    at("a")
    path = tmp_path / "kept.json"
    assert common.Kept(path)("row", lambda: 1) == 1
    again = common.Kept(path)
    assert "row" in again
    assert again("row", lambda: 2) == 1
    assert again.commits == ["a"]


def test_figures_of_another_commit_are_measured_anew_unless_asked_for(tmp_path, at):
    path = tmp_path / "kept.json"
    for name, figure in (("a", 1), ("b", 2)):
        at(name)
        kept = common.Kept(path)
        assert "row" not in kept
        assert kept("row", lambda figure=figure: figure) == figure
        assert kept.commits == [name]
    at("c")
    asked = common.Kept(path, any_commit=True)
    assert asked("row", lambda: 3) == 2
    assert asked("other", lambda: 4) == 4
    assert asked.commits == ["b", "c"]


def test_what_is_measured_counts_at_the_commit_where_the_run_began(tmp_path, at):
    at("a")
    kept = common.Kept(tmp_path / "kept.json")
    at("b")
    kept("row", lambda: 1)
    assert "row" in kept
    assert "row" not in common.Kept(tmp_path / "kept.json")
