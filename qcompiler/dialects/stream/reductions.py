"""The processes that reduce each window channel by channel."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, StringAttr, SymbolRefAttr, i64
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.convolution import pool_range
from qcompiler.dialects.qint.linear import ConstantOp, MatMulOp
from qcompiler.dialects.qint.rearrange import SliceOp
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors
from qcompiler.dialects.stream.pipeline import MaximumOp
from qcompiler.dialects.stream.process import Beat, Facts
from qcompiler.dialects.stream.schedule import Schedule
from qcompiler.dialects.stream.weighted import Weighted
from qcompiler.dialects.stream.windows import Foldable, WindowSource


class Reduction(Foldable):
    """A process that reduces windows channel by channel: [.., taps * C] to [.., C].

    It takes all taps of a beat of channels before the next channels: C / lanes groups, `simd` taps
    a beat.
    """

    simd = prop_def(IntegerAttr[I64], default_value=IntegerAttr(1, i64))

    @property
    def folding(self) -> tuple[int, int]:
        return self.output_channel.lanes.data, self.simd.value.data

    @property
    def window_groups(self) -> int:
        return self.output_channel.channels // self.output_channel.lanes.data

    @property
    def taps(self) -> int:
        """Elements of a window, per channel."""
        return self.input_channel.channels // self.output_channel.channels

    @property
    def terms(self) -> int:
        return self.taps

    @property
    def work(self) -> int:
        return self.input_channel.with_lanes(1).beats

    @property
    def legal_pe(self) -> tuple[int, ...]:
        window, channels = self.window, self.output_channel.channels
        return tuple(divisors(channels if window is None else window.channels_alike(1)))

    def legal_simd(self, window: WindowSource | None) -> tuple[int, ...]:
        return (1,) if window is None else (1, *window.several_taps)

    @property
    @abstractmethod
    def reduced(self) -> str:
        """What a window of a channel is made of, in a word."""

    @property
    def headline(self) -> str:
        pe, simd = self.folding
        return f"{self.taps} {self.reduced} a channel, PE = {pe} channels, SIMD = {simd} taps"

    @property
    def facts(self) -> Facts:
        pe, simd = self.folding
        return {"PE": pe, "SIMD": simd}

    @property
    def pace(self) -> str:
        return f"{self.output_channel.beats} beats made, each of {self.steps} beats of taps"

    @property
    def steps(self) -> int:
        """Beats of a window, per beat of channels."""
        return self.taps // self.simd.value.data

    @property
    def input_lanes(self) -> int:
        return self.output_channel.lanes.data * self.simd.value.data

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        x = inputs[0]
        folds = x.reshape(*x.shape[:-1], -1, self.taps, self.output_channel.lanes.data)
        return (self.reduce(folds).reshape(len(x), *self.output_channel.frame_shape),)

    def _sums(self, value: SSAValue, factors: Array) -> Beat:
        """Returns the sums of a beat's taps times factors [taps, lanes], as one product."""
        taps, lanes = factors.shape
        matrix = np.zeros((taps, lanes, lanes), np.int64)
        matrix[:, np.arange(lanes), np.arange(lanes)] = factors
        weights = ConstantOp(matrix.reshape(taps * lanes, lanes))
        product = MatMulOp(value, weights.result)
        return [weights, product], [product.result]

    @abstractmethod
    def reduce(self, windows: Array) -> Array:
        """Returns windows, [batch, ..., channel fold, tap, lane], without the axis of the taps."""

    def schedule(self) -> Schedule:
        every = np.arange(self.steps, dtype=np.int64)
        latency = self.latency_cycles + self.added_latency
        return Schedule.pipe(self.steps, every, every[-1:], latency, self.output_channel.beats)

    @property
    def latency_cycles(self) -> int:
        """The same without registers of pipeline-registers: from a last tap to its result."""
        # issue -> operand -> product (-> accumulator) -> output register
        return 4 if self.steps > 1 else 3

    def _verify_frames(self) -> None:
        given, made = self.input_channel, self.output_channel
        if given.frame_shape[:-1] != made.frame_shape[:-1] or given.channels % made.channels:
            raise VerifyException(f"cannot reduce {given} to {made}")
        if self.simd.value.data < 1 or self.taps % self.simd.value.data:
            raise VerifyException(
                f"simd must divide {self.taps}, got {self.simd.value.data}; "
                f"legal: {divisors(self.taps)}"
            )


def _reduced(windows: ChannelType, element: IntType, taps: int, simd: int) -> ChannelType:
    frame = (*windows.frame_shape[:-1], windows.channels // taps)
    return ChannelType(element, frame, windows.lanes.data // simd)


@irdl_op_definition
class VvauOp(Weighted, Reduction):
    """Multiplies windows by constants, channel by channel: `y[c] = sum_k w[k, c] * x[k, c]`.

    Example: `%y = stream.vvau %x weights @dw
        : (!stream.channel<!qint.int<0, 3>, frame = [8, 8, 18], lanes = 2>)
        -> !stream.channel<!qint.int<-27, 27>, frame = [8, 8, 2], lanes = 2>`
    """

    name = "stream.vvau"
    assembly_format = (
        "$input `weights` $weights (`from` $source^)? (`simd` $simd^)? attr-dict `:` "
        "functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, weights: str, element: IntType, taps: int, simd: int = 1):
        super().__init__(
            operands=[input, None],
            properties={"weights": SymbolRefAttr(weights), "simd": IntegerAttr(simd, i64)},
            result_types=[_reduced(channel_of(input), element, taps, simd)],
        )

    @property
    def reduced(self) -> str:
        return "weights"

    @property
    def weight_uses(self) -> int:
        return int(np.prod(self.output_channel.frame_shape[:-1], dtype=object))

    def weight_words(self, matrix: Array) -> Array:
        return window_words(matrix, *self.folding)

    def schedule(self) -> Schedule:
        own = super().schedule()
        if self.source is None:
            return own
        return Schedule(own.cycles, own.consume * 2, own.produce, own.latency, own.turns)

    def is_whole(self, pe: int, simd: int) -> bool:
        return (simd, pe) == (self.taps, self.output_channel.channels)

    @property
    def is_beatwise(self) -> bool:
        return self.is_constant(*self.folding) and self.style is None

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        ops, made = self._sums(inputs[0], self.weights_op.array)
        ops[0].results[0].name_hint = self.weights.root_reference.data
        return ops, made

    def reduce(self, windows: Array) -> Array:
        weights = self.weights_op.array.reshape(self.taps, -1, windows.shape[-1])
        return (windows * weights.transpose(1, 0, 2)).sum(axis=-2)

    def verify_(self) -> None:
        self._verify_frames()
        shape = (self.taps, self.output_channel.channels)
        if self.weights_op.value.get_shape() != shape:
            raise VerifyException(
                f"weights must have shape {list(shape)}, got {self.weights_op.value.type}"
            )
        self.verify_source()


def window_words(weights: Array, lanes: int, simd: int) -> Array:
    """Returns weights in the order of use, [words, lanes * SIMD].

    Word fold * steps + step holds that step's weights of the fold's channels.

    Args:
        weights: [taps, channels].
        lanes: channels in parallel.
        simd: taps in parallel; those of a channel stand side by side.
    """
    taps, channels = weights.shape
    blocks = weights.reshape(taps // simd, simd, channels // lanes, lanes)
    return blocks.transpose(2, 0, 3, 1).reshape(-1, lanes * simd)


@irdl_op_definition
class PoolOp(Reduction):
    """Takes the maximum or the sum of each window, channel by channel.

    Example: `%y = stream.pool %x kind "max"
        : (!stream.channel<!qint.int<0, 3>, frame = [4, 4, 8], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 2>`
    """

    name = "stream.pool"
    kind = prop_def(StringAttr)
    assembly_format = (
        "$input `kind` $kind (`simd` $simd^)? attr-dict `:` functional-type(operands, results)"
    )

    def __init__(self, input: SSAValue, kind: str, element: IntType, taps: int, simd: int = 1):
        super().__init__(
            operands=[input],
            properties={"kind": StringAttr(kind), "simd": IntegerAttr(simd, i64)},
            result_types=[_reduced(channel_of(input), element, taps, simd)],
        )

    @property
    def reduced(self) -> str:
        return f"{self.kind.data} of taps"

    @property
    def latency_cycles(self) -> int:
        return 3  # issue -> operand -> kept -> output register

    @property
    def inferred_range(self) -> IntRange:
        return pool_range(self.kind.data, self.input_channel.element.range, self.taps)

    @property
    def is_beatwise(self) -> bool:
        return self.steps == 1

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        lanes = self.output_channel.lanes.data
        if self.kind.data == "sum":
            return self._sums(inputs[0], np.ones((self.taps, lanes), np.int64))
        ops: list[Operation] = []

        def larger(one: SSAValue, other: SSAValue) -> SSAValue:
            ops.append(MaximumOp(one, other))
            return ops[-1].results[0]

        ops += [
            SliceOp(inputs[0], (0, tap * lanes), (1, (tap + 1) * lanes), (1, 1))
            for tap in range(self.taps)
        ]
        left = [op.results[0] for op in ops]
        while len(left) > 1:  # neighbours first: a tree
            pairs = zip(left[::2], left[1::2], strict=False)
            left = [larger(*pair) for pair in pairs] + left[len(left) // 2 * 2 :]
        return ops, left

    def reduce(self, windows: Array) -> Array:
        return windows.max(axis=-2) if self.kind.data == "max" else windows.sum(axis=-2)

    def verify_(self) -> None:
        self._verify_frames()
        if self.kind.data not in ("max", "sum"):
            raise VerifyException(f"kind must be max or sum, got {self.kind.data}")
