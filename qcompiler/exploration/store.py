"""Results in one SQLite file, each at the address that its task has.

Several runs may work on one store: a run claims a trial before it starts it, and says every few
seconds that it lives. What a run that died had claimed is free again. A row that was damaged is
told by its checksum; a file that SQLite cannot read is refused, and `rescue` reads what it can.
"""

import json
import os
import shlex
import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from qcompiler.errors import ModelError, Problem
from qcompiler.exploration.tasks import (
    DAMAGED,
    DONE,
    OUT_OF_MEMORY,
    OUT_OF_TIME,
    REFUSED,
    RUNNING,
    STATES,
    Limits,
    Outcome,
    Task,
    canonical,
    digest,
)
from qcompiler.exploration.versions import host_name

_APPLICATION = 0x71636578  # "qcex"
_FORMAT = 1
_LOCK_SECONDS = 60.0
_DEAD_SECONDS = 120.0
"""A run that was not heard of for so long is thought to be dead."""
_HEARD_SECONDS = 5.0
_TOGETHER = 500
"""Rows that are merged at once."""
_DEEPEST, _MOST_FAILED = 12, 20_000
"""How finely keys around damaged pages are told apart, and how often that may fail."""

_TABLES = """
create table trials (
    key text primary key, state text not null, task text not null, result text, log text not null,
    seconds real not null, memory_bytes integer not null, most_seconds real not null,
    most_bytes integer not null, host text not null, ended real not null, checksum text not null
) without rowid;
create table outputs (key text primary key, data blob not null) without rowid;
create table claims (
    key text primary key, run text not null, task text not null, since real not null
) without rowid;
create table runs (
    run text primary key, host text not null, pid integer not null, heard real not null
) without rowid;
"""
_COLUMNS = (
    "key", "state", "task", "result", "log", "seconds", "memory_bytes", "most_seconds",
    "most_bytes", "host", "ended",
)  # fmt: skip

Claim = Literal["ours", "known", "elsewhere"]


@dataclass(frozen=True)
class Trial:
    """A row of a store.

    Attributes:
        key: the task's.
        task: None if the row is damaged beyond that.
        outcome: how it ended, or that it runs or is damaged.
        limits: that it had.
        ended: seconds since 1970; since when it runs, if it does.
    """

    key: str
    task: Task | None
    outcome: Outcome
    limits: Limits
    ended: float

    @property
    def state(self) -> str:
        """One of `STATES`."""
        return self.outcome.state


class Store:
    """An open store."""

    def __init__(self, path: Path, connection: sqlite3.Connection):
        self.path = path
        self.run = uuid4().hex
        self._connection = connection
        self._heard = 0.0

    def trials(self) -> list[Trial]:
        """Returns all trials, those that other runs are at, too."""
        with self._reading() as connection:
            rows = connection.execute(
                f"select {', '.join(_COLUMNS)}, checksum from trials order by key"
            ).fetchall()
            claims = connection.execute("select key, task, since, run from claims").fetchall()
            alive = self._alive(connection)
        found = {trial.key: trial for trial in map(_trial, rows)}
        for key, task, since, run in claims:
            if run in alive:
                running = Outcome(RUNNING)
                found[str(key)] = Trial(str(key), _task(task), running, Limits(), float(since))
        return [found[key] for key in sorted(found)]

    def get(self, key: str) -> Trial | None:
        """Returns a trial that ended; None if there is none."""
        with self._reading() as connection:
            row = connection.execute(
                f"select {', '.join(_COLUMNS)}, checksum from trials where key = ?", (key,)
            ).fetchone()
        return None if row is None else _trial(row)

    def output(self, key: str) -> bytes | None:
        """Returns the file that a trial made."""
        with self._reading() as connection:
            row = connection.execute("select data from outputs where key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def settled(self, task: Task, limits: Limits, *, again: bool = False) -> Trial | None:
        """Returns the trial of a task if there is no reason to run it once more.

        A trial that ran out of time or memory is worth another one with larger limits; one that
        failed is tried again if that is asked for (`again`).
        """
        found = self.get(task.key)
        if found is None or found.state == DAMAGED:
            return None
        if task.kind == "quantize" and found.state == DONE and self.output(task.key) is None:
            return None  # its model was lost
        if found.state in (OUT_OF_TIME, OUT_OF_MEMORY):
            return found if limits.within(found.limits) and not again else None
        return found if found.state in (DONE, REFUSED) or not again else None

    def claim(self, task: Task, limits: Limits, *, again: bool = False) -> Claim:
        """Claims a task: it is `ours` to run, unless it is `known` or runs `elsewhere`."""
        if self.settled(task, limits, again=again) is not None:
            return "known"
        with self._writing() as connection:
            if self.settled(task, limits, again=again) is not None:
                return "known"  # by now
            row = connection.execute("select run from claims where key = ?", (task.key,)).fetchone()
            if row is not None and row[0] != self.run and row[0] in self._alive(connection):
                return "elsewhere"
            connection.execute(
                "insert or replace into claims values (?, ?, ?, ?)",
                (task.key, self.run, canonical(task.data()), time.time()),
            )
        return "ours"

    def put(self, task: Task, outcome: Outcome, limits: Limits) -> None:
        """Keeps how a trial ended, in place of the claim."""
        result = None if outcome.result is None else canonical(outcome.result)
        row = (
            task.key, outcome.state, canonical(task.data()), result, outcome.log, outcome.seconds,
            outcome.memory_bytes, limits.seconds, limits.memory_bytes, outcome.host, time.time(),
        )  # fmt: skip
        with self._writing() as connection:
            if outcome.output is not None:
                connection.execute(
                    "insert or replace into outputs values (?, ?)", (task.key, outcome.output)
                )
            _insert(connection, row)
            connection.execute("delete from claims where key = ?", (task.key,))

    def hear(self) -> None:
        """Notes that this run lives, every few seconds."""
        now = time.time()
        if now - self._heard > _HEARD_SECONDS:
            with self._writing() as connection:
                row = self.run, host_name(), os.getpid(), now
                connection.execute("insert or replace into runs values (?, ?, ?, ?)", row)
            self._heard = now

    def leave(self) -> None:
        """Gives back what this run claimed and did not end."""
        with self._writing() as connection:
            connection.execute("delete from claims where run = ?", (self.run,))
            connection.execute("delete from runs where run = ?", (self.run,))

    def merge(self, other: "Store") -> int:
        """Takes over what another store has and this one has not, or has as failed only.

        Of a damaged one, it takes what can be read. Returns how many trials that were.
        """
        taken, rows = 0, other.rows()
        while some := list(islice(rows, _TOGETHER)):
            with self._writing() as connection:
                for row, output in some:
                    if _is_better(row, self.get(str(row[0]))):
                        _insert(connection, row)
                        taken += 1
                    if output is not None:
                        pair = row[0], output
                        connection.execute("insert or replace into outputs values (?, ?)", pair)
        return taken

    def rows(self) -> Iterator[tuple[tuple[Any, ...], bytes | None]]:
        """Yields all rows that are whole, with the files that their trials made.

        Of a damaged file, it yields what can be read.
        """
        columns = f"{', '.join(_COLUMNS)}, checksum"
        for key in self._keys():
            with suppress(sqlite3.DatabaseError):
                query = f"select {columns} from trials where key = ?"
                row = self._connection.execute(query, (key,)).fetchone()
                query = "select data from outputs where key = ?"
                output = self._connection.execute(query, (key,)).fetchone()
                if row is not None and _trial(row).state != DAMAGED:
                    yield tuple(row[:-1]), None if output is None else bytes(output[0])

    def _keys(self) -> Iterator[str]:
        """Yields the keys; where a page is damaged, those of ranges that do not touch it."""
        query = "select key from trials where key >= ? and key < ?"
        waiting, failed = [""], 0
        while waiting:
            prefix = waiting.pop()
            try:
                yield from [
                    str(key)
                    for (key,) in self._connection.execute(query, (prefix, f"{prefix}g")).fetchall()
                ]
            except sqlite3.DatabaseError:
                failed += 1
                if len(prefix) < _DEEPEST and failed < _MOST_FAILED:
                    waiting += [f"{prefix}{digit}" for digit in "0123456789abcdef"]

    def _alive(self, connection: sqlite3.Connection) -> set[str]:
        rows = connection.execute("select run, host, pid, heard from runs").fetchall()
        return {run for run, host, pid, heard in rows if _lives(host, pid, heard)}

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with _refusing_damage(self.path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with _refusing_damage(self.path):
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")


@contextmanager
def open_store(path: Path, *, make: bool = False, rescue: bool = False) -> Generator[Store]:
    """Opens a store and closes it again.

    Args:
        path: the file.
        make: begin an empty one if there is none.
        rescue: of a damaged one, read what can be read.

    Raises:
        ModelError: it is absent, damaged, or no store.
    """
    if not make and not path.is_file():
        raise _error(path, "does not exist", "name the store of a run with --store")
    if make and not path.parent.is_dir():
        raise _error(path, f"{path.parent} is no folder", "make the folder, or name another")
    with _refusing_damage(path):
        # Every statement that writes is in a transaction of ours.
        connection = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
    try:
        with _refusing_damage(path):
            if make:
                _begin(connection)
            _check(path, connection, rescue=rescue)
        yield Store(path, connection)
    finally:
        connection.close()


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("begin immediate")
    if not connection.execute("select count(*) from sqlite_master").fetchone()[0]:
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"pragma application_id = {_APPLICATION}")
        connection.execute(f"pragma user_version = {_FORMAT}")
    connection.execute("commit")


def _check(path: Path, connection: sqlite3.Connection, *, rescue: bool) -> None:
    application = connection.execute("pragma application_id").fetchone()[0]
    if application != _APPLICATION:
        raise _error(path, "is no store of qcc explore", "name another file with --store")
    format_ = connection.execute("pragma user_version").fetchone()[0]
    if format_ != _FORMAT:
        what = f"has the format {format_}, this version of qcompiler reads {_FORMAT}"
        raise _error(path, what, "use the version that made it, or another file")
    if not rescue:
        found = connection.execute("pragma quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _damaged(path, str(found).splitlines()[-1])


@contextmanager
def _refusing_damage(path: Path) -> Generator[None]:
    """Turns what SQLite says of a file into a refusal."""
    try:
        yield
    except sqlite3.OperationalError as error:
        said = f"cannot be used: {error}"
        if "locked" in str(error):
            raise _error(path, said, "another program holds it; try again later") from None
        raise _error(path, said, "check the folder, its space and permissions") from None
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            what = f"is no store of qcc explore ({error})"
            raise _error(path, what, "name another file with --store") from None
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, said: str) -> ModelError:
    remedy = (
        "it is left as it is: qcc explore merge takes what can be read into another store, "
        f"`qcc explore merge {shlex.quote(str(path))} --store NEW.sqlite`"
    )
    return _error(path, f"is damaged ({said})", remedy)


def _error(path: Path, what: str, remedy: str) -> ModelError:
    return ModelError([Problem(str(path), what, remedy)])


def _insert(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
    marks = ", ".join("?" * (len(_COLUMNS) + 1))
    connection.execute(f"insert or replace into trials values ({marks})", (*row, _checksum(row)))


def _checksum(row: tuple[Any, ...]) -> str:
    return digest(canonical(row).encode())


def _is_better(row: tuple[Any, ...], own: Trial | None) -> bool:
    """Whether another store's row is to replace what there is: what ended well is final."""
    if own is None or own.state == DAMAGED:
        return True
    final = DONE, REFUSED
    return row[1] in final and own.state not in final


def _trial(row: tuple[Any, ...]) -> Trial:
    """Returns what a row says; that it is damaged, if it does not say it."""
    try:
        if _checksum(tuple(row[:-1])) != row[-1] or row[1] not in STATES:
            raise ValueError("the checksum is wrong")
        _, state, _, result, log, seconds, memory, most_seconds, most_bytes, host, ended = row[:-1]
        outcome = Outcome(
            state, None if result is None else json.loads(result), log, seconds, memory, host
        )
        limits = Limits(most_seconds, most_bytes)
        return Trial(row[0], Task.of(json.loads(row[2])), outcome, limits, ended)
    except (ValueError, TypeError, KeyError):
        log = "the row does not fit its checksum; the next run makes it again"
        return Trial(str(row[0]), _task(row[2]), Outcome(DAMAGED, log=log), Limits(), 0.0)


def _task(text: Any) -> Task | None:
    try:
        data: Mapping[str, Any] = json.loads(text)
        found = Task.of(data)
        return found if isinstance(found.spec, dict) else None
    except (ValueError, TypeError, KeyError):
        return None


def _lives(host: str, pid: int, heard: float) -> bool:
    """Whether a run was heard of lately and, as far as this machine can tell, is there."""
    if time.time() - heard > _DEAD_SECONDS:
        return False
    try:
        if host == host_name():
            os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is there, of another user
        return True
    return True
