"""The matrix unit."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, SymbolRefAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.exact_products import exact_matmul
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.linear import ConstantOp, MatMulOp
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors
from qcompiler.dialects.stream.matrix_unit import MatrixUnit
from qcompiler.dialects.stream.process import Beat, Facts
from qcompiler.dialects.stream.schedule import Schedule
from qcompiler.dialects.stream.weighted import Weighted
from qcompiler.dialects.stream.windows import WindowSource


@irdl_op_definition
class MvauOp(Weighted, MatrixUnit):
    """Multiplies each vector of a frame by a constant matrix: `y = x @ W`.

    With `groups` > 1 a vector of MW elements has so many equal parts, one after the other, and each
    has a matrix of its own, which makes its part of the MH outputs: part g is
    `x[g] @ W[:, outputs of g]`. The weights of all groups stand side by side, [MW / groups, MH].

    `pe` outputs are computed at a time, from `simd` inputs a cycle: a vector takes
    MH * MW / (groups * pe * simd) cycles. Its accumulators wrap, which is exact because the sum
    fits.

    Example: `%y = stream.mvau %x weights @fc1 pe 8 simd 16 groups 2
        : (!stream.channel<!qint.int<0, 1>, frame = [64], lanes = 16>)
        -> !stream.channel<!qint.int<-32, 32>, frame = [32], lanes = 8>`
    Without `groups` there is one. With `weights @fc1 from %w` the weights come through a channel.
    """

    name = "stream.mvau"
    groups = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, i64))
    assembly_format = (
        "$input `weights` $weights (`from` $source^)? `pe` $pe `simd` $simd "
        "(`groups` $groups^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: str,
        element: IntType,
        outputs: int,
        pe: int,
        simd: int,
        groups: int = 1,
    ):
        frame = (*channel_of(input).frame_shape[:-1], outputs)
        super().__init__(
            operands=[input, None],
            properties={
                "weights": SymbolRefAttr(weights),
                "pe": IntegerAttr(pe, i64),
                "simd": IntegerAttr(simd, i64),
                "groups": IntegerAttr(groups, i64),
            },
            result_types=[ChannelType(element, frame, pe)],
        )

    @property
    def mw(self) -> int:
        """Inputs of a vector, those of all groups."""
        return self.input_channel.channels

    @property
    def mh(self) -> int:
        """Outputs of a vector, those of all groups."""
        return self.output_channel.channels

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(inputs, outputs) of one group."""
        return self.mw // self.groups.value.data, self.mh // self.groups.value.data

    @property
    def input_lanes(self) -> int:
        return self.simd.value.data

    def first_lanes(self, channel: ChannelType, target_cycles: int) -> int:
        return self.input_lanes

    @property
    def window_groups(self) -> int:
        return self.groups.value.data

    @property
    def work(self) -> int:
        return self.vectors * self.mh * self.terms

    def one_tap(self, window: WindowSource | None) -> int:
        if window is None:
            return self.terms
        return window.channels_alike(self.window_groups)

    def window_lanes(self, window: WindowSource | None) -> tuple[int, ...]:
        if window is None:
            return ()
        one = self.one_tap(window)
        return *divisors(one), *(one * taps for taps in window.several_taps)

    def is_whole(self, pe: int, simd: int) -> bool:
        return (simd, pe) == self.matrix_shape and self.groups.value.data == 1

    @property
    def is_beatwise(self) -> bool:
        # A style asks for hardware of its own.
        return self.is_constant(*self.folding) and self.style is None

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        weights = ConstantOp(self.weights_op.array)
        weights.result.name_hint = self.weights.root_reference.data
        product = MatMulOp(inputs[0], weights.result)
        return [weights, product], [product.result]

    @property
    def headline(self) -> str:
        groups = self.groups.value.data
        grouped = f", {groups} groups" if groups > 1 else ""
        pe, simd = self.folding
        return f"MW = {self.mw}, MH = {self.mh}, PE = {pe}, SIMD = {simd}{grouped}"

    @property
    def facts(self) -> Facts:
        pe, simd = self.folding
        reuse = self.folds[0] * self.folds[1]
        return {"MW": self.mw, "MH": self.mh, "PE": pe, "SIMD": simd, "reuse_factor": reuse}

    @property
    def pace(self) -> str:
        neuron, synapse = self.folds
        parts = self.vectors * self.groups.value.data
        return (
            f"{parts} vectors, each {neuron} times (outputs / PE) {synapse} beats (inputs / SIMD)"
        )

    @property
    def weight_uses(self) -> int:
        return self.vectors

    def weight_words(self, matrix: Array) -> Array:
        return matrix_words(matrix, self.groups.value.data, *self.folding)

    @property
    def vectors(self) -> int:
        """Vectors in a frame, each multiplied by a matrix per group."""
        return int(np.prod(self.input_channel.frame_shape[:-1], dtype=object))

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        (taken, made), groups = self.matrix_shape, self.groups.value.data
        weights = self.weights_op.array
        x = self.input_channel.element.range
        largest = max(abs(x.lo), abs(x.hi)) * int(np.abs(weights).max()) * taken
        rows = inputs[0].reshape(-1, groups, taken)
        parts = [
            exact_matmul(rows[:, g], weights[:, g * made : (g + 1) * made], largest)
            for g in range(groups)
        ]
        frames = np.stack(parts, axis=1)
        return (frames.reshape(len(inputs[0]), *self.output_channel.frame_shape),)

    def schedule(self) -> Schedule:
        neuron, synapse = self.folds
        turns = self.vectors * self.groups.value.data
        cycles = neuron * synapse
        taken, made = self.vector_slots
        words = () if self.source is None else (np.arange(cycles, dtype=np.int64),)
        return Schedule(cycles, (taken, *words), (made,), self.latency, turns)

    def verify_(self) -> None:
        groups = self.groups.value.data
        if groups < 1 or self.mw % groups or self.mh % groups:
            raise VerifyException(
                f"groups must divide {self.mw} inputs and {self.mh} outputs, got {groups}"
            )
        self.verify_folding()
        vectors = self.input_channel.frame_shape[:-1], self.output_channel.frame_shape[:-1]
        if vectors[0] != vectors[1]:
            raise VerifyException(
                f"input has vectors {list(vectors[0])} and result {list(vectors[1])}; must be equal"
            )
        if self.output_channel.lanes.data != self.pe.value.data:
            raise VerifyException(
                f"output must have pe = {self.pe.value.data} lanes, got {self.output_channel}"
            )
        inputs = self.matrix_shape[0]
        if self.weights_op.value.get_shape() != (inputs, self.mh):
            raise VerifyException(
                f"weights must have shape [{inputs}, {self.mh}], got {self.weights_op.value.type}"
            )
        self.verify_source()


def matrix_words(matrix: Array, groups: int, pe: int, simd: int) -> Array:
    """Returns weights in the order of use, [words, PE * SIMD].

    Args:
        matrix: [inputs of a group, outputs of all groups].
        groups: matrices that take turns.
        pe: outputs in parallel.
        simd: inputs in parallel; those of an output stand side by side.
    """
    inputs, outputs = matrix.shape
    synapse, folds = inputs // simd, outputs // pe
    assert folds % groups == 0, "outputs of a group follow those of the one before"
    blocks = matrix.reshape(synapse, simd, folds, pe)
    return blocks.transpose(2, 0, 3, 1).reshape(folds * synapse, pe * simd)
