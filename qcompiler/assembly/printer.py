"""Prints modules: with source nodes, and large constants in full, elided, or in a file beside."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, IntegerType, ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.printer import Printer

from qcompiler.dialects.attributes import Array, DenseAttr, is_dense, numpy_from_dense

ELIDED = "__elided__"
"""The resource that stands for constants left out; MLIR's name for it. Such text is for people."""


FILE_NAME = r"[\w+-][\w.+-]*\.npz"
"""Names without folders: a text may refer to files beside it only."""


_LISTED = 100
"""Elements up to which xDSL prints a list, and not the bytes."""


class WeightFile:
    """Collects the large constants of modules, to be saved as one .npz beside their text.

    Attributes:
        name: of the file, without folders: text refers to it relative to its own place.
        least: fewest elements of a constant that goes to the file; smaller ones stay in the text.
    """

    def __init__(self, name: str, least: int = 17):
        if not re.fullmatch(FILE_NAME, name):
            raise ValueError(f"constants go to NAME.npz beside the text, not to {name!r}")
        self.name = name
        self.least = least
        self.arrays: dict[str, Array] = {}
        self._keys: dict[Attribute, str] = {}

    def key(self, constant: DenseAttr) -> str:
        """Returns the name of a constant in the file; equal constants share one."""
        if constant not in self._keys:
            self._keys[constant] = key = f"c{len(self._keys)}"
            self.arrays[key] = numpy_from_dense(constant)
        return self._keys[constant]

    def save(self, folder: Path) -> None:
        """Writes the file into `folder`."""
        arrays: dict[str, Any] = dict(self.arrays)
        np.savez_compressed(folder / self.name, **arrays)


def _is_splat(constant: DenseAttr) -> bool:
    raw, count = constant.data.data, len(constant)
    return raw == raw[: len(raw) // count] * count


class _Printer(Printer):
    """Writes `dense_resource<"file:key">` for large constants, as MLIR does for its resources."""

    def __init__(
        self,
        text: StringIO,
        elide: int | None,
        weights: WeightFile | None,
        lines: dict[Operation, int] | None,
        **options: Any,
    ):
        super().__init__(stream=text, **options)
        self._text = text
        self._elide = elide
        self._weights = weights
        self._lines = lines
        self._types: dict[Attribute, str] = {}

    def print_string(self, text: str, *, indent: int | None = None) -> None:
        if "\n" in text:
            super().print_string(text, indent=indent)
        else:  # a design has a million of these
            self._current_column += len(text)
            self._text.write(text)

    def print_op(self, op: Operation) -> None:
        if self._lines is not None:
            self._lines[op] = self._current_line + 1
        super().print_op(op)

    def print_attribute(self, attribute: Attribute) -> None:
        if attribute.name == IntegerType.name:  # stands in every line, several times
            if attribute not in self._types:
                self._types[attribute] = str(attribute)
            self.print_string(self._types[attribute])
            return
        # By name first: `isa` on every attribute of a design takes ten times as long as printing.
        if attribute.name != DenseIntOrFPElementsAttr.name or not is_dense(attribute):
            super().print_attribute(attribute)
            return
        resource = self._resource(attribute)
        if resource is not None:
            self.print_string(f"dense_resource<{resource}> : ")
            self.print_attribute(attribute.type)
        elif len(attribute) > _LISTED and not _is_splat(attribute):
            # As xDSL does, which first makes a Python number of each of what may be millions.
            self.print_string(f'dense<"0x{attribute.data.data.hex().upper()}"> : ')
            self.print_attribute(attribute.type)
        else:
            super().print_attribute(attribute)

    def _resource(self, constant: DenseAttr) -> str | None:
        count = len(constant)
        if self._elide is not None and count > self._elide:
            return ELIDED
        if self._weights is not None and count >= self._weights.least:
            return f'"{self._weights.name}:{self._weights.key(constant)}"'
        return None


def print_module(
    module: ModuleOp,
    *,
    elide: int | None = None,
    weights: WeightFile | None = None,
    generic: bool = False,
    locations: bool = True,
    lines: dict[Operation, int] | None = None,
) -> str:
    """Returns a module as text.

    Args:
        module: at any level.
        elide: leave out constants of more elements than this; the text cannot be read back.
        weights: takes large constants; the text refers to it.
        generic: in MLIR's generic form.
        locations: with the source node of every operation.
        lines: takes the line, counted from 1, in which each operation begins.
    """
    text = StringIO()
    options = {"print_generic_format": generic, "print_debuginfo": locations}
    _Printer(text, elide, weights, lines, **options).print_op(module)
    return text.getvalue() + "\n"
