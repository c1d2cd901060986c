"""The reference of the command line, from the parsers of qcc."""

import argparse
from collections.abc import Iterator
from importlib import import_module

from qcompiler.cli.main import COMMANDS, build_parser
from qcompiler.cli.opt_command import build_parser as build_opt_parser

_HEAD = """# Command line

Made from the parsers: what `qcc COMMAND --help` says. Results are printed on stdout, progress and
errors on stderr. Exit status: 0 done; 1 the model or the result is at fault; 2 wrong usage;
3 `qcc` itself or a plug-in is at fault.

"""


def page() -> str:
    """Returns the page.

    Raises:
        ValueError: an option has no help.
    """
    parsers = dict(_subparsers(build_parser()))
    parsers["opt"] = build_opt_parser()
    parts = [_HEAD]
    for name, summary in COMMANDS.items():
        module = import_module(f"qcompiler.cli.{name}_command")
        parts.append(f"## qcc {name}\n\n{_sentence(summary)}\n\n{_table(name, parsers[name])}")
        if not module.__doc__:
            raise ValueError(f"{module.__name__} has no docstring")
    return "\n".join(parts)


def _subparsers(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."


def _table(name: str, parser: argparse.ArgumentParser) -> str:
    lines = ["| argument | meaning |", "|---|---|"]
    for action in parser._actions:
        if "--help" in action.option_strings or action.help == argparse.SUPPRESS:
            continue
        if not action.help and name != "opt":  # most of its options are xDSL's
            words = action.option_strings or [action.dest]
            raise ValueError(f"qcc {name} {words[0]} has no help")
        help_ = parser._get_formatter()._expand_help(action) if action.help else "(of xDSL)"
        if _has_many_choices(action):
            help_ += f"; one of {', '.join(action.choices)}"
        lines.append(f"| {_words(action)} | {_cell(help_)} |")
    return "\n".join(lines) + "\n"


def _has_many_choices(action: argparse.Action) -> bool:
    return action.choices is not None and len("|".join(map(str, action.choices))) > 30


def _words(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else None
    if value is None and action.choices is not None and not _has_many_choices(action):
        value = "|".join(map(str, action.choices))
    if not action.option_strings:
        return f"`{value or action.dest}`"
    takes = "" if action.nargs == 0 else f" {value or action.dest.upper()}"
    return "<br>".join(f"`{option}{takes}`" for option in action.option_strings)


def _cell(text: str) -> str:
    """Returns text for a cell of a table: bars and angle brackets mean themselves."""
    return " ".join(text.split()).replace("|", "&#124;").replace("<", "&lt;")
