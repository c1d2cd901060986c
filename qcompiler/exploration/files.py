"""The files that travel with a trial: models with what they name beside them, devices, data."""

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import DecodeError, Message
from onnx import ModelProto, TensorProto

from qcompiler.errors import ModelError, Problem
from qcompiler.exploration.tasks import Task, digest

_NAMED = re.compile(r"[\w+./-]+\.(?:npy|npz|qnn)\b")
_MOST_TEXT = 50_000_000


class Files:
    """Contents by their hash: each is kept and sent once, however many trials have it."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._read: dict[Path, str] = {}

    def add(self, data: bytes) -> str:
        """Keeps `data`; returns its hash."""
        key = digest(data)
        self._contents[key] = data
        return key

    def read(self, path: Path) -> str:
        """Keeps the contents of a file as they are at the first time; returns their hash.

        Raises:
            ModelError: it cannot be read.
        """
        if path not in self._read:
            try:
                self._read[path] = self.add(path.read_bytes())
            except (OSError, ValueError) as error:
                said = getattr(error, "strerror", None) or str(error)
                problem = Problem(str(path), f"cannot be read: {said}", "give a file that exists")
                raise ModelError([problem]) from None
        return self._read[path]

    def __getitem__(self, key: str) -> bytes:
        return self._contents[key]

    def model(self, path: Path) -> dict[str, str]:
        """Returns the hashes of a model and of the files beside it that it names, by their names.

        Raises:
            ModelError: the model cannot be read. What it names may be absent: compiling says so.
        """
        found = {path.name: self.read(path)}
        folder = path.resolve().parent
        waiting = [path.name]
        while waiting:
            name = waiting.pop()
            for other in sorted(set(_named_in(self._contents[found[name]], name))):
                inside = (folder / other).resolve()
                if other not in found and _is_below(other, inside, folder) and inside.is_file():
                    found[other] = self.read(inside)
                    waiting.append(other)
        return found

    def of_task(self, task: Task) -> dict[str, bytes]:
        """Returns what a task takes along, by hash."""
        return {key: self._contents[key] for key in task.files.values()}


def _is_below(name: str, path: Path, folder: Path) -> bool:
    """Whether a path that a model names is inside its folder, and would be in any other one."""
    return ".." not in Path(name).parts and path.is_relative_to(folder)


def _named_in(data: bytes, name: str) -> Iterator[str]:
    """Yields the paths that a model names, which are beside it if they are anything."""
    if name.endswith((".qnn", ".mlir")):
        for found in _NAMED.findall(data[:_MOST_TEXT].decode("utf-8", "replace")):
            yield _plain(found)
    elif not name.endswith((".npy", ".npz")):
        model = ModelProto()
        try:
            model.ParseFromString(data)
            yield from map(_plain, _locations(model))
        except (DecodeError, UnicodeDecodeError):
            return  # compiling says what is wrong


def _plain(path: str) -> str:
    return Path(path).as_posix() if "\0" not in path else "\\"


def _locations(message: Message) -> Iterator[str]:
    """Yields where the tensors in a model have their data, if it is in other files."""
    if isinstance(message, TensorProto):
        yield from (str(e.value) for e in message.external_data if e.key == "location")
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in [value] if isinstance(value, Message) else value:
                if isinstance(item, Message):
                    yield from _locations(item)
