"""From a float model to one that computes in integers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from onnx import ModelProto

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.progress import Progress, silent
from qcompiler.quantization.batch_norm import fold_batch_norms
from qcompiler.quantization.data import Data, check_data, read_data
from qcompiler.quantization.distill import Range, distilled, gaussian
from qcompiler.quantization.equalize import equalize
from qcompiler.quantization.graph import Graph
from qcompiler.quantization.onnx_writer import Format, fits_qdq, is_batched, quantized_model
from qcompiler.quantization.placement import Group, groups, input_group
from qcompiler.quantization.plan import Makers, Plan, Widths, plan_widths, uniform
from qcompiler.quantization.quantizers import Quantized
from qcompiler.quantization.ranges import Observed, observe, quantizer, widen_averages
from qcompiler.quantization.reading import read_float_model
from qcompiler.quantization.settings import Settings
from qcompiler.quantization.turned_layers import keep_exact, turn_layers
from qcompiler.quantization.weights import codes_of, correct_biases, round_with_feedback

DISTILLED, GAUSSIAN = "none", "gaussian"


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
        plan: how its widths were chosen, if they were.
    """

    quantized: Quantized
    format: Format
    model: ModelProto = field(repr=False)
    plan: Plan | None = None

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
        plan = None if self.plan is None else self.plan.as_dict()
        return {"format": self.format, "layers": layers, "activations": activations, "plan": plan}

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
    data: str | Path | Mapping[str, Array] | Data = DISTILLED,
    progress: Progress = silent,
    **options: Any,
) -> Result:
    """Returns a float network with quantizers, for `qcompiler.compile` and for a runtime.

    Args:
        model: a float ONNX file, or its graph.
        data: frames by the names of inputs, as arrays or in an .npz; `none` for inputs distilled
            from the statistics of batch norms, `gaussian` for normal numbers; or what `made_data`
            returned of them, which takes its time only once.
        progress: is told what goes on.
        options: fields of `quantization.Settings`; by default 8 bits.

    Raises:
        ModelError: the model, the data or a setting is at fault; lists every problem.
    """
    settings = Settings(**options)
    if problems := settings.problems():
        raise ModelError(problems)
    progress("reading the model")
    graph = (read_float_model(model) if not isinstance(model, Graph) else model).copy()
    frames = _data(data, graph, settings, progress)
    fold_batch_norms(graph)
    if settings.equalize:
        equalize(graph)
    if settings.rounding == "quip":
        progress("turning layers")
        turn_layers(graph, frames.feeds, settings.seed)
    listed = groups(graph)
    if not listed:
        what = "has no layer to quantize: no weights, no sum of activations"
        raise ModelError([Problem("model", what, "give a network with layers")])
    return _Run(graph, frames, listed, settings, progress).result()


def _data(
    data: str | Path | Mapping[str, Array] | Data,
    graph: Graph,
    settings: Settings,
    progress: Progress,
) -> Data:
    of_names = not isinstance(data, (Data, Mapping))
    if settings.input_range is not None and not (of_names and str(data) == DISTILLED):
        what = "has no effect: it is how far distilled inputs reach, and others are given"
        raise ModelError(
            [Problem("--input-range", what, f"leave it out, or give --data {DISTILLED}")]
        )
    if isinstance(data, Data):
        return data
    if isinstance(data, Mapping):
        return check_data(data, graph.inputs, "data")
    if str(data) not in (DISTILLED, GAUSSIAN):
        return read_data(Path(data), graph.inputs)
    return made_data(graph, str(data), settings.seed, progress, settings.input_range)


def made_data(
    graph: Graph, how: str, seed: int, progress: Progress = silent, within: Range | None = None
) -> Data:
    """Returns made-up frames for a float network with its batch norms: `none` or `gaussian`.

    Args:
        graph: of the network.
        how: they are made.
        seed: of the normal numbers that they are, or begin with.
        progress: is told what goes on.
        within: how far inputs reach, if that is known; distilled ones stay within.

    Raises:
        ModelError: the network has no batch norms to go by.
    """
    if how == GAUSSIAN:
        return Data(gaussian(graph, seed=seed), None, made=True)
    if not is_batched(graph):
        what = "moves its batch axis, so that inputs cannot be distilled"
        raise ModelError([Problem("model", what, "give --data FILE.npz")])
    return Data(distilled(graph, seed, progress, within), None, made=True)


class _Run:
    """What is done once data are there."""

    def __init__(
        self, graph: Graph, data: Data, listed: list[Group], settings: Settings, progress: Progress
    ):
        self.graph, self.data, self.listed = graph, data, listed
        self.settings, self.progress = settings, progress
        progress("measuring activations")
        self.seen: dict[Group, Observed] = observe(graph, data.feeds, listed, settings.seed)
        if data.made:
            widen_averages(graph, self.seen)

    def result(self) -> Result:
        """Returns the quantized network."""
        settings, plan = self.settings, None
        if settings.chooses:
            plan = plan_widths(
                self.graph, self.data, self.seen, settings,
                Makers(self._plain_model, lambda widths: self._model(self.finished(widths))),
                self.progress,
            )  # fmt: skip
            widths = plan.widths
        else:
            widths = uniform(self.graph, self.listed, settings)
        quantized = self.finished(widths)
        format_ = self._format(quantized)
        return Result(quantized, format_, quantized_model(quantized, format_), plan)

    def finished(self, widths: Widths) -> Quantized:
        """Returns the network of these widths, rounded and corrected as the settings have it."""
        settings, quantized = self.settings, self.quantized(widths)
        graph = quantized.graph = self.graph.copy()  # whose biases change
        known = quantized.activations
        if settings.rounding != "nearest":
            quantized.weights = round_with_feedback(
                graph, self.data.feeds, known, quantized.weights, self.progress
            )
        if settings.correct_biases:
            self.progress("correcting biases")
            correct_biases(graph, self.data.feeds, known, quantized.weights, self.listed)
        return quantized

    def quantized(self, widths: Widths) -> Quantized:
        """Returns the network with the nearest codes of these widths."""
        settings = self.settings
        activations = {
            group: quantizer(self.seen[group], widths.activations[group.name], settings.ranges)
            for group in self.listed
        }
        weights = {
            layer.output: codes_of(self.graph, layer, widths.weights[layer.output], settings)
            for layer in self.graph.layers()
        }
        keep_exact(self.graph, self.listed, activations)
        return Quantized(self.graph, activations, weights)

    def _plain_model(self, widths: Widths) -> ModelProto:
        return self._model(self.quantized(widths))

    def _model(self, quantized: Quantized) -> ModelProto:
        return quantized_model(quantized, self._format(quantized))

    def _format(self, quantized: Quantized) -> Format:
        if self.settings.format != "auto":
            return self.settings.format
        return "qdq" if fits_qdq(quantized) else "qonnx"
