"""The product of two activations: one is kept, the other streams past it."""

from collections.abc import Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, UnitAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.exact_products import exact_matmul
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.linear import product_range
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.buffered import Buffering, read_rows, rows_needed_by
from qcompiler.dialects.stream.channel import ChannelType, channel_of
from qcompiler.dialects.stream.flow import Flow
from qcompiler.dialects.stream.matrix_unit import MatrixUnit
from qcompiler.dialects.stream.process import Facts
from qcompiler.dialects.stream.schedule import Busy, Demand, Schedule, Timeline, Times
from qcompiler.dialects.stream.windows import WindowSource

KEPT_MATRICES = 2
"""Matrices in the memory: one is used while the next one comes."""


@irdl_op_definition
class MatMulOp(MatrixUnit):
    """Multiplies the vectors of one frame by the matrices of another: `y[g] = x[g] @ m[g]`.

    The second frame is one or more matrices [K, N], or [N, K] where it is `transposed`. Two of them
    are kept: one is used while the next one comes. The vectors of the first frame, K elements each,
    take turns: each matrix serves an equal number of them, one after the other.

    `pe` outputs are computed at a time, from `simd` inputs a cycle: a vector takes
    N * K / (pe * simd) cycles. Accumulators wrap, which is exact because the sum fits.

    Example: `%y = stream.matmul %x, %m transposed pe 2 simd 4
        : (!stream.channel<!qint.int<0, 3>, frame = [2, 3, 8], lanes = 4>,
        !stream.channel<!qint.int<-2, 1>, frame = [2, 6, 8], lanes = 4>)
        -> !stream.channel<!qint.int<-48, 24>, frame = [2, 3, 6], lanes = 2>`
    """

    name = "stream.matmul"
    input = operand_def(ChannelType)
    matrix = operand_def(ChannelType)
    transposed = opt_prop_def(UnitAttr)
    assembly_format = (
        "$input `,` $matrix (`transposed` $transposed^)? `pe` $pe `simd` $simd attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(
        self, input: SSAValue, matrix: SSAValue, element: IntType, *, transposed: bool = False
    ):
        rows = channel_of(matrix).frame_shape[-2:]
        frame = (*channel_of(input).frame_shape[:-1], rows[0 if transposed else 1])
        super().__init__(
            operands=[input, matrix],
            properties={
                "transposed": UnitAttr() if transposed else None,
                "pe": IntegerAttr(1, i64),
                "simd": IntegerAttr(1, i64),
            },
            result_types=[ChannelType(element, frame, 1)],
        )

    @property
    def matrix_channel(self) -> ChannelType:
        """The type of what is kept."""
        return channel_of(self.matrix)

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """(inputs, outputs) of a matrix, whichever way it comes."""
        first, second = self.matrix_channel.frame_shape[-2:]
        return (second, first) if self.is_transposed else (first, second)

    @property
    def is_transposed(self) -> bool:
        """Whether all inputs of an output come one after the other, not all outputs of an input."""
        return self.transposed is not None

    @property
    def matrices(self) -> int:
        """How many come in a frame."""
        return prod(self.matrix_channel.frame_shape[:-2])

    @property
    def vectors(self) -> int:
        """Vectors that each matrix serves."""
        return prod(self.input_channel.frame_shape[:-1]) // self.matrices

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        pe, simd = self.folding
        return simd, simd if self.is_transposed else pe

    def first_lanes(self, channel: ChannelType, target_cycles: int) -> int:
        inputs = zip(self.input_channels, self.wanted_lanes, strict=True)
        return next(lanes for given, lanes in inputs if given == channel)

    @property
    def work(self) -> int:
        return self.matrices * self.vectors * prod(self.matrix_shape)

    def folded_cycles(self, pe: int, simd: int) -> int:
        matrix = prod(self.matrix_shape) // (simd if self.is_transposed else pe)
        return max(super().folded_cycles(pe, simd), self.matrices * matrix)

    def one_tap(self, window: WindowSource | None) -> int:
        return self.terms

    @property
    def macs_per_cycle(self) -> int:
        pe, simd = self.folding
        return pe * simd

    @property
    def memory_bits(self) -> int:
        return KEPT_MATRICES * prod(self.matrix_shape) * self.matrix_channel.element.width_bits

    @property
    def headline(self) -> str:
        (inputs, outputs), (pe, simd) = self.matrix_shape, self.folding
        kind = "transposed " if self.is_transposed else ""
        return (
            f"{self.matrices} {kind}matrices of {inputs} x {outputs}, {self.vectors} vectors each, "
            f"PE = {pe}, SIMD = {simd}"
        )

    @property
    def facts(self) -> Facts:
        (inputs, outputs), (pe, simd) = self.matrix_shape, self.folding
        return {"K": inputs, "N": outputs, "matrices": self.matrices, "PE": pe, "SIMD": simd}

    @property
    def pace(self) -> str:
        neuron, synapse = self.folds
        beats = self.matrix_channel.with_lanes(self.wanted_lanes[1]).beats
        return (
            f"{self.matrices * self.vectors} vectors, each {neuron} times (outputs / PE) {synapse} "
            f"beats (inputs / SIMD); or the {beats} beats of the matrices"
        )

    @property
    def inferred_range(self) -> IntRange:
        x, kept = (channel.element.range for channel in self.input_channels)
        return product_range(x, kept, self.terms)

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x, matrices = inputs
        largest = max(abs(self.inferred_range.lo), abs(self.inferred_range.hi))
        kept = matrices.reshape(-1, *self.matrix_channel.frame_shape[-2:])
        if self.is_transposed:
            kept = kept.swapaxes(1, 2)
        made = exact_matmul(x.reshape(len(kept), self.vectors, self.terms), kept, largest)
        return (made.reshape(len(x), *self.output_channel.frame_shape),)

    def turn(self) -> Schedule:
        """Returns what one matrix does, but for its own coming."""
        neuron, synapse = self.folds
        start = np.arange(self.vectors, dtype=np.int64)[:, None] * (neuron * synapse)
        consume, produce = ((start + each).reshape(-1) for each in self.vector_slots)
        cycles = self.vectors * neuron * synapse
        return Schedule.pipe(cycles, consume, produce, self.latency, self.matrices)

    @property
    def matrix_beats(self) -> int:
        """Beats in which a matrix comes."""
        return self.matrix_channel.with_lanes(self.wanted_lanes[1]).beats // self.matrices

    def schedule(self) -> Schedule:
        """Returns the using side's; `timing` knows both sides."""
        turn, beats = self.turn(), self.matrix_beats
        cycles = max(turn.cycles, beats)
        taken = np.linspace(0, cycles - 1, beats).astype(np.int64)
        return Schedule(cycles, (*turn.consume, taken), turn.produce, self.latency, self.matrices)

    def _buffering(self, busy: Busy, cycles: int) -> Buffering:
        each = [1] * self.matrices
        beats = self.matrix_beats, len(busy.at)
        return Buffering(each, each, *beats, KEPT_MATRICES, busy.at, cycles)

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns the times of both sides: a matrix is used when it is whole."""
        turn = self.turn()
        busy = Busy.slots(turn)
        kind = arrivals[0].dtype
        earliest = np.zeros((frames * self.matrices, len(busy.at)), kind)
        held = [(busy.consume[0], arrivals[0])]
        if release is not None:
            held.append((busy.produce[0], release))
        for at, until in held:
            earliest[:, at] = np.maximum(earliest[:, at], until.reshape(len(earliest), -1))
        buffer = self._buffering(busy, turn.cycles)
        kept, used = read_rows(buffer, arrivals[1], earliest.reshape(-1))
        used = used.reshape(earliest.shape)
        made = used[:, busy.produce[0]].reshape(-1) + kind.type(self.latency)
        return Timeline((used[:, busy.consume[0]].reshape(-1), kept), (made,))

    def flows(self, given: Sequence[Flow]) -> tuple[Flow, ...]:
        turn, (vectors, kept) = self.turn(), given
        one = turn.cycles / self.vectors
        made = self._buffering(Busy.slots(turn), turn.cycles).flow(kept, self.latency, [vectors])
        return (Flow(made.first, max(made.last, vectors.last + one + self.latency)),)

    @property
    def frames_back(self) -> int:
        turn = self.turn()
        return self._buffering(Busy.slots(turn), turn.cycles).frames_back

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        """Returns by when vectors and matrices must have come."""
        turn = self.turn()
        busy = Busy.slots(turn)
        due = deadlines[0] - deadlines[0].dtype.type(self.latency)
        end = int(due[-1]) + turn.frame_cycles
        bound = np.full((frames * self.matrices, len(busy.at)), end, due.dtype)
        bound[:, busy.produce[0]] = due.reshape(len(bound), -1)
        buffer = self._buffering(busy, turn.cycles)
        kept, used = rows_needed_by(buffer, bound.reshape(-1), frames)
        used = used.reshape(bound.shape)
        release = used[:, busy.produce[0]].reshape(-1)
        return Demand((used[:, busy.consume[0]].reshape(-1), kept), release)

    def verify_(self) -> None:
        given, kept, made = self.input_channel, self.matrix_channel, self.output_channel
        if len(kept.frame_shape) < 2 or self.matrix_shape[0] != given.channels:
            raise VerifyException(
                f"vectors of {given.channels} elements do not fit the matrices of {kept}"
            )
        if prod(given.frame_shape[:-1]) % self.matrices:
            raise VerifyException(
                f"{self.matrices} matrices must divide the vectors of {list(given.frame_shape)}"
            )
        self.verify_folding()
        pe, frame = self.folding[0], (*given.frame_shape[:-1], self.matrix_shape[1])
        if made.frame_shape != frame or made.lanes.data != pe:
            raise VerifyException(
                f"result must have frame {list(frame)} and {pe} lanes (pe), got {made}"
            )
