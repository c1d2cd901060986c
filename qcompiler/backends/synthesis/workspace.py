"""A folder that tools work in, beside the one that it replaces when all has gone well."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from qcompiler.backends.folders import put_in_place
from qcompiler.backends.scratch import scratch_folder
from qcompiler.backends.synthesis.tools import SynthesisError


@contextmanager
def fresh_folder(target: Path) -> Generator[Path]:
    """Gives each run an empty folder of its own, and puts it in the place of `target` at the end.

    If the block fails, `target` stays as it is, and what the tools left is in `TARGET.failed`. Of
    runs at once the last one wins.

    Raises:
        SynthesisError: the block raised it; the message names files where they are now.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(target.parent, f".{target.name}", target) as aside:
        work = aside / target.name
        work.mkdir()
        try:
            yield work
        except Exception as error:
            failed = target.with_name(f"{target.name}.failed")
            put_in_place(work, failed, aside)
            if isinstance(error, SynthesisError):
                said = str(error).replace(str(work), str(failed))
                raise SynthesisError(said, error.limit) from None
            raise
        put_in_place(work, target, aside)
