"""qcc check: every reason why a model does not compile, with remedies."""

import argparse

from rich.markup import escape

from qcompiler import pipelines
from qcompiler.cli.common import (
    add_model_arguments,
    model_options,
    out,
    print_diagnostics,
    print_json,
    print_problems,
)
from qcompiler.compiler import compile_module, import_model
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.text.diagnostics import LanguageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the problems as JSON")


def find_problems(parsed: argparse.Namespace) -> tuple[Problem, ...]:
    """Returns what keeps the model from becoming a streaming network."""
    error = _failure(parsed)
    return () if error is None else error.problems


def _failure(parsed: argparse.Namespace) -> ModelError | None:
    options = model_options(parsed, passes=(*pipelines.QINT, *pipelines.STREAM))
    try:
        compile_module(import_model(parsed.model, options), options)
    except ModelError as error:
        return error
    return None


def run(parsed: argparse.Namespace) -> int:
    """Checks; exit status 0 if the model compiles, else 1."""
    error = _failure(parsed)
    problems = () if error is None else error.problems
    if parsed.json:
        listed = [{"where": p.where, "what": p.what, "remedy": p.remedy} for p in problems]
        print_json({"model": parsed.model, "compiles": not problems, "problems": listed})
    elif isinstance(error, LanguageError):
        print_diagnostics(error.diagnostics)
    elif problems:
        print_problems(problems)
    else:
        out.print(f"{escape(parsed.model)}: compiles")
    return 1 if problems else 0
