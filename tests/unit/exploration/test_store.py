"""The store: nothing is lost, nothing runs twice, damage is told."""

import re
import sqlite3

import pytest

from qcompiler.errors import ModelError
from qcompiler.exploration.store import open_store
from qcompiler.exploration.tasks import (
    DAMAGED,
    DIED,
    DONE,
    FAILED,
    OUT_OF_TIME,
    REFUSED,
    RUNNING,
    Limits,
    Outcome,
    Task,
)

LIMITS = Limits(10.0, 1 << 30)


def task(name="m.onnx", **options):
    spec = {"model": name, "files": {}, "steps": ["estimate"], "options": options, "versions": {}}
    return Task("design", spec, f"qcc compile {name}")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(path):
    with open_store(path, make=True) as opened:
        yield opened


def states(path):
    with open_store(path) as opened:
        return [trial.state for trial in opened.trials()]


def test_what_was_put_is_there_whole(store, path):
    outcome = Outcome(DONE, {"a": 1.5}, "log", 2.0, 5, "host", b"model")
    store.put(task(), outcome, LIMITS)
    with open_store(path) as other:
        found = other.get(task().key)
        assert found.task == task()
        assert found.limits == LIMITS
        assert (found.outcome.result, found.outcome.log) == ({"a": 1.5}, "log")
        assert other.output(task().key) == b"model"


def test_a_trial_is_claimed_once(store, path):
    assert store.claim(task(), LIMITS) == "ours"
    with open_store(path) as other:
        store.hear()
        assert other.claim(task(), LIMITS) == "elsewhere"
        assert states(path) == [RUNNING]
        store.put(task(), Outcome(DONE, {}), LIMITS)
        assert other.claim(task(), LIMITS) == "known"


def test_what_a_dead_run_had_claimed_is_free(store, path):
    assert store.claim(task(), LIMITS) == "ours"
    with open_store(path) as other:
        assert other.claim(task(), LIMITS) == "ours", "the first run never said that it lives"
        other.leave()
    assert states(path) == []


@pytest.mark.parametrize(
    ("state", "limits", "again", "claim"),
    [
        (DONE, Limits(99.0, 1 << 40), True, "known"),
        (REFUSED, Limits(99.0, 1 << 40), True, "known"),
        (OUT_OF_TIME, LIMITS, False, "known"),
        (OUT_OF_TIME, Limits(11.0, 1 << 30), False, "ours"),
        (OUT_OF_TIME, LIMITS, True, "ours"),
        (FAILED, LIMITS, False, "known"),
        (FAILED, LIMITS, True, "ours"),
        (DIED, LIMITS, True, "ours"),
    ],
)
def test_what_is_tried_again(store, state, limits, again, claim):
    store.put(task(), Outcome(state), LIMITS)
    assert store.claim(task(), limits, again=again) == claim


def test_a_model_that_was_lost_is_made_again(store):
    lost = Task("quantize", task().spec, "qcc quantize m.onnx")
    store.put(lost, Outcome(DONE, {}), LIMITS)
    assert store.claim(lost, LIMITS) == "ours"
    store.put(lost, Outcome(DONE, {}, output=b"model"), LIMITS)
    assert store.claim(lost, LIMITS) == "known"


def test_stores_merge_and_what_ended_well_stays(store, tmp_path):
    store.put(task("a"), Outcome(DONE, {"from": 1}), LIMITS)
    store.put(task("b"), Outcome(FAILED), LIMITS)
    with open_store(tmp_path / "other", make=True) as other:
        other.put(task("a"), Outcome(FAILED), LIMITS)
        other.put(task("b"), Outcome(DONE, {"from": 2}), LIMITS)
        other.put(task("c"), Outcome(DONE, {"from": 2}, output=b"c"), LIMITS)
        assert store.merge(other) == 2
        assert store.merge(other) == 0
    assert [store.get(task(n).key).outcome.result["from"] for n in "abc"] == [1, 2, 2]
    assert store.output(task("c").key) == b"c"


def test_a_damaged_row_is_told_and_made_again(store, path):
    store.put(task("a"), Outcome(DONE, {"luts": 100}), LIMITS)
    store.put(task("b"), Outcome(DONE, {"luts": 100}), LIMITS)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "update trials set result = ? where key = ?", ('{"luts":1}', task("a").key)
        )
    connection.close()
    assert sorted(states(path)) == [DAMAGED, DONE]
    assert store.claim(task("a"), LIMITS) == "ours"
    assert store.claim(task("b"), LIMITS) == "known"


def filled(path, trials=40):
    with open_store(path, make=True) as opened:
        for number in range(trials):
            opened.put(task(str(number)), Outcome(DONE, {"n": number}, "x" * 3000), LIMITS)


def test_a_damaged_file_is_refused_left_alone_and_rescued(path, tmp_path):
    filled(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 8192] = bytes(8192)
    path.write_bytes(data)
    merging = f"is damaged .*`qcc explore merge {re.escape(str(path))} --store NEW.sqlite`"
    with pytest.raises(ModelError, match=merging), open_store(path):
        pass
    with open_store(tmp_path / "new", make=True) as new, open_store(path, rescue=True) as old:
        assert 20 < new.merge(old) < 40
    assert path.read_bytes() == data


def test_files_that_are_no_stores(tmp_path):
    (tmp_path / "text").write_text("no database, however long it is " * 50)
    with pytest.raises(ModelError, match="is no store"), open_store(tmp_path / "text", make=True):
        pass
    other = sqlite3.connect(tmp_path / "other")
    with other:
        other.execute("create table t (x)")
    other.close()
    with pytest.raises(ModelError, match="is no store"), open_store(tmp_path / "other", make=True):
        pass
    with pytest.raises(ModelError, match="does not exist"), open_store(tmp_path / "absent"):
        pass
    assert not (tmp_path / "absent").exists()
