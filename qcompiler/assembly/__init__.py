"""IR as text: read with the place of every error, written with large constants elided or apart."""

from qcompiler.assembly.places import decode, describe
from qcompiler.assembly.printer import WeightFile, print_module
from qcompiler.assembly.reader import LocatedError, parse_module, read_module

__all__ = [
    "LocatedError",
    "WeightFile",
    "decode",
    "describe",
    "parse_module",
    "print_module",
    "read_module",
]
