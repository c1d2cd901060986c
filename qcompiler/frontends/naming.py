"""Names from a model, made fit for locations and value names."""

from xdsl.dialects.builtin import NameLoc, StringAttr, UnknownLoc

from qcompiler.analysis.sources import identifier

MAX_HINT = 40


def location(name: str) -> NameLoc:
    """Returns the location that carries a name of the model through the compiler."""
    return NameLoc(ascii_text(name), UnknownLoc())


def ascii_text(name: str) -> StringAttr:
    r"""Returns a name with all but ASCII escaped (`\xf6`).

    xDSL 0.74 prints other characters as bytes, and refuses to read those where it wants a string.
    """
    return StringAttr(name.encode("ascii", "backslashreplace").decode("ascii"))


def hint(name: str) -> str:
    """Returns a value name of at most `MAX_HINT` characters that MLIR's syntax allows."""
    return identifier(name, "v", MAX_HINT)
