"""Files that a text names: read from its own folder only, and only if of bounded size."""

import re
import zipfile
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from qcompiler.dialects.attributes import Array
from qcompiler.errors import suggestion
from qcompiler.frontends.onnx.tensors import MAX_ELEMENTS

# No hidden files, nor what means something else than a name on some system.
_PART = r"(?![. ])[^/\\:*?\"<>|]+(?<![. ])"
_PATH = re.compile(rf"{_PART}(/{_PART})*")
_KINDS = "biuf"
_SAVE_AGAIN = "save it again, with numpy.save or numpy.savez"


class LoadError(ValueError):
    """A file that a text names is not there, or not what the text says.

    Attributes:
        remedy: what to do about it.
        missing: there is no such file at all.
    """

    def __init__(self, what: str, remedy: str, *, missing: bool = False):
        self.remedy, self.missing = remedy, missing
        super().__init__(what)


def may_be_named(name: str) -> bool:
    """Returns whether a text may name a file so: below it, neither hidden nor with odd letters."""
    return name.isprintable() and _PATH.fullmatch(name) is not None


def confined(folder: Path, name: str, suffixes: tuple[str, ...]) -> Path:
    """Returns a file in `folder` or below it.

    Raises:
        LoadError: the name is absolute, leaves the folder, has another ending, or there is no
            such file.
    """
    path = folder / name
    if not may_be_named(name):
        raise LoadError(
            f"file must be named relative to this one, without .., got {name!r}",
            "put it into the folder of this text, or below, and name it from there",
        )
    if path.suffix not in suffixes:
        wanted = " or ".join(suffixes)
        raise LoadError(f"file must end in {wanted}, got {name!r}", f"name a file {wanted}")
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError):
        remedy = suggestion(name, _files_like(folder, suffixes), _HOW_TO_SAVE[suffixes[0]])
        what = f"there is no file {name!r} beside this one"
        raise LoadError(what, remedy, missing=True) from None
    if not resolved.is_relative_to(folder.resolve()):
        what = f"file {name!r} leads out of the folder of this one"
        raise LoadError(what, "copy the file into the folder of this text")
    if not resolved.is_file():
        raise LoadError(f"{name!r} is no file", f"name a file that ends in {suffixes[0]}")
    return resolved


_HOW_TO_SAVE = {
    ".npy": "put it there; numpy.save or numpy.savez make such files",
    ".qnn": "put it there, with the blocks that this text uses",
}


def _files_like(folder: Path, suffixes: tuple[str, ...]) -> list[str]:
    """Returns names of files in a folder, a bounded number."""
    try:
        found = [entry.name for entry in islice(folder.iterdir(), 1000)]
    except OSError:
        return []
    return sorted(name for name in found if name.endswith(suffixes) and may_be_named(name))


def load_array(folder: Path, name: str, key: str | None) -> Array:
    """Returns the array of an .npy file, or an entry of an .npz file, as int64 or floats.

    Raises:
        LoadError: the file is not allowed, damaged, too large, or holds something else.
    """
    path = confined(folder, name, (".npy", ".npz"))
    try:
        if path.suffix == ".npy":
            if key is not None:
                what = f"{name} holds one array, and has no entry {key!r}"
                raise LoadError(what, f'write load("{name}")')
            with path.open("rb") as file:
                return _read(file, name)
        with zipfile.ZipFile(path) as archive:
            return _read_entry(archive, name, key)
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise LoadError(f"cannot read {name}: {error}", _SAVE_AGAIN) from None


def _read_entry(archive: zipfile.ZipFile, name: str, key: str | None) -> Array:
    keys = [entry.removesuffix(".npy") for entry in archive.namelist()]
    if key is None and len(keys) == 1:
        key = keys[0]
    if key not in keys:
        some = ", ".join(keys[:8])
        if key is None:
            what = f"{name} has several entries: {some}"
            raise LoadError(what, f'name one: load("{name}", "{keys[0]}")' if keys else _SAVE_AGAIN)
        remedy = suggestion(key, keys, "name one of these")
        raise LoadError(f"{name} has no entry {key!r}, it has {some or 'none'}", remedy)
    with archive.open(f"{key}.npy") as file:
        return _read(file, f"entry {key!r} of {name}")


def _read(file: IO[bytes], what: str) -> Array:
    """Reads an array whose header promises no more than is allowed."""
    try:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = header(file)
    except ValueError as error:
        raise LoadError(f"{what} is no array of numpy: {error}", _SAVE_AGAIN) from None
    if dtype.kind not in _KINDS:
        remedy = "save numbers: array.astype(numpy.float32)"
        raise LoadError(f"{what} must hold numbers, got elements of type {dtype}", remedy)
    count = int(np.prod(shape, dtype=object))
    if not 0 < count <= MAX_ELEMENTS:
        limit = f"{what} must have 1 to {MAX_ELEMENTS} elements, got shape {list(shape)}"
        raise LoadError(limit, "save an array that has them")
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise LoadError(f"{what} ends too early", _SAVE_AGAIN)
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return _as_numbers(array, what)


def _as_numbers(array: Array, what: str) -> Array:
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise LoadError(f"{what} holds numbers that are not finite", "save finite numbers")
        wide = array.dtype.itemsize > 4
        return array.astype(np.float64 if wide else np.float32, order="C")
    if array.dtype.kind == "u" and int(array.max()) >= 2**63:
        raise LoadError(f"{what} holds integers of more than 63 bits", "save smaller ones")
    return array.astype(np.int64, order="C")
