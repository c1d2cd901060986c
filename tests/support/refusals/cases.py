"""A refused model, and the same one as the remedy of its message has it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace
from onnx import ModelProto

from qcompiler import pipelines
from qcompiler.compiler import Options, compile_module, import_model
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx import parse_input_option
from refusals.net import Net, save

Build = Callable[[Net, bool], ModelProto | None]

INTERNAL = re.compile(r"\b(?:nn|qint|stream|rtl|hw|comb|seq|arith)\.\w+|\bprocess|\bregion\b|%\w+")
"""Words that stand for something inside the compiler, not in a model."""


@dataclass(frozen=True)
class Case:
    """A model that is refused for one reason.

    Attributes:
        chapter: of the page.
        title: what the model has or lacks.
        at: the node or tensor that is the cause, as the message begins.
        change: what was done to follow the remedy.
        build: writes the model into a Net; if its second argument says so, mended.
        shape: of the input x.
        options: for both models.
        mended_options: for the mended one.
    """

    chapter: str
    title: str
    at: str
    change: str
    build: Build
    shape: tuple[int | str, ...] = (1, 4)
    options: Mapping[str, object] = field(default_factory=dict)
    mended_options: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Of the function that writes the model."""
        return self.build.__name__

    def model(self, mended: bool) -> ModelProto:
        net = Net(self.shape)
        made = self.build(net, mended)
        return net.model() if made is None else made

    def problems(self, folder: Path, mended: bool) -> tuple[Problem, ...]:
        """What `qcc check` says of the model, or of the mended one."""
        path = save(self.model(mended), folder / "model.onnx")
        given = dict(self.options) | (dict(self.mended_options) if mended else {})
        inputs = dict(parse_input_option(text) for text in given.pop("inputs", ()))
        if "folding" in given:
            (folder / "folding.json").write_text(str(given["folding"]))
            given["folding"] = str(folder / "folding.json")
        passes = (*pipelines.QINT, *pipelines.STREAM)
        options = Options(inputs=inputs, passes=passes, **given)
        try:
            compile_module(import_model(path, options), options)
        except ModelError as error:
            return tuple(_without(folder, problem) for problem in error.problems)
        return ()


def _without(folder: Path, problem: Problem) -> Problem:
    """Returns a problem in which files have no folder."""
    return replace(problem, where=problem.where.replace(f"{folder}/", ""))


CASES: list[Case] = []


def refused(chapter: str, title: str, at: str, change: str, **more) -> Callable[[Build], Build]:
    """Registers the model that a function writes."""

    def register(build: Build) -> Build:
        CASES.append(Case(chapter, title, at, change, build, **more))
        return build

    return register
