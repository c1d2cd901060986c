"""qcc completion: a script by which a shell completes subcommands, options and their values."""

import argparse
import sys
from collections.abc import Iterator

from qcompiler.cli.completion import SHELLS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("shell", choices=tuple(SHELLS), help="the shell that reads the script")


def run(parsed: argparse.Namespace) -> int:
    """Prints the script."""
    sys.stdout.writelines(_lines(parsed.shell))
    return 0


def _lines(shell: str) -> Iterator[str]:
    from qcompiler.cli.main import COMMANDS, build_parser, subparsers
    from qcompiler.cli.opt_command import build_parser as build_opt_parser

    parsers = {**subparsers(build_parser()), "opt": build_opt_parser()}
    return SHELLS[shell](COMMANDS, parsers)
