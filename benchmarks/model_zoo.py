"""Compiles, compares and simulates every model of others: what docs/models.md says.

Each model has a process of its own and a time limit, so that a crash, a hang or a memory blow-up is
a row in the table and not the end of it. Results are kept in benchmarks/results/zoo as they come;
`--resume` goes on with those of the same commit, `--report` only shows what is there. The page
covers all models, also those that `--only` leaves out: with saved results, or as `not run`.
"""

import argparse
import fnmatch
import sys
from pathlib import Path

from benchmarks.common import MODELS, REPOSITORY, RESULTS, print_table
from benchmarks.zoo import page
from benchmarks.zoo.models import Model, all_models
from benchmarks.zoo.runner import finished, load, run
from benchmarks.zoo.verdict import FAILURES, mismatches, verdict

_DOCUMENT = REPOSITORY / "docs" / "models.md"


def main() -> int:
    """Measures all models; exit status 1 if one crashes, differs, or does not end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="PATTERN", default="*", help="e.g. 'mlperf_tiny/*'")
    parser.add_argument("--no-rtl", action="store_true", help="leave out the simulations")
    parser.add_argument("--resume", action="store_true", help="keep results of this commit")
    parser.add_argument("--seconds", type=float, default=120, help="time limit of one model")
    parser.add_argument("--write-docs", action="store_true", help="write docs/models.md")
    parser.add_argument("--report", action="store_true", help="run nothing, show what is saved")
    parsed = parser.parse_args()
    models = all_models()
    chosen = [m for m in models if fnmatch.fnmatch(m.name, parsed.only)]
    if not chosen:
        parser.error(f"no model at {MODELS} is called {parsed.only}")
    folder = RESULTS / "zoo"
    folder.mkdir(parents=True, exist_ok=True)
    if not parsed.report:
        _run(chosen, folder, parsed)
    results = {m.name: load(m, folder / f"{m.slug}.json") for m in models}
    shown = [results[m.name] for m in chosen]
    for title, table in (
        ("Failures", page.failures(shown)),
        ("Compiled", page.compiled(shown)),
        ("Refused", page.refused(shown)),
        ("Summary", page.counts(shown)),
    ):
        print_table(title, *table)
    if parsed.write_docs:
        text = page.page(list(results.values()), "python -m benchmarks.model_zoo --write-docs")
        _DOCUMENT.write_text(text, encoding="utf-8")
    return int(any(verdict(r) in FAILURES for r in shown))


def _run(models: list[Model], folder: Path, options: argparse.Namespace) -> None:
    """Measures models and saves their results, one after the other."""
    for index, model in enumerate(models):
        path, with_rtl = folder / f"{model.slug}.json", not options.no_rtl
        if options.resume and finished(path, with_rtl):
            continue
        result = run(model, path, with_rtl, options.seconds)
        words = f"{verdict(result)} {'; '.join(mismatches(result))[:120]}"
        print(f"{index + 1}/{len(models)} {model.name}: {words}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
