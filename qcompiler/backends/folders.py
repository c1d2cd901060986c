"""Folders that are replaced as a whole."""

import os
from contextlib import suppress
from pathlib import Path

_ATTEMPTS = 20


def put_in_place(work: Path, target: Path, aside: Path) -> None:
    """Exchanges folders by renaming: a reader sees the old one or the new one.

    Again if another run has put its own there meanwhile.

    Args:
        work: the new one.
        target: where it goes.
        aside: a folder that the old one is moved to.
    """
    for attempt in range(_ATTEMPTS):
        with suppress(FileNotFoundError):  # there is none, or the other run has just moved it
            os.rename(target, aside / f"old{attempt}")
        try:
            os.rename(work, target)
        except OSError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return
