"""qcc fmt: the one layout of the model language."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from rich.markup import escape

from qcompiler.cli.common import err, print_diagnostics, print_problems
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.text import LanguageError, read_source
from qcompiler.frontends.text.formatter import formatted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("files", metavar="FILE.qnn", nargs="+", help="files; - is standard input")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit status 1 if a file would change"
    )


def run(parsed: argparse.Namespace) -> int:
    """Formats each file; exit status 1 if one cannot be, or with --check would change."""
    return max(_run_one(name, parsed.check) for name in parsed.files)


def _run_one(name: str, check: bool) -> int:
    path = Path(name)
    try:
        text = sys.stdin.read() if name == "-" else read_source(path).text
        made = formatted(text, path)
        if name == "-" and not check:
            sys.stdout.write(made)
            return 0
        if made == text:
            return 0
        if check:
            err.print(f"{escape(name)}: would change")
            return 1
        _replace(path, made)
    except LanguageError as error:
        print_diagnostics(error.diagnostics)
        return 1
    except ModelError as error:
        print_problems(error.problems)
        return 1
    return 0


def _replace(path: Path, text: str) -> None:
    path = path.resolve()  # a link stays one
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        shutil.copymode(path, part)
        os.replace(part, path)
    except OSError as error:
        problem = Problem(str(path), f"cannot be written: {error}", "make it writable")
        raise ModelError([problem]) from None
