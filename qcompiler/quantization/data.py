"""Inputs that a user gives: frames by the names of a model's inputs, and labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qcompiler.backends.vectors import read_arrays
from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem

LABELS = "labels"


@dataclass(frozen=True)
class Data:
    """Frames of each input.

    Attributes:
        feeds: float32 by name, with the frames in front.
        labels: the class of each frame, if known.
        made: whether the frames were made up, and are no real ones.
    """

    feeds: dict[str, Array]
    labels: Array | None
    made: bool = False

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return min(map(len, self.feeds.values()))


def read_data(path: Path, inputs: Mapping[str, tuple[int, ...]]) -> Data:
    """Returns the data of a file.

    Args:
        path: an .npz with one array for each input, and perhaps `labels`; or an .npy for a model
            with one input.
        inputs: shapes of one frame, with the batch of one in front.

    Raises:
        ModelError: names or shapes are not those of the inputs, or a number is not finite.
    """
    found = read_arrays(path)
    if isinstance(found, np.ndarray):
        if len(inputs) > 1:
            what = f"is one array, but the model has {len(inputs)} inputs"
            raise ModelError([Problem(str(path), what, f"give an .npz: {_recipe(inputs)}")])
        found = {next(iter(inputs)): found}
    return check_data(found, inputs, str(path))


def check_data(
    arrays: Mapping[str, Array], inputs: Mapping[str, tuple[int, ...]], where: str
) -> Data:
    """Returns arrays as data; see `read_data`."""
    problems: list[Problem] = []
    missing = [name for name in inputs if name not in arrays]
    if missing:
        listed = ", ".join(sorted(arrays)) or "nothing"
        what = f"has no array for the input {', '.join(missing)}, but {listed}"
        problems.append(Problem(where, what, f"save it with {_recipe(inputs)}"))
    feeds: dict[str, Array] = {}
    for name, shape in inputs.items():
        if name in arrays:
            taken = _frames(arrays[name], shape, f"{where}: {name}", problems)
            feeds[name] = taken
    labels = arrays.get(LABELS) if LABELS not in inputs else None
    counts = {name: len(array) for name, array in feeds.items()}
    if labels is not None:
        labels = labels.reshape(-1)
        counts[LABELS] = len(labels)
        if not np.issubdtype(labels.dtype, np.integer):
            what = f"holds {labels.dtype}, but classes are integers"
            problems.append(Problem(f"{where}: {LABELS}", what, "save them as int64"))
    if not problems and len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        remedy = "give the same number of frames for each"
        problems.append(Problem(where, f"arrays differ in their frames: {listed}", remedy))
    if problems:
        raise ModelError(problems)
    return Data(feeds, labels)


def _frames(array: Array, shape: tuple[int, ...], where: str, problems: list[Problem]) -> Array:
    """Returns the frames of an array, with the batch's extent in place of one."""
    wanted = shape[1:]
    if array.ndim == len(shape) + 1 and array.shape[1:2] == (1,):  # as of qcc verify
        array = array.reshape((array.shape[0], *array.shape[2:]))
    if array.ndim == 0 or array.shape[1:] != wanted or not array.size:
        what = f"must have the shape [frames, {', '.join(map(str, wanted))}], got "
        remedy = "put the frames in front, and give at least one"
        problems.append(Problem(where, what + str(list(array.shape)), remedy))
        return array
    floats = array.astype(np.float32)
    if not np.isfinite(floats).all():
        what = f"{int((~np.isfinite(floats)).sum())} of its numbers are NaN or infinite"
        problems.append(Problem(where, what, "leave these frames out"))
    return floats


def _recipe(inputs: Mapping[str, tuple[int, ...]]) -> str:
    arguments = ", ".join(f"{name!r}: array" for name in inputs)
    return f"numpy.savez(FILE, **{{{arguments}}})"
