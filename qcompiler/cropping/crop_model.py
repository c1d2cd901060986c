"""A float ONNX model with fewer channels: a share of its weights, or what a device takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from onnx import ModelProto

from qcompiler.cropping.densities import convex
from qcompiler.cropping.float_graph import FloatChannels
from qcompiler.cropping.widths import Widths, smallest, within
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.hardware import compile_within
from qcompiler.quantization.onnx_writer import float_model
from qcompiler.quantization.quantize import GAUSSIAN, quantize
from qcompiler.quantization.reading import read_float_model

_STEPS = 6
_MULTIPLES = (8, 4, 2, 1)


@dataclass(frozen=True)
class Hardware:
    """What a cropped model has to fit.

    Attributes:
        options: of `qcompiler.compile`: a device, a rate, limits.
        bits: of weights and activations.
    """

    options: Mapping[str, Any]
    bits: int = 8


@dataclass(frozen=True)
class Cropped:
    """A model with fewer channels.

    Attributes:
        graph: of real numbers; what is left of the old weights.
        widths: of its layers.
        outputs: channels of each layer, by the name of its node: before and now.
    """

    graph: Graph
    widths: Widths
    outputs: Mapping[str, tuple[int, int]]

    @property
    def share(self) -> float:
        """Of the weights."""
        return self.widths.share

    @property
    def model(self) -> ModelProto:
        """The model as ONNX."""
        return float_model(self.graph)

    def as_dict(self) -> dict[str, Any]:
        """Returns what a training script needs, for JSON."""
        layers = {
            name: {"channels": now, "before": before}
            for name, (before, now) in self.outputs.items()
        }
        return {"weights": self.widths.weights, "share": self.share, "layers": layers}

    def write(self, path: Path) -> tuple[Path, Path]:
        """Writes the model, and the widths beside it as JSON; returns both files.

        Raises:
            ModelError: a file cannot be written.
        """
        widths = path.with_suffix(".widths.json")
        text = json.dumps(self.as_dict(), indent=1) + "\n"
        contents = {widths: text.encode(), path: self.model.SerializeToString()}
        for target, content in contents.items():
            part = target.with_name(f".{target.name}.part")
            try:
                part.write_bytes(content)
                part.replace(target)
            except OSError as error:
                part.unlink(missing_ok=True)
                what = f"cannot be written: {error.strerror or error}"
                remedy = "name another place with -o"
                raise ModelError([Problem(str(target), what, remedy)]) from None
        return path, widths


def crop_model(
    path: str | Path,
    *,
    keep: float | None = None,
    hardware: Hardware | None = None,
    multiple: int | None = None,
    progress: Progress = silent,
) -> Cropped:
    """Returns a model without some channels, to be trained; its densities are the convex program's.

    Args:
        path: of a float ONNX model.
        keep: share of the weights that stay.
        hardware: in place of `keep`: the largest model that fits.
        multiple: that widths are a multiple of, where it divides the channels that there are; None
            is 1 for a share, and the best of 1, 2, 4 and 8 for hardware, whose PE and SIMD divide
            widths: so a wider layer may take less.
        progress: is told what goes on.

    Raises:
        ModelError: the model is at fault, or not even its smallest crop fits.
        ValueError: neither or both of `keep` and `hardware` are given, or `keep` is no share, or
            less than the smallest crop.
    """
    if (keep is None) == (hardware is None):
        raise ValueError("give keep or hardware, and not both")
    channels = FloatChannels(read_float_model(path))
    if hardware is not None:
        return _Search(channels, hardware, progress).largest(
            _MULTIPLES if multiple is None else [multiple]
        )
    return _cropped(channels, 1.0 if keep is None else keep, multiple or 1)


def _cropped(channels: FloatChannels, keep: float, multiple: int) -> Cropped:
    densities = convex([layer.weights for layer in channels.channels.layers], min(max(keep, 0), 1))
    return _with(channels, within(channels.channels, densities, keep, multiple))


def _with(channels: FloatChannels, widths: Widths) -> Cropped:
    names = {node.output: node.name for node in channels.graph.nodes}
    before = {
        layer.name: sum(span.size for span in layer.made) for layer in channels.channels.layers
    }
    outputs = {names[name]: (before[name], now) for name, now in widths.outputs.items()}
    return Cropped(channels.cropped(widths), widths, outputs)


class _Search:
    """Looks for the largest crop that hardware takes, by compiling those in question."""

    def __init__(self, channels: FloatChannels, hardware: Hardware, progress: Progress) -> None:
        self._channels, self._hardware, self._progress = channels, hardware, progress
        self._errors: dict[tuple[int, ...], ModelError | None] = {}
        self._best: Cropped | None = None

    def largest(self, multiples: Sequence[int]) -> Cropped:
        """Returns it, of those whose widths are multiples of one of some numbers.

        Raises:
            ModelError: not even the smallest fits: says what is short.
        """
        whole = _cropped(self._channels, 1.0, 1)
        too_large = self._error(whole)
        if too_large is None:
            return whole
        least = self._smallest(min(multiples))
        error = self._error(least)
        if error is not None and error.problems == too_large.problems:
            raise error  # it is not the size
        if error is not None:
            even = f"even the smallest crop, {least.share:.2g} of the weights, does not fit"
            raise ModelError([replace(p, what=f"{even}: {p.what}") for p in error.problems])
        for multiple in multiples:
            self._bisect(multiple)
        assert self._best is not None, "the smallest at least"
        return self._best

    def _smallest(self, multiple: int) -> Cropped:
        return _with(self._channels, smallest(self._channels.channels, multiple))

    def _bisect(self, multiple: int) -> None:
        """Looks between the largest that was found before and the whole model."""
        assert self._best is not None, "the smallest at least"
        low, high = max(self._best.share, self._smallest(multiple).share), 1.0
        for _ in range(_STEPS):
            middle = (low * high) ** 0.5
            fits = self._error(_cropped(self._channels, middle, multiple)) is None
            low, high = (middle, high) if fits else (low, middle)

    def _error(self, found: Cropped) -> ModelError | None:
        """Returns why a crop does not fit, None if it does."""
        key = tuple(found.widths.kept.values())
        if key not in self._errors:
            self._progress(f"{found.share:.0%} of the weights")
            self._errors[key] = self._compiled(found.graph)
        error = self._errors[key]
        if error is None and (self._best is None or found.share > self._best.share):
            self._best = found
        return error

    def _compiled(self, graph: Graph) -> ModelError | None:
        bits = self._hardware.bits
        try:
            made = quantize(graph, GAUSSIAN, weight_bits=bits, activation_bits=bits)
            compile_within(made.model, **self._hardware.options)
        except ModelError as error:
            return error
        return None
