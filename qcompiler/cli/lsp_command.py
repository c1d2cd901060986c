"""qcc lsp: the language server of the model language, over standard input and output."""

import argparse

from qcompiler.errors import ModelError, Problem
from qcompiler.version import installing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--stdio", action="store_true", help="taken for granted; many editors give it"
    )


def run(parsed: argparse.Namespace) -> int:
    """Serves until the editor ends the session."""
    try:
        from qcompiler.frontends.text.server import make_server
    except ModuleNotFoundError as error:
        what = f"the package {error.name} is missing"
        raise ModelError([Problem("qcc lsp", what, installing("lsp"))]) from None
    make_server().start_io()
    return 0
