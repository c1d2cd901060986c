"""Compiles a model: front end, pipeline, and what a `Design` needs of each level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from qcompiler import pipelines
from qcompiler.analysis.network import Network
from qcompiler.analysis.validation import Validator
from qcompiler.design import Design
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx import InputSpec, import_onnx, parse_input_option
from qcompiler.interpreters import functions
from qcompiler.passes.pipeline import AfterPass, PassLike, make_pass, run_passes

NUMERICS = ("exact", "onnxruntime")


@dataclass(frozen=True)
class Options:
    """What a user may ask for.

    Attributes:
        inputs: per input that has no quantizer of its own, its integers and their scale.
        numerics: `exact`, `onnxruntime`, or None for the format's default.
        fps: frames per second wanted at `mhz`; exclusive with `cycles`.
        cycles: most cycles a frame may take in any layer; 1 is fully parallel.
        mhz: clock that `fps` assumes, and that reports use.
        folding: JSON file with PE and SIMD of layers, overriding the choice.
        requantizer: force one form of requantizer, see select-requantizer.
        validate: run the interpreters before and after every pass.
        passes: passes to run instead of the default pipeline.
    """

    inputs: Mapping[str, InputSpec] = field(default_factory=dict[str, InputSpec])
    numerics: str | None = None
    fps: float | None = None
    cycles: int | None = None
    mhz: float = 100.0
    folding: str | None = None
    requantizer: str = "auto"
    validate: bool = False
    passes: Sequence[PassLike] | None = None

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
            self.fps is None or self.cycles is None,
            "--fps",
            "cannot be combined with --cycles",
            "give one of them",
        )
        for name, value in (("--fps", self.fps), ("--cycles", self.cycles), ("--mhz", self.mhz)):
            require(
                value is None or value > 0, name, f"must be positive, got {value}", "give a rate"
            )
        return found

    @property
    def target_cycles(self) -> int:
        """Most cycles a frame may take, 0 for the default of select-folding."""
        if self.cycles is not None:
            return self.cycles
        return max(1, int(self.mhz * 1e6 / self.fps)) if self.fps is not None else 0

    def pass_options(self) -> dict[str, dict[str, Any]]:
        """Returns the options of the passes that have any."""
        return {
            "select-folding": {"target_cycles": self.target_cycles, "folding": self.folding},
            "select-requantizer": {"form": self.requantizer},
        }


def import_model(path: str | Path, options: Options) -> ModuleOp:
    """Returns the network of a model file at the nn level.

    Raises:
        ModelError: the file or the options are at fault.
    """
    problems = options.problems()
    if problems:
        raise ModelError(problems)
    return import_onnx(path, inputs=options.inputs, numerics=options.numerics)


def level_of(module: ModuleOp) -> str:
    """Returns the level that a module is at: nn, qint, stream or rtl."""
    if any(isinstance(op, hw.HWModuleOp) for op in module.ops):
        return "rtl"
    if Network.of(module) is not None:
        return "stream"
    return "qint" if "core" in functions(module) else "nn"


def compile_module(module: ModuleOp, options: Options, after: Sequence[AfterPass] = ()) -> Design:
    """Runs the pipeline on an imported module, which it changes, and returns the design.

    Raises:
        ModelError: a pass refuses the network; says which node, why, and what helps.
        ValidationError: `options.validate` found a pass that changes the network.
    """
    levels: dict[str, ModuleOp] = {"nn": module.clone()}
    listeners = list(after)
    if options.validate:
        listeners.insert(0, Validator(module).check)

    def keep_level(name: str, current: ModuleOp) -> None:
        if name in pipelines.LEAVES:
            levels[pipelines.LEAVES[name]] = current.clone()

    per_pass = options.pass_options()
    passes: list[PassLike] = []
    for wanted in pipelines.DEFAULT if options.passes is None else options.passes:
        if isinstance(wanted, str) and wanted in per_pass:
            wanted = make_pass(wanted, per_pass[wanted])
        passes.append(wanted)
    run_passes(module, passes, listeners, [keep_level])
    levels[level_of(module)] = levels["last"] = module
    design = Design(levels, options.mhz)
    if options.fps is not None and "stream" in levels:
        _check_rate(design, options.fps)
    return design


def _check_rate(design: Design, fps: float) -> None:
    """Raises ModelError if even the folding that was chosen is too slow for the rate asked for."""
    reached = design.report()
    if reached.fps >= fps:
        return
    what = (
        f"{fps:,.0f} frames/s at {design.mhz:g} MHz is not reached: {reached.bottleneck} takes "
        f"{reached.cycles_per_frame} cycles a frame, which gives {reached.fps:,.0f} frames/s"
    )
    raise ModelError([Problem("--fps", what, "ask for less, or for a faster clock (--mhz)")])


def compile(
    model: str | Path | ModuleOp,
    *,
    inputs: Mapping[str, str | InputSpec] | None = None,
    numerics: str | None = None,
    fps: float | None = None,
    cycles: int | None = None,
    mhz: float = 100.0,
    folding: str | Path | None = None,
    requantizer: str = "auto",
    validate: bool = False,
    passes: Sequence[PassLike] | None = None,
) -> Design:
    """Compiles a quantized network to a streaming hardware design.

    Args:
        model: an ONNX file, or a module at the nn level (which is not changed).
        inputs: for inputs without a quantizer, "TYPE:SCALE[:ZERO_POINT]" by input name, e.g.
            {"global_in": "int16:0.0009765625"}.
        numerics: "exact" or "onnxruntime"; by default what the model's format means.
        fps: frames per second wanted at `mhz` megahertz.
        cycles: most cycles a frame may take in any layer; 1 is fully parallel.
        mhz: the clock that rates refer to.
        folding: JSON file with PE and SIMD of layers, overriding the choice.
        requantizer: "auto", or one form for all: "shift", "mul_shift", "float_scale",
            "threshold", "table".
        validate: check by execution, after every pass, that the network computes the same.
        passes: passes to run instead of the default pipeline (names, objects or functions).

    Raises:
        ModelError: the model or an option is at fault; lists every problem.

    Example:
        design = qcompiler.compile("digits_mlp.onnx", cycles=64)
        outputs = design.predict(images)
    """
    specs: dict[str, InputSpec] = {}
    for name, spec in (inputs or {}).items():
        specs[name] = parse_input_option(f"{name}={spec}")[1] if isinstance(spec, str) else spec
    options = Options(
        inputs=specs,
        numerics=numerics,
        fps=fps,
        cycles=cycles,
        mhz=mhz,
        folding=None if folding is None else str(folding),
        requantizer=requantizer,
        validate=validate,
        passes=passes,
    )
    if isinstance(model, ModuleOp):
        problems = options.problems()
        if problems:
            raise ModelError(problems)
        return compile_module(model.clone(), options)
    return compile_module(import_model(model, options), options)
