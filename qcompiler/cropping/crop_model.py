"""A float ONNX model with fewer channels: a share of its weights, or what a device takes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from onnx import ModelProto

from qcompiler.cropping.densities import convex
from qcompiler.cropping.float_graph import FloatChannels
from qcompiler.cropping.widths import Widths, within
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.hardware import compile_within
from qcompiler.quantization.onnx_writer import float_model
from qcompiler.quantization.quantize import GAUSSIAN, quantize
from qcompiler.quantization.reading import read_float_model

_STEPS = 6
_LEAST = 1 / 64


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
        return self.widths.weights / self.widths.all_weights

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
    multiple: int = 1,
    progress: Progress = silent,
) -> Cropped:
    """Returns a model without some channels, to be trained; its densities are the convex program's.

    Args:
        path: of a float ONNX model.
        keep: share of the weights that stay.
        hardware: in place of `keep`: the largest model that fits.
        multiple: that widths are a multiple of, where it divides the channels that there are.
        progress: is told what goes on.

    Raises:
        ModelError: the model is at fault, or not even its smallest crop fits.
        ValueError: neither or both of `keep` and `hardware` are given, or `keep` is no share.
    """
    if (keep is None) == (hardware is None):
        raise ValueError("give keep or hardware, and not both")
    channels = FloatChannels(read_float_model(path))
    if hardware is None:
        return _cropped(channels, 1.0 if keep is None else keep, multiple)
    return _largest(channels, hardware, multiple, progress)


def _cropped(channels: FloatChannels, keep: float, multiple: int) -> Cropped:
    densities = convex([layer.weights for layer in channels.channels.layers], min(max(keep, 0), 1))
    widths = within(channels.channels, densities, keep, multiple)
    names = {node.output: node.name for node in channels.graph.nodes}
    before = {
        layer.name: sum(span.size for span in layer.made) for layer in channels.channels.layers
    }
    outputs = {names[name]: (before[name], now) for name, now in widths.outputs.items()}
    return Cropped(channels.cropped(widths), widths, outputs)


def _largest(
    channels: FloatChannels, hardware: Hardware, multiple: int, progress: Progress
) -> Cropped:
    def tried(keep: float) -> Cropped:
        found = _cropped(channels, keep, multiple)
        progress(f"{found.share:.0%} of the weights")
        bits = hardware.bits
        made = quantize(found.graph, GAUSSIAN, weight_bits=bits, activation_bits=bits)
        compile_within(made.model, **hardware.options)
        return found

    try:
        return tried(1.0)
    except ModelError:
        best = tried(_LEAST)  # what does not fit even so is an error that says what is short
    low, high = _LEAST, 1.0
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        try:
            best, low = tried(middle), middle
        except ModelError:
            high = middle
    return best
