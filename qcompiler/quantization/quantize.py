"""From a float model to one that computes in integers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from onnx import ModelProto

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.batch_norm import fold_batch_norms
from qcompiler.quantization.data import Data, check_data, read_data
from qcompiler.quantization.graph import Graph, output_axis, read_float_model
from qcompiler.quantization.onnx_writer import Format, is_qdq_width, quantized_model
from qcompiler.quantization.placement import Group, groups, input_group
from qcompiler.quantization.quantizers import (
    MAX_BITS,
    MIN_BITS,
    Quantized,
    Quantizer,
    WeightCodes,
    least_error,
    nearest,
)
from qcompiler.quantization.ranges import METHODS, Method, Observed, observe, quantizer

FORMATS = ("auto", "qdq", "qonnx")


@dataclass(frozen=True)
class Settings:
    """How a model is quantized.

    Attributes:
        weight_bits, activation_bits: of all layers and activations.
        input_bits: of the model's inputs.
        ranges: how far activations reach, see `ranges.quantizer`; `mse` is for weights, too.
        format: `qdq` (4, 8 or 16 bits, for onnxruntime), `qonnx` (any), or `auto`: QDQ if it can.
        seed: of everything random.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    input_bits: int = 8
    ranges: Method = "min-max"
    format: Literal["auto", "qdq", "qonnx"] = "auto"
    seed: int = 0

    def problems(self) -> list[Problem]:
        """Returns what is wrong with the settings, all at once."""
        found: list[Problem] = []
        for name in ("weight_bits", "activation_bits", "input_bits"):
            bits = getattr(self, name)
            if not MIN_BITS <= bits <= MAX_BITS:
                what = f"must be {MIN_BITS} to {MAX_BITS}, got {bits}"
                found.append(
                    Problem(f"--{name.replace('_', '-')}", what, "give a width in between")
                )
        for name, choices in (("ranges", METHODS), ("format", FORMATS)):
            if getattr(self, name) not in choices:
                what = f"must be one of {', '.join(choices)}, got {getattr(self, name)}"
                found.append(Problem(f"--{name}", what, "choose one of them"))
        return found


@dataclass(frozen=True)
class LayerBits:
    """Widths of a layer: its name in the model, and the bits of its weights and activations."""

    name: str
    weight_bits: int
    activation_bits: int


@dataclass
class Result:
    """A quantized network.

    Attributes:
        quantized: its graph and integers.
        format: in which it is written.
        model: the ONNX model.
    """

    quantized: Quantized
    format: Format
    model: ModelProto = field(repr=False)

    def layers(self) -> list[LayerBits]:
        """Returns the widths of each layer, in order."""
        graph, quantizers = self.quantized.graph, self.quantized.activations
        listed = [*quantizers]
        return [
            LayerBits(
                layer.name,
                self.quantized.weights[layer.output].bits,
                quantizers[input_group(graph, listed, layer)].bits,
            )
            for layer in graph.layers()
        ]

    def as_dict(self) -> dict[str, Any]:
        """Returns what was chosen, for JSON."""
        activations = [
            {"values": group.values, **asdict(q)} for group, q in self.quantized.activations.items()
        ]
        layers = [asdict(layer) for layer in self.layers()]
        return {"format": self.format, "layers": layers, "activations": activations}

    def write(self, path: str | Path) -> Path:
        """Writes the model, whole or not at all."""
        target = Path(path)
        part = target.with_name(f".{target.name}.part")
        try:
            part.write_bytes(self.model.SerializeToString())
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            what = f"cannot be written: {error.strerror or error}"
            raise ModelError([Problem(str(path), what, "name another place with -o")]) from None
        return target


def quantize(
    model: str | Path | Graph,
    data: str | Path | Mapping[str, Array] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Result:
    """Returns a float network with quantizers, for `qcompiler.compile` and for a runtime.

    Args:
        model: a float ONNX file, or its graph.
        data: frames by the names of inputs, as arrays or in an .npz; see `data.read_data`.
        progress: is told what goes on.
        options: fields of `Settings`; by default 8 bits.

    Raises:
        ModelError: the model, the data or a setting is at fault; lists every problem.
    """
    settings = Settings(**options)
    if problems := settings.problems():
        raise ModelError(problems)
    progress("reading the model")
    graph = (read_float_model(model) if not isinstance(model, Graph) else model).copy()
    frames = _data(data, graph)
    fold_batch_norms(graph)
    listed = groups(graph)
    if not listed:
        what = "has no layer to quantize: no weights, no sum of activations"
        raise ModelError([Problem("model", what, "give a network with layers")])
    progress("measuring activations")
    seen = observe(graph, frames.feeds, listed, settings.seed)
    quantized = Quantized(graph, _activations(graph, seen, settings), _weights(graph, settings))
    format_ = _format(quantized, settings)
    return Result(quantized, format_, quantized_model(quantized, format_))


def _data(data: str | Path | Mapping[str, Array] | None, graph: Graph) -> Data:
    if data is None:
        what = "no data is given, from which the ranges of activations are"
        raise ModelError([Problem("--data", what, "give --data FILE.npz")])
    if isinstance(data, Mapping):
        return check_data(data, graph.inputs, "data")
    return read_data(Path(data), graph.inputs)


def _activations(
    graph: Graph, seen: Mapping[Group, Observed], settings: Settings
) -> dict[Group, Quantizer]:
    found: dict[Group, Quantizer] = {}
    for group, numbers in seen.items():
        is_input = any(value in graph.inputs for value in group.values)
        bits = settings.input_bits if is_input else settings.activation_bits
        found[group] = quantizer(numbers, bits, settings.ranges)
    return found


def _weights(graph: Graph, settings: Settings) -> dict[str, WeightCodes]:
    rounded = least_error if settings.ranges == "mse" else nearest
    return {
        layer.output: rounded(
            graph.weights(layer), settings.weight_bits, output_axis(layer, graph.weights(layer))
        )
        for layer in graph.layers()
    }


def _format(quantized: Quantized, settings: Settings) -> Format:
    if settings.format != "auto":
        return settings.format
    widths = {q.bits for q in quantized.activations.values()}
    widths |= {made.bits for made in quantized.weights.values()}
    return "qdq" if all(map(is_qdq_width, widths)) else "qonnx"
