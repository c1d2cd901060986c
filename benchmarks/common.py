"""What the benchmarks share: the models of others, tables, results, child processes."""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from qcompiler.design import Design
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.interpreters import functions

REPOSITORY = Path(__file__).resolve().parents[1]
MODELS = Path(os.environ.get("QCOMPILER_MODELS", REPOSITORY.parent / "shared" / "models"))
RESULTS = Path(__file__).parent / "results"
_FIGURES = "figures"


def commit() -> str:
    """Returns the short name of the commit that is checked out, with + if code was changed."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=REPOSITORY, capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


@dataclass(frozen=True)
class ZooModel:
    """A model that other people made.

    Attributes:
        name: of the file in qonnx_zoo, without its ending.
        inputs: what `qcc compile --input` needs for it.
    """

    name: str
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return MODELS / "qonnx_zoo" / f"{self.name}.onnx"

    @property
    def arguments(self) -> list[str]:
        """The model's part of the command line."""
        return [str(self.path), *(f"--input={n}={spec}" for n, spec in self.inputs.items())]

    def reals(self, name: str, codes: Array) -> Array:
        """Returns the float32 values that integers of input `name` stand for."""
        kind, scale = self.inputs[name].split(":")
        values = 2 * codes - 1 if kind == "bipolar" else codes
        return (values * float(scale)).astype(np.float32)


ZOO = (
    ZooModel("jet_tagging_w6a6", {"global_in": "int16:0.0009765625"}),
    ZooModel("kws_mlp_w3a3"),
    ZooModel("tfc_w1a1"),
    ZooModel("tfc_w2a2"),
    ZooModel("unsw_nb15_mlp_w2a2", {"onnx::Add_0": "bipolar:1"}),
)


def model_inputs(design: Design, count: int, rng: np.random.Generator) -> dict[str, Array]:
    """Returns random inputs by name, as `Design.predict` takes them: integers or float32.

    Half of the frames are small numbers of both signs, half fill [0, 1], as images do.
    """
    found: dict[str, Array] = {}
    arguments = functions(design.level("qint"))["head"].args
    for name, argument in zip(design.names("inputs"), arguments, strict=True):
        shape, element = (count, *shape_of(argument.type)), element_of(argument.type)
        if isinstance(element, qint.IntType):
            lo, hi = element.lo.data, element.hi.data
            wide = rng.integers(lo, hi, shape, endpoint=True)
            narrow = np.clip(np.rint(rng.normal(0, max(1, hi / 16), shape)), lo, hi)
            found[name] = _halves(wide, narrow).astype(np.int64)
        else:
            images = rng.random(shape)
            signed = rng.standard_normal(shape) * rng.choice([0.3, 1.0, 3.0])
            found[name] = _halves(images, signed).astype(np.float32)
    return found


def _halves(first: Array, second: Array) -> Array:
    half = len(first) // 2
    return np.concatenate([first[:half], second[half:]])


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Prints a table as Markdown, which is readable on a terminal, too."""
    print(f"\n{title}\n\n{markdown(columns, rows)}\n", flush=True)


def with_section(page: str, mark: str, text: str) -> str:
    """Returns a page with `text` between `<!-- MARK begins -->` and `<!-- MARK ends -->`.

    Raises:
        ValueError: the page has no such marks.
    """
    begin, end = (f"<!-- {mark} {word} -->\n" for word in ("begins", "ends"))
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"no marks {mark!r} on the page")
    return f"{before}{begin}\n{text}\n{end}{after}"


def section(page: str, mark: str) -> str:
    """Returns what `with_section` put between marks, nothing where they are not."""
    begin, end = (f"<!-- {mark} {word} -->\n" for word in ("begins", "ends"))
    return page.partition(begin)[2].partition(end)[0]


def markdown(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Returns a table in Markdown, columns aligned."""
    cells = [[str(c) for c in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    padded = [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    lines = [f"| {' | '.join(row)} |" for row in padded]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def save_results(name: str, data: Any) -> Path:
    """Writes what was measured, with when and where, and returns the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    about = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }
    path.write_text(
        json.dumps({"about": about, "results": data}, indent=2) + "\n", encoding="utf-8"
    )
    return path


class Kept:
    """Figures in a file, so that a run that was stopped goes on where it was.

    Each is of the commit that was checked out when the run began; at another, it is measured anew.

    Args:
        path: of the file, JSON.
        any_commit: whether figures of other commits count as well.
    """

    def __init__(self, path: Path, *, any_commit: bool = False):
        self._path, self._any_commit, self._now = path, any_commit, commit()
        self._found: dict[str, dict[str, Any]] = (
            json.loads(path.read_text(encoding="utf-8")).get(_FIGURES, {}) if path.exists() else {}
        )

    @property
    def commits(self) -> list[str]:
        """Those at which what counts was measured."""
        return sorted({row["commit"] for key, row in self._found.items() if key in self})

    def __contains__(self, key: str) -> bool:
        """Whether something that counts was measured under a key."""
        found = self._found.get(key)
        return found is not None and (self._any_commit or found["commit"] == self._now)

    def __call__(self, key: str, measure: Callable[[], Any]) -> Any:
        """Returns what was measured before under a key, or measures it."""
        if key not in self:
            self._found[key] = {"commit": self._now, "figure": measure()}
            text = json.dumps({_FIGURES: self._found}, indent=1)
            self._path.write_text(text + "\n", encoding="utf-8")
        return self._found[key]["figure"]


def add_any_commit(parser: argparse.ArgumentParser) -> None:
    """Adds the option that has `Kept` take figures of other commits."""
    parser.add_argument(
        "--any-commit",
        action="store_true",
        help="take kept figures of other commits too, in place of measuring them anew",
    )
