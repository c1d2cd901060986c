"""Which words of tools a device file may use: known options, none of which names a file.

A device file may come from anyone. What a tool reads and writes is ours to say, so an option is
allowed by name, and its value by a pattern without folders and endings.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """Options of a tool.

    Attributes:
        flags: without a value.
        valued: with one, and the pattern of it.
    """

    flags: frozenset[str] = frozenset()
    valued: Mapping[str, str] = field(default_factory=dict[str, str])

    def fault(self, words: list[str]) -> str | None:
        """Returns what is wrong with words of a command line, None if all are known."""
        rest = [part for word in words for part in _parts(word)]
        while rest:
            option = rest.pop(0)
            if option in self.flags:
                continue
            if option not in self.valued:
                return f"{option!r} is none of the options that device files may use"
            value = rest.pop(0) if rest else ""
            if not re.fullmatch(self.valued[option], value, re.ASCII):
                return f"{option} cannot be {value!r}"
        return None

    def names(self) -> str:
        """Returns all options, for a message."""
        return ", ".join(sorted({*self.flags, *self.valued}))


def _parts(word: str) -> list[str]:
    """Returns an option and its value apart, `--package=sg48` being both."""
    name, equals, value = word.partition("=")
    return [name, value] if equals and name.startswith("--") else [word]


_WORD = r"\w+"
_FLAGS = (
    "-abc2", "-abc9", "-abc_new", "-asyncprld", "-booth", "-cmp2softlogic", "-dff",
    "-discard-ffinit", "-dsp", "-flatten", "-hieropt", "-iopad", "-ise", "-luttree",
    "-noabc", "-noabc9", "-noaddf", "-noalu", "-noalumacc", "-nobram", "-nocarry", "-noccu2",
    "-noclkbuf", "-nodffe", "-nodsp", "-noflatten", "-nofsm", "-noiopad", "-noiopads",
    "-nolram", "-nolutram", "-nomult", "-nomx4", "-nomx8", "-nordff", "-no-rw-check",
    "-noshare", "-nosrl", "-nowidelut", "-nowidemux", "-relativeshare", "-retime",
    "-setundef", "-spram", "-strict-gw5a-dffs", "-uram", "-widelut",
)  # fmt: skip
_SYNTHESIS = Options(
    frozenset(_FLAGS),
    {
        "-device": _WORD,
        "-family": _WORD,
        "-lut": r"\d{1,2}",
        "-widemux": r"\d{1,3}",
        "-dffe_min_ce_use": r"\d{1,4}",
    },
)


def synthesis_fault(words: list[str], commands: Collection[str]) -> str | None:
    """Returns what is wrong with a synth command and its options, None if nothing is.

    Args:
        words: of a command line.
        commands: that are known.
    """
    if not words or words[0] not in commands:
        return f"{words[0] if words else ''!r} is not one of {', '.join(commands)}"
    return options_fault(words[1:])


def options_fault(words: list[str]) -> str | None:
    """Returns what is wrong with options of a synth command, None if nothing is."""
    return _SYNTHESIS.fault(words)


def known_synthesis_options() -> str:
    """Returns the options of synth commands, for a message."""
    return _SYNTHESIS.names()
