"""Contents and templates of memories, in shapes that Yosys and vendor tools infer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qcompiler.backends.verilog.layout import INDENT, wrap
from qcompiler.dialects import rtl

_HEX_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_ROWS_AT_ONCE = 1 << 14


def hex_words(values: NDArray[np.integer], lane_width: int) -> str:
    """Returns the words of a memory in hexadecimal, one a line, as `$readmemh` reads them.

    Args:
        values: integers of shape (depth, lanes); each is cut to `lane_width` bits, lane 0 in
            the low bits of the word.
        lane_width: 1 to 64 bits, at most the width of an element.
    """
    chunks = range(0, values.shape[0], _ROWS_AT_ONCE)
    return "".join(_hex_chunk(values[at : at + _ROWS_AT_ONCE], lane_width) for at in chunks)


def _hex_chunk(values: NDArray[np.integer], lane_width: int) -> str:
    depth, lanes = values.shape
    little = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
    bytes_ = little.view(np.uint8).reshape(depth, lanes, values.itemsize)
    bits = np.unpackbits(bytes_, axis=2, bitorder="little")[:, :, :lane_width]
    word_width = lanes * lane_width
    digits = -(-word_width // 4)
    padded = np.zeros((depth, digits * 4), dtype=np.uint8)
    padded[:, :word_width] = bits.reshape(depth, word_width)
    nibbles = padded.reshape(depth, digits, 4) @ np.array([1, 2, 4, 8], dtype=np.uint8)
    lines = np.full((depth, digits + 1), ord("\n"), dtype=np.uint8)
    lines[:, :digits] = _HEX_DIGITS[nibbles[:, ::-1]]
    return lines.tobytes().decode("ascii")


def style_attribute(op: rtl.RomOp | rtl.RamOp) -> list[str]:
    """Returns the attribute line that asks for a kind of memory, if one is asked for."""
    style = op.ram_style.data
    if style == "auto":
        return []
    if isinstance(op, rtl.RamOp):
        return [f'{INDENT}(* ram_style = "{style}" *)']
    if style == "distributed":
        # Yosys takes "distributed" for RAM made of LUTs, which on some devices cannot hold a
        # constant, and then gives up; "registers" is its word for plain logic, and it looks at
        # ram_style first. Vivado looks only at rom_style for a ROM.
        return [f'{INDENT}(* ram_style = "registers", rom_style = "distributed" *)']
    return [f'{INDENT}(* rom_style = "{style}" *)']


def storage(name: str, width: int, depth: int) -> str:
    """Returns the declaration of the array."""
    bits = "" if width == 1 else f"[{width - 1}:0] "
    return f"{INDENT}reg {bits}{name} [0:{depth - 1}];"


def inline_initial(name: str, words: Sequence[str], width: int) -> list[str]:
    """Returns an `initial` block that assigns every word (hexadecimal, without prefix)."""
    body = [f"{INDENT * 2}{name}[{i}] = {width}'h{word};" for i, word in enumerate(words)]
    return [f"{INDENT}initial begin", *body, f"{INDENT}end"]


def file_initial(name: str, file: str) -> list[str]:
    """Returns the statement that loads the array from a file beside the Verilog."""
    return [f'{INDENT}initial $readmemh("{file}", {name});']


def clocked(clock: str, statements: Sequence[tuple[str, str]]) -> list[str]:
    """Returns one `always` block of `statements`: (enable, assignment), enable "" if constant."""
    lines = ["", f"{INDENT}always @(posedge {clock}) begin"]
    for enable, assignment in statements:
        if enable:
            lines += wrap(f"if ({enable}) begin", INDENT * 2)
            lines += wrap(assignment, INDENT * 3)
            lines.append(f"{INDENT * 2}end")
        else:
            lines += wrap(assignment, INDENT * 2)
    return [*lines, f"{INDENT}end", ""]
