"""qcc gui: xDSL's interactive terminal application, with our dialects and passes and plugins'.

`xdsl-gui` itself knows xDSL's own only (xDSL 0.74 does not ask universes there).
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from qcompiler import plugins
from qcompiler.cli.common import add_plugin_argument, err
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.pipeline import make_pass, parse_passes
from qcompiler.version import installing

if TYPE_CHECKING:
    from xdsl.interactive.app import InputApp


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("file", metavar="FILE.mlir", type=Path, help="textual IR of any level")
    parser.add_argument(
        "-p", "--passes", metavar="LIST", default="", help="passes to begin with, as in qcc opt -p"
    )
    add_plugin_argument(parser)


def make_app(file: Path, passes: str = "") -> "InputApp":
    """Returns the application on a file, with passes that are applied at once.

    Raises:
        ModelError: the file cannot be read, a pass is unknown, or xDSL's extra is not installed.
    """
    try:
        from xdsl.interactive.app import InputApp
    except ImportError:
        problem = Problem("qcc gui", "textual is not installed", installing("gui"))
        raise ModelError([problem]) from None
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = Problem(str(file), f"cannot be read: {error}", "give a file of textual IR")
        raise ModelError([problem]) from None
    known = plugins.known()
    try:
        listed = [made or make_pass(name) for name, made in parse_passes(passes) if passes]
    except ValueError as error:
        problem = Problem("-p", str(error), "choose one of qcc opt --list-passes")
        raise ModelError([problem]) from None
    return InputApp(
        tuple(known.all_dialects.items()),
        tuple((name, load()) for name, load in sorted(known.all_passes.items())),
        str(file),
        text,
        tuple(listed),
    )


def run(parsed: argparse.Namespace) -> int:
    """Runs the application; returns the exit status."""
    app = make_app(parsed.file, parsed.passes)
    app.run()
    err.print(f"left {escape(str(parsed.file))} as it was")
    return 0
