"""Which file a design was made of, and how, so that a written design can tell."""

import hashlib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from msgspec import Struct
from msgspec.structs import asdict

from qcompiler.frontends.onnx import InputSpec
from qcompiler.options import Options, flag
from qcompiler.passes.pipeline import Insertions, listed, pass_name


class Origin(Struct, frozen=True):
    """Where a design comes from; the same wherever it is written, and whoever asks for it.

    Attributes:
        file: name of the model's file, without its folder.
        sha256: of that file alone, in hexadecimal; not of data that it keeps in others.
        command: the command line that makes the same design, without the place it is written to.
    """

    file: str
    sha256: str
    command: str

    @staticmethod
    def of(path: str | Path, options: Options, plugins: Sequence[str] = ()) -> "Origin":
        """Returns the origin of what is made of a file.

        Raises:
            OSError: it cannot be read.
        """
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        words = ["qcc", "compile", Path(path).name, *option_words(options)]
        for plugin in plugins:
            words += ["--plugin", plugin]
        return Origin(Path(path).name, digest.hexdigest(), shlex.join(words))

    @staticmethod
    def read(data: Any) -> "Origin | None":
        """Returns what an entry of `design.json` says; None if it does not say it."""
        if not isinstance(data, dict):
            return None
        entries = cast(dict[str, Any], data)
        parts = [entries.get(name) for name in Origin.__struct_fields__]
        file, sha256, command = (part if isinstance(part, str) else None for part in parts)
        if file is None or sha256 is None or command is None:
            return None
        return Origin(file, sha256, command)

    def data(self) -> dict[str, Any]:
        """Returns it as an entry of `design.json`."""
        return asdict(self)


def option_words(options: Options) -> Iterator[str]:
    """Yields the options as the command line has them, those that have their default left out."""
    for name, spec in options.inputs.items():
        yield from ("--input", f"{name}={_described(spec)}")
    for name, left in options.states.items():
        yield from ("--state", f"{name}={left}")
    for name, value in options.given().items():
        shown = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
        yield from (flag(name), shown)
    yield from _inserted("--pass-before", options.pass_before)
    yield from _inserted("--pass-after", options.pass_after)
    if options.start is not None:
        yield from ("--from", options.start)


def _inserted(option: str, insertions: Insertions) -> Iterator[str]:
    for name, given in insertions.items():
        names = [one if isinstance(one, str) else pass_name(one) for one in listed(given)]
        yield from (option, f"{name}={','.join(names)}")


def _described(spec: InputSpec) -> str:
    """Returns TYPE:SCALE[:ZERO_POINT]."""
    bits, signed = spec.range.width_bits, spec.range.lo < 0
    kind = f"int{bits}" if signed else f"uint{bits}"
    if spec.bipolar or (spec.range.lo, spec.range.hi) == (-1, 1):
        kind = "bipolar" if spec.bipolar else "ternary"
    zero_point = f":{spec.zero_point}" if spec.zero_point else ""
    scale = str(np.float32(spec.scale)).removesuffix(".0")  # as short as it can be told
    return f"{kind}:{scale}{zero_point}"
