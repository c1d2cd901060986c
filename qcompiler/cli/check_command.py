"""qcc check: every reason why a model does not compile, with remedies."""

import argparse
from pathlib import Path

from rich.markup import escape

from qcompiler import pipelines
from qcompiler.cli.common import (
    add_model_arguments,
    model_options,
    out,
    print_diagnostics,
    print_json,
    print_notes,
    print_problems,
)
from qcompiler.cli.project_file import follow_project
from qcompiler.compiler import compile_module, import_model, naming_places
from qcompiler.design import Design
from qcompiler.errors import ModelError
from qcompiler.faults import InternalError
from qcompiler.frontends.text.diagnostics import Diagnostic, LanguageError
from qcompiler.frontends.text.reading import analyse, read_source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the problems as JSON")


def _attempt(parsed: argparse.Namespace) -> ModelError | Design:
    options = model_options(parsed, passes=(*pipelines.QINT, *pipelines.STREAM))
    try:
        with naming_places(parsed.model, options):
            return compile_module(import_model(parsed.model, options), options)
    except ModelError as error:
        return error


def _warnings(model: str) -> list[Diagnostic]:
    """Returns what a text says that is most likely not meant; nothing for other models."""
    if Path(model).suffix != ".qnn":
        return []
    try:
        return analyse(read_source(Path(model))).warnings
    except ModelError:
        return []


def run(parsed: argparse.Namespace) -> int:
    """Checks; exit status 0 if the model compiles, else 1."""
    follow_project(parsed)
    try:
        found = _attempt(parsed)
    except InternalError as error:
        if parsed.json:  # a program that reads the answer learns of it, too
            said = {"where": error.where, "what": error.what, "remedy": error.remedy}
            answer = {"model": parsed.model, "compiles": False, "problems": [said]}
            print_json({**answer, "internal_error": True})
        raise
    problems = found.problems if isinstance(found, ModelError) else ()
    warnings = _warnings(parsed.model)
    if parsed.json:
        listed = [{"where": p.where, "what": p.what, "remedy": p.remedy} for p in problems]
        warned = [{"where": d.where, "what": d.what, "remedy": d.remedy} for d in warnings]
        answer = {"model": parsed.model, "compiles": not problems, "problems": listed}
        print_json({**answer, "warnings": warned} if warned else answer)
        return 1 if problems else 0
    print_diagnostics(warnings)
    if isinstance(found, LanguageError):
        print_diagnostics(found.diagnostics)
    elif problems:
        print_problems(problems)
    else:
        out.print(f"{escape(parsed.model)}: compiles")
    if isinstance(found, Design):
        print_notes(found.notes)
    return 1 if problems else 0
