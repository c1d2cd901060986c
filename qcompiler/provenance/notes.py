"""What a user should know of a compilation that went well: one line each, kept on the module."""

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.utils.hints import isa

_ATTRIBUTE = "qcompiler.notes"


def notes_of(module: ModuleOp) -> tuple[str, ...]:
    """Returns the lines, in the order in which they were added."""
    held = module.attributes.get(_ATTRIBUTE)
    return tuple(note.data for note in held) if isa(held, ArrayAttr[StringAttr]) else ()


def add_note(module: ModuleOp, text: str) -> None:
    """Adds a line: where, what, and what it means for the result; lower case, no full stop."""
    notes = dict.fromkeys((*notes_of(module), text))
    module.attributes[_ATTRIBUTE] = ArrayAttr([StringAttr(note) for note in notes])
