"""qcc import: a model as text in the model language, with its large constants beside it."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import (
    add_meaning_arguments,
    add_plugin_argument,
    given_inputs,
    given_states,
    non_negative_int,
    out,
)
from qcompiler.compiler import import_model
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.text.files import may_be_named
from qcompiler.frontends.text.printer import INLINE_ELEMENTS, print_network
from qcompiler.options import Options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("model", metavar="MODEL", help="an ONNX file, or a .tflite file")
    parser.add_argument(
        "-o", "--output", metavar="FILE.qnn", help="where to write (default: the model's name)"
    )
    add_meaning_arguments(parser)
    parser.add_argument(
        "--inline",
        metavar="N",
        type=non_negative_int,
        default=INLINE_ELEMENTS,
        help=f"most elements of a constant in the text (default: {INLINE_ELEMENTS})",
    )
    parser.add_argument(
        "--types", action="store_true", help="write the type of every value, not of constants only"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files that exist, with what was edited there"
    )
    add_plugin_argument(parser)


def _keep_others(paths: Sequence[Path], *, force: bool) -> None:
    """Raises ModelError if files that exist would be replaced without `force`."""
    if force:
        return
    remedy = "name another file with -o, or replace it with --force"
    found = [path for path in paths if os.path.lexists(path)]
    if found:
        what = "exists already; nothing was written"
        raise ModelError([Problem(str(path), what, remedy) for path in found])


def run(parsed: argparse.Namespace) -> int:
    """Imports and writes; both files appear whole or not at all."""
    path = Path(parsed.output or Path(parsed.model).with_suffix(".qnn").name)
    if path.suffix != ".qnn":
        raise ModelError([Problem(str(path), "does not end in .qnn", "name a .qnn file with -o")])
    beside = path.with_suffix(".npz").name
    if not may_be_named(beside):
        what = f"texts cannot name the file {beside!r}, which is for the weights"
        raise ModelError([Problem(str(path), what, "name another file with -o")])
    _keep_others([path], force=parsed.force)  # before the work
    options = Options(
        inputs=given_inputs(parsed.input),
        states=given_states(parsed.state),
        numerics=parsed.numerics,
    )
    module = import_model(parsed.model, options)
    printed = print_network(module, beside, inline=parsed.inline, types=parsed.types)
    weights = [path.with_suffix(".npz")] if printed.arrays else []
    _keep_others([path, *weights], force=parsed.force)
    part = path.with_name(f".{path.stem}.part.qnn")
    try:
        for file in reversed(printed.write(part)):
            os.replace(file, path.with_suffix(file.suffix))
    except OSError as error:
        problem = Problem(str(path), f"cannot be written: {error}", "name another place with -o")
        raise ModelError([problem]) from None
    count = sum(array.size for array in printed.arrays.values())
    numbers = f", {count} numbers in {beside}" if count else ""
    lines = printed.text.count("\n")
    out.print(f"{escape(str(path))}: {lines} lines{escape(numbers)}")
    return 0
