"""Files that a text names: read from its own folder only, and only if of bounded size."""

import re
import zipfile
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.tensors import MAX_ELEMENTS

# No hidden files, nor what means something else than a name on some system.
_PART = r"(?![. ])[^/\\:*?\"<>|]+(?<![. ])"
_PATH = re.compile(rf"{_PART}(/{_PART})*")
_KINDS = "biuf"


def may_be_named(name: str) -> bool:
    """Returns whether a text may name a file so: below it, neither hidden nor with odd letters."""
    return name.isprintable() and _PATH.fullmatch(name) is not None


def confined(folder: Path, name: str, suffixes: tuple[str, ...]) -> Path:
    """Returns a file in `folder` or below it.

    Raises:
        ValueError: the name is absolute, leaves the folder, has another ending, or there is no
            such file.
    """
    path = folder / name
    if not may_be_named(name):
        raise ValueError(f"file must be named relative to this one, without .., got {name!r}")
    if path.suffix not in suffixes:
        raise ValueError(f"file must end in {' or '.join(suffixes)}, got {name!r}")
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise ValueError(f"there is no file {name!r} beside this one") from None
    if not resolved.is_relative_to(folder.resolve()) or not resolved.is_file():
        raise ValueError(f"file {name!r} lies outside the folder of this one")
    return resolved


def load_array(folder: Path, name: str, key: str | None) -> Array:
    """Returns the array of an .npy file, or an entry of an .npz file, as int64 or floats.

    Raises:
        ValueError: the file is not allowed, damaged, too large, or holds something else.
    """
    path = confined(folder, name, (".npy", ".npz"))
    try:
        if path.suffix == ".npy":
            if key is not None:
                raise ValueError(f"{name} holds one array, and has no entry {key!r}")
            with path.open("rb") as file:
                return _read(file, name)
        with zipfile.ZipFile(path) as archive:
            return _read_entry(archive, name, key)
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"cannot read {name}: {error}") from None


def _read_entry(archive: zipfile.ZipFile, name: str, key: str | None) -> Array:
    keys = [entry.removesuffix(".npy") for entry in archive.namelist()]
    if key is None and len(keys) == 1:
        key = keys[0]
    if key not in keys:
        some = ", ".join(keys[:8])
        raise ValueError(
            f"{name} has no entry {key!r}; it has {some}"
            if key is not None
            else f"{name} has several entries, name one of {some}"
        )
    with archive.open(f"{key}.npy") as file:
        return _read(file, f"entry {key!r} of {name}")


def _read(file: IO[bytes], what: str) -> Array:
    """Reads an array whose header promises no more than is allowed."""
    try:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = header(file)
    except ValueError as error:
        raise ValueError(f"{what} is no array of numpy: {error}") from None
    if dtype.kind not in _KINDS:
        raise ValueError(f"{what} must hold numbers, got elements of type {dtype}")
    count = int(np.prod(shape, dtype=object))
    if not 0 < count <= MAX_ELEMENTS:
        raise ValueError(f"{what} must have 1 to {MAX_ELEMENTS} elements, got shape {list(shape)}")
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise ValueError(f"{what} ends too early")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return _as_numbers(array, what)


def _as_numbers(array: Array, what: str) -> Array:
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError(f"{what} holds numbers that are not finite")
        wide = array.dtype.itemsize > 4
        return array.astype(np.float64 if wide else np.float32, order="C")
    if array.dtype.kind == "u" and int(array.max()) >= 2**63:
        raise ValueError(f"{what} holds integers of more than 63 bits")
    return array.astype(np.int64, order="C")
