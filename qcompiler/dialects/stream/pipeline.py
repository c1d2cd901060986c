"""A stretch of a network in which every beat meets its own hardware: one pipeline."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, TensorType, UnitAttr, i64
from xdsl.ir import Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.adder_graphs.graph import AdderGraph, GraphError
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array, DenseAttr, int_dense, numpy_from_dense, shape_of
from qcompiler.dialects.qint.joins import AddOp, ConcatOp, Pairwise
from qcompiler.dialects.qint.linear import AffineOp, MatMulOp
from qcompiler.dialects.qint.rearrange import SliceOp
from qcompiler.dialects.qint.requantizers import FloatScaleOp, ScalarBody
from qcompiler.dialects.qint.types import INT_TENSOR, IntType, range_of
from qcompiler.dialects.stream.channel import ChannelType, set_lanes
from qcompiler.dialects.stream.process import Facts, Process
from qcompiler.dialects.stream.schedule import Schedule

STAGES = "stages"
"""Attribute of an operation in a pipeline's body: behind how many registers each of its scalars
is made."""


TOPPED = "topped"
"""Attribute of an adder graph: for each of its sums, 1 if gates beside the chain make the top bit
(`adder_graphs.cost.is_topped`)."""


APART = "apart"
"""Attribute of an adder graph that shares no sum with others: what it reads stands in registers of
its own, which tools are told not to merge, so that it needs nothing that is far away."""


ELEMENTS = "elements"
"""Attribute of a requantizer in a pipeline's body: which neurons its elements are."""


@irdl_op_definition
class AdderGraphOp(IRDLOperation):
    """Sums of shifted integers, each a wire of its own: linear forms of all elements.

    Values are numbered: the elements of all inputs in order, then `constants`, then nodes. A row of
    `nodes` is two or three terms (value, shift, sign), that of an output is one; see
    `qcompiler.adder_graphs.graph`. `ranges` are lowest and highest integer of each input element
    and its low bits that are always zero.

    Example: `%y = stream.adder_graph %x {ranges = dense<[[0, 3, 0], [0, 3, 0]]> : tensor<2x3xi8>,
        constants = dense<> : tensor<0xi8>,
        nodes = dense<[[0, 0, 1, 1, 2, -1, -1, 0, 0]]> : tensor<1x9xi8>,
        outputs = dense<[[2, 0, 1]]> : tensor<1x3xi8>}
        : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-12, 3>>`
    """

    name = "stream.adder_graph"
    inputs = var_operand_def(INT_TENSOR)
    ranges = prop_def(DenseAttr)
    constants = prop_def(DenseAttr)
    nodes = prop_def(DenseAttr)
    outputs = prop_def(DenseAttr)
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$inputs attr-dict `:` functional-type(operands, results)"

    def __init__(self, inputs: Sequence[SSAValue], graph: AdderGraph, result: IntType):
        super().__init__(
            operands=[list(inputs)],
            properties={
                "ranges": int_dense(graph.inputs),
                "constants": int_dense(graph.constants),
                "nodes": int_dense(graph.nodes),
                "outputs": int_dense(graph.outputs),
            },
            result_types=[TensorType(result, [1, len(graph.outputs)])],
        )

    @property
    def graph(self) -> AdderGraph:
        """The additions."""
        parts = (self.ranges, self.constants, self.nodes, self.outputs)
        return AdderGraph(*(numpy_from_dense(part).astype(np.int64) for part in parts))

    def verify_(self) -> None:
        try:
            graph = self.graph
        except GraphError as error:
            raise VerifyException(str(error)) from None
        elements = sum(shape_of(value.type)[-1] for value in self.inputs)
        if elements != len(graph.inputs):
            raise VerifyException(
                f"inputs have {elements} elements, but the graph takes {len(graph.inputs)}"
            )
        if shape_of(self.result.type) != (1, len(graph.outputs)):
            raise VerifyException(
                f"result must have shape [1, {len(graph.outputs)}], got {self.result.type}"
            )


@irdl_op_definition
class MaximumOp(Pairwise):
    """The larger of two integers: `y = max(a, b)`.

    Example: `%y = stream.maximum %a, %b : (tensor<1x4x!qint.int<0, 3>>,
        tensor<1x4x!qint.int<-1, 1>>) -> tensor<1x4x!qint.int<0, 3>>`
    """

    name = "stream.maximum"

    @staticmethod
    def combined(lhs: IntRange, rhs: IntRange) -> IntRange:
        return IntRange(max(lhs.lo, rhs.lo), max(lhs.hi, rhs.hi))

    @staticmethod
    def compute(lhs: Array, rhs: Array) -> Array:
        return np.maximum(lhs, rhs)


class View(Struct, frozen=True):
    """Which elements of a beat the copies of a body take: blocks at even distances.

    Attributes:
        step: elements from what one copy takes to what the next one does.
        blocks: how many blocks a copy takes.
        skip: elements from the start of one block to that of the next.
    """

    step: int
    blocks: int
    skip: int

    def places(self, copies: int, elements: int) -> Array:
        """Returns the elements of a beat that each copy takes, [copies, elements]."""
        size = elements // self.blocks
        block, inside = np.divmod(np.arange(elements), size)
        return np.arange(copies)[:, None] * self.step + block * self.skip + inside

    def lanes(self, copies: int, elements: int) -> int:
        """Returns the elements of a beat from which so many copies take `elements` each."""
        size = elements // self.blocks
        return (copies - 1) * self.step + (self.blocks - 1) * self.skip + size


@irdl_op_definition
class PipelineOp(Process):
    """Computes each beat by hardware of its own, a beat a clock; registers cut it into stages.

    The body is qint arithmetic on one beat of each input, `tensor<1 x lanes>`, and yields one of
    the output. Nothing is kept from beat to beat. `latency` are the registers on every way through
    it; the operations of the body say in their attribute `stages` behind how many of them each of
    their scalars is made. Without them, nothing has been placed yet. A `plain` one has no
    handshake: beats enter when they come, and leave `latency` cycles later.

    Where a beat holds several pixels, there are `copies` of the body, and `views` says of each
    input which elements of its beat a copy takes, see `View`: windows overlap. What the copies make
    stands side by side in the beat that leaves.

    Example: `%y = stream.pipeline %x {
        ^bb0(%a : tensor<1x2x!qint.int<0, 3>>):
          %b = stream.adder_graph %a {ranges = dense<[[0, 3, 0], [0, 3, 0]]> : tensor<2x3xi8>,
            constants = dense<> : tensor<0xi8>,
            nodes = dense<[[0, 0, 1, 1, 0, -1, -1, 0, 0]]> : tensor<1x9xi8>,
            outputs = dense<[[2, 0, 1]]> : tensor<1x3xi8>}
            : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 3>>
          qint.yield %b : tensor<1x1x!qint.int<-3, 3>>
        } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>)
        -> !stream.channel<!qint.int<-3, 3>, frame = [1], lanes = 1>`
    """

    name = "stream.pipeline"
    inputs = var_operand_def(ChannelType)
    latency = opt_prop_def(IntegerAttr[I64])
    plain = opt_prop_def(UnitAttr)
    copies_attr = opt_prop_def(IntegerAttr[I64], prop_name="copies")
    views_attr = opt_prop_def(DenseArrayBase.constr(i64), prop_name="views")
    body = region_def("single_block")
    result = result_def(ChannelType)
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$inputs $body attr-dict `:` functional-type(operands, results)"

    def __init__(self, inputs: Sequence[SSAValue], body: Region, result: ChannelType):
        super().__init__(operands=[list(inputs)], regions=[body], result_types=[result])

    @property
    def takes_pixels(self) -> bool:
        return True

    @property
    def scalar_body(self) -> ScalarBody:
        """The body as a function of beats."""
        return ScalarBody(self.body.block)

    @property
    def is_built(self) -> bool:
        """Whether all its products with constants are sums, and its requantizers logic."""
        no_hardware = (MatMulOp, AffineOp, AddOp, ConcatOp, SliceOp, FloatScaleOp)
        return not any(isinstance(op, no_hardware) for op in self.body.block.ops)

    @property
    def lacks(self) -> str | None:
        return None if self.is_built else "build-adder-graphs"

    @property
    def stages(self) -> int:
        """Registers on every way from an input to the output."""
        return 0 if self.latency is None else self.latency.value.data

    @stages.setter
    def stages(self, count: int) -> None:
        self.properties["latency"] = IntegerAttr(count, i64)

    @property
    def copies(self) -> int:
        """How often the body is there, for that many pixels of a beat."""
        return 1 if self.copies_attr is None else self.copies_attr.value.data

    @property
    def views(self) -> list[View]:
        """Of each input, which elements of its beat the copies take."""
        if self.views_attr is None:
            return [View(elements, 1, elements) for elements in self._elements]
        given = tuple(self.views_attr.get_values())
        return [View(*given[at : at + 3]) for at in range(0, len(given), 3)]

    @property
    def takes_whole_beats(self) -> bool:
        """Whether there is one copy of the body, which takes all of every beat."""
        return self.copies == 1 and self.wanted_lanes == self._elements

    @property
    def shares_lanes(self) -> bool:
        """Whether several copies of the body take the same lanes: those of overlapping windows."""
        taken = [
            view.places(self.copies, elements)
            for view, elements in zip(self.views, self._elements, strict=True)
        ]
        return any(np.unique(places).size < places.size for places in taken)

    @property
    def kept_parts(self) -> int:
        """In how many parts, of whole copies, beats that leave are kept until a reader takes them.

        What says which of them are there goes to all bits of a part.
        """
        parts = 1
        while self.output_channels[0].width_bits // parts > _PART_BITS and (
            self.copies % (2 * parts) == 0
        ):
            parts *= 2
        return parts

    def repeat(self, copies: int, views: Sequence[View]) -> None:
        """Gives the body so many copies, which take what `views` say; the result's lanes follow."""
        self.copies_attr = IntegerAttr(copies, i64)
        numbers = [number for view in views for number in (view.step, view.blocks, view.skip)]
        self.views_attr = DenseArrayBase.from_list(i64, numbers)
        set_lanes(self.result, copies * shape_of(self.scalar_body.yielded.type)[-1])

    @property
    def _elements(self) -> tuple[int, ...]:
        """Elements of each input that a body takes."""
        return tuple(shape_of(value.type)[-1] for value in self.body.block.args)

    @property
    def has_handshake(self) -> bool:
        return self.plain is None

    @property
    def wanted_lanes(self) -> tuple[int, ...]:
        copies = self.copies
        return tuple(
            view.lanes(copies, elements)
            for view, elements in zip(self.views, self._elements, strict=True)
        )

    @property
    def headline(self) -> str:
        told = "" if self.has_handshake else ", no handshake"
        copies = f"{self.copies} copies, " if self.copies > 1 else ""
        return f"fully parallel, {copies}{self.stages} registers on every way{told}"

    @property
    def facts(self) -> Facts:
        graphs = [op.graph for op in self.body.block.ops if isinstance(op, AdderGraphOp)]
        adders = sum(len(graph.nodes) for graph in graphs) * self.copies
        plain = {} if self.has_handshake else {"interface": "plain"}
        copies = {"copies": self.copies} if self.copies > 1 else {}
        return {"adders": adders, "stages": self.stages, **copies, **plain}

    @property
    def held_beats(self) -> int | None:
        return self.stages if self.has_handshake else None

    @property
    def lets_run_free(self) -> bool:
        return self.has_handshake and len(self.operands) == 1

    def schedule(self) -> Schedule:
        around = ENVELOPE_CYCLES if self.has_handshake and not self.runs_free else 0
        return Schedule.beat_by_beat(self, self.stages + around)

    def verify_(self) -> None:
        (made,) = self.output_channels
        arguments, elements = self.scalar_body.arguments, self._elements
        if len(arguments) != len(self.inputs):
            raise VerifyException(f"body must take {len(self.inputs)} beats, got {len(arguments)}")
        self._verify_views()
        given = [
            channel.with_lanes(lanes)  # as a width adapter will make it, if it is not so yet
            for channel, lanes in zip(self.input_channels, self.wanted_lanes, strict=True)
        ]
        if any(channel.beats != made.beats for channel in given):
            raise VerifyException(f"every input must have the {made.beats} beats of the result")
        for value, channel, lanes in zip(
            (*arguments, self.scalar_body.yielded),
            (*given, made),
            (*elements, made.lanes.data / self.copies),
            strict=True,
        ):
            if shape_of(value.type) != (1, lanes):
                raise VerifyException(f"body must hold a beat of {channel}, got {value.type}")
            if not channel.element.range.contains(range_of(value.type)):
                raise VerifyException(f"body must hold integers of {channel}, got {value.type}")

    def _verify_views(self) -> None:
        if self.copies < 1:
            raise VerifyException(f"copies must be positive, got {self.copies}")
        numbers = () if self.views_attr is None else tuple(self.views_attr.get_values())
        if self.views_attr is None and self.copies == 1:
            return
        if len(numbers) != 3 * len(self.inputs) or any(number < 1 for number in numbers):
            raise VerifyException(
                "views must be a positive step, number of blocks and skip for each of "
                f"{len(self.inputs)} inputs, got {list(numbers)}"
            )
        for view, elements in zip(self.views, self._elements, strict=True):
            if elements % view.blocks:
                raise VerifyException(f"blocks must divide {elements} elements, got {view.blocks}")


_PART_BITS = 128
"""Of a beat, that are kept together at most."""

ENVELOPE_CYCLES = 3
"""From the last stage to the output: storage, its register, the output's slice."""


def beat_type(channel: ChannelType) -> TensorType[IntType]:
    """Returns the type of a beat of a channel in a pipeline's body."""
    return TensorType(channel.element, [1, channel.lanes.data])
