"""qcc opt: xDSL's mlir-opt-like driver, with all our dialects and passes, and those of plugins."""

import argparse
import difflib
import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO
from zlib import crc32

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline, get_pass_option_infos
from xdsl.universe import XDSL_UNIVERSE
from xdsl.utils.exceptions import ArgSpecParseError, InterpretationError
from xdsl.xdsl_opt_main import xDSLOptMain

from qcompiler import plugins
from qcompiler.analysis.validation import ValidationError, Validator
from qcompiler.assembly import WeightFile, decode, parse_module, print_module
from qcompiler.cli.common import (
    SHOWN_ELEMENTS,
    add_plugin_argument,
    non_negative_int,
    print_ir,
    report_failures,
    weight_file,
)
from qcompiler.cli.main import Parser
from qcompiler.faults import guarded, verify_after
from qcompiler.passes.pipeline import parse_passes, pass_class
from qcompiler.passes.range_check import false_ranges
from qcompiler.provenance.keep_sources import NodeGraph, keep_nodes, node_graph
from qcompiler.universe import PASSES

_DESCRIPTION = "Runs passes on textual IR."
_PRINT = ("--print-ir-before", "--print-ir-after")
_OUTPUT = ("-o", "--output-file")


class _Driver(xDSLOptMain):
    """xDSL's driver, which looks at the module between passes in more ways."""

    def __init__(self, description: str, arguments: Sequence[str]):
        self._arguments = arguments
        super().__init__(description, arguments)

    def register_all_dialects(self) -> None:
        for name, factory in plugins.known().all_dialects.items():
            self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        self.available_passes.update(plugins.known().all_passes)

    def register_all_targets(self) -> None:
        self.available_targets.update(plugins.known().all_targets)

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        _add_arguments(arg_parser)
        self.parser = arg_parser
        # xDSL makes a parser that suggests nothing; what is misspelt does not get as far as that.
        Parser(
            prog=arg_parser.prog,
            description=arg_parser.description,
            parents=[arg_parser],
            add_help=False,
        ).parse_args(self._arguments)

    def parse_chunk(
        self, chunk: IO[bytes], file_extension: str, start_offset: int = 0
    ) -> ModuleOp | None:
        if file_extension != "mlir":
            return super().parse_chunk(chunk, file_extension, start_offset)
        file = self.args.input_file
        return parse_module(
            self.ctx,
            decode(chunk.read(), self.get_input_name(), start_offset),
            self.get_input_name(),
            folder=Path() if file is None else Path(file).parent,
            offset=start_offset,
            implicit_module=not self.args.no_implicit_module,
            verify=not self.args.disable_verify,
            checks=[false_ranges],
        )

    def setup_pipeline(self) -> None:
        parse_passes(self.args.passes)  # says more than xDSL of a pass or an option that is unknown
        super().setup_pipeline()
        timed = self.pipeline.callback if self.args.time_passes else None
        names = [type(pass_).name for pass_ in self.pipeline.passes]
        for option in _PRINT:
            wanted = getattr(self.args, option.strip("-").replace("-", "_"))
            unknown = [name for name in wanted if name not in ("all", *names)]
            if unknown:
                raise ValueError(f"{option}: the pipeline has no pass {', '.join(unknown)}")
        args = self.args
        if args.target != "mlir" and (args.elide_constants, args.weights) != (None, None):
            raise ValueError("--elide-constants, --weights: only IR as text has constants")
        if args.elide_constants is not None and args.weights is not None:
            raise ValueError("--elide-constants, --weights: give one of them")
        watch = _Watch(self.args)

        def between(before: ModulePass | None, module: ModuleOp, after: ModulePass | None) -> None:
            if timed is not None:
                timed(before, module, after)
            watch.between(before, module, after)

        self.pipeline = _Pipeline(self.pipeline.passes, between)

    def output_resulting_program(self, prog: ModuleOp) -> str:
        args = self.args
        if args.target != "mlir" or (args.elide_constants is None and args.weights is None):
            return super().output_resulting_program(prog)
        weights = None if args.weights is None else WeightFile(args.weights)
        text = print_module(
            prog,
            elide=args.elide_constants,
            weights=weights,
            generic=args.print_op_generic,
            locations=args.print_debuginfo,
        )
        if weights is not None:
            weights.save(Path() if args.output_file is None else Path(args.output_file).parent)
        return text


class _Pipeline(PassPipeline):
    """xDSL's pipeline, whose passes tell refusals from faults."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for before, after in pairwise([None, *self.passes, None]):
            if before is not None:
                with guarded(f"pass {type(before).name}", before):
                    before.apply(ctx, op)
            if self.callback is not None:
                self.callback(before, op, after)


class _Watch:
    """What is looked at between passes."""

    def __init__(self, args: argparse.Namespace):
        self._args = args
        self._lines: list[str] = []
        self._validator: Validator | None = None
        self._nodes = NodeGraph()

    def between(
        self, before: ModulePass | None, module: ModuleOp, after: ModulePass | None
    ) -> None:
        """Is called before the first pass, after the last one, and between any two."""
        if before is None:
            self._begin(module)
        else:
            keep_nodes(module, self._nodes)
            self._after(before, module)
        self._nodes = node_graph(module)
        if after is not None and self._wants(self._args.print_ir_before, type(after).name):
            self._print("before", type(after).name, module)

    @staticmethod
    def _wants(names: Sequence[str], name: str) -> bool:
        return "all" in names or name in names

    def _print(self, when: str, name: str, module: ModuleOp) -> None:
        args = self._args
        print_ir(when, name, module, args.elide_constants, locations=args.print_debuginfo)

    def _shown(self, module: ModuleOp) -> list[str]:
        """Returns lines to compare: in place of large constants, a number that tells them apart."""
        args = self._args
        most = SHOWN_ELEMENTS if args.elide_constants is None else args.elide_constants
        whole = print_module(module, locations=args.print_debuginfo).splitlines()
        short = print_module(module, elide=most, locations=args.print_debuginfo).splitlines()
        return [
            f"{line}\n" if line == full else f"{line} // contents {crc32(full.encode()):08x}\n"
            for line, full in zip(short, whole, strict=True)
        ]

    def _begin(self, module: ModuleOp) -> None:
        if self._args.print_ir_diff:
            self._lines = self._shown(module)
        if self._args.validate:
            try:
                self._validator = Validator(module)
            except InterpretationError as error:
                raise ValidationError(f"--validate: the input cannot be run: {error}") from None

    def _after(self, pass_: ModulePass, module: ModuleOp) -> None:
        args, name = self._args, type(pass_).name
        if args.verify_each == "true" and not args.disable_verify:
            verify_after(pass_, name, module)
        if self._wants(args.print_ir_after, name):
            self._print("after", name, module)
        if args.print_ir_diff:
            lines = self._shown(module)
            sys.stderr.writelines(_difference(name, self._lines, lines))
            self._lines = lines
        if self._validator is not None:
            self._validator.check(name, module)


def _difference(name: str, before: Sequence[str], after: Sequence[str]) -> Iterable[str]:
    if before == after:
        return [f"// ----- {name} changes nothing ----- //\n"]
    return difflib.unified_diff(before, after, f"before {name}", f"after {name}", n=1)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_plugin_argument(parser)
    for option in _PRINT:
        when = option.rpartition("-")[2]
        parser.add_argument(
            option,
            metavar="PASS",
            action="append",
            default=[],
            help=f"print the IR {when} this pass (without a name: every pass) on stderr",
        )
    for option, help_ in {
        "--print-ir-diff": "print what each pass changes on stderr",
        "--validate": "run the network before and after each pass on random inputs, and compare",
        "--list-passes": "list the passes, one line each",
    }.items():
        parser.add_argument(option, action="store_true", help=help_)
    parser.add_argument(
        "--verify-each",
        choices=("true", "false"),
        nargs="?",
        const="true",
        default="true",
        help="verify the module after each pass (default: true)",
    )
    parser.add_argument(
        "--elide-constants",
        metavar="N",
        type=non_negative_int,
        help="print constants of more than N elements as dense_resource<__elided__>",
    )
    parser.add_argument(
        "--weights",
        metavar="NAME.npz",
        type=weight_file,
        help="write large constants to this file, beside the output",
    )
    parser.add_argument("--explain-pass", metavar="PASS", help="print the documentation of a pass")


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of the command, xDSL's options included."""
    return _Driver(_DESCRIPTION, []).parser


def _documentation(kind: type[ModulePass]) -> str:
    """Returns the page of a pass: its file's docstring if the file holds that pass alone."""
    if kind.name in PASSES:
        return sys.modules[kind.__module__].__doc__ or ""
    own = vars(kind).get("__doc__") or ""
    generated = own.startswith(f"{kind.__name__}(")  # by dataclass
    return inspect.cleandoc("" if generated else own) or sys.modules[kind.__module__].__doc__ or ""


def _list_passes() -> None:
    """Lists ours and those of plugins; xDSL's own are in --help."""
    names = {*PASSES, *(plugins.known().all_passes.keys() - XDSL_UNIVERSE.all_passes.keys())}
    width = max(map(len, names))
    for name in sorted(names):
        summary = (_documentation(pass_class(name)).strip().splitlines() or [""])[0]
        sys.stdout.write(f"{name:<{width}}  {summary}\n")


def _explain_pass(name: str) -> None:
    kind = pass_class(name)
    sys.stdout.write(f"{name}\n\n{_documentation(kind).strip()}\n")
    options = get_pass_option_infos(kind)
    if options:
        sys.stdout.write("\nOptions in a pipeline:\n")
    for option in options:
        default = "" if option.default_value is None else f" = {option.default_value}"
        sys.stdout.write(f"  {option.name.replace('_', '-')}: {option.expected_type}{default}\n")


def _expanded(arguments: Sequence[str]) -> list[str]:
    """Writes out what mlir-opt's habits leave away, where argparse would take what follows.

    `--print-ir-after` without a name is `=all`, `--verify-each` is `=true`: what follows may be the
    input file. A name that is no pass stays one, so that the message can say so. `-` is standard
    input, and standard output after `-o`.
    """
    found: list[str] = []
    for argument, following in pairwise([*arguments, ""]):
        if argument in _PRINT and not _may_be_pass(following):
            argument += "=all"
        elif argument == "--verify-each" and following not in ("true", "false"):
            argument += "=true"
        if argument != "-":
            found.append(argument)
        elif found and found[-1] in _OUTPUT:
            found.pop()
    return found


def _may_be_pass(text: str) -> bool:
    known = text == "all" or text in plugins.known().all_passes
    return known or (re.fullmatch(r"[a-z][a-z0-9-]*", text) is not None and not Path(text).exists())


def _before_reading(arguments: Sequence[str]) -> bool:
    """Loads plugins, and prints what needs no input; returns whether that was all."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_plugin_argument(parser)
    parser.add_argument("--list-passes", action="store_true")
    parser.add_argument("--explain-pass")
    parsed, _ = parser.parse_known_args(arguments)
    if parsed.list_passes:
        _list_passes()
    elif parsed.explain_pass is not None:
        _explain_pass(parsed.explain_pass)
    return parsed.list_passes or parsed.explain_pass is not None


def run(arguments: Sequence[str]) -> int:
    """Runs the driver; returns the exit status."""
    sys.argv[0] = "qcc opt"  # argparse names the program by it
    with report_failures("opt") as outcome:
        try:
            if not _before_reading(arguments):
                _Driver(_DESCRIPTION, _expanded(arguments)).run()
        except (ValueError, OSError, ArgSpecParseError) as error:  # an unknown pass, a missing file
            sys.stderr.write(f"qcc opt: {error}\n")
            outcome.status = 2
    return outcome.status
