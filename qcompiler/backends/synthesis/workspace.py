"""A folder that tools work in, beside the one that it replaces when all has gone well."""

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from qcompiler.backends.synthesis.tools import SynthesisError

_ATTEMPTS = 20


@contextmanager
def fresh_folder(target: Path) -> Generator[Path]:
    """Gives each run an empty folder of its own, and puts it in the place of `target` at the end.

    If the block fails, `target` stays as it is, and what the tools left is in `TARGET.failed`. Of
    runs at once the last one wins.

    Raises:
        SynthesisError: the block raised it; the message names files where they are now.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as aside:
        work = Path(aside) / target.name
        work.mkdir()
        try:
            yield work
        except Exception as error:
            failed = target.with_name(f"{target.name}.failed")
            _put_in_place(work, failed, Path(aside))
            if isinstance(error, SynthesisError):
                raise SynthesisError(str(error).replace(str(work), str(failed))) from None
            raise
        _put_in_place(work, target, Path(aside))


def _put_in_place(work: Path, target: Path, aside: Path) -> None:
    """Exchanges folders by renaming; again if another run has put its own there meanwhile."""
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
