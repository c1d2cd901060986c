"""Reads arrays that a user gives as .npy or .npz: no pickles, no more memory than files promise."""

import zipfile
from pathlib import Path
from typing import IO

from qcompiler.array_files import DAMAGE, read_array
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem

_MOST_BYTES = 1 << 31


def read_arrays(path: Path) -> dict[str, Array] | Array:
    """Returns the array of an .npy file, or those of an .npz by name.

    Raises:
        ModelError: the file cannot be read, or holds something else than numbers.
    """
    if not path.exists():
        remedy = "give the path of an .npy or .npz file"
        raise ModelError([Problem(str(path), "does not exist", remedy)])
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                file.seek(0)
                return read_array(file, min(path.stat().st_size, _MOST_BYTES), path.name)
            file.seek(0)
            return _entries(file)
    except DAMAGE as error:
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
                found[name] = read_array(opened, entry.file_size, name)
    return found
