"""Keeps compiled simulations between runs, safely for several processes, within a size limit."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_MAX_BYTES = 2 << 30
# An entry may be in use by another process that looked it up but did not yet start it.
_MIN_AGE_SECONDS = 3600.0
_STALE_BUILD_SECONDS = 86_400.0


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
        is renamed at the end. If another process was quicker its product is taken.

        Args:
            key: file name; equal keys must mean equal products.
            build: fills the directory it is given; may raise, then nothing is kept.
        """
        entry = self._root / "builds" / key
        if self._touch(entry):
            return entry
        entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(
            prefix="build-", dir=self._root, ignore_cleanup_errors=True
        ) as temporary:
            product = Path(temporary) / key
            product.mkdir()
            build(product)
            try:
                product.rename(entry)
            except OSError:
                if not entry.is_dir():
                    raise
        self._prune(keep=entry)
        return entry

    def keep_log(self, key: str, text: str) -> Path:
        """Writes the log of a failure where the user can read it, and returns its path."""
        path = self._root / "logs" / f"{key}.log"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text, encoding="utf-8")
        return path

    def _touch(self, entry: Path) -> bool:
        try:
            os.utime(entry)
        except FileNotFoundError:
            return False
        return True

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
        for path in self._root.glob("build-*"):
            # What a killed process left behind.
            if now - _Item(path).used > _STALE_BUILD_SECONDS:
                _delete(path)

    def _list(self, kind: str) -> list[Path]:
        return list((self._root / kind).glob("*"))


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
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
