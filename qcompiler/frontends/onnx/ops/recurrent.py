"""LSTM and GRU, step by step: products, gates and states, each on a grid of its own.

A runtime computes in float inside of such a node. Here everything in it is integers, on these
grids, which are finer than what 8 bits around the node tell apart (docs/numerics.md):

    part     the product of one side with its weights, with the biases
    total    what a gate takes
    sigmoid, tanh    what it makes
    cell     the memory of an LSTM
    hidden   what is left for the next step, and leaves the node; of a GRU: how far it moves
"""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from msgspec import Struct
from onnx import AttributeProto
from xdsl.ir import SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import shape_of
from qcompiler.frontends.onnx.node import NodeContext
from qcompiler.frontends.onnx.refusal import RefusalError, Value
from qcompiler.frontends.onnx.registry import importer

_NOT_VALID = "export the model again, this node is not valid"
_ONE_STEP = (
    "export one step: a sequence of length 1 with initial_h and Y_h as input and output of the "
    "model, and --state INPUT=OUTPUT"
)
_DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
MOST_STEPS = 32
"""Steps that a node may hold: each is hardware of its own."""


class Grid(Struct, frozen=True):
    """Numbers that integers stand for.

    Attributes:
        places: behind the binary point.
        codes: the integers.
    """

    places: int
    codes: IntRange

    def of(self, node: NodeContext, x: SSAValue) -> SSAValue:
        """Emits `x` rounded to the grid, halves to even."""
        scale, zero = np.array([2.0**-self.places], np.float32), np.zeros(1, np.int64)
        codes = node.emit(qint.QuantizeOp(x, scale, zero, self.codes))
        return node.emit(qint.DequantizeOp(codes, scale, zero))


PART = Grid(10, IntRange.for_bits(18, signed=True))
TOTAL = Grid(8, IntRange.for_bits(12, signed=True))
SIGMOID = Grid(12, IntRange(0, 2**12))
TANH = Grid(11, IntRange(-(2**11), 2**11))
CELL = Grid(11, IntRange.for_bits(20, signed=True))
HIDDEN = Grid(15, IntRange.for_bits(16, signed=True))
MOVED = Grid(15, IntRange.for_bits(17, signed=True))


class _Layer(Struct, frozen=True):
    """One direction of a node, with its parameters.

    Attributes:
        node: that is imported.
        gates: how many there are.
        size: of the hidden state.
        weights: of the input, [gates * size, inputs].
        recurrent: of the hidden state, [gates * size, size].
        biases: of the input and of the state, [2 * gates * size]; None without.
    """

    node: NodeContext
    gates: int
    size: int
    weights: SSAValue
    recurrent: SSAValue
    biases: SSAValue | None

    def from_input(self, x: SSAValue, gate: int, *, both: bool = True) -> SSAValue:
        """Emits what the input gives a gate, with the biases of the state if `both`."""
        bias = self.bias(gate)
        if both and bias is not None:
            bias = self.node.emit(nn.AddOp(bias, _present(self.bias(self.gates + gate))))
        return self._part(x, self.weights, gate, bias)

    def from_state(self, h: SSAValue, gate: int, *, biased: bool = False) -> SSAValue:
        """Emits what the hidden state gives a gate."""
        bias = self.bias(self.gates + gate) if biased else None
        return self._part(h, self.recurrent, gate, bias)

    def _part(self, x: SSAValue, matrix: SSAValue, gate: int, bias: SSAValue | None) -> SSAValue:
        columns = self.node.emit(nn.TransposeOp(self._rows(matrix, gate), (1, 0)))
        product = self.node.emit(nn.MatMulOp(x, columns))
        if bias is not None:
            product = self.node.emit(nn.AddOp(product, bias))
        return PART.of(self.node, product)

    def _rows(self, matrix: SSAValue, gate: int) -> SSAValue:
        start, width = gate * self.size, shape_of(matrix.type)[1]
        bounds = [start, 0], [start + self.size, width], [1, 1]
        return self.node.emit(nn.SliceOp(matrix, *bounds))

    def bias(self, gate: int) -> SSAValue | None:
        """Emits a bias; None without: of the input, behind `gates` of the state."""
        if self.biases is None:
            return None
        start = gate * self.size
        return self.node.emit(nn.SliceOp(self.biases, [start], [start + self.size], [1]))

    def gate(self, parts: Sequence[SSAValue], made: Grid) -> SSAValue:
        """Emits the sigmoid or tanh of a sum of parts."""
        total = parts[0] if len(parts) == 1 else self.node.emit(nn.AddOp(parts[0], parts[1]))
        total = TOTAL.of(self.node, total)
        function = nn.SigmoidOp if made is SIGMOID else nn.TanhOp
        return made.of(self.node, self.node.emit(function(total)))

    def times(self, a: SSAValue, b: SSAValue, made: Grid) -> SSAValue:
        """Emits a product."""
        return made.of(self.node, self.node.emit(nn.MulOp(a, b)))


def _present(value: SSAValue | None) -> SSAValue:
    assert value is not None, "biases of input and state are one tensor"
    return value


_State = list[SSAValue | None]
"""The hidden state, and of an LSTM the cell; None before the first step, where they are 0."""


def _lstm_step(layer: _Layer, x: SSAValue, state: _State) -> _State:
    h, cell = state

    def gate(index: int, made: Grid) -> SSAValue:
        parts = [layer.from_input(x, index)]
        if h is not None:
            parts.append(layer.from_state(h, index))
        return layer.gate(parts, made)

    take, show, new = gate(0, SIGMOID), gate(1, SIGMOID), gate(3, TANH)
    left = layer.times(take, new, CELL)
    if cell is not None:
        kept = layer.times(gate(2, SIGMOID), cell, CELL)
        left = CELL.of(layer.node, layer.node.emit(nn.AddOp(kept, left)))
    shown = layer.gate([left], TANH)
    return [layer.times(show, shown, HIDDEN), left]


def _gru_step(layer: _Layer, x: SSAValue, state: _State) -> _State:
    (h,) = state
    node, linear_first = layer.node, bool(layer.node.int_attribute("linear_before_reset", 0))

    def gate(index: int) -> SSAValue:
        parts = [layer.from_input(x, index)]
        if h is not None:
            parts.append(layer.from_state(h, index))
        return layer.gate(parts, SIGMOID)

    update, parts = gate(0), [layer.from_input(x, 2, both=not linear_first)]
    if linear_first:
        parts += _linear_before_reset(layer, gate(1), h)
    elif h is not None:
        parts.append(layer.from_state(layer.times(gate(1), h, HIDDEN), 2))
    new = layer.gate(parts, TANH)
    before = node.emit(nn.SubOp(h, new)) if h is not None else node.emit(nn.NegOp(new))
    moved = layer.times(update, MOVED.of(node, before), MOVED)
    return [HIDDEN.of(node, node.emit(nn.AddOp(new, moved)))]


def _linear_before_reset(layer: _Layer, reset: SSAValue, h: SSAValue | None) -> list[SSAValue]:
    """Emits what the state gives the candidate, its product and bias times the reset gate."""
    given = layer.bias(layer.gates + 2) if h is None else layer.from_state(h, 2, biased=True)
    return [] if given is None else [layer.times(reset, given, PART)]


class _Kind(Struct, frozen=True):
    """What tells LSTM and GRU apart.

    Attributes:
        gates: how many.
        activations: that a direction has, in lower case.
        states: the inputs that hold them.
        step: emits the next states.
    """

    gates: int
    activations: tuple[str, ...]
    states: tuple[int, ...]
    step: Callable[[_Layer, SSAValue, _State], _State]


_LSTM = _Kind(4, ("sigmoid", "tanh", "tanh"), (5, 6), _lstm_step)
_GRU = _Kind(3, ("sigmoid", "tanh"), (5,), _gru_step)
_STATE_GRIDS = (HIDDEN, CELL)


@importer("", "LSTM")
def _lstm(node: NodeContext) -> Sequence[Value]:
    if node.has_input(7):
        raise RefusalError("peepholes (input P) are not supported", "train without them")
    if node.int_attribute("input_forget", 0):
        raise RefusalError("input_forget is not supported", "train with a forget gate")
    return _recurrent(node, _LSTM)


@importer("", "GRU")
def _gru(node: NodeContext) -> Sequence[Value]:
    return _recurrent(node, _GRU)


def _recurrent(node: NodeContext, kind: _Kind) -> Sequence[Value]:
    """Emits all steps of all directions; returns Y, Y_h and, of an LSTM, Y_c."""
    direction = node.string_attribute("direction", "forward")
    count = _DIRECTIONS.get(direction)
    if count is None:
        what = f"direction must be one of {', '.join(_DIRECTIONS)}, got {direction}"
        raise RefusalError(what, _NOT_VALID)
    _check_activations(node, kind.activations * count)
    batch_first = bool(node.int_attribute("layout", 0))
    steps, rows = _rows(node, batch_first)
    layers = [_layer(node, kind, index, count) for index in range(count)]
    made: list[list[SSAValue]] = []
    last: list[_State] = []
    for index, layer in enumerate(layers):
        backward = direction == "reverse" or index == 1
        order = range(steps - 1, -1, -1) if backward else range(steps)
        state, shown = _first(node, kind, (index, count, layer.size)), dict[int, SSAValue]()
        for at in order:
            state = kind.step(layer, rows[at], state)
            shown[at] = _present(state[0])
        made.append([shown[at] for at in range(steps)])
        last.append(state)
    size = layers[0].size
    each = [values[at] for at in range(steps) for values in made]
    shape = [1, steps, count, size] if batch_first else [steps, count, 1, size]
    ends = [1, count, size] if batch_first else [count, 1, size]
    left = [[_present(state[i]) for state in last] for i in range(len(kind.states))]
    return [_joined(node, each, shape), *(_joined(node, values, ends) for values in left)]


def _check_activations(node: NodeContext, wanted: Sequence[str]) -> None:
    attribute = node.attribute("activations", AttributeProto.STRINGS)
    given = [] if attribute is None else [s.decode("utf-8", "replace") for s in attribute.strings]
    if given and [name.lower() for name in given] != list(wanted):
        raise RefusalError(
            f"activations must be {', '.join(wanted)}, got {', '.join(given)}",
            "train with these, or write the cell step by step",
        )


def _rows(node: NodeContext, batch_first: bool) -> tuple[int, list[SSAValue]]:
    """Emits the inputs of each step, [1, inputs]; returns how many there are, and them."""
    x = node.operand(0)
    shape = shape_of(x.type)
    if len(shape) != 3 or shape[0 if batch_first else 1] != 1:
        raise RefusalError(
            f"takes one sequence at a time, [steps, 1, inputs], got shape {list(shape)}",
            "export with a batch of 1",
        )
    steps = shape[1 if batch_first else 0]
    if steps > MOST_STEPS:
        what = f"holds a sequence of {steps} steps, each hardware of its own; at most {MOST_STEPS}"
        raise RefusalError(what, _ONE_STEP)
    if node.has_input(4) and set(node.integers(4, "sequence_lens")) != {steps}:
        raise RefusalError("sequence_lens must be the length of X", "leave it out")
    rows = node.emit(nn.ReshapeOp(x, (steps, shape[2])))
    if steps == 1:
        return 1, [rows]
    width = shape[2]
    return steps, [
        node.emit(nn.SliceOp(rows, [at, 0], [at + 1, width], [1, 1])) for at in range(steps)
    ]


def _layer(node: NodeContext, kind: _Kind, index: int, count: int) -> _Layer:
    """Returns the parameters of one direction."""
    recurrent = node.shape(2)
    size = node.int_attribute("hidden_size", recurrent[-1] if recurrent else 0)
    inputs = node.shape(0)[-1]
    wanted: dict[int, tuple[int, ...]] = {
        1: (count, kind.gates * size, inputs),
        2: (count, kind.gates * size, size),
    }
    if node.has_input(3):
        wanted[3] = (count, 2 * kind.gates * size)
    for at, shape in wanted.items():
        if node.shape(at) != shape:
            what = f"input {at} must have shape {list(shape)}, got {list(node.shape(at))}"
            raise RefusalError(what, _NOT_VALID)
    parts = [_of_direction(node, at, index) for at in wanted]
    return _Layer(node, kind.gates, size, parts[0], parts[1], parts[2] if len(parts) > 2 else None)


def _of_direction(node: NodeContext, at: int, index: int) -> SSAValue:
    x = node.operand(at)
    shape = shape_of(x.type)
    if shape[0] > 1:
        starts, ends = [index, *[0] * len(shape[1:])], [index + 1, *shape[1:]]
        x = node.emit(nn.SliceOp(x, starts, ends, [1] * len(shape)))
    return node.emit(nn.ReshapeOp(x, shape[1:]))


def _first(node: NodeContext, kind: _Kind, place: tuple[int, int, int]) -> _State:
    """Emits the states before the first step, [1, size] each."""
    index, count, size = place
    found: _State = []
    for at, grid in zip(kind.states, _STATE_GRIDS, strict=False):
        if not node.has_input(at):
            found.append(None)
            continue
        held = grid.of(node, node.operand(at))
        shape = shape_of(held.type)
        if prod(shape) != count * size:
            what = f"input {at} must hold {count} x {size} numbers, got shape {list(shape)}"
            raise RefusalError(what, _NOT_VALID)
        rows = node.emit(nn.ReshapeOp(held, (count, size)))
        if count > 1:
            rows = node.emit(nn.SliceOp(rows, [index, 0], [index + 1, size], [1, 1]))
        found.append(rows)
    return found


def _joined(node: NodeContext, values: Sequence[SSAValue], shape: Sequence[int]) -> SSAValue:
    """Emits rows one after the other, in a shape."""
    row = values[0] if len(values) == 1 else node.emit(nn.ConcatOp(list(values), 1))
    return node.emit(nn.ReshapeOp(row, shape))
