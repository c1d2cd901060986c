"""Keeps compiled simulations between runs, safely for several processes, within a size limit."""

import errno
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.simulators.base import SimulationError

_MAX_BYTES = 2 << 30
# An entry may be in use by another process that looked it up but did not yet start it.
_MIN_AGE_SECONDS = 3600.0
_SUMS = "SHA256SUMS"
_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def default_cache_root() -> Path:
    """Returns `$XDG_CACHE_HOME/qcompiler`, or `~/.cache/qcompiler` where that is not absolute."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "qcompiler"


class BuildCache:
    """Directories of build products, each found by a key that says all that went into it."""

    def __init__(self, root: Path | None = None, max_bytes: int = _MAX_BYTES):
        self._root = (default_cache_root() if root is None else root) / "simulators"
        self._max_bytes = max_bytes

    def get(self, key: str, build: Callable[[Path], None]) -> Path:
        """Returns the directory for `key`, which `build` fills if there is none yet.

        The directory appears whole or not at all: `build` works in a directory of its own, which
        is renamed at the end. If another process was quicker its product is taken. What is there
        is looked at before anybody runs it: it must be ours alone, and as `build` left it; a
        damaged entry is built again.

        Args:
            key: file name; equal keys must mean equal products.
            build: fills the directory it is given; may raise, then nothing is kept.

        Raises:
            SimulationError: the folder belongs to somebody else, or cannot be written.
        """
        entry = self._root / "builds" / key
        try:
            for folder in (self._root, entry.parent):
                _own_folder(folder)
            if self._is_sound(entry):
                return entry
            with scratch_folder(self._root, "build") as temporary:
                product = temporary / key
                product.mkdir(mode=0o700)
                build(product)
                (product / _SUMS).write_text(_sums(product), encoding="utf-8")
                try:
                    product.rename(entry)
                except OSError:
                    if not self._is_sound(entry):
                        raise
        except OSError as error:
            raise SimulationError(_words(error, self._root)) from None
        self._prune(keep=entry)
        return entry

    def _is_sound(self, entry: Path) -> bool:
        """Whether an entry is there, ours, and whole; removes one that is not."""
        try:
            found = entry.lstat()
        except FileNotFoundError:
            return False
        try:
            _check_owner(entry, found)
            sound = (entry / _SUMS).read_text(encoding="utf-8") == _sums(entry)
        except (OSError, UnicodeDecodeError):
            sound = False
        if sound:
            os.utime(entry)
        else:
            _delete(entry)
        return sound

    def keep_log(self, key: str, text: str) -> Path:
        """Writes the log of a failure where the user can read it, and returns its path."""
        path = self._root / "logs" / f"{key}.log"
        try:
            for folder in (self._root, path.parent):
                _own_folder(folder)
            path.unlink(missing_ok=True)  # a link would lead elsewhere
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise SimulationError(_words(error, self._root)) from None
        return path

    def _prune(self, keep: Path) -> None:
        """Deletes entries, least recently used first, until the rest fits the limit."""
        now = time.time()
        found = [_Item(path) for kind in ("builds", "logs") for path in self._list(kind)]
        size = sum(item.size_bytes for item in found)
        for item in sorted(found, key=lambda item: item.used):
            if size <= self._max_bytes or now - item.used < _MIN_AGE_SECONDS:
                break
            if item.path != keep:
                _delete(item.path)
                size -= item.size_bytes

    def _list(self, kind: str) -> list[Path]:
        return list((self._root / kind).glob("*"))


def _check_owner(path: Path, found: os.stat_result) -> None:
    """Raises OSError unless a file or folder is ours, and nobody else may change it."""
    if stat.S_ISLNK(found.st_mode):
        raise PermissionError(errno.EPERM, "is a link; remove it", str(path))
    if hasattr(os, "getuid") and found.st_uid != os.getuid():
        what = "belongs to another user; let XDG_CACHE_HOME name a folder of your own"
        raise PermissionError(errno.EPERM, what, str(path))
    if stat.S_ISDIR(found.st_mode) and os.name == "posix" and found.st_mode & _OTHERS:
        path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)
        what = "may be changed by others, who could have put programs there"
        raise PermissionError(errno.EPERM, what, str(path))


def _own_folder(path: Path) -> None:
    """Makes a folder of ours, if there is none, and sees to it that it is only ours.

    Raises:
        OSError: it is another user's, or cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        _check_owner(path, path.lstat())
    except PermissionError:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode) or found.st_mode & _OTHERS:
            raise
        _check_owner(path, found)  # it was open to others, and is no more
        for entry in path.iterdir():  # what they may have put there
            _delete(entry)


def _sums(folder: Path) -> str:
    """Returns the hash of each file of an entry, which has no folders.

    Raises:
        OSError: one of them is no file, or somebody else may change it.
    """
    lines: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name == _SUMS:
            continue
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise PermissionError(errno.EPERM, "is no file", str(path))
        _check_owner(path, found)
        lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}")
    return "\n".join(lines) + "\n"


def _words(error: OSError, root: Path) -> str:
    """Returns what to say of a cache that cannot be used."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"disk full: {error.filename or root} cannot be written; make room, or let "
            "XDG_CACHE_HOME name a folder elsewhere"
        )
    return f"the simulation cache {error.filename or root}: {error.strerror or error}"


class _Item:
    """Size in bytes and time of last use of a file or directory; zero if it vanished."""

    def __init__(self, path: Path):
        self.path = path
        self.used = 0.0
        self.size_bytes = 0
        try:
            self.used = path.stat().st_mtime
            files = [path] if path.is_file() else path.iterdir()
            self.size_bytes = sum(file.stat().st_size for file in files)
        except FileNotFoundError:
            return


def _delete(path: Path) -> None:
    """Deletes a file or a directory; another process doing the same is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
