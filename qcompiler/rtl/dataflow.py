"""A pipeline's body as scalar cells: sums and codes, each a wire of its own in hardware."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_cell
from itertools import compress

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace
from xdsl.ir import Operation, SSAValue

from qcompiler.adder_graphs.cost import (
    CELLS_OF_TWO,
    is_logic,
    is_topped,
    is_wired,
    operands_of,
    takes_carry,
)
from qcompiler.adder_graphs.graph import AdderGraph, Term
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import Requantizer, Table, chosen_rows, rows_of
from qcompiler.devices.delays import DelayModel
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import is_dense, numpy_from_dense, shape_of
from qcompiler.rtl.builder import ModuleBuilder
from qcompiler.rtl.codes import code_of, code_tables
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.sums import (
    SumBuilder,
    carried_sum,
    gate_sum,
    own_sum,
    shift_add,
)

_APART = 2
"""Stages that a way to registers far away is said to take: no reader is in the same one."""


class Wire(Struct, frozen=True):
    """A cell's integer times 2**shift; a negative shift drops zeros.

    Attributes:
        cell: number of the cell, -1 for a constant.
        shift: places.
        constant: the integer, if it is one.
    """

    cell: int
    shift: int = 0
    constant: int = 0


@dataclass(frozen=True)
class Cell(ABC):
    """A scalar that hardware makes.

    Attributes:
        owner: operation of the body, None for inputs.
        name: of the wire.
        range: which integers it may be.
        reads: what it is made of.
    """

    owner: Operation | None
    name: str
    range: IntRange
    reads: tuple[Wire, ...]

    @property
    def is_apart(self) -> bool:
        """Whether it stands in registers of its readers, which no tool merges with others."""
        return False

    @property
    def sources(self) -> Iterator[int]:
        """Numbers of the cells that it is made of."""
        return (wire.cell for wire in self.reads if wire.cell >= 0)

    @abstractmethod
    def ns(self, model: DelayModel) -> float:
        """Returns how long it takes to make it."""

    @abstractmethod
    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """Returns its hardware, from that of what it reads."""


@dataclass(frozen=True)
class InputCell(Cell):
    """An element of an input's beat.

    Attributes:
        port: number of the input.
        lane: place in its beat.
        shared: whether copies of the body read it as well.
    """

    port: int
    lane: int
    shared: bool

    @property
    def is_apart(self) -> bool:
        """See `Cell`."""
        return self.shared

    def ns(self, model: DelayModel) -> float:
        """See `Cell`; so long that a register is behind it if it is shared."""
        return _APART * model.pipeline_budget if self.shared else 0.0

    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """See `Cell`."""
        raise AssertionError("it is there")


@dataclass(frozen=True)
class CopyCell(Cell):
    """A value for some of its readers alone: a register of their own is behind it."""

    @property
    def is_apart(self) -> bool:
        """See `Cell`."""
        return True

    def ns(self, model: DelayModel) -> float:
        """See `Cell`: so long that a register is behind it."""
        return _APART * model.pipeline_budget

    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """See `Cell`."""
        return given[0]


@dataclass(frozen=True)
class SumCell(Cell):
    """A sum of two or three terms, or one that is negated.

    Attributes:
        signs: of the terms.
        gates: whether it is so narrow that gates add, not a chain.
        carry: whether the third term is a bit that enters the chain of the others.
        wired: whether wires and inverters are all that it takes.
        odd: whether its chain would leave half a cell empty if all cells have two places, and gates
            can make the top bit.
        topped: whether they do, beside the chain.
    """

    signs: tuple[int, ...]

    gates: bool = False
    carry: bool = False
    wired: bool = False
    odd: bool = False
    topped: bool = False

    def ns(self, model: DelayModel) -> float:
        """See `Cell`."""
        if self.wired:
            return 0.0
        if self.gates:
            return model.device.delays.lut * max(self.range.width_bits - 1, 1)
        ns = model.chained(2)
        return ns + model.device.delays.lut if self.topped or self._adds_three else ns

    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """See `Cell`."""
        terms = [
            (number, max(wire.shift, 0), sign)
            for number, wire, sign in zip(given, self.reads, self.signs, strict=True)
        ]
        if self.topped or self._adds_three:
            return own_sum(b, self.name, terms, self.range)
        made = gate_sum if self.gates else carried_sum if self.carry else shift_add
        return made(b, self.name, terms, self.range)

    @property
    def _adds_three(self) -> bool:
        return len(self.reads) > 2 and not self.gates and not self.carry


@dataclass(frozen=True)
class CodeCell(Cell):
    """What a requantizer makes of an integer.

    Attributes:
        form: of one row.
    """

    form: Requantizer

    def ns(self, model: DelayModel) -> float:
        """See `Cell`."""
        return code_tables(model, self.form, self.range)

    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """See `Cell`."""
        (number,) = _whole(b, given, self.reads)
        return code_of(b, self.name, number, self.form, self.range)


@dataclass(frozen=True)
class MaximumCell(Cell):
    """The larger of two integers."""

    def ns(self, model: DelayModel) -> float:
        """See `Cell`."""
        return model.chained(2) + model.device.delays.lut

    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """See `Cell`."""
        one, other = _whole(b, given, self.reads)
        hull = one.range.union(other.range)
        left, right = (number.wide(hull.width_bits) for number in (one, other))
        above = left.compare("sgt" if hull.signed else "ugt", right)
        return Number.of(b.mux(above, left, right).named(self.name), self.range)


@dataclass(frozen=True)
class ProductCell(Cell):
    """The product of two integers.

    Attributes:
        widths: of the factors.
    """

    widths: tuple[int, int]

    def ns(self, model: DelayModel) -> float:
        """See `Cell`."""
        return model.multiply(*self.widths, self.range.width_bits)

    def make(self, b: SumBuilder, given: Sequence[Number]) -> Number:
        """See `Cell`."""
        one, other = _whole(b, given, self.reads)
        product = one * other
        if not (one.is_constant or other.is_constant):  # then it is a wire of its own
            product.named(self.name)
        return Number.of(product, self.range)


def _whole(b: ModuleBuilder, given: Sequence[Number], reads: Sequence[Wire]) -> list[Number]:
    """Returns numbers with the zeros that the shifts of what is read append."""
    found: list[Number] = []
    for number, wire in zip(given, reads, strict=True):
        shift = wire.shift if wire.cell >= 0 else 0
        if shift > 0:
            factor = IntRange(1 << shift, 1 << shift)
            number = Number.of(b.concat([number, b.constant(0, shift)]), number.range * factor)
        found.append(number)
    return found


class Dataflow(Struct):
    """The cells of a pipeline.

    Attributes:
        cells: each behind those that it reads.
        outputs: lanes of the output.
    """

    cells: list[Cell] = field(default_factory=list[Cell])
    outputs: list[Wire] = field(default_factory=list[Wire])

    @staticmethod
    def of(pipeline: stream.PipelineOp) -> "Dataflow":
        """Returns the cells of a pipeline whose graphs are built."""
        flow = Dataflow()
        _Reader(flow).read(pipeline)
        for op, numbers in flow.owned().items():
            for number in compress(numbers, _numbers(op, stream.TOPPED)):
                flow.top(number)
        return flow

    def top(self, number: int) -> None:
        """Lets gates make the top bit of a sum."""
        cell = self.cells[number]
        assert isinstance(cell, SumCell), f"{cell.name} is a sum"
        self.cells[number] = replace_cell(cell, topped=True)

    def owned(self) -> dict[Operation, list[int]]:
        """Returns the cells of each operation of the body, in order."""
        found: dict[Operation, list[int]] = {}
        for number, cell in enumerate(self.cells):
            if cell.owner is not None:
                found.setdefault(cell.owner, []).append(number)
        return found

    def read_stages(self) -> list[int]:
        """Returns behind how many registers each cell is made, as the body says."""
        stages = [0] * len(self.cells)
        for op, numbers in self.owned().items():
            given = _numbers(op, stream.STAGES)
            for number, stage in zip(numbers, given or [0] * len(numbers), strict=True):
                stages[number] = stage
        return stages


class _Reader:
    def __init__(self, flow: Dataflow):
        self._flow = flow
        self._lanes: dict[SSAValue, list[Wire]] = {}

    def read(self, pipeline: stream.PipelineOp) -> None:
        body = pipeline.scalar_body
        for port, value in enumerate(body.arguments):
            bounds = qint.range_of(value.type)
            lanes = range(shape_of(value.type)[-1])
            hint = "x" if len(body.arguments) == 1 else f"x{port}_"
            shared = pipeline.shares_lanes
            cells = [
                InputCell(None, f"{hint}{lane}", bounds, (), port, lane, shared) for lane in lanes
            ]
            self._lanes[value] = [self._add(cell) for cell in cells]
        for op in body.operations:
            if isinstance(op, stream.AdderGraphOp):
                self._graph(op)
            elif isinstance(op, qint.Pairwise):
                self._pairs(op)
            else:
                assert isinstance(op, qint.RequantizerOp), f"{op.name} is in no built pipeline"
                self._codes(op)
        self._flow.outputs = self._lanes[body.yielded]

    def _add(self, cell: Cell) -> Wire:
        self._flow.cells.append(cell)
        return Wire(len(self._flow.cells) - 1)

    def _graph(self, op: stream.AdderGraphOp) -> None:
        graph = op.graph
        hint = op.result.name_hint or "sum"
        values = [wire for value in op.inputs for wire in self._lanes[value]]
        if stream.APART in op.attributes:
            values = self._copied(op, graph, values, hint)
        values += [Wire(-1, 0, constant) for constant in graph.constants.tolist()]
        live = graph.live()
        for number, terms in graph:
            if not live[number]:
                values.append(Wire(-1))
                continue
            operands, bounds = operands_of(graph, terms), graph.range_of(number)
            reads = tuple([_shifted(values[t.value], t.shift) for t in terms])
            name = f"{hint}_n{number - graph.first_node}"
            signs = tuple(t.sign for t in terms)
            wired = is_wired(operands)
            gates = wired or is_logic(operands, bounds.hi)
            carry = takes_carry(operands)
            odd = not gates and is_topped(operands, bounds.lo, bounds.hi, CELLS_OF_TWO)
            cell = SumCell(op, name, bounds, reads, signs, gates, carry, wired, odd)
            values.append(self._add(cell))
        self._lanes[op.result] = self._outputs(op, graph, values, hint)

    def _copied(
        self, op: stream.AdderGraphOp, graph: AdderGraph, values: list[Wire], hint: str
    ) -> list[Wire]:
        """Returns a graph's inputs as copies for it alone, of those that it reads."""
        copies: dict[int, int] = {}
        live, found = graph.live(), list[Wire]()
        for number, wire in enumerate(values):
            if wire.cell >= 0 and live[number]:
                if wire.cell not in copies:
                    cell = self._flow.cells[wire.cell]
                    name = f"{hint}_of_{cell.name}"
                    copy = CopyCell(op, name, cell.range, (Wire(wire.cell),))
                    copies[wire.cell] = self._add(copy).cell
                wire = replace(wire, cell=copies[wire.cell])
            found.append(wire)
        return found

    def _outputs(
        self, op: stream.AdderGraphOp, graph: AdderGraph, values: list[Wire], hint: str
    ) -> list[Wire]:
        found: list[Wire] = []
        terms: list[tuple[int, int, int]] = graph.outputs.tolist()
        for lane, (value, shift, sign) in enumerate(terms):
            if not sign:
                found.append(Wire(-1))
                continue
            wire = _shifted(values[value], shift)
            if sign < 0 and wire.cell < 0:
                wire = replace(wire, constant=-wire.constant)
            elif sign < 0:
                bounds = graph.output_range(lane)
                operands = operands_of(graph, [Term(value, shift, -1)])
                odd = is_topped(operands, bounds.lo, bounds.hi, CELLS_OF_TWO)
                wire = self._add(SumCell(op, f"{hint}_m{lane}", bounds, (wire,), (-1,), odd=odd))
            found.append(wire)
        return found

    def _codes(self, op: qint.RequantizerOp) -> None:
        form, hint = op.requantizer, op.result.name_hint or "code"
        lanes = self._lanes[op.input]
        names = _numbers(op, stream.ELEMENTS) or range(len(lanes))
        found: list[Wire] = []
        for lane, (wire, name) in enumerate(zip(lanes, names, strict=True)):
            row = chosen_rows(form, [lane]) if rows_of(form) > 1 else form
            if wire.cell < 0:
                value = np.array([[wire.constant]], np.int64)
                found.append(Wire(-1, 0, int(row.apply(value)[0, 0])))
                continue
            bounds = _code_range(row, self._range(wire))
            found.append(self._add(CodeCell(op, f"{hint}_{name}", bounds, (wire,), row)))
        self._lanes[op.result] = found

    def _pairs(self, op: qint.Pairwise) -> None:
        lanes = list(zip(self._lanes[op.lhs], self._lanes[op.rhs], strict=True))
        names = _numbers(op, stream.ELEMENTS) or range(len(lanes))
        found: list[Wire] = []
        for (one, other), number in zip(lanes, names, strict=True):
            name = f"{op.result.name_hint or 'pair'}_{number}"
            ranges = self._range(one), self._range(other)
            bounds = op.combined(*ranges)
            if bounds.size == 1:
                found.append(Wire(-1, 0, bounds.lo))
            elif isinstance(op, stream.MaximumOp):
                found.append(self._add(MaximumCell(op, name, bounds, (one, other))))
            else:
                widths = ranges[0].width_bits, ranges[1].width_bits
                found.append(self._add(ProductCell(op, name, bounds, (one, other), widths)))
        self._lanes[op.result] = found

    def _range(self, wire: Wire) -> IntRange:
        if wire.cell < 0:
            return IntRange(wire.constant, wire.constant)
        bounds = self._flow.cells[wire.cell].range
        if wire.shift < 0:
            return IntRange(bounds.lo >> -wire.shift, bounds.hi >> -wire.shift)
        return IntRange(bounds.lo << wire.shift, bounds.hi << wire.shift)


def _numbers(op: Operation, name: str) -> list[int]:
    """Returns the integers of an attribute, none if it is not there."""
    given = op.attributes.get(name)
    return numpy_from_dense(given).tolist() if is_dense(given) else []


def _shifted(wire: Wire, shift: int) -> Wire:
    if wire.cell >= 0:
        return replace(wire, shift=wire.shift + shift)
    moved = wire.constant << shift if shift >= 0 else wire.constant >> -shift
    return replace(wire, constant=moved)


def _code_range(form: Requantizer, x: IntRange) -> IntRange:
    """Returns the range of what a form makes of integers of a range."""
    if isinstance(form, Table):
        part = form.entries[0, x.lo - form.x_lo : x.hi - form.x_lo + 1]
        return IntRange(int(part.min()), int(part.max()))
    lo, hi = form.apply(np.array([[x.lo], [x.hi]], np.int64)).ravel().tolist()
    return IntRange(lo, hi)
