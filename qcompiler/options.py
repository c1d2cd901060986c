"""What a user may ask for, and how it travels with a module."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from msgspec import Struct
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
from qcompiler.arith.requantizer_selection import ALL_FORMS
from qcompiler.arith.scalar_function import NUMERICS
from qcompiler.errors import ModelError, Problem
from qcompiler.folding.pixels import MOST_PIXELS
from qcompiler.frontends.onnx import InputSpec
from qcompiler.frontends.tflite_numerics import KERNELS
from qcompiler.passes.pipeline import Insertions, PassLike, insert, make_pass, pass_name
from qcompiler.weight_places import read_places

MULTIPLIERS = ("hard", "any", "shifts")
EFFORTS = ("0", "1", "2", "3")
INTERFACES = ("stream", "plain")
_FOLDING = ("fps", "cycles", "folding", "max_luts", "max_dsps", "max_brams", "multipliers")
"""Options that say how much of a network is parallel."""

Kind = Literal["rate", "count", "text", "choice"]


class Option(Struct, frozen=True):
    """An option of `qcc compile` as it is declared: everything else is derived from it.

    Attributes:
        kind: a positive number (`rate`) or integer (`count`), any text, or one of `choices`.
        help: for the command line.
        follower: the pass that follows it, if nothing else does.
        choices: of the kind `choice`.
        silent: the value that means that nothing was said.
        travels: whether IR that is written before a pass carries it to the run that goes on.
        metavar: for the command line.
        excludes: another option that says the same in other words.
    """

    kind: Kind
    help: str
    follower: str | None = None
    choices: tuple[str, ...] = ()
    silent: str | None = None
    travels: bool = True
    metavar: str | None = None
    excludes: str | None = None

    def wrong(self, value: Any) -> tuple[str, str] | None:
        """Returns what is wrong with a value, and the remedy; None if nothing is."""
        if value == self.silent:
            return None
        if self.kind == "choice" and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}, got {value}", "choose one of them"
        if self.kind in ("rate", "count") and not 0 < value < math.inf:
            what = "a rate" if self.kind == "rate" else "a number of them"
            wanted = "finite" if value == math.inf else "positive"
            return f"must be {wanted}, got {value}", f"give {what}"
        return None


def _declare(kind: Kind, text: str, **more: Any) -> Any:
    row = Option(kind, text, **more)
    return field(default=row.silent, metadata={"option": row})


def flag(name: str) -> str:
    """Returns an option as the command line has it."""
    return f"--{name.replace('_', '-')}"


def chosen(name: str, value: Any) -> Any:
    """Returns a value of an option as `Options` has it: choices are texts, numbers, too."""
    row = DECLARED.get(name)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number and row is not None and row.kind == "choice" else value


@dataclass(frozen=True)
class Options:
    """What a user may ask for.

    Attributes:
        inputs: per input that has no quantizer of its own, its integers and their scale.
        states: outputs that are left for inputs of the next frame, by input.
        numerics: `exact`, `onnxruntime`, one of `KERNELS`, or None for the format's default.
        fps: frames per second wanted at `mhz`; exclusive with `cycles`.
        cycles: most cycles a frame may take in any layer; 1 is fully parallel.
        pixels_per_clock: pixels of a line that enter a clock; a power of two up to 64.
        mhz: clock that `fps` assumes, registers are placed for, and reports use; 100 if None.
        folding: JSON file with PE and SIMD of layers, overriding the choice.
        device: the part that areas are estimated for; its size bounds the folding.
        max_luts, max_dsps, max_brams: most of each that may be used.
        multipliers: `any` if logic may multiply where hard multipliers run out; None is `hard`.
        effort: of the search for adder graphs, see build-adder-graphs; None is 0.
        shared_among: neurons among which a sum may be shared, see build-adder-graphs; None is all.
        requantizer: force one form of requantizer, see select-requantizer.
        weights: where weights are, see place-weights; several with commas between.
        interface: `plain` for ports without a handshake, see form-pipelines.
        validate: run the interpreters before and after every pass.
        passes: passes to run instead of the default pipeline.
        pass_before: passes to run before one of the pipeline, by its name.
        pass_after: passes to run after one of the pipeline, by its name.
        start: the module is what this pass of the pipeline left; run those after it.
    """

    inputs: Mapping[str, InputSpec] = field(default_factory=dict[str, InputSpec])
    states: Mapping[str, str] = field(default_factory=dict[str, str])
    numerics: str | None = _declare(
        "choice",
        "what the model means: real arithmetic, or that of onnxruntime or of TensorFlow Lite's "
        "kernels (default: the format's)",
        choices=(*NUMERICS, *KERNELS),
        travels=False,
    )
    fps: float | None = _declare(
        "rate",
        "frames per second wanted, at --mhz",
        follower="select-folding",
        excludes="cycles",
    )
    cycles: int | None = _declare(
        "count",
        "most cycles a frame may take in any layer; 1 is fully parallel",
        follower="select-folding",
        metavar="N",
        excludes="fps",
    )
    pixels_per_clock: int | None = _declare(
        "count",
        "P pixels of a line enter a clock, and as many leave: networks of 1-D convolutions, all of "
        "it parallel; a power of two up to 64 (default: as many as --fps or --cycles ask for)",
        follower="pack-pixels",
        metavar="P",
    )
    mhz: float | None = _declare("rate", "clock that rates refer to (default: 100)")
    folding: str | None = _declare(
        "text",
        'JSON file {"layer": {"PE": 4, "SIMD": 8}, ...}',
        follower="select-folding",
        metavar="FILE",
    )
    device: str | None = _declare(
        "text",
        "the part, or a device file that ends in .toml: areas are estimated for it. Without "
        "--fps and --cycles, it is filled",
        metavar="NAME|FILE",
    )
    max_luts: int | None = _declare(
        "count", "use at most N look-up tables", follower="select-folding", metavar="N"
    )
    max_dsps: int | None = _declare(
        "count", "use at most N DSPs", follower="select-folding", metavar="N"
    )
    max_brams: int | None = _declare(
        "count", "use at most N block memories", follower="select-folding", metavar="N"
    )
    multipliers: str | None = _declare(
        "choice",
        "`any` lets logic multiply where hard multipliers run out; with `shifts` none is used, and "
        "weights have few signed digits (default: hard)",
        follower="select-folding",
        choices=MULTIPLIERS,
    )
    effort: str | None = _declare(
        "choice",
        "how hard fewer adders are searched for where all is parallel; each step more takes "
        "about four times as long (default: 0)",
        follower="build-adder-graphs",
        choices=EFFORTS,
    )
    shared_among: int | None = _declare(
        "count",
        "a sum is shared among at most N neurons of a layer where all is parallel: some more "
        "adders, shorter wires, for a network that is too large to route (default: all)",
        follower="build-adder-graphs",
        metavar="N",
    )
    requantizer: str = _declare(
        "choice",
        "force one form of requantizer (default: the cheapest)",
        follower="select-requantizer",
        choices=("auto", *ALL_FORMS),
        silent="auto",
    )
    interface: str = _declare(
        "choice",
        "`plain` for data and valid alone, where the whole core is one pipeline: a beat a clock "
        "in, out so many cycles later, nothing waits (default: stream, with a handshake)",
        follower="form-pipelines",
        choices=INTERFACES,
        silent=INTERFACES[0],
    )
    weights: str | None = _declare(
        "text",
        "where weights are: `internal` (default), `external` in a memory beside the chip, or "
        "`writable` by the host; of all layers, or LAYER=PLACE of one; may be repeated",
        follower="place-weights",
        metavar="PLACE|LAYER=PLACE",
    )
    validate: bool = False
    passes: Sequence[PassLike] | None = None
    pass_before: Insertions = field(default_factory=dict[str, PassLike])
    pass_after: Insertions = field(default_factory=dict[str, PassLike])
    start: str | None = None

    def problems(self) -> list[Problem]:
        """Returns what is wrong with the options, all at once."""
        found: list[Problem] = []
        for name, row in DECLARED.items():
            if (wrong := row.wrong(getattr(self, name))) is not None:
                found.append(Problem(flag(name), *wrong))
        if self.fps is not None and self.cycles is not None:
            what = "cannot be combined with --cycles"
            found.append(Problem("--fps", what, "give one of them"))
        if self.weights is not None:
            try:
                read_places(self.weights)
            except ValueError as error:
                remedy = "write external, or fc1=external,fc2=writable:-8:7"
                found.append(Problem("--weights", str(error), remedy))
        return found + self._of_pixels()

    def _of_pixels(self) -> list[Problem]:
        """Returns what is wrong with the number of pixels a clock."""
        pixels, name = self.pixels_per_clock, flag("pixels_per_clock")
        if pixels is None:
            return []
        found: list[Problem] = []
        if pixels > MOST_PIXELS or (pixels > 0 and pixels & (pixels - 1)):
            what = f"must be a power of two up to {MOST_PIXELS}, got {pixels}"
            found.append(Problem(name, what, "choose one of them"))
        others = [other for other in _FOLDING if getattr(self, other) is not None]
        for other in others:
            what = f"cannot be combined with {flag(other)}: all of it is parallel"
            found.append(Problem(name, what, "give one of them"))
        return found

    def given(self) -> dict[str, Any]:
        """Returns what was said of the options that are declared, by name."""
        values = {name: getattr(self, name) for name in DECLARED}
        return {name: v for name, v in values.items() if v != DECLARED[name].silent}

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
        pixels = self.pixels_per_clock or 0
        limits = {
            "device": self.device,
            "max_luts": self.max_luts or 0,
            "max_dsps": self.max_dsps or 0,
            "max_brams": self.max_brams or 0,
        }
        return {
            "select-folding": {
                **limits,
                "target_cycles": self.target_cycles,
                "folding": self.folding,
                "mhz": self.clock_mhz,
                "multipliers": self.multipliers or MULTIPLIERS[0],
                "pixels": pixels,
                "requantizer": self.requantizer,
            },
            "place-weights": {"places": self.weights or ""},
            "form-pipelines": {"interface": self.interface, "pixels": pixels},
            "pack-pixels": {"pixels": pixels},
            "build-adder-graphs": {
                "device": self.device,
                "effort": int(self.effort or 0),
                "shared_among": self.shared_among or 0,
            },
            "pipeline-registers": {"mhz": self.clock_mhz, "device": self.device},
            "select-ram-style": limits,
            "select-requantizer": {
                "form": self.requantizer,
                "device": self.device,
                "target_cycles": self.target_cycles,
                "pixels": pixels,
            },
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
                flag(name),
                f"has no effect: {DECLARED[name].follower}, which it is for, does not run here, or "
                "has options of its own",
                "leave it out, or go on from an earlier pass (--from)",
            )
            for name in self.given()
            if DECLARED[name].follower not in (None, *open_)
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


DECLARED: dict[str, Option] = {
    entry.name: entry.metadata["option"] for entry in fields(Options) if "option" in entry.metadata
}
"""The options that are numbers, words or texts, in the order in which they are shown."""

_OPTIONS = "qcompiler.options"


def _attribute(value: Any) -> Attribute:
    if isinstance(value, str):
        return StringAttr(value)
    return IntegerAttr(value, i64) if isinstance(value, int) else FloatAttr(value, f64)


def with_options(module: ModuleOp, options: Options) -> ModuleOp:
    """Returns a copy of a module that carries what the passes yet to run were asked for."""
    said = options.given().items()
    given = {name: _attribute(value) for name, value in said if DECLARED[name].travels}
    copy = module.clone()
    if given:
        copy.attributes[_OPTIONS] = DictionaryAttr(given)
    return copy


def resume_options(module: ModuleOp, options: Options) -> Options:
    """Returns `options`, and where they are silent, what the module carries, and then loses."""
    carried = module.attributes.pop(_OPTIONS, None)
    if not isinstance(carried, DictionaryAttr):
        return options
    said = options.given()
    overruled = {*said, *(DECLARED[name].excludes for name in said)}
    found: dict[str, Any] = {}
    for name, value in carried.data.items():
        if name in overruled or name not in DECLARED or not DECLARED[name].travels:
            continue
        if isinstance(value, StringAttr):
            found[name] = value.data
        elif isinstance(value, IntegerAttr | FloatAttr):
            found[name] = value.value.data
    return replace(options, **found)
