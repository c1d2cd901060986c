"""Trials on Dask: on this machine, or on the workers of a scheduler that runs elsewhere."""

import logging
import time
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.util import find_spec
from threading import Lock
from typing import Any, cast
from uuid import uuid4

from qcompiler.backends.scratch import scratch_folder
from qcompiler.errors import ModelError, Problem
from qcompiler.exploration.files import Files
from qcompiler.exploration.supervisor import end_supervised, run_trial
from qcompiler.exploration.tasks import DIED, FAILED, Limits, Outcome, Task
from qcompiler.exploration.versions import other_versions
from qcompiler.version import installing

_EVENTS = "qcompiler-trials"
_CONNECT_SECONDS = 15
_LOST_SECONDS = 20.0
"""How long to wait for workers to come back."""
_NOWHERE = "127.0.0.1:0"
"""Where Dask serves its pages: it always does, so here on any port that nobody else can reach."""
_starting = Lock()
"""Dask imports more of itself while a cluster starts, which two threads must not do at once."""
_STOP_SECONDS = 5.0
_TELL_SECONDS = 5.0


class Workers:
    """A cluster as the run sees it: places for trials, and how those ended that it started."""

    def __init__(self, client: Any, files: Files, limits: Limits, address: str | None):
        self._client, self._files, self._limits = client, files, limits
        self._address = address
        self._running: dict[Any, Task] = {}
        self._sent: dict[str, Any] = {}
        self._seen = time.monotonic()

    @property
    def running(self) -> int:
        """How many trials were started and have not ended."""
        return len(self._running)

    def places(self) -> int:
        """Returns how many trials can run at once: as many as the workers have threads.

        Raises:
            ModelError: the scheduler is lost, or its workers are.
        """
        with self._connected():
            found = sum(self._client.nthreads().values())
        if found:
            self._seen = time.monotonic()
        elif time.monotonic() - self._seen > _LOST_SECONDS:
            what = f"has no worker left, for {_LOST_SECONDS:g} s"
            raise self._error(what, "start workers")
        return found

    def check(self, versions: Mapping[str, str], steps: Iterable[str]) -> None:
        """Checks that all workers have the versions of this machine.

        Raises:
            ModelError: names the workers that have others.
        """
        if self._address is None:
            return
        with self._connected():
            found = self._client.run(other_versions, dict(versions), tuple(steps))
        problems = [
            Problem(
                f"worker {address}",
                _told_versions(other),
                "install the same versions on all machines of the cluster",
            )
            for address, other in found.items()
            if other
        ]
        if problems:
            raise ModelError(problems)

    def start(self, task: Task) -> None:
        """Starts a trial; its files travel with it, each of them once."""
        with self._connected(), warnings.catch_warnings():
            # Dask warns of large contents, which it would rather find on a disk that all share.
            warnings.simplefilter("ignore", UserWarning)
            for key in set(task.files.values()) - set(self._sent):
                name = f"qcompiler-file-{key}"
                self._sent[key] = self._client.submit(bytes, self._files[key], key=name)
            contents = {key: self._sent[key] for key in set(task.files.values())}
            name = f"qcompiler-trial-{task.key}-{uuid4().hex}"
            future = self._client.submit(
                _on_worker, task.data(), asdict(self._limits), contents, key=name
            )
        self._running[future] = task

    def ended(self, seconds: float) -> list[tuple[Task, Outcome]]:
        """Returns what ended, after waiting for it for so long at most.

        Raises:
            ModelError: the scheduler is lost.
        """
        deadline = time.monotonic() + seconds
        while not any(future.done() for future in self._running) and time.monotonic() < deadline:
            time.sleep(0.05)
        found: list[tuple[Task, Outcome]] = []
        with self._connected():
            for future in [future for future in self._running if future.done()]:
                found.append((self._running.pop(future), self._outcome(future)))
                future.release()
        return found

    def _outcome(self, future: Any) -> Outcome:
        if future.status == "finished":
            return future.result()
        if future.status == "error":
            from distributed.scheduler import KilledWorker

            error = future.exception()
            if not isinstance(error, KilledWorker):
                return Outcome(FAILED, log=f"{type(error).__name__}: {error}")
            tries = error.allowed_failures + 1
            last = error.last_worker.address
            log = f"the worker died that ran it, {tries} times; the last was {last}"
            return Outcome(DIED, log="\n".join([log, *self._told(future.key)]))
        raise OSError("its trials are gone")  # the client gave up on the scheduler

    def _told(self, key: str) -> list[str]:
        """Returns what a trial said while it ran, by worker, though the workers are gone."""
        events = self._client.get_events(_EVENTS)
        return [
            f"on {event.get('worker', 'a worker')}: {event['words']}"
            for _, event in events
            if event["key"] == key
        ]

    def stop(self) -> None:
        """Ends all trials that run; none of their results is kept."""
        with suppress(Exception):  # the cluster may be gone, which is as good
            self._client.cancel(list(self._running), force=True)
            self._client.cancel(list(self._sent.values()), force=True)
        self._running.clear()

    @contextmanager
    def _connected(self) -> Generator[None]:
        from distributed.client import FutureCancelledError
        from distributed.comm.core import CommClosedError

        try:
            if self._client.status != "running":
                raise OSError("the scheduler does not answer")
            yield
        except (OSError, TimeoutError, CommClosedError, FutureCancelledError):
            raise self._error(
                "the connection was lost", "see why the scheduler ended, start it again"
            ) from None

    def _error(self, what: str, remedy: str) -> ModelError:
        where = f"scheduler {self._address}" if self._address else "the local cluster"
        kept = "what ended is in the store: run the same command again to go on"
        return ModelError([Problem(where, what, f"{remedy}; {kept}")])


def _told_versions(other: Any) -> str:
    """Returns in words what a worker said of its versions; an exception if it could not."""
    if not isinstance(other, list):
        return f"cannot tell its versions: {other}"
    return f"has {'; '.join(map(str, cast(list[Any], other)))}"


def _on_worker(data: Any, limits: Any, contents: dict[str, bytes]) -> Outcome:
    """Runs on a worker: a trial, which ends early if nobody wants it any more."""
    from dask.context import thread_state
    from distributed import get_worker

    worker, key = get_worker(), thread_state.key
    told = time.monotonic()
    worker.log_event(_EVENTS, {"key": key, "words": "started"})

    def wanted(words: str) -> bool:
        nonlocal told
        if words and time.monotonic() - told > _TELL_SECONDS:
            worker.log_event(_EVENTS, {"key": key, "words": words})
            told = time.monotonic()
        state = worker.state.tasks.get(key)
        return state is not None and state.state == "executing"

    return run_trial(Task.of(data), Limits(**limits), contents, wanted)


@contextmanager
def open_workers(
    files: Files, limits: Limits, *, jobs: int, scheduler: str | None
) -> Generator[Workers]:
    """Gives a cluster; at the end nothing runs there that was started here.

    Args:
        files: that trials take along.
        limits: of each trial.
        jobs: workers on this machine, if there is no scheduler.
        scheduler: the address of a Dask scheduler that runs, such as `tcp://host:8786`.

    Raises:
        ModelError: Dask is not installed, or the scheduler does not answer.
    """
    check_installed()
    _silence_dask()
    with _local(jobs) if scheduler is None else _remote(scheduler) as client:
        workers = Workers(client, files, limits, scheduler)
        try:
            yield workers
        finally:
            workers.stop()
            end_supervised()


def _silence_dask() -> None:
    """Keeps Dask from logging what happens when a run ends early; what matters is an error here."""
    import distributed

    for name in [distributed.__name__, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] == distributed.__name__:
            logging.getLogger(name).setLevel(logging.CRITICAL)


def check_installed() -> None:
    """Raises ModelError if Dask is absent."""
    if find_spec("distributed") is None:
        what = "needs dask and distributed, which are not installed"
        raise ModelError([Problem("explore", what, installing("explore"))])


@contextmanager
def _local(jobs: int) -> Generator[Any]:
    """Gives a client of a cluster in this process."""
    from distributed import Client, LocalCluster

    with scratch_folder(prefix="qcompiler-dask") as folder:
        # Workers are threads: each of them only watches a trial, which is a process of its own.
        with _starting:
            cluster: Any = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=False,
                dashboard_address=_NOWHERE,
                worker_dashboard_address=_NOWHERE,
                memory_limit=0,
                local_directory=str(folder),
            )
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def _remote(address: str) -> Generator[Any]:
    """Gives a client of a scheduler that is not ours."""
    from distributed import Client

    try:
        client: Any = Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError, TypeError) as error:  # TypeError: of TLS without certificates
        said = next(iter(str(error).splitlines()), type(error).__name__)
        remedy = "start one with `dask scheduler`, and workers with `dask worker ADDRESS`"
        if isinstance(error, TypeError):
            remedy = "name its certificates in Dask's configuration, distributed.comm.tls"
        problem = Problem(f"scheduler {address}", f"does not answer: {said}", remedy)
        raise ModelError([problem]) from None
    try:
        yield client
    finally:
        client.close(_STOP_SECONDS)
