"""How many look-up tables hold a table of constants."""

import numpy as np

from qcompiler.dialects.attributes import Array

LEAF_BITS = 4


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


def rom_tables(columns: Array, inputs: int, widest: int) -> int:
    """Returns the tables of a ROM that a mapper takes as functions of the address.

    Args:
        columns: as `rom_columns` returns them.
        inputs: of a table.
        widest: inputs of the widest function that tables make with free multiplexers behind them.
    """
    if address_bits(columns.shape[1]) <= max(inputs, widest):
        return shallow_rom_tables(columns, inputs)
    return deep_rom_tables(columns, inputs, widest)


def counted_rom_tables(columns: Array) -> int:
    """Returns the tables of a ROM whose address counts.

    Mappers follow the multiplexers of such a ROM, as they share gates with what counts: leaves are
    functions of four address bits, and each choice above is a table of its own, however wide the
    tables of the part are.

    Args:
        columns: as `rom_columns` returns them.
    """
    return deep_rom_tables(columns, LEAF_BITS, LEAF_BITS)


def shallow_rom_tables(columns: Array, inputs: int) -> int:
    """Returns the tables of a ROM each of whose bits is one function, made of the widest tables.

    A function of more bits than a table has takes two tables for the first one, four for the
    second, and so on; the multiplexers behind them are free.

    Args:
        columns: as `rom_columns` returns them.
        inputs: of a table.
    """
    return sum(2 ** max(0, _support(row) - inputs) for row in _functions(_padded(columns)))


def deep_rom_tables(columns: Array, inputs: int, widest: int) -> int:
    """Returns the tables of a ROM that is a tree of choices, of more address bits than are free.

    Leaves are functions of some address bits, made of tables and free multiplexers, so that no two
    share a table; each choice above is a table. Equal functions of the same bits are one. Leaves
    are as wide as is cheapest.

    Args:
        columns: as `rom_columns` returns them.
        inputs: of a table.
        widest: address bits of the widest leaf.
    """
    table = _padded(columns)
    bits = table.shape[1].bit_length() - 1
    first = min(inputs, bits)
    chosen = {j: _different(table.reshape(-1, 1 << j), choice=True) for j in range(first, bits + 1)}
    return min(
        2 ** (leaf - first) * _different(table.reshape(-1, 1 << leaf))
        + sum(chosen[j] for j in range(leaf + 1, bits + 1))
        for leaf in range(first, min(max(first, widest), bits) + 1)
    )


def address_bits(depth: int) -> int:
    """Returns the bits that tell `depth` words apart, at least those of a leaf."""
    return max(LEAF_BITS, (depth - 1).bit_length())


def _padded(columns: Array) -> Array:
    """Returns the columns with what is never read at their end: no choice depends on it."""
    count, depth = columns.shape
    padded = np.empty((count, 1 << address_bits(depth)), np.uint8)
    padded[:, :depth] = columns
    size = 1
    while depth < padded.shape[1]:
        size *= 2
        if depth % size:  # so the last words are half a block: the other half is as they are
            half = size // 2
            padded[:, depth : depth + half] = padded[:, depth - half : depth]
            depth += half
    return padded


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


def _different(table: Array, *, choice: bool = False) -> int:
    """Returns how many functions `_functions` finds, of which there may be millions.

    With `choice`, those that do not depend on the highest address bit are none.
    """
    if choice:
        halves = table.reshape(len(table), 2, -1)
        table = table[(halves[:, 0] != halves[:, 1]).any(axis=1)]
    rows = np.packbits(table ^ table[:, :1], axis=1)  # at least four address bits: two bytes
    size = rows.shape[1]
    whole = f"u{size}" if size <= 8 else f"V{size}"  # integers are sorted faster
    found = np.unique(rows.view(np.dtype(whole)))
    wires = (np.frombuffer(bit, np.uint8) for bit in _address_bits(table.shape[1]))
    free = {bytes(size), *(np.packbits(bit).tobytes() for bit in wires)}
    return len(found) - sum(bool((found == np.frombuffer(row, whole)[0]).any()) for row in free)


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
