"""Reads arrays that a user gives as .npy or .npz: no pickles, no more memory than files promise."""

import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem

_MOST_BYTES = 1 << 31
_KINDS = "biuf"


def read_arrays(path: Path) -> dict[str, Array] | Array:
    """Returns the array of an .npy file, or those of an .npz by name.

    Raises:
        ModelError: the file cannot be read, or holds something else than numbers.
    """
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                return _array(file, path.stat().st_size, path.name)
            file.seek(0)
            return _entries(file)
    except (
        OSError, ValueError, EOFError, KeyError, NotImplementedError, RuntimeError, MemoryError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        what = f"cannot be read as vectors: {error or type(error).__name__}"
        raise ModelError([Problem(str(path), what, "give .npy or .npz with numbers")]) from None


def _entries(file: IO[bytes]) -> dict[str, Array]:
    with zipfile.ZipFile(file) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise ValueError(f"its entries have {size} bytes, more than {_MOST_BYTES}")
        found: dict[str, Array] = {}
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            with archive.open(entry) as opened:
                found[name] = _array(opened, entry.file_size, name)
    return found


def _array(file: IO[bytes], size: int, name: str) -> Array:
    """Returns an array whose header promises no more than `size` bytes hold."""
    version = npy.read_magic(file)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.kind not in _KINDS:
        raise ValueError(f"{name} holds {dtype}, not numbers")
    count = 1
    for extent in shape:
        count *= int(extent)
    wanted = count * dtype.itemsize
    if min((*shape, 1)) < 0 or wanted > min(size, _MOST_BYTES):
        raise ValueError(f"{name} says it has the shape {list(shape)}, but has {size} bytes")
    data = file.read(wanted)
    if len(data) != wanted:
        raise ValueError(f"{name} ends too early")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
