"""Scripts of shells that complete command lines, made from the parsers."""

import argparse
import shlex
from collections.abc import Callable, Iterator, Mapping

from qcompiler.devices import device_names

Parsers = Mapping[str, argparse.ArgumentParser]

_NAMES: Mapping[str, Callable[[], list[str]]] = {"--device": device_names}
"""Options that take one of some names, or a file."""

_BASH = """\
_qcc() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "$_qcc_commands --help --version" -- "$word"))
        return
    fi
    local values=${_qcc_values[${COMP_WORDS[1]}$before]-}
    if [ -n "$values" ]; then
        COMPREPLY=($(compgen -W "$values" -- "$word"))
    elif [ "${word:0:1}" = - ]; then
        COMPREPLY=($(compgen -W "${_qcc_options[${COMP_WORDS[1]}]-}" -- "$word"))
    else
        COMPREPLY=($(compgen -W "${_qcc_values[${COMP_WORDS[1]}]-}" -- "$word"))
    fi
}
complete -o default -F _qcc qcc
"""


def _options(parser: argparse.ArgumentParser) -> Iterator[tuple[str, list[str], str]]:
    """Yields options: name, values if they are few words, help."""
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        text = parser._get_formatter()._expand_help(action) if action.help else ""
        for option in action.option_strings:
            choices = action.choices or _NAMES.get(option, list[str])()
            yield option, [str(choice) for choice in choices], text


def _positional(parser: argparse.ArgumentParser) -> list[str]:
    """Returns the words that may stand for an argument without a dash."""
    return [
        str(choice)
        for action in parser._actions
        if not action.option_strings
        for choice in action.choices or ()
    ]


def bash(commands: Mapping[str, str], parsers: Parsers) -> Iterator[str]:
    """Yields the lines for Bash 4 and newer."""
    yield f"_qcc_commands={shlex.quote(' '.join(commands))}\n"
    yield "declare -gA _qcc_options _qcc_values\n"
    for name, parser in parsers.items():
        options = list(_options(parser))
        words = " ".join(option for option, _, _ in options)
        yield f"_qcc_options[{name}]={shlex.quote(words)}\n"
        given = [(f"{name}{option}", values) for option, values, _ in options if values]
        for key, values in [(name, _positional(parser)), *given]:
            if values:
                # No quotes around a key: zsh would keep them as a part of it.
                yield f"_qcc_values[{key}]={shlex.quote(' '.join(values))}\n"
    yield _BASH


def zsh(commands: Mapping[str, str], parsers: Parsers) -> Iterator[str]:
    """Yields the lines for zsh, which reads Bash's."""
    yield "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
    yield from (line.replace("declare -gA", "typeset -gA") for line in bash(commands, parsers))


def fish(commands: Mapping[str, str], parsers: Parsers) -> Iterator[str]:
    """Yields the lines for fish."""
    for name, text in commands.items():
        yield f"complete -c qcc -n __fish_use_subcommand -xa {name} -d {shlex.quote(text)}\n"
    for name, parser in parsers.items():
        where = f"complete -c qcc -n '__fish_seen_subcommand_from {name}'"
        for option, values, text in _options(parser):
            kind = "-l" if option.startswith("--") else "-o" if len(option) > 2 else "-s"
            only = "-r" if option in _NAMES else "-x"  # files are not offered behind -x
            more = f" {only}a {shlex.quote(' '.join(values))}" if values else ""
            told = shlex.quote(" ".join(text.split()))
            yield f"{where} {kind} {option.lstrip('-')}{more} -d {told}\n"
        if words := _positional(parser):
            yield f"{where} -a {shlex.quote(' '.join(words))}\n"


SHELLS: Mapping[str, Callable[[Mapping[str, str], Parsers], Iterator[str]]] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
}
