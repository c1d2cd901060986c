"""Proves a whole design: in several processes, with results of earlier runs, and a report."""

import json
import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qcompiler.backends.layout import Layout
from qcompiler.backends.simulators.cache import default_cache_root
from qcompiler.child_programs import end_all
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.proofs.jobs import Effort, Proofs, Result, known
from qcompiler.proofs.vcd import write_whole

_FIELDS = {"name", "kind", "status", "words", "seconds", "trace", "cached"}


@dataclass(frozen=True)
class Report:
    """What is proven of a design.

    Attributes:
        top: name of the design.
        results: of all proofs.
    """

    top: str
    results: tuple[Result, ...]

    def count(self, status: str) -> int:
        """Returns how many proofs ended so."""
        return sum(result.status == status for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether nothing was refuted or left open."""
        return not self.count("refuted") and not self.count("undecided")

    def as_dict(self) -> dict[str, Any]:
        """Returns the report for a machine."""
        results = [asdict(result) for result in self.results]
        return {"top": self.top, "passed": self.passed, "proofs": results}


class _Cache:
    """Results of earlier runs, by hashes of all that they depend on."""

    def __init__(self, used: bool):
        self.folder = default_cache_root() / "proofs" if used else None

    def get(self, key: str) -> Result | None:
        if self.folder is None:
            return None
        with suppress(OSError, ValueError, TypeError):
            found = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            if set(found) == _FIELDS:
                return known(Result(**found))
        return None

    def put(self, key: str, result: Result) -> None:
        """Keeps a result that is worth it; a folder that cannot be written keeps nothing."""
        if self.folder is None or result.status not in ("proven", "control"):
            return
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = self.folder / f"{key}.{os.getpid()}"
            part.write_text(json.dumps(asdict(result)), encoding="utf-8")
            part.replace(self.folder / f"{key}.json")


def prove(
    directory: Path,
    *,
    only: Sequence[str] = (),
    effort: Effort | None = None,
    jobs: int = 1,
    cache: bool = True,
    progress: Progress = silent,
) -> Report:
    """Proves a written design, and writes `report/proofs.json`.

    Args:
        directory: as `Design.write` made it.
        only: names, or parts of names, of what to prove; empty for all.
        effort: that each proof may take.
        jobs: processes that prove at a time.
        cache: whether results of earlier runs count.
        progress: told what is done.

    Raises:
        ModelError: the directory holds no design, or nothing in it is called so.
    """
    effort = Effort() if effort is None else effort
    progress("reading the design")
    proofs = Proofs.read(directory, effort)
    names = [name for name in proofs.names if not only or any(part in name for part in only)]
    if not names:
        what = f"has nothing to prove that is called {', '.join(only)}"
        raise ModelError([Problem(str(directory), what, f"there are {', '.join(proofs.names)}")])
    kept = _Cache(cache)
    found = {name: result for name in names if (result := kept.get(proofs.key(name))) is not None}
    todo = [name for name in names if name not in found]
    for result in _results(proofs, todo, jobs):
        found[result.name] = result
        kept.put(proofs.key(result.name), result)
        progress(f"{len(found)} of {len(names)} proofs ({result.name}: {result.status})")
    report = Report(proofs.design.name, tuple(found[name] for name in names))
    if not only:
        path = Layout(directory).report("proofs")
        write_whole(path, json.dumps(report.as_dict(), indent=2) + "\n")
    return report


def _results(proofs: Proofs, names: Sequence[str], jobs: int) -> Iterator[Result]:
    """Yields results as they come; those who work end when nobody asks for more."""
    if jobs == 1 or len(names) < 2:
        yield from map(proofs.prove, names)
        return
    others = multiprocessing.active_children()
    pool = ProcessPoolExecutor(
        min(jobs, len(names)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_start,
        initargs=(proofs.directory, proofs.effort),
    )
    try:
        with _uninterrupted():
            futures = [pool.submit(_prove, name) for name in names]
        for future in as_completed(futures):
            yield future.result()
    finally:
        for worker in multiprocessing.active_children():
            if worker not in others:
                worker.terminate()
        pool.shutdown(cancel_futures=True)


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Keeps Ctrl-C, which a terminal tells all, from processes that are started: we end them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_PROOFS: list[Proofs] = []


def _start(directory: Path, effort: Effort) -> None:
    signal.signal(signal.SIGTERM, _end)
    _PROOFS.append(Proofs.read(directory, effort))


def _end(*_: object) -> None:
    """Ends this process, and Yosys that it may have started."""
    end_all()
    os._exit(1)


def _prove(name: str) -> Result:
    return _PROOFS[0].prove(name)
