"""Results are replaced whole, by runs that succeed."""

import pytest

from qcompiler.backends.synthesis.tools import SynthesisError
from qcompiler.backends.synthesis.workspace import fresh_folder


def fill(target, words):
    with fresh_folder(target) as folder:
        assert not any(folder.iterdir())
        (folder / "log").write_text(words)


def fail(target, words):
    with fresh_folder(target) as folder:
        (folder / "log").write_text(words)
        raise SynthesisError(f"failed\nlog: {folder / 'log'}")


def test_success_replaces_the_whole(tmp_path):
    target = tmp_path / "synth" / "part"
    fill(target, "first")
    (target / "more").write_text("of the first")
    fill(target, "second")
    assert [file.read_text() for file in target.iterdir()] == ["second"]
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("times", [1, 2])
def test_failure_keeps_the_results_and_its_log(tmp_path, times):
    target = tmp_path / "part"
    fill(target, "good")
    for attempt in range(times):
        with pytest.raises(SynthesisError) as caught:
            fail(target, f"bad {attempt}")
        assert str(caught.value) == f"failed\nlog: {tmp_path / 'part.failed' / 'log'}"
    assert (target / "log").read_text() == "good"
    assert (tmp_path / "part.failed" / "log").read_text() == f"bad {times - 1}"
    assert len(list(tmp_path.iterdir())) == 2


def test_interruption_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), fresh_folder(tmp_path / "part"):
        raise KeyboardInterrupt
    assert not any(tmp_path.iterdir())


def test_two_at_once(tmp_path):
    target = tmp_path / "part"
    with fresh_folder(target) as one:
        (one / "log").write_text("one")
        fill(target, "two")
        assert (target / "log").read_text() == "two"
    assert (target / "log").read_text() == "one"
    assert list(tmp_path.iterdir()) == [target]
