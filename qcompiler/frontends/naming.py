"""Names from a model, made fit for locations and value names."""

from xdsl.dialects.builtin import FusedLoc, NameLoc, StringAttr

from qcompiler.provenance.sources import MAX_NAME, identifier, location_of_nodes

MAX_HINT = MAX_NAME


def location(*names: str) -> NameLoc | FusedLoc:
    """Returns the location that carries names of the model, at least one, through the compiler."""
    return location_of_nodes(ascii_text(name).data for name in names)


def ascii_text(name: str) -> StringAttr:
    r"""Returns a name with all but ASCII escaped (`\xf6`).

    xDSL 0.74 prints other characters as bytes, and refuses to read those where it wants a string.
    """
    return StringAttr(name.encode("ascii", "backslashreplace").decode("ascii"))


def hint(name: str) -> str:
    """Returns a value name of at most `MAX_HINT` characters that MLIR's syntax allows."""
    return identifier(name, "v", MAX_HINT)
