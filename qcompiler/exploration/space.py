"""A space of designs, as a TOML file describes it: models, options, how far to go, limits."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, cast

from qcompiler.errors import ModelError, Problem, suggestion
from qcompiler.exploration.space_values import Reader, limits_of, options_of, settings_of
from qcompiler.exploration.tasks import Limits
from qcompiler.frontends.onnx import parse_input_option

STEPS = ("estimate", "synth", "place", "verify")
OBJECTIVES = ("rate", "luts", "latency", "dsps", "brams", "ffs", "accuracy")
"""What a search may look for; see `points.MEASURES`."""
MOST_POINTS = 200_000

_TABLES = ("models", "steps", "data", "plugins", "options", "synth", "verify", "search", "limits")


@dataclass(frozen=True)
class Variant:
    """A model, as it is or quantized in one way.

    Attributes:
        path: of its file.
        inputs: integers of inputs without a quantizer, as --input has them.
        settings: of `qcc quantize`; None for a model that computes in integers.
        calibration: data that it is quantized with: a file, or a word.
    """

    path: Path
    inputs: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Mapping[str, Any] | None = None
    calibration: str = "none"

    @property
    def name(self) -> str:
        """The name of the file that is compiled."""
        if self.settings is None:
            return self.path.name
        words = [f"{_short(n)}{_plain(v)}" for n, v in sorted(self.settings.items())]
        return f"{'-'.join([self.path.stem, *words])}.onnx"


def _short(name: str) -> str:
    return {"weight_bits": "w", "activation_bits": "a"}.get(name, f"{name}-")


def _plain(value: Any) -> str:
    return "".join(c if c.isalnum() or c in "._" else "-" for c in joined(value, "x"))


def joined(value: Any, between: str) -> str:
    """Returns a setting as text, a list with something between its values."""
    return between.join(map(str, cast(list[Any], value) if isinstance(value, list) else [value]))


@dataclass(frozen=True)
class Search:
    """A search in place of the whole grid.

    Attributes:
        trials: the budget: how many designs may be looked at.
        objectives: what is to be good, of `OBJECTIVES`.
        seed: of the search.
    """

    trials: int
    objectives: tuple[str, ...] = ("rate", "luts")
    seed: int = 0


@dataclass(frozen=True)
class Space:
    """What is to be explored.

    Attributes:
        folder: that paths of the file are relative to.
        variants: the models.
        choices: values by option of `qcc compile`; None leaves the option out.
        steps: how far to go, of `STEPS`.
        data: frames with labels, for the accuracy; None without.
        plugins: files of Python.
        synth, verify: more for these steps.
        search: None for the whole grid.
        limits: of each trial; None where they are not given.
    """

    folder: Path
    variants: tuple[Variant, ...]
    choices: Mapping[str, tuple[Any, ...]]
    steps: tuple[str, ...] = ("estimate",)
    data: Path | None = None
    plugins: tuple[Path, ...] = ()
    synth: Mapping[str, Any] = field(default_factory=dict[str, Any])
    verify: Mapping[str, Any] = field(default_factory=dict[str, Any])
    search: Search | None = None
    limits: Limits = field(default_factory=Limits)

    @property
    def size(self) -> int:
        """How many designs the whole grid has."""
        return len(self.variants) * prod(map(len, self.choices.values()))

    def grid(self) -> Iterator[tuple[Variant, dict[str, Any]]]:
        """Yields all designs: a model, and the options of `qcc compile` that are given."""
        for variant in self.variants:
            for values in product(*self.choices.values()):
                yield variant, given(dict(zip(self.choices, values, strict=True)))


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options without those that are left out."""
    return {name: value for name, value in options.items() if value is not None}


def read_space(path: Path) -> Space:
    """Returns the space that a file describes.

    Raises:
        ModelError: the file is at fault; lists every problem.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        what = f"cannot be read: {error.strerror}"
        raise ModelError([Problem(str(path), what, "give the file of a space")]) from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise ModelError([Problem(str(path), f"is no TOML: {error}", "mend it")]) from None
    return space_of(data, path.parent, path.name)


def space_of(data: Mapping[str, Any], folder: Path, name: str = "space") -> Space:
    """Returns the space that the tables of a file describe.

    Args:
        data: the tables.
        folder: that paths are relative to.
        name: of the file, for messages.

    Raises:
        ModelError: lists every problem.
    """
    reader = Reader(name)
    for key in data:
        if key not in _TABLES:
            remedy = suggestion(key, _TABLES, f"there are {', '.join(_TABLES)}")
            reader.refuse(key, "is no entry of a space", remedy)
    space = Space(
        folder,
        _variants(data.get("models"), folder, reader),
        options_of(data.get("options", {}), folder, reader),
        _steps(data.get("steps", "estimate"), reader),
        reader.file(data, "data", folder),
        tuple(folder / p for p in reader.texts(data.get("plugins", []), "plugins")),
        reader.numbers(data, "synth", {"seed": 1}, **{"no-dsp": bool}),
        reader.numbers(data, "verify", {"vectors": 1}),
        _search(data, reader),
        limits_of(data, reader),
    )
    if space.search is None and space.size > MOST_POINTS:
        what = f"has {space.size:,} designs, more than {MOST_POINTS:,}"
        reader.refuse("options", what, "give fewer values, or [search] with a number of trials")
    reader.check()
    return space


def _variants(data: Any, folder: Path, reader: Reader) -> tuple[Variant, ...]:
    listed = cast(Sequence[Any], data) if isinstance(data, list) else [data]
    if data is None or not listed:
        reader.refuse("models", "is missing", 'give models = ["model.onnx"]')
        return ()
    found: list[Variant] = []
    for index, entry in enumerate(listed):
        where = f"models[{index}]"
        if isinstance(entry, str):
            found.append(Variant(folder / entry))
        elif isinstance(entry, dict):
            found += _detailed(cast(dict[str, Any], entry), where, folder, reader)
        else:
            reader.refuse(where, f"is {entry!r}", 'give a path, or {file = "model.onnx"}')
    return tuple(found)


def _detailed(
    entry: Mapping[str, Any], where: str, folder: Path, reader: Reader
) -> Iterator[Variant]:
    """Yields the variants of one entry: one, or one for each way to quantize it."""
    table = reader.table({where: entry}, where, {"file": str, "input": dict, "quantize": dict})
    if "file" not in table:
        reader.refuse(where, "names no file", 'give {file = "model.onnx"}')
        return
    inputs = {str(k): str(v) for k, v in cast(dict[str, Any], table.get("input", {})).items()}
    for name, text in inputs.items():
        try:
            parse_input_option(f"{name}={text}")
        except ValueError as error:
            reader.refuse(f"{where}.input", str(error), 'give input = {x = "uint8:0.0039"}')
    path = folder / str(table["file"])
    if "quantize" not in table:
        yield Variant(path, inputs)
        return
    for calibration, settings in settings_of(table["quantize"], f"{where}.quantize", reader):
        known = calibration in ("none", "gaussian")
        yield Variant(path, inputs, settings, calibration if known else str(folder / calibration))


def _steps(data: Any, reader: Reader) -> tuple[str, ...]:
    words = reader.texts([data] if isinstance(data, str) else data, "steps")
    for word in words:
        if word not in STEPS:
            remedy = suggestion(word, STEPS, f"there are {', '.join(STEPS)}")
            reader.refuse("steps", f"has {word!r}", remedy)
    return tuple(step for step in STEPS if step in {"estimate", *words})


def _search(data: Mapping[str, Any], reader: Reader) -> Search | None:
    if "search" not in data:
        return None
    table = reader.numbers(data, "search", {"trials": 1, "seed": 0}, objectives=list)
    objectives = reader.texts(table.get("objectives", ["rate", "luts"]), "search.objectives")
    wrong = [word for word in objectives if word not in OBJECTIVES]
    if wrong or not objectives:
        what = f"has {', '.join(wrong) or 'none'}"
        reader.refuse("search.objectives", what, f"there are {', '.join(OBJECTIVES)}")
    if "accuracy" in objectives and "data" not in data:
        remedy = 'give data = "FILE.npz", with labels'
        reader.refuse("search.objectives", "has accuracy, and there are no data", remedy)
    given_ = data["search"]
    if isinstance(given_, dict) and "trials" not in given_:
        reader.refuse("search.trials", "is missing", "give trials = 100")
    return Search(table.get("trials", 1), tuple(objectives), table.get("seed", 0))
