"""Compiles, compares and simulates every model of others: what docs/models.md says.

Each model has a process of its own and a time limit, so that a crash, a hang or a memory blow-up is
a row in the table and not the end of it. Results are kept in benchmarks/results/zoo as they come;
`--resume` goes on with those of the same commit.
"""

import argparse
import fnmatch
import shlex
import sys
from typing import Any

from benchmarks.common import MODELS, REPOSITORY, RESULTS, print_table
from benchmarks.zoo import page
from benchmarks.zoo.models import all_models
from benchmarks.zoo.runner import finished, run
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
    parsed = parser.parse_args()
    models = [m for m in all_models() if fnmatch.fnmatch(m.name, parsed.only)]
    if not models:
        parser.error(f"no model at {MODELS} is called {parsed.only}")
    folder = RESULTS / "zoo"
    folder.mkdir(parents=True, exist_ok=True)
    results: list[dict[str, Any]] = []
    for index, model in enumerate(models):
        path = folder / f"{model.slug}.json"
        result = finished(path, not parsed.no_rtl) if parsed.resume else None
        if result is None:
            result = run(model, path, not parsed.no_rtl, parsed.seconds)
        result["reason"] = model.settings.reason
        results.append(result)
        words = f"{verdict(result)} {'; '.join(mismatches(result))[:120]}"
        print(f"{index + 1}/{len(models)} {model.name}: {words}", flush=True)
    for title, table in (
        ("Failures", page.failures(results)),
        ("Compiled", page.compiled(results)),
        ("Refused", page.refused(results)),
        ("Summary", page.counts(results)),
    ):
        print_table(title, *table)
    if parsed.write_docs:
        command = shlex.join(["python", "-m", "benchmarks.model_zoo", *sys.argv[1:]])
        _DOCUMENT.write_text(page.page(results, command), encoding="utf-8")
    return int(any(verdict(r) in FAILURES for r in results))


if __name__ == "__main__":
    sys.exit(main())
