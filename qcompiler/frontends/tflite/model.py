"""A TensorFlow Lite model as plain data, checked once when it is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.refusal import RefusalError

QUANTIZE = "convert with full integer quantization (int8 inputs, outputs and operations)"
_RE_EXPORT = "convert the model again"


@dataclass(frozen=True, eq=False)
class Tensor:
    """What the file says of a tensor.

    Attributes:
        name: of the model.
        kind: element type as the schema names it, `INT8`.
        shape: extents.
        scale: float32, shape [1] or [channels]; empty without quantization.
        zero_point: int64, as many.
        axis: along which they vary.
        data: the elements of a constant, None for others.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    scale: Array
    zero_point: Array
    axis: int
    data: Array | None

    @property
    def where(self) -> str:
        """How a message calls it."""
        return f"tensor {self.name!r}"

    def one_scale(self) -> tuple[float, int]:
        """Returns scale and zero point of a tensor that has one of each.

        Raises:
            RefusalError: it is not quantized, or per channel.
        """
        if not self.scale.size:
            raise RefusalError(f"{self.where} is not quantized ({self.kind})", QUANTIZE)
        if self.scale.size != 1:
            raise RefusalError(
                f"{self.where} has {self.scale.size} scales", "quantize activations per tensor"
            )
        return float(self.scale[0]), int(self.zero_point[0])


@dataclass(frozen=True)
class Node:
    """An operation of a subgraph.

    Attributes:
        name: that no other node has.
        kind: as the schema names it, `CONV_2D`; `CUSTOM name` for a custom operation.
        inputs: indices of tensors, -1 where an optional one is left out.
        outputs: indices of tensors.
        options: numbers and texts by the schema's names.
    """

    name: str
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Mapping[str, int | float | str]

    @property
    def where(self) -> str:
        """How a problem calls it."""
        return f"{self.name} (TFLite {self.kind})"

    def number(self, name: str) -> int:
        """Returns an option that is an integer."""
        return int(self.options[name])


@dataclass(frozen=True)
class Subgraph:
    """Operations in the order in which they run."""

    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Model:
    """A model; its first subgraph is the network."""

    subgraphs: tuple[Subgraph, ...]

    @property
    def main(self) -> Subgraph:
        """The network."""
        return self.subgraphs[0]
