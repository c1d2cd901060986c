"""Packs words of integers for a bus: the order of bits is that of TDATA, element 0 in the low bits.

Self-contained (numpy only): the driver that ships with a design carries this source.
"""

import numpy as np
from numpy.typing import NDArray


def pack_words(
    words: NDArray[np.int64], width: int, word_bits: int, bus_bits: int
) -> NDArray[np.uint8]:
    """Returns the beats of a bus that bring words, uint8 [beats, bytes of a beat].

    Args:
        words: integers, [words, elements]; two's complement is cut to `width` bits.
        width: bits of an element.
        word_bits: that a word takes on the bus, the elements in the low ones: a power of two, or a
            multiple of `bus_bits`.
        bus_bits: of a beat; the last beat is filled with zeros.
    """
    bits = ((words[:, :, None] >> np.arange(width)) & 1).astype(np.uint8)
    padded = np.zeros((len(words), word_bits), np.uint8)
    padded[:, : words.shape[1] * width] = bits.reshape(len(words), -1)
    beats = -(-padded.size // bus_bits)
    stream = np.zeros(beats * bus_bits, np.uint8)
    stream[: padded.size] = padded.reshape(-1)
    return np.packbits(stream, bitorder="little").reshape(beats, -1)


def check_weights(
    layer: str, weights: NDArray[np.int64], shape: tuple[int, int], bounds: tuple[int, int]
) -> None:
    """Checks weights that the host writes.

    Args:
        layer: for the message.
        weights: of it.
        shape: that they must have, [inputs, outputs].
        bounds: least and most of what is declared.

    Raises:
        ValueError: they have another shape, are no integers, or lie beyond what is declared.
    """
    if weights.shape != tuple(shape):
        raise ValueError(f"{layer}: weights must have shape {tuple(shape)}, got {weights.shape}")
    if not np.issubdtype(weights.dtype, np.integer):
        raise ValueError(f"{layer}: weights must be integers, got {weights.dtype}")
    if weights.min() < bounds[0] or weights.max() > bounds[1]:
        raise ValueError(
            f"{layer}: weights must lie in [{bounds[0]}, {bounds[1]}], which is declared, got "
            f"[{weights.min()}, {weights.max()}]"
        )
