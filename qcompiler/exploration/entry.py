"""`qcompiler.explore`: the whole of it for programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qcompiler.exploration.run import Exploration
from qcompiler.exploration.run import explore as explore_space
from qcompiler.exploration.space import read_space, space_of
from qcompiler.exploration.store import open_store
from qcompiler.progress import Progress, silent

DEFAULT_STORE = "explore.sqlite"


def explore(
    space: str | Path | Mapping[str, Any],
    store: str | Path = DEFAULT_STORE,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    retry: bool = False,
    progress: Progress = silent,
) -> Exploration:
    """Looks at the designs of a space, and keeps what it finds in a store.

    What the store has is not run again: an interrupted run goes on where it was.

    Args:
        space: the file of a space (.toml), or its tables, with paths relative to where we are.
        store: the SQLite file that keeps the results; made if there is none.
        jobs: trials at once on this machine.
        scheduler: address of a Dask scheduler, whose workers run the trials instead.
        retry: try once more what failed, ran out of time or memory, or lost its worker.
        progress: is told what goes on.

    Raises:
        ModelError: the space or a file is at fault, the extra `explore` is not installed, the store
            is damaged, or the cluster is lost. Results up to then are kept.

    Examples:
        >>> import qcompiler, tempfile
        >>> space = {
        ...     "models": ["examples/digits_mlp/digits_mlp.onnx"],
        ...     "options": {"cycles": 256},
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = qcompiler.explore(space, f"{folder}/results.sqlite", jobs=1)
        >>> [point.measures["cycles"] for point in found.front]
        [256]
    """
    is_path = isinstance(space, str | Path)
    read = read_space(Path(space)) if is_path else space_of(space, Path())
    with open_store(Path(store), make=True) as opened:
        return explore_space(
            read, opened, jobs=jobs, scheduler=scheduler, again=retry, progress=progress
        )
