"""qcc explore: many designs, on this machine or a cluster, and every result kept."""

import argparse
import csv
import os
import shlex
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from rich.markup import escape

from qcompiler.cli.common import (
    err,
    out,
    positive_int,
    print_json,
    print_table,
    refuse_unused,
    table,
)
from qcompiler.cli.progress import showing_progress
from qcompiler.errors import ModelError, Problem, printable
from qcompiler.exploration.entry import DEFAULT_STORE
from qcompiler.exploration.points import MEASURES, Point, counts, front_of, points_of
from qcompiler.exploration.remaining import time_words
from qcompiler.exploration.run import explore, plan
from qcompiler.exploration.space import read_space
from qcompiler.exploration.store import open_store
from qcompiler.exploration.tasks import DONE
from qcompiler.options import flag

REPORT, MERGE = "report", "merge"
_SHOWN = ("rate", "luts", "latency", "accuracy", "dsps", "brams")
_LOGS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "what",
        metavar="SPACE.toml|report|merge",
        help="the space to explore; or `report`, to show what a store has; or `merge`, to take "
        "over what other stores have",
    )
    parser.add_argument("others", metavar="STORE", nargs="*", type=Path, help="to merge")
    parser.add_argument(
        "--store",
        metavar="FILE",
        type=Path,
        default=Path(DEFAULT_STORE),
        help=f"the SQLite file that keeps every result (default: {DEFAULT_STORE})",
    )
    parser.add_argument(
        "--plan", action="store_true", help="say what would run and about how long, and run nothing"
    )
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=positive_int,
        help="trials at once on this machine (default: its cores)",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a Dask scheduler that runs, whose workers do the work: tcp://host:8786",
    )
    parser.add_argument(
        "--retry",
        action="store_true",
        help="try once more what failed, ran out of time or memory, or lost its worker",
    )
    parser.add_argument("--all", action="store_true", help="report: all points, not fronts alone")
    parser.add_argument("--csv", metavar="FILE", type=Path, help="report: all points as CSV")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="report: one page that needs no network"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Explores, reports or merges; exit status 0 if it came to its end."""
    _refuse_unused(parsed)
    if parsed.what == REPORT:
        return _report(parsed)
    if parsed.what == MERGE:
        return _merge(parsed)
    space = read_space(Path(parsed.what))
    jobs = parsed.jobs or os.cpu_count() or 1
    if parsed.plan:
        with showing_progress() as progress:
            found = plan(space, parsed.store, jobs=jobs, progress=progress)
        _show_plan(found, jobs, as_json=parsed.json)
        return 0
    with open_store(parsed.store, make=True) as store, showing_progress() as progress:
        made = explore(
            space,
            store,
            jobs=jobs,
            scheduler=parsed.scheduler,
            again=parsed.retry,
            progress=progress,
        )
    if parsed.json:
        run_ = {"ran": made.ran, "known": made.known, "seconds": made.seconds}
        print_json({**run_, "states": made.counts, "points": [p.data() for p in made.points]})
        return 0
    _show(made.points, str(Path(parsed.what).name), every=False)
    err.print(f"{made.ran} trials in {made.seconds:.1f} s, {made.known} were known")
    store = escape(shlex.quote(str(parsed.store)))
    err.print(f"next:    qcc explore report --store {store} --html report.html")
    return 0


def _refuse_unused(parsed: argparse.Namespace) -> None:
    """Ends the command if options are given that it would not follow."""
    running = {
        "--plan": parsed.plan,
        "--jobs": parsed.jobs is not None,
        "--scheduler": parsed.scheduler is not None,
        "--retry": parsed.retry,
    }
    reporting = {
        "--all": parsed.all,
        "--csv": parsed.csv is not None,
        "--html": parsed.html is not None,
    }
    others = {"STORE": bool(parsed.others)}
    if parsed.what == REPORT:
        refuse_unused("explore", {**running, **others}, "with report: name the store with --store")
        given = {"--all": parsed.all}
        if parsed.json:
            refuse_unused("explore", given, "with --json, which has all points")
    elif parsed.what == MERGE:
        refuse_unused("explore", {**running, **reporting}, "with merge")
    else:
        refuse_unused("explore", {**reporting, **others}, "without report or merge")
        given = {"--scheduler": parsed.scheduler is not None, "--retry": parsed.retry}
        if parsed.plan:
            refuse_unused("explore", given, "with --plan, which runs nothing")
        if parsed.scheduler is not None:
            refuse_unused("explore", {"--jobs": parsed.jobs is not None}, "with --scheduler")


def _show_plan(found: Any, jobs: int, *, as_json: bool) -> None:
    if as_json:
        left = [{"group": list(group), "trials": n} for group, n in found.left.items()]
        print_json(
            {
                "designs": found.designs,
                "known": found.known,
                "to_run": found.to_run,
                "groups": left,
                "seconds": found.seconds,
                "basis": found.basis,
            }
        )
        return
    shown = table(f"{found.designs} designs", "what", "model", "steps", "trials to run")
    for (kind, model, *steps), number in found.left.items():
        shown.add_row(kind, escape(printable(model)), ", ".join(steps), str(number))
    print_table(shown)
    out.print(f"known:   {found.known} trials are in the store")
    if found.to_run and found.seconds is None:
        out.print(f"time:    {escape(found.basis)}")
    elif found.to_run:
        words = time_words(found.seconds).removesuffix(" left")
        out.print(f"time:    {words} with {jobs} at once, by {escape(found.basis)}")
    for command in found.commands:
        out.print(f"runs:    {escape(printable(command, 1000))}")


def _report(parsed: argparse.Namespace) -> int:
    with open_store(parsed.store) as store:
        points = points_of(store.trials())
    if parsed.csv is not None:
        _write(parsed.csv, csv_text(points))
    if parsed.html is not None:
        from qcompiler.exploration.page import build_page

        _write(parsed.html, build_page(points, parsed.store.name))
    if parsed.json:
        front = [point.key for point in front_of(points)]
        listed = [point.data() for point in points]
        print_json({"states": counts(points), "front": front, "points": listed})
    elif parsed.csv is None and parsed.html is None:
        _show(points, parsed.store.name, every=parsed.all)
    for file in filter(None, (parsed.csv, parsed.html)):
        err.print(f"written: {escape(str(file))}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        problem = Problem(str(path), f"cannot write: {error.strerror}", "choose another file")
        raise ModelError([problem]) from None


def _merge(parsed: argparse.Namespace) -> int:
    if not parsed.others:
        err.print(
            "qcc explore: merge needs the stores to take over: qcc explore merge OTHER.sqlite"
        )
        return 2
    taken: dict[str, int] = {}
    with open_store(parsed.store, make=True) as store:
        for path in parsed.others:
            if path.resolve() == parsed.store.resolve():
                problem = Problem(str(path), "is the store itself", "name another one")
                raise ModelError([problem])
            with open_store(path, rescue=True) as other:
                taken[str(path)] = store.merge(other)
    if parsed.json:
        print_json({"store": str(parsed.store), "taken": taken})
    for path, number in taken.items() if not parsed.json else ():
        out.print(f"{number} trials of {escape(path)} taken over")
    return 0


def csv_text(points: Sequence[Point]) -> str:
    """Returns all points as CSV: a column for each option and measure that one of them has."""
    options = sorted({name for point in points for name in point.options})
    file = StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(
        [
            "key",
            "kind",
            "state",
            "fault",
            "model",
            "steps",
            *(f"options.{flag(name).removeprefix('--')}" for name in options),
            *MEASURES,
            "command",
            "log",
        ]
    )
    for point in points:
        head = [point.key, point.kind, point.state, point.fault, point.model]
        values = [point.options.get(name, "") for name in options]
        numbers = [point.measures.get(name, "") for name in MEASURES]
        row = [*head, " ".join(point.steps), *values, *numbers, point.command, point.log]
        writer.writerow(map(_cell, row))
    return file.getvalue()


def _cell(value: Any) -> Any:
    """Returns a cell which no spreadsheet takes for a formula."""
    is_formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if is_formula else value


def _show(points: Sequence[Point], title: str, *, every: bool) -> None:
    chosen = list(points) if every else front_of(points)
    names = [n for n in _SHOWN if any(n in point.measures for point in chosen)]
    title = f"{title}: {'all points' if every else 'best of each device and model'}"
    heads = [f"{name} {MEASURES[name][0]}" for name in names]
    columns = ["model", "options", *heads, *(["state"] if every else [])]
    shown = table(title, *columns)
    for point in sorted(chosen, key=lambda p: (p.model, p.device, -p.measures.get("rate", 0))):
        options = ", ".join(f"{name} {value}" for name, value in point.options.items())
        cells = [_number(point.measures.get(name)) for name in names]
        state = [point.fault or point.state] if every else []
        shown.add_row(escape(printable(point.model)), escape(printable(options)), *cells, *state)
    print_table(shown)
    total = ", ".join(f"{number} {state}" for state, number in counts(points).items())
    out.print(f"points:  {total or 'none'}")
    faults = [point for point in points if point.state != DONE and point.log]
    for point in faults[:_LOGS]:
        said = printable(point.log.splitlines()[0], 200)
        out.print(f"{point.state}: {escape(printable(point.command, 300))}\n  {escape(said)}")
    if len(faults) > _LOGS:
        out.print(f"and {len(faults) - _LOGS} more: --json, --csv and --html have all")


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.4g}"
