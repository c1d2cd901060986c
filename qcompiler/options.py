"""What a user may ask for, and how it travels with a module."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xdsl.dialects.builtin import (
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    f64,
    i64,
)
from xdsl.ir import Attribute

from qcompiler import pipelines
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx import InputSpec
from qcompiler.passes.pipeline import Insertions, PassLike, insert, make_pass, pass_name

NUMERICS = ("exact", "onnxruntime")
MULTIPLIERS = ("hard", "any")
_LIMITS = ("max_luts", "max_dsps", "max_brams")
_CHOOSERS = {
    **dict.fromkeys(("fps", "cycles", "folding", *_LIMITS, "multipliers"), "select-folding"),
    "requantizer": "select-requantizer",
}
"""Options that one pass follows, and nothing else does."""
_SILENT = (None, "auto")


@dataclass(frozen=True)
class Options:
    """What a user may ask for.

    Attributes:
        inputs: per input that has no quantizer of its own, its integers and their scale.
        numerics: `exact`, `onnxruntime`, or None for the format's default.
        fps: frames per second wanted at `mhz`; exclusive with `cycles`.
        cycles: most cycles a frame may take in any layer; 1 is fully parallel.
        mhz: clock that `fps` assumes, registers are placed for, and reports use; 100 if None.
        folding: JSON file with PE and SIMD of layers, overriding the choice.
        device: the part that areas are estimated for; its size bounds the folding.
        max_luts, max_dsps, max_brams: most of each that may be used.
        multipliers: `any` if logic may multiply where hard multipliers run out; None is `hard`.
        requantizer: force one form of requantizer, see select-requantizer.
        validate: run the interpreters before and after every pass.
        passes: passes to run instead of the default pipeline.
        pass_before: passes to run before one of the pipeline, by its name.
        pass_after: passes to run after one of the pipeline, by its name.
        start: the module is what this pass of the pipeline left; run those after it.
    """

    inputs: Mapping[str, InputSpec] = field(default_factory=dict[str, InputSpec])
    numerics: str | None = None
    fps: float | None = None
    cycles: int | None = None
    mhz: float | None = None
    folding: str | None = None
    device: str | None = None
    max_luts: int | None = None
    max_dsps: int | None = None
    max_brams: int | None = None
    multipliers: str | None = None
    requantizer: str = "auto"
    validate: bool = False
    passes: Sequence[PassLike] | None = None
    pass_before: Insertions = field(default_factory=dict[str, PassLike])
    pass_after: Insertions = field(default_factory=dict[str, PassLike])
    start: str | None = None

    def problems(self) -> list[Problem]:
        """Returns what is wrong with the options, all at once."""
        found: list[Problem] = []

        def require(condition: bool, where: str, what: str, remedy: str) -> None:
            if not condition:
                found.append(Problem(where, what, remedy))

        require(
            self.numerics in (None, *NUMERICS),
            "--numerics",
            f"must be one of {', '.join(NUMERICS)}, got {self.numerics}",
            "choose one of them",
        )
        require(
            self.multipliers in (None, *MULTIPLIERS),
            "--multipliers",
            f"must be one of {', '.join(MULTIPLIERS)}, got {self.multipliers}",
            "choose one of them",
        )
        require(
            self.fps is None or self.cycles is None,
            "--fps",
            "cannot be combined with --cycles",
            "give one of them",
        )
        for name, value in (("--fps", self.fps), ("--cycles", self.cycles), ("--mhz", self.mhz)):
            require(
                value is None or value > 0, name, f"must be positive, got {value}", "give a rate"
            )
        for name in _LIMITS:
            limit = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            ok = limit is None or limit > 0
            require(ok, option, f"must be positive, got {limit}", "give a number of them")
        return found

    @property
    def clock_mhz(self) -> float:
        """The clock that rates refer to."""
        return 100.0 if self.mhz is None else self.mhz

    @property
    def target_cycles(self) -> int:
        """Most cycles a frame may take, 0 for the default of select-folding."""
        if self.cycles is not None:
            return self.cycles
        return max(1, int(self.clock_mhz * 1e6 / self.fps)) if self.fps is not None else 0

    def pass_options(self) -> dict[str, dict[str, Any]]:
        """Returns the options of the passes that have any."""
        return {
            "select-folding": {
                "target_cycles": self.target_cycles,
                "folding": self.folding,
                "device": self.device,
                "mhz": self.clock_mhz,
                "multipliers": self.multipliers or MULTIPLIERS[0],
                **{name: getattr(self, name) or 0 for name in _LIMITS},
            },
            "pipeline-registers": {"mhz": self.clock_mhz, "device": self.device},
            "select-requantizer": {"form": self.requantizer},
        }

    def _selected(self) -> Sequence[PassLike]:
        """Returns the passes to run, as they were named."""
        wanted = pipelines.DEFAULT if self.passes is None else self.passes
        try:
            passes = insert(wanted, self.pass_before, self.pass_after)
        except ValueError as error:
            raise ModelError([Problem("passes", str(error), "name one of them")]) from None
        return passes if self.start is None else self._after(passes, self.start)

    def _after(self, passes: Sequence[PassLike], start: str) -> Sequence[PassLike]:
        names = [pass_name(pass_) for pass_ in passes]
        if start not in names:
            what = f"the pipeline has no pass {start!r}"
            raise ModelError([Problem("--from", what, f"it is {', '.join(names)}")])
        index = len(names) - names[::-1].index(start)
        problems = [
            Problem(
                f"--pass-{where} {name}",
                f"has no effect: {name} does not run after {start}, from which this goes on",
                "leave it out, or start earlier (--from)",
            )
            for where, given in (("before", self.pass_before), ("after", self.pass_after))
            for name in given
            if name not in names[index:] and not (where == "after" and name == start)
        ]
        if problems:
            raise ModelError(problems)
        return passes[index:]

    def unused(self, passes: Sequence[PassLike] | None = None) -> list[Problem]:
        """Returns a problem for each option that is given and that no pass to run follows.

        Args:
            passes: what runs; None for the pipeline of these options.
        """
        # A pass that was given its options where it is named, or as an object, takes no others.
        open_ = {p for p in (self._selected() if passes is None else passes) if isinstance(p, str)}
        return [
            Problem(
                f"--{name.replace('_', '-')}",
                f"has no effect: {chooser}, which it is for, does not run here, or has options "
                "of its own",
                "leave it out, or go on from an earlier pass (--from)",
            )
            for name, chooser in _CHOOSERS.items()
            if getattr(self, name) not in _SILENT and chooser not in open_
        ]

    def pipeline(self) -> list[PassLike]:
        """Returns the passes to run, with their options.

        Raises:
            ModelError: the pipeline lacks a pass that an option names.
        """
        passes = self._selected()
        per_pass = self.pass_options()
        return [
            make_pass(p, per_pass[p]) if isinstance(p, str) and p in per_pass else p for p in passes
        ]


_OPTIONS = "qcompiler.options"


def with_options(module: ModuleOp, options: Options) -> ModuleOp:
    """Returns a copy of a module that carries what the passes yet to run were asked for."""
    given: dict[str, Attribute] = {}
    if options.cycles is not None:
        given["cycles"] = IntegerAttr(options.cycles, i64)
    for name, number in (("fps", options.fps), ("mhz", options.mhz)):
        if number is not None:
            given[name] = FloatAttr(number, f64)
    for name in ("folding", "device", "multipliers"):
        if (text := getattr(options, name)) is not None:
            given[name] = StringAttr(text)
    for name in _LIMITS:
        if (limit := getattr(options, name)) is not None:
            given[name] = IntegerAttr(limit, i64)
    if options.requantizer != "auto":
        given["requantizer"] = StringAttr(options.requantizer)
    copy = module.clone()
    if given:
        copy.attributes[_OPTIONS] = DictionaryAttr(given)
    return copy


def resume_options(module: ModuleOp, options: Options) -> Options:
    """Returns `options`, and where they are silent, what the module carries, and then loses."""
    carried = module.attributes.pop(_OPTIONS, None)
    if not isinstance(carried, DictionaryAttr):
        return options
    found: dict[str, Any] = {}
    for name, value in carried.data.items():
        if isinstance(value, StringAttr):
            found[name] = value.data
        elif isinstance(value, IntegerAttr | FloatAttr):
            found[name] = value.value.data
    if options.cycles is not None or options.fps is not None:
        found.pop("cycles", None)
        found.pop("fps", None)
    silent = {
        name: value
        for name, value in found.items()
        if name
        in ("cycles", "fps", "mhz", "folding", "device", "multipliers", "requantizer", *_LIMITS)
        and getattr(options, name) in _SILENT
    }
    return replace(options, **silent)
