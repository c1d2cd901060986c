"""qcc view: one self-contained HTML page of a design, to look inside without any server."""

import argparse
import webbrowser
from pathlib import Path

from rich.markup import escape

from qcompiler.backends.layout import Layout
from qcompiler.backends.report.page import renew_page
from qcompiler.backends.view import write_page
from qcompiler.cli.common import add_plugin_argument, err, out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="a design of qcc compile")
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="the page (default: DIR/view.html)"
    )
    parser.add_argument("--open", action="store_true", help="open it in a browser")
    add_plugin_argument(parser)


def run(parsed: argparse.Namespace) -> int:
    """Writes the page; returns the exit status."""
    output: Path = parsed.output or Layout(parsed.directory).view
    with err.status("reading the design"):
        size = write_page(parsed.directory, output)
        if output == Layout(parsed.directory).view:
            renew_page(parsed.directory)
    out.print(f"page: {escape(str(output))} ({size / 1e6:.1f} MB)")
    if not any(Layout(parsed.directory).ir.glob("[0-9]*-*.mlir")):
        err.print("it shows the levels; for every pass, compile with --print-ir-after all")
    if parsed.open:
        webbrowser.open(output.absolute().as_uri())
    return 0
