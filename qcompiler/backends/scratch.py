"""Temporary folders that a later run removes if the program was killed before it could.

A folder is known as ours by a file in it, which its owner keeps locked while it lives: locks end
with the process, however it ends. Nothing without that file, or of another user, is touched.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

_MARK = ".qcompiler-scratch"
_NAME = 40
"""Characters of a target's name in the folder's, which file systems bound."""


@contextmanager
def scratch_folder(
    parent: Path | None = None, prefix: str = "qcompiler", target: Path | None = None
) -> Generator[Path]:
    """Gives an empty folder, which is removed at the end; removes those of runs that were killed.

    Args:
        parent: where; None for the system's place of temporary files.
        prefix: of its name.
        target: a folder that may be moved into it for a moment (`put_in_place`): if the program is
            killed just then, the next run puts it back.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    remove_abandoned(place, prefix[:_NAME])
    with tempfile.TemporaryDirectory(
        dir=place, prefix=f"{prefix[:_NAME]}.", ignore_cleanup_errors=True
    ) as made:
        folder = Path(made)
        with (folder / _MARK).open("w", encoding="utf-8") as mark:
            _lock(mark)
            # After the lock: an empty file is that of a run that is just beginning.
            json.dump({"target": None if target is None else target.name}, mark)
            mark.flush()
            work = folder / "work"
            work.mkdir()
            yield work


def remove_abandoned(place: Path, prefix: str) -> None:
    """Removes the folders that killed runs left in `place`."""
    with suppress(OSError):
        for folder in place.glob(f"{_literal(prefix)}.*"):
            with suppress(OSError, ValueError):
                _remove_if_abandoned(folder)


def _literal(text: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in text)


def _remove_if_abandoned(folder: Path) -> None:
    found = folder.lstat()
    if not _is_own(found) or folder.is_symlink() or not folder.is_dir():
        return
    with (folder / _MARK).open("r+", encoding="utf-8") as mark:
        _lock(mark)  # raises if its owner lives
        told = json.loads(mark.read())
        if not isinstance(told, dict) or "target" not in told:
            return
        _put_back(folder / "work", cast(dict[str, object], told)["target"], folder.parent)
        shutil.rmtree(folder, ignore_errors=True)


def _put_back(work: Path, name: object, parent: Path) -> None:
    """Puts a folder back that was moved aside when the program was killed."""
    if not isinstance(name, str) or Path(name).name != name or (parent / name).exists():
        return
    old = sorted(work.glob("old*"))
    if old:
        os.rename(old[-1], parent / name)


def _is_own(found: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or found.st_uid == os.getuid()


def _lock(file: IO[str]) -> None:
    """Locks a file for as long as it is open.

    Raises:
        OSError: another process holds it, or this system has no such locks.
    """
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
