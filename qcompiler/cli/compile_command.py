"""qcc compile: from a model to a directory with Verilog, test bench, driver, IR and reports."""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from rich.markup import escape
from xdsl.dialects.builtin import ModuleOp

from qcompiler.assembly import print_module
from qcompiler.backends.layout import LEVELS
from qcompiler.backends.output import Beforehand, begun, check_target, write_design
from qcompiler.backends.report.notebook import Report, host_lines, weight_lines
from qcompiler.cli.common import (
    CONSTANTS,
    add_model_arguments,
    err,
    model_options,
    out,
    print_ir,
    print_json,
    print_notes,
    print_table,
    refuse_unused,
    table,
)
from qcompiler.cli.project_file import follow_project
from qcompiler.compiler import compile_module, import_model, naming_places
from qcompiler.design import Design
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, printable, suggestion
from qcompiler.options import Options, with_options
from qcompiler.origin import Origin
from qcompiler.passes.pipeline import AfterPass, make_context, parse_passes, pass_name

EMITTED = (*LEVELS, "verilog")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model_arguments(parser)
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="where to write the design (default: build/NAME)"
    )
    parser.add_argument(
        "--emit",
        choices=EMITTED,
        help="print the IR of this level, or the Verilog, and write nothing",
    )
    parser.add_argument(
        "--print-ir-after",
        metavar="PASS",
        action="append",
        default=[],
        help="write the IR after this pass (or `all`) to DIR/ir, one numbered file a pass; "
        "with --emit or --passes, print it on stderr",
    )
    # --weights NAME.npz keeps the large constants of the IR in DIR/ir/NAME.npz, beside the text.
    parser.set_defaults(**{CONSTANTS: None})
    parser.add_argument(
        "--from",
        dest="start",
        metavar="PASS",
        help="MODEL is IR as this pass left it (--print-ir-after): run the passes after it",
    )
    parser.add_argument(
        "--validate",
        action="store_true",
        help="check by execution after every pass that the network computes the same",
    )
    parser.add_argument(
        "--passes",
        metavar="LIST",
        help="passes to run instead of the default pipeline, as in qcc opt -p; prints the IR",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


@contextmanager
def _progress(passes: int) -> Generator[Callable[[str, ModuleOp], None]]:
    """Shows a bar on stderr when that is a terminal; gives what is called after each pass."""
    if not err.is_terminal:
        yield lambda name, module: None
        return
    from rich.progress import BarColumn, Progress, TextColumn  # takes as long to load as a pass

    columns = TextColumn("{task.description:<24}"), BarColumn()
    # Without a thread that draws it: a process with several cannot be copied.
    with Progress(*columns, console=err, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("import", total=passes)
        yield lambda name, module: bar.update(task, advance=1, description=name, refresh=True)


def _printer(wanted: list[str]) -> AfterPass:
    def show(name: str, module: ModuleOp) -> None:
        if "all" in wanted or name in wanted:
            print_ir("after", name, module)

    return show


class _Early(ExitStack):
    """What files need of a design without hardware, made while its hardware is.

    Attributes:
        result: waits for it; None if nothing was begun.
    """

    def __init__(self, constants_file: str | None):
        super().__init__()
        self.result: Callable[[], Beforehand] | None = None
        self._constants_file = constants_file

    def begin(self, design: Design) -> None:
        """Begins it, if that is worth it."""
        work = begun(design, self._constants_file)
        if work is not None:
            self.result = self.enter_context(work)


class _Snapshots:
    """Keeps the module after passes, numbered by their place in the whole pipeline."""

    def __init__(self, wanted: list[str], options: Options):
        self.modules: dict[str, ModuleOp] = {}
        self._wanted, self._options = wanted, options
        left = len(options.pipeline())
        self._count = len(replace(options, start=None).pipeline()) - left

    def after(self, name: str, module: ModuleOp) -> None:
        """Keeps a copy, if it is wanted."""
        self._count += 1
        if "all" in self._wanted or name in self._wanted:
            key = f"{self._count:02}-{name}"
            self.modules[key] = with_options(module, self._options)


def run(parsed: argparse.Namespace) -> int:
    """Compiles; returns the exit status."""
    _refuse_unused(parsed)
    if parsed.emit is not None or parsed.passes is not None:
        parsed.output = ""  # nothing is written, whatever a project file says
    follow_project(parsed)
    if parsed.passes is not None:
        return _run_passes(parsed)
    options = model_options(parsed, validate=parsed.validate, start=parsed.start)
    names = [pass_name(pass_) for pass_ in options.pipeline()]
    if _unknown(parsed.print_ir_after, names):
        return 2
    snapshots = _Snapshots(parsed.print_ir_after, options)
    printer = _printer(parsed.print_ir_after) if parsed.emit is not None else snapshots.after
    directory = Path(parsed.output or Path("build") / Path(parsed.model).stem)
    if parsed.emit is None:
        check_target(directory)
    start = time.perf_counter()
    with _Early(parsed.constants_file) as early:
        with _progress(len(names)) as progress:
            module = import_model(parsed.model, options)
            if parsed.emit == "nn":
                if unused := options.unused([]):
                    raise ModelError(unused)
                sys.stdout.write(print_module(module))
                return 0
            with naming_places(parsed.model, options):
                begin = early.begin if parsed.emit is None else None
                design = compile_module(module, options, [printer, progress], begin)
        print_notes(design.notes)
        if parsed.emit is not None:
            _emit(design, parsed.emit)
            return 0
        design.snapshots = snapshots.modules
        design.origin = Origin.of(parsed.model, options, parsed.plugin)
        write_design(design, directory, parsed.constants_file, early.result)
        if "stream" not in design.levels:
            out.print(
                f"Verilog: {escape(str(directory / 'rtl' / (design.name + '.v')))} (top module)"
            )
        elif parsed.json:
            print_json({"directory": str(directory), **design.report().files()})
        else:
            _summary(design, directory, time.perf_counter() - start, parsed)
    return 0


def _unknown(wanted: Sequence[str], names: Sequence[str]) -> bool:
    """Whether IR is wanted after passes that do not run; says so."""
    unknown = [name for name in wanted if name not in ("all", *names)]
    if unknown:
        remedy = suggestion(unknown[0], names, f"these do: {', '.join(names) or 'none'}")
        err.print(
            f"qcc compile: --print-ir-after: {escape(', '.join(unknown))} does not run; "
            f"{escape(remedy)}"
        )
    return bool(unknown)


def _refuse_unused(parsed: argparse.Namespace) -> None:
    """Ends the command if options contradict what --emit or --passes print."""
    writing = {
        "-o": parsed.output is not None,
        "--weights": parsed.constants_file is not None,
        "--json": parsed.json,
    }
    if parsed.passes is not None:
        given = {**writing, "--emit": parsed.emit is not None, "--from": parsed.start is not None}
        refuse_unused("compile", given, "with --passes, which prints the IR")
    elif parsed.emit is not None:
        refuse_unused("compile", writing, "with --emit, which prints and writes nothing")
    if parsed.passes is None and parsed.emit == "nn":
        running = {
            "--validate": parsed.validate,
            "--print-ir-after": bool(parsed.print_ir_after),
            "--pass-before": bool(parsed.pass_before),
            "--pass-after": bool(parsed.pass_after),
        }
        refuse_unused("compile", running, "with --emit nn, before any pass")


def _run_passes(parsed: argparse.Namespace) -> int:
    """Runs the passes that the user lists, with the options given, and prints what comes out."""
    try:
        listed = [pass_ or name for name, pass_ in parse_passes(parsed.passes)]
    except ValueError as error:
        err.print(f"qcc compile: {escape(str(error))}")
        return 2
    options = model_options(parsed, validate=parsed.validate, passes=listed)
    if _unknown(parsed.print_ir_after, [pass_name(pass_) for pass_ in options.pipeline()]):
        return 2
    printer = _printer(parsed.print_ir_after)
    with naming_places(parsed.model, options):
        design = compile_module(import_model(parsed.model, options), options, [printer])
    sys.stdout.write(print_module(design.level("last")))
    return 0


def _emit(design: Design, level: str) -> None:
    if level == "verilog":
        from qcompiler.backends.verilog.target import VerilogTarget

        VerilogTarget().emit(make_context(), design.level("rtl"), sys.stdout)
    else:
        sys.stdout.write(print_module(design.level(level)))


def _summary(design: Design, directory: Path, seconds: float, parsed: argparse.Namespace) -> None:
    report, asked = design.report(), parsed.cycles
    layers = table(
        f"{design.name}: {len(report.layers)} processes",
        "process",
        "input",
        "output",
        "detail",
        "cycles",
    )
    for layer in report.layers:
        detail = ", ".join(f"{key} {value}" for key, value in layer.detail.items())
        mark = " [yellow]slowest[/yellow]" if layer.name in report.bottlenecks else ""
        layers.add_row(
            escape(layer.name),
            escape(layer.input),
            escape(layer.output),
            detail,
            f"{layer.cycles}{mark}",
        )
    print_table(layers)
    out.print(
        f"predicted: {report.cycles_per_frame} cycles a frame, {report.fps:,.0f} frames/s at "
        f"{report.mhz:g} MHz, latency {report.latency_cycles} cycles"
    )
    if asked is not None and report.cycles_per_frame > asked:
        out.print(
            f"[yellow]note:[/yellow]      not the {asked} cycles a frame that were asked for: "
            f"{escape(report.bottleneck)} cannot be faster in this folding"
        )
    for option, given in (("--effort", parsed.effort), ("--shared-among", parsed.shared_among)):
        if given is not None and not _has_graphs(design):
            out.print(
                f"[yellow]note:[/yellow]      {option} has no effect: no layer is fully parallel; "
                "--cycles 1 makes all of them so"
            )
    _show_area(design)
    for line in weight_lines(report.weights, report.cycles_per_frame):
        out.print(line)
    _show_host(report)
    out.print(f"Verilog: {escape(str(directory / 'rtl' / (design.name + '.v')))} (top module)")
    out.print(f"next:    qcc verify {escape(shlex.quote(str(directory)))}")
    err.print(f"compiled in {seconds:.1f} s")


def _has_graphs(design: Design) -> bool:
    ops = design.level("stream").walk()
    return any(isinstance(op, stream.AdderGraphOp) for op in ops)


def _show_host(report: Report) -> None:
    """Prints what the host computes, and how it would come into hardware, if it could."""
    for line in host_lines(report):
        out.print(f"host:      {escape(printable(line))}")
    if report.host["after"].unusual:
        out.print("           (a quantizer behind that would bring it into the hardware)")


def _show_area(design: Design) -> None:
    """Prints the estimated area, and what a search for a folding found around it."""
    report = design.report()
    figures = [
        f"{number} {kind} ({100 * number / report.capacity[kind]:.1f} %)"
        if report.capacity.get(kind)
        else f"{number} {kind}"
        for kind, number in report.area.items()
    ]
    if figures and report.capacity:
        out.print(f"estimated: {', '.join(figures)} of {escape(report.device)}")
        excess = [
            f"{number - report.capacity[kind]} {kind} too few"
            for kind, number in report.area.items()
            if report.capacity.get(kind, number) < number
        ]
        if excess:
            out.print(f"           it does not fit: {', '.join(excess)}")
    elif figures:
        family = escape(design.device.family)
        out.print(f"estimated: {', '.join(figures)} in the family {family} (no --device given)")
    for name, title in (("bottleneck", "bottleneck"), ("up", "a step up"), ("down", "a step down")):
        if name in report.choice:
            out.print(f"{title}: {escape(report.choice[name])}")
