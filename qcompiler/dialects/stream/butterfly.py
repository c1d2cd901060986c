"""The process that multiplies by a Hadamard matrix: additions in a butterfly."""

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, i64
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.arrays import IntArray
from qcompiler.arith.hadamard import sylvester, transformed
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint.linear import ConstantOp, MatMulOp
from qcompiler.dialects.qint.types import IntType
from qcompiler.dialects.stream.channel import ChannelType, channel_of, set_lanes
from qcompiler.dialects.stream.process import Beat, Facts, Pipe
from qcompiler.dialects.stream.rearrange import moving_lanes
from qcompiler.dialects.stream.schedule import Demand, Schedule, Timeline, Times

_I64_ARRAY = DenseArrayBase.constr(i64)


@irdl_op_definition
class ButterflyOp(Pipe):
    """Multiplies each vector by a Hadamard matrix with signs: `y = ((x * before) @ H) * after`.

    H is Sylvester's matrix of the n channels, a power of two. It takes n log2(n) additions: stages
    one after the other add and subtract elements that are n/2, n/4, ..., 1 apart. Those of
    different beats meet in a memory of half a block, where what was subtracted waits until the
    rest has been sent. A vector takes as many cycles as it has beats. `before` and `after` are
    empty if all signs are 1. Sums wrap, which is exact because the last ones fit.

    Example: `%y = stream.butterfly %x {before = array<i64: 1, -1, 1, 1>, after = array<i64>}
        : (!stream.channel<!qint.int<-8, 7>, frame = [4], lanes = 2>)
        -> !stream.channel<!qint.int<-32, 32>, frame = [4], lanes = 2>`
    """

    name = "stream.butterfly"
    before = prop_def(_I64_ARRAY)
    after = prop_def(_I64_ARRAY)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(
        self, input: SSAValue, element: IntType, before: Sequence[int], after: Sequence[int]
    ):
        signs = {"before": before, "after": after}
        super().__init__(
            operands=[input],
            properties={
                name: DenseArrayBase.from_list(i64, list(given) if -1 in given else [])
                for name, given in signs.items()
            },
            result_types=[ChannelType(element, channel_of(input).frame_shape, 1)],
        )

    @property
    def size(self) -> int:
        """Elements of a vector."""
        return self.input_channel.channels

    @property
    def steps(self) -> int:
        """Beats of a vector."""
        return self.size // self.input_lanes

    @property
    def distances(self) -> list[int]:
        """How many beats apart elements of different beats meet, stage by stage."""
        return [self.steps >> stage for stage in range(1, self.steps.bit_length())]

    @property
    def signs(self) -> tuple[IntArray | None, IntArray | None]:
        """Signs of inputs and of results; None where all are 1."""
        given = [np.array(part.get_values(), np.int64) for part in (self.before, self.after)]
        first, last = (part if part.size else None for part in given)
        return first, last

    @property
    def stage_ranges(self) -> list[IntRange]:
        """Ranges of the inputs with their signs, and behind each stage."""
        x = self.input_channel.element.range
        if self.signs[0] is not None:
            x = IntRange(min(x.lo, -x.hi), max(x.hi, -x.lo))
        found = [x]
        for _ in range(self.size.bit_length() - 1):
            reach = x.hi - x.lo
            x = IntRange(min(2 * x.lo, -reach), max(2 * x.hi, reach))
            found.append(x)
        return found

    def follow(self, target_cycles: int) -> None:
        set_lanes(self.result, moving_lanes(self, target_cycles))

    @property
    def is_beatwise(self) -> bool:
        return self.steps == 1

    def beat(self, inputs: Sequence[SSAValue]) -> Beat:
        first, last = self.signs
        matrix = sylvester(self.size)
        matrix = matrix if first is None else first[:, None] * matrix
        weights = ConstantOp(matrix if last is None else matrix * last)
        product = MatMulOp(inputs[0], weights.result)
        return [weights, product], [product.result]

    @property
    def memory_bits(self) -> int:
        widths = [range_.width_bits for range_ in self.stage_ranges[1:]]
        words = zip(self.distances, widths, strict=False)
        return sum(beats * self.input_lanes * width for beats, width in words)

    @property
    def headline(self) -> str:
        return f"{self.size} elements, {self.size.bit_length() - 1} stages of additions"

    @property
    def facts(self) -> Facts:
        return {"elements": self.size, "additions": self.size * (self.size.bit_length() - 1)}

    def evaluate(self, inputs: Sequence[Array]) -> tuple[Array, ...]:
        first, last = self.signs
        x = inputs[0] if first is None else inputs[0] * first
        made = transformed(x)
        return (made if last is None else made * last,)

    @property
    def _ranks(self) -> int:
        """Registers beside those of the stages that join beats."""
        lanes = self.input_lanes.bit_length() - 1
        # what is made -> result register -> output register
        return lanes + sum(part is not None for part in self.signs) + 2

    def schedule(self) -> Schedule:
        """Returns the beats' rate; `timing` knows what waits for what."""
        every = np.arange(self.steps, dtype=np.int64)
        latency = self.steps - 1 + len(self.distances) + self._ranks
        turns = self.output_channel.beats // self.steps
        return Schedule.pipe(self.steps, every, every, latency, turns)

    def timing(
        self, arrivals: Sequence[Times], frames: int, release: Times | None = None
    ) -> Timeline:
        """Returns when beats move: sums when the second of two comes, then the differences."""
        kind = arrivals[0].dtype
        order = np.arange(arrivals[0].size, dtype=kind)
        taken = order + np.maximum.accumulate(np.maximum(arrivals[0], 0) - order)
        made = taken.copy()
        for distance in self.distances:
            blocks = made.reshape(-1, 2, distance)
            rest = np.arange(1, distance + 1, dtype=kind)
            blocks[:, 0], blocks[:, 1] = blocks[:, 1], blocks[:, 1, -1:] + rest
            blocks += kind.type(1)
        return Timeline((taken,), (made + kind.type(self._ranks),))

    def latest(self, deadlines: Sequence[Times], frames: int) -> Demand:
        kind = deadlines[0].dtype
        order = np.arange(deadlines[0].size, dtype=kind)
        time = deadlines[0] - kind.type(self._ranks)
        for distance in reversed(self.distances):
            blocks = time.reshape(-1, 2, distance)
            rest = np.arange(1, distance + 1, dtype=kind)
            ends = (blocks[:, 1] - rest).min(axis=1)
            blocks[:, 1] = blocks[:, 0]
            blocks[:, 1, -1] = np.minimum(blocks[:, 1, -1], ends)
            blocks[:, 0] = blocks[:, 1, :1]
            blocks -= kind.type(1)
            time = order + np.minimum.accumulate((time - order)[::-1])[::-1]
        return Demand((time,), None)

    def verify_(self) -> None:
        given, made = self.input_channel, self.output_channel
        if given.frame_shape != made.frame_shape:
            raise VerifyException(f"result must have the frame of {given}, got {made}")
        if self.size < 2 or self.size & (self.size - 1):
            raise VerifyException(f"channels must be a power of two from 2 on, got {self.size}")
        for name, part in (("before", self.before), ("after", self.after)):
            signs = part.get_values()
            if signs and (len(signs) != self.size or not {*signs} <= {1, -1}):
                raise VerifyException(
                    f"{name} must have {self.size} entries of 1 and -1, or none, got {list(signs)}"
                )
