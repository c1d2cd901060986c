"""How many look-up tables hold a table of constants."""

import numpy as np

from qcompiler.dialects.attributes import Array

_LEAF_BITS = 4


def rom_columns(words: Array, width: int) -> Array:
    """Returns the bits of a ROM's words, uint8 of shape [bits of a word, depth], lane 0 first.

    Args:
        words: integers, shape [depth, lanes].
        width: bits of a lane; values are cut to it.
    """
    # The narrowest type that holds a lane: there may be millions of words.
    narrow = next(kind for kind in ("<u1", "<u2", "<u4", "<u8") if width <= 8 * int(kind[2]))
    raw = words.astype(narrow)[:, :, None].view(np.uint8)
    bits = np.unpackbits(raw, axis=2, bitorder="little")[:, :, :width]
    return np.ascontiguousarray(bits.reshape(words.shape[0], -1).T)


def shallow_rom_tables(columns: Array, inputs: int) -> int:
    """Returns the tables of a ROM each of whose bits is one function, made of the widest tables.

    A function of more bits than a table has takes two tables for the first one, four for the
    second, and so on; the multiplexers behind them are free.

    Args:
        columns: as `rom_columns` returns them.
        inputs: of a table.
    """
    return sum(2 ** max(0, _support(row) - inputs) for row in _functions(_padded(columns)))


def deep_rom_tables(columns: Array) -> int:
    """Returns the different functions of four address bits that a ROM is made of.

    So deep a ROM becomes a tree of multiplexers, which a technology mapper does not see through.
    """
    return len(_functions(_padded(columns).reshape(-1, 1 << _LEAF_BITS)))


def address_bits(depth: int) -> int:
    """Returns the bits that tell `depth` words apart, at least those of a leaf."""
    return max(_LEAF_BITS, (depth - 1).bit_length())


def _padded(columns: Array) -> Array:
    """Returns the columns with what is never read at their end: it may be anything."""
    count, depth = columns.shape
    padded = np.repeat(columns[:, -1:], 1 << address_bits(depth), axis=1)
    padded[:, :depth] = columns
    return padded.reshape(count, -1)


def _functions(table: Array) -> list[Array]:
    """Returns the different functions in the rows, but for constants and single address bits."""
    known = _address_bits(table.shape[1])
    found: list[Array] = []
    varying = table[(table != table[:, :1]).any(axis=1)]
    for row in varying ^ varying[:, :1]:  # a function and its inverse are one
        key = row.tobytes()
        if key not in known:
            known.add(key)
            found.append(row)
    return found


def _address_bits(size: int) -> set[bytes]:
    """Returns the functions of `size` addresses that are one of their bits."""
    count = size.bit_length() - 1
    index = np.indices((2,) * count).astype(np.uint8)
    return {index[bit].tobytes() for bit in range(count)}


def _support(function: Array) -> int:
    """Returns how many address bits a function depends on."""
    bits = function.size.bit_length() - 1
    cube = function.reshape([2] * bits)
    return sum(bool((cube.take(0, axis) != cube.take(1, axis)).any()) for axis in range(bits))
