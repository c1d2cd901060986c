"""Packs integers into the bytes of TDATA and back: element 0 of a beat in the low bits.

Self-contained (numpy only): the driver that ships with a design carries this source.
"""

import numpy as np
from numpy.typing import NDArray


def pack(values: NDArray[np.int64], lanes: int, width: int) -> NDArray[np.uint8]:
    """Returns beats, shape [frames, beats, bytes], of integers of shape [frames, ...].

    Args:
        values: elements in row-major order; two's complement is cut to `width` bits.
        lanes: elements in a beat; divides the elements of a frame.
        width: bits of an element, 1 to 64.
    """
    frames = values.shape[0]
    elements = values.reshape(frames, -1, lanes).astype(np.int64)
    bits = (elements[..., np.newaxis] >> np.arange(width)) & 1
    flat = bits.astype(np.uint8).reshape(frames, elements.shape[1], lanes * width)
    return np.packbits(flat, axis=-1, bitorder="little")


def unpack(beats: NDArray[np.uint8], lanes: int, width: int, signed: bool) -> NDArray[np.int64]:
    """Returns integers, shape [frames, elements], of beats of shape [frames, beats, bytes]."""
    bits = np.unpackbits(beats, axis=-1, bitorder="little", count=lanes * width)
    parts = bits.reshape(*beats.shape[:2], lanes, width).astype(np.int64)
    weights = np.left_shift(np.int64(1), np.arange(width, dtype=np.int64))
    if signed:
        weights[-1] = -weights[-1]
    return (parts * weights).sum(axis=-1).reshape(beats.shape[0], -1)
