"""Compiles a model: front end, pipeline, and what a `Design` needs of each level."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp

from qcompiler import pipelines, plugins
from qcompiler.analysis.network import Network
from qcompiler.analysis.validation import Validator
from qcompiler.assembly import read_module
from qcompiler.design import Design
from qcompiler.devices import load_device
from qcompiler.errors import ModelError, Problem
from qcompiler.faults import guarded
from qcompiler.frontends.onnx import InputSpec, import_onnx, parse_input_option
from qcompiler.frontends.states import keep_states
from qcompiler.interpreters import functions, numerics
from qcompiler.options import KERNELS, Options, chosen, resume_options
from qcompiler.origin import Origin
from qcompiler.passes.pipeline import (
    AfterPass,
    Insertions,
    PassLike,
    make_context,
    pass_name,
    run_passes,
)
from qcompiler.passes.range_check import false_ranges


def import_model(path: str | Path, options: Options) -> ModuleOp:
    """Returns the network of a model, ONNX or .qnn, at the nn level, or the module of textual IR.

    Raises:
        ModelError: the file or the options are at fault.
        ParseError, LocatedError: the text is.
        InternalError: the front end is.
    """
    problems = options.problems()
    if problems:
        raise ModelError(problems)
    if Path(path).suffix == ".mlir":
        return _keeps_meaning(
            read_module(Path(path), make_context(), checks=[false_ranges]), options
        )
    if options.start is not None:
        what = f"{Path(path).name} is no IR that a pass left (.mlir), but a model"
        raise ModelError([Problem("--from", what, "leave --from out")])
    if options.numerics in KERNELS and Path(path).suffix != ".tflite":
        what = f"{options.numerics} is what .tflite files mean, and {Path(path).name} is none"
        raise ModelError([Problem("--numerics", what, "leave it out, or give exact")])
    plugins.known()  # installed packages register their importers
    with guarded("import"):
        if Path(path).suffix == ".qnn":
            return _import_text(path, options)
        if Path(path).suffix == ".tflite":
            return _import_tflite(path, options)
        module = import_onnx(path, inputs=options.inputs, numerics=options.numerics)
        keep_states(module, options.states)
        return module


def _keeps_meaning(module: ModuleOp, options: Options) -> ModuleOp:
    """Returns `module`, which says itself what its integers mean.

    Raises:
        ModelError: `options` say something else.
    """
    problems: list[Problem] = []
    if options.inputs:
        what = "this is IR, whose types say which integers its inputs are"
        problems.append(Problem("--input", what, "leave it out, or compile the model with it"))
    own = numerics(module)
    if options.states:
        what = "this is IR, whose functions say which of their arguments are states"
        problems.append(Problem("--state", what, "leave it out, or compile the model with it"))
    if options.numerics not in (None, own):
        what = f"this is IR that was made for numerics {own}, not {options.numerics}"
        remedy = f"leave it out, or compile the model with --numerics {options.numerics}"
        problems.append(Problem("--numerics", what, remedy))
    if problems:
        raise ModelError(problems)
    return module


def _import_text(path: str | Path, options: Options) -> ModuleOp:
    from qcompiler.frontends.text import import_text  # lark is not needed for other models

    if options.inputs:
        what = f"{Path(path).name} says itself which integers its inputs are"
        raise ModelError([Problem("--input", what, "write it there: x: uint8[1, 16] scale 1/255")])
    if options.states:
        what = f"{Path(path).name} says itself which states it has"
        remedy = "write them there: h: int8[1, 16] scale 0.1 = 0, and return y, h = ..."
        raise ModelError([Problem("--state", what, remedy)])
    return import_text(path, numerics=options.numerics)


def _import_tflite(path: str | Path, options: Options) -> ModuleOp:
    from qcompiler.frontends.tflite import import_tflite

    name, problems = Path(path).name, list[Problem]()
    if options.inputs:
        what = f"{name} says itself which integers its inputs are"
        problems.append(Problem("--input", what, "leave it out"))
    if options.states:
        what = f"{name} says itself which states it has: its variables"
        problems.append(Problem("--state", what, "leave it out"))
    if options.numerics not in (None, *KERNELS):
        what = f"{name} means the integers of TensorFlow Lite's kernels, not {options.numerics}"
        problems.append(Problem("--numerics", what, f"leave it out, or give {KERNELS[1]}"))
    if problems:
        raise ModelError(problems)
    return import_tflite(path, options.numerics or KERNELS[0])


@contextmanager
def naming_places(path: str | Path, options: Options) -> Generator[None]:
    """Gives what passes refuse its line and column, where the network at `path` is a text."""
    if Path(path).suffix != ".qnn":
        yield
        return
    from qcompiler.frontends.text.places import placing

    with placing(Path(path), options.numerics):
        yield


def level_of(module: ModuleOp) -> str:
    """Returns the level that a module is at: nn, qint, stream or rtl."""
    if any(isinstance(op, hw.HWModuleOp) for op in module.ops):
        return "rtl"
    if Network.of(module) is not None:
        return "stream"
    return "qint" if "core" in functions(module) else "nn"


def _check_level(module: ModuleOp, passes: Sequence[PassLike]) -> None:
    """Raises ModelError if textual IR is at a level that one of the passes does not take."""
    level = level_of(module)
    names = [pass_name(pass_) for pass_ in passes]
    refused: Sequence[str] = ()
    if level == "rtl":
        refused = pipelines.DEFAULT
    elif level == "stream":
        refused = (*pipelines.QINT, pipelines.STREAM[0])
    elif pipelines.STREAM[0] not in names:
        refused = (*pipelines.STREAM, *pipelines.RTL)
    wrong = [name for name in names if name in refused]
    if not wrong:
        return
    what = f"the IR is at the level {level}, which {wrong[0]} does not take"
    remedy = (
        f"name the pass that made it: --from {pipelines.QINT[-1]} for ir/qint.mlir, "
        f"{pipelines.STREAM[-1]} for ir/stream.mlir, {pipelines.RTL[-1]} for ir/rtl.mlir"
    )
    raise ModelError([Problem("--from", what, remedy)])


def compile_module(
    module: ModuleOp,
    options: Options,
    after: Sequence[AfterPass] = (),
    begin: Callable[[Design], object] | None = None,
) -> Design:
    """Runs the pipeline on an imported module, which it changes, and returns the design.

    Args:
        module: at any level.
        options: what was asked for.
        after: are told of each pass.
        begin: is given the design without its hardware, before that is made.

    Raises:
        ModelError: a pass refuses the network; says which node, why, and what helps.
        ValidationError: `options.validate` found a pass that changes the network.
        InternalError: a pass is at fault, or left IR that does not verify.
    """
    unused = options.unused()
    if unused:
        raise ModelError(unused)
    options = resume_options(module, options)
    passes = options.pipeline()
    budgets = (options.device, options.max_luts, options.max_dsps, options.max_brams)
    if options.multipliers == "any" and not any(budgets):
        what = "has no effect: only a device or a budget bounds the hard multipliers"
        raise ModelError([Problem("--multipliers", what, "give --device or --max-dsps, too")])
    _check_level(module, passes)
    levels: dict[str, ModuleOp] = {level_of(module): module.clone()}
    listeners = list(after)
    if options.validate:
        listeners.insert(0, Validator(module).check)

    device = None if options.device is None else load_device(options.device)

    def keep_level(name: str, current: ModuleOp) -> None:
        if name not in pipelines.LEAVES:
            return
        level = pipelines.LEAVES[name]
        levels[level] = current.clone()
        if level == "stream" and begin is not None:
            begin(Design({**levels, "last": levels[level]}, options.clock_mhz, device))

    run_passes(module, passes, listeners, [keep_level])
    levels[level_of(module)] = levels["last"] = module
    design = Design(levels, options.clock_mhz, device)
    if options.fps is not None and "stream" in levels:
        _check_rate(design, options.fps)
    return design


def _check_rate(design: Design, fps: float) -> None:
    """Raises ModelError if even the folding that was chosen is too slow for the rate asked for."""
    timing = design.timing
    reached = design.mhz * 1e6 / timing.cycles_per_frame
    if reached >= fps:
        return
    what = (
        f"{fps:,.0f} frames/s at {design.mhz:g} MHz is not reached: {timing.bottleneck} takes "
        f"{timing.cycles_per_frame} cycles a frame, which gives {reached:,.0f} frames/s"
    )
    raise ModelError([Problem("--fps", what, "ask for less, or for a faster clock (--mhz)")])


_NONE: Insertions = MappingProxyType({})


def compile(
    model: str | Path | ModuleOp,
    *,
    inputs: Mapping[str, str | InputSpec] | None = None,
    states: Mapping[str, str] | None = None,
    numerics: str | None = None,
    fps: float | None = None,
    cycles: int | None = None,
    pixels_per_clock: int | None = None,
    mhz: float | None = None,
    folding: str | Path | None = None,
    device: str | None = None,
    max_luts: int | None = None,
    max_dsps: int | None = None,
    max_brams: int | None = None,
    multipliers: str | None = None,
    effort: str | int | None = None,
    shared_among: int | None = None,
    requantizer: str = "auto",
    interface: str = "stream",
    weights: str | None = None,
    validate: bool = False,
    passes: Sequence[PassLike] | None = None,
    pass_before: Insertions = _NONE,
    pass_after: Insertions = _NONE,
    start: str | None = None,
) -> Design:
    """Compiles a quantized network to a streaming hardware design.

    Args:
        model: an ONNX file, a .tflite file, a .qnn file, textual IR (.mlir), or a module (which is
            not changed).
        inputs: for inputs without a quantizer, "TYPE:SCALE[:ZERO_POINT]" by input name, e.g.
            {"global_in": "int16:0.0009765625"}.
        states: outputs that are left for inputs of the next frame, by the input's name, e.g.
            {"hidden": "hidden_out"}; they are 0 before the first frame.
        numerics: "exact" or "onnxruntime", "tflite" or "tflite-micro" for a .tflite file; by
            default what the model's format means.
        fps: frames per second wanted at `mhz` megahertz.
        cycles: most cycles a frame may take in any layer; 1 is fully parallel.
        pixels_per_clock: pixels of a line that enter a clock, and as many leave: for networks of
            1-D convolutions, all of it parallel; a power of two up to 64.
        mhz: clock that rates refer to and pipeline registers are placed for; 100 by default.
        folding: JSON file with PE and SIMD of layers, overriding the choice.
        device: the part that areas are estimated for, by name or as a .toml file. Without a rate,
            the folding is the fastest that it has room for.
        max_luts: most look-up tables; the same without a rate.
        max_dsps: most hard multipliers.
        max_brams: most block memories.
        multipliers: "any" lets logic multiply where the budget has no hard multipliers left;
            "hard", the default, does not.
        effort: 0 to 3: how hard fewer adders are searched for in fully parallel stretches.
        shared_among: most neurons of a layer that share a sum in fully parallel stretches; all by
            default. Fewer share less and have shorter wires.
        requantizer: "auto", or one form for all: "shift", "mul_shift", "float_scale",
            "threshold", "table".
        interface: "stream": ports with a handshake; "plain": data and valid alone, where the whole
            core is one pipeline.
        weights: where weights are: "internal", "external" or "writable", or by layer with commas
            between, e.g. "external,fc1=internal,fc2=writable:-8:7".
        validate: check by execution, after every pass, that the network computes the same.
        passes: passes to run instead of the default pipeline (names, objects or functions).
        pass_before: more passes, each before the pass of the pipeline that is its key.
        pass_after: more passes, each after the pass of the pipeline that is its key, e.g.
            {"fold-scales": my_function, "infer-ranges": ["canonicalize", MyPass(depth=2)]}.
        start: the model is IR as this pass left it: run the passes that come after it.

    Raises:
        ModelError: the model or an option is at fault; lists every problem.
        ValidationError: `validate` found a pass that changes what the network computes.
        InternalError: the compiler or a plug-in is at fault, not the model.

    Examples:
        >>> import qcompiler
        >>> design = qcompiler.compile("examples/digits_mlp/digits_mlp.onnx", fps=1e5, mhz=50)
        >>> design.report().cycles_per_frame <= 500
        True

        An option that cannot be kept is an error that says what helps:

        >>> qcompiler.compile("examples/digits_mlp/digits_mlp.onnx", fps=100, cycles=1)
        Traceback (most recent call last):
        qcompiler.errors.ModelError: --fps: cannot be combined with --cycles; give one of them
    """
    # The parameters are the fields of Options; a test compares them.
    said: dict[str, Any] = {**locals(), "folding": None if folding is None else str(folding)}
    del said["model"], said["inputs"], said["states"]
    said = {name: chosen(name, value) for name, value in said.items()}
    specs: dict[str, InputSpec] = {}
    for name, spec in (inputs or {}).items():
        specs[name] = parse_input_option(f"{name}={spec}")[1] if isinstance(spec, str) else spec
    options = Options(specs, states or {}, **said)
    if isinstance(model, ModuleOp):
        problems = options.problems()
        if problems:
            raise ModelError(problems)
        return compile_module(_keeps_meaning(model.clone(), options), options)
    with naming_places(model, options):
        design = compile_module(import_model(model, options), options)
    design.origin = Origin.of(model, options)
    return design
