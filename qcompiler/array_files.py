"""Reads arrays of .npy files: no pickles, no more memory than was promised."""

import zipfile
import zlib
from typing import IO, Any

import numpy as np
from msgspec import Struct
from numpy.lib import format as npy

DAMAGE = (
    OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError,
    zipfile.BadZipFile, zlib.error,
)  # fmt: skip
"""What reading a damaged or hostile .npy or .npz may end in."""

_KINDS = "biuf"


class Header(Struct, frozen=True):
    """What an .npy says that it holds; of its contents, nothing is read yet."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def size_bytes(self) -> int:
        """Size of the contents."""
        count = 1
        for extent in self.shape:
            count *= int(extent)
        return count * self.dtype.itemsize


def read_header(file: IO[bytes], name: str) -> Header:
    """Returns the header of an .npy, and leaves the file at its contents.

    Raises:
        ValueError: it holds something else than numbers, or is none.
    """
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    header = Header(*read(file))
    if header.dtype.kind not in _KINDS:
        raise ValueError(f"{name} holds {header.dtype}, not numbers")
    return header


def read_contents(file: IO[bytes], header: Header, size: int, name: str) -> np.ndarray[Any, Any]:
    """Returns the array behind a header that promises no more than `size` bytes.

    Raises:
        ValueError: it promises more, or the file ends before.
    """
    wanted = header.size_bytes
    if min((*header.shape, 1)) < 0 or wanted > size:
        raise ValueError(f"{name} says it has the shape {list(header.shape)}, but has {size} bytes")
    data = file.read(wanted)
    if len(data) != wanted:
        raise ValueError(f"{name} ends too early")
    order = "F" if header.fortran else "C"
    return np.frombuffer(data, header.dtype).reshape(header.shape, order=order)


def read_array(file: IO[bytes], size: int, name: str) -> np.ndarray[Any, Any]:
    """Returns the array of an .npy of which no more than `size` bytes are read.

    Raises:
        ValueError: as `read_header` and `read_contents`.
    """
    return read_contents(file, read_header(file, name), size, name)
