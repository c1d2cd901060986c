"""Turns the integer core into processes and channels, everything folded to one element a cycle.

Before:
```mlir
func.func @core(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<0, 1>> {
  %w = qint.constant dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-3, 3>>
  %y = qint.threshold %a {thresholds = dense<[[1]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<-3, 3>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return %y : tensor<1x2x!qint.int<0, 1>>
}
```
After:
```mlir
stream.weights @w dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [2], lanes = 1>
  %y = stream.requantize %a {
  ^bb0(%e : !qint.int<-3, 3>):
    %c = qint.threshold %e {thresholds = dense<[[1]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<-3, 3>) -> !qint.int<0, 1>
    qint.yield %c : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<-3, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
}
```
Requires: split-host, select-requantizer.
Keeps: every integer, in row-major order with channels innermost.
Leaves alone: @head and @tail, which are the host's. An operation of the core with no process is an
error, all of them at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from qcompiler.analysis.sources import identifier, source_of
from qcompiler.arith.requantizers import MulShift, Requantizer, rows_of
from qcompiler.arith.windows import Window
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError, Problem


def frame_of(type_: Attribute) -> tuple[int, ...]:
    """Returns the frame of a tensor: its shape without the batch, space as [height, width]."""
    shape = shape_of(type_)
    if len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return (1, *shape) if len(shape) == 2 else shape


def _channel(type_: Attribute) -> stream.ChannelType:
    return stream.ChannelType(qint.int_type_of(type_), frame_of(type_), 1)


@dataclass
class _Conversion:
    """The state while the operations of @core are walked."""

    module: ModuleOp
    builder: Builder
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    problems: list[Problem] = field(default_factory=list[Problem])
    names: set[str] = field(default_factory=set[str])

    def unique(self, wanted: str) -> str:
        """Returns a symbol name not used yet."""
        name, count = wanted, 1
        while name in self.names:
            count += 1
            name = f"{wanted}_{count}"
        self.names.add(name)
        return name

    def weights(self, op: Operation, constant: qint.ConstantOp, matrix: Array) -> str:
        """Adds named weights before the core; returns their name."""
        hint = constant.result.name_hint or op.results[0].name_hint or "weights"
        name = self.unique(identifier(hint, "weights"))
        symbol = stream.WeightsOp(name, matrix)
        symbol.location = constant.location
        core = self.builder.insertion_point.block.parent_op()
        assert core is not None
        self.module.body.block.insert_op_before(symbol, core)
        return name

    def refuse(self, op: Operation, what: str, remedy: str) -> None:
        """Records why an operation has no process."""
        self.problems.append(Problem(source_of(op), what, remedy))

    def emit(self, op: Operation, process: stream.Process) -> None:
        """Adds the process for an operation and carries name and source over."""
        process.location = op.location
        process.results[0].name_hint = op.results[0].name_hint
        self.builder.insert(process)
        self.values[op.results[0]] = process.results[0]


def _matmul(state: _Conversion, op: qint.MatMulOp) -> None:
    weights = op.rhs.owner
    if not isinstance(weights, qint.ConstantOp) or weights.array.ndim < 2:
        state.refuse(
            op, "a product of two activations has no process yet", "compute it outside the model"
        )
        return
    element = qint.int_type_of(op.result.type)
    if weights.array.ndim > 2:
        _matrices(state, op, weights, element)
        return
    name = state.weights(op, weights, weights.array)
    outputs = weights.array.shape[1]
    state.emit(op, stream.MvauOp(state.values[op.lhs], name, element, outputs, 1, 1))


def _matrices(
    state: _Conversion, op: qint.MatMulOp, weights: qint.ConstantOp, element: qint.IntType
) -> None:
    """Several matrices take turns, one for each row of the other operand."""
    *stack, rows, outputs = shape_of(op.result.type)
    inputs = weights.array.shape[-2]
    matrices = np.broadcast_to(weights.array, (*stack, inputs, outputs))
    matrices = np.repeat(matrices.reshape(-1, inputs, outputs), rows, axis=0)
    name = state.weights(op, weights, matrices.transpose(1, 0, 2).reshape(inputs, -1))
    flat = stream.ReshapeOp(state.values[op.lhs], (len(matrices) * inputs,))
    groups = len(matrices)
    product = stream.MvauOp(flat.result, name, element, groups * outputs, 1, 1, groups)
    for process in (flat, product):
        process.location = op.location
        process.result.name_hint = op.result.name_hint
        state.builder.insert(process)
    state.emit(op, stream.ReshapeOp(product.result, frame_of(op.result.type)))


def _flat_window(window: Window) -> Window:
    """Returns a window as a two-dimensional one: a row of height one for one dimension."""
    if window.rank == 2:
        return window
    return Window(
        (1, *window.kernel),
        (1, *window.strides),
        (1, *window.dilations),
        (0, *window.pads_begin),
        (0, *window.pads_end),
    )


def _windows(state: _Conversion, op: qint.ConvOp | qint.PoolOp, groups: int) -> SSAValue:
    """Adds the sliding window of an operation; returns the windows."""
    seen = op.padded_range
    process = stream.SlidingWindowOp(
        state.values[op.input],
        qint.IntType(seen.lo, seen.hi),
        _flat_window(op.window),
        op.pad_value.value.data,
        groups,
    )
    process.location = op.location
    process.result.name_hint = op.input.name_hint
    state.builder.insert(process)
    return process.result


def _conv(state: _Conversion, op: qint.ConvOp) -> None:
    weights = op.weights.owner
    channels = shape_of(op.input.type)[-1]
    if not isinstance(weights, qint.ConstantOp):
        state.refuse(op, "its weights are not constant", "export with constant weights")
        return
    outputs, taps = weights.array.shape[-1], op.window.taps
    element = qint.int_type_of(op.result.type)
    name = state.weights(op, weights, weights.array.reshape(-1, outputs))
    if op.groups == channels == outputs > 1:
        state.emit(op, stream.VvauOp(_windows(state, op, channels), name, element, taps))
        return
    given = state.values[op.input] if op.window.is_pointwise else _windows(state, op, op.groups)
    state.emit(op, stream.MvauOp(given, name, element, outputs, 1, 1, op.groups))


def _pool(state: _Conversion, op: qint.PoolOp) -> None:
    windows = _windows(state, op, shape_of(op.input.type)[-1])
    element = qint.int_type_of(op.result.type)
    state.emit(op, stream.PoolOp(windows, op.kind.data, element, op.window.taps))


def _arg_max(state: _Conversion, op: qint.ArgMaxOp) -> None:
    state.emit(op, stream.LabelSelectOp(state.values[op.input], op.takes_last))


def _requantizer(state: _Conversion, op: qint.RequantizerOp) -> None:
    if not _is_term(op):  # else the addition multiplies
        _scalar(state, op, op.requantizer)


def _scalar(state: _Conversion, op: qint.RequantizerOp | qint.AffineOp, form: Requantizer) -> None:
    given, made = qint.int_type_of(op.input.type), qint.int_type_of(op.result.type)
    shape = shape_of(op.input.type)
    axis = op.channel_axis
    uniform = rows_of(form) == 1
    if axis is not None and not uniform and any(extent != 1 for extent in shape[axis + 1 :]):
        state.refuse(op, f"its channels lie along axis {axis}, not innermost", "transpose first")
        return
    block = Block(arg_types=[given])
    scalar = qint.requantizer_op(form, block.args[0], made.range, None)
    scalar.location = op.location
    block.add_ops([scalar, qint.YieldOp(scalar.result)])
    state.emit(op, stream.RequantizeOp(state.values[op.input], Region(block), made))


def _reshape(state: _Conversion, op: qint.ReshapeOp) -> None:
    given, frame = state.values[op.input], frame_of(op.result.type)
    if stream.channel_of(given).frame_shape == frame:
        state.values[op.result] = given
    else:
        state.emit(op, stream.ReshapeOp(given, frame))


def _transpose(state: _Conversion, op: qint.TransposeOp) -> None:
    shape, permutation = shape_of(op.input.type), list(op.permutation.get_values())
    kept = [axis for axis in permutation if shape[axis] != 1]
    given, frame = state.values[op.input], frame_of(op.result.type)
    if kept == sorted(kept):
        state.emit(op, stream.ReshapeOp(given, frame))
        return
    strides = [int(np.prod(shape[axis + 1 :], dtype=object)) for axis in range(len(shape))]
    loops = [(shape[axis], strides[axis]) for axis in permutation]
    size = int(np.prod(shape, dtype=object))
    state.emit(op, stream.ReorderOp(given, size, loops, frame))


def _aligned(
    state: _Conversion, op: qint.AddOp | qint.MulOp, values: Sequence[SSAValue]
) -> list[SSAValue] | None:
    """Returns channels with the result's frame for each value; None if that was refused."""
    if any(isinstance(value.owner, qint.ConstantOp) for value in values):
        state.refuse(op, "one of its operands is constant", "join activations only")
        return None
    frame = frame_of(op.result.type)
    channels: list[SSAValue] = []
    for value in values:
        given = state.values[value]
        own = stream.channel_of(given).frame_shape
        repeats = _repeats(own, frame)
        if repeats is None:
            shapes = [list(shape_of(operand.type)) for operand in op.operands]
            state.refuse(
                op,
                f"its operands have shapes {shapes[0]} and {shapes[1]}",
                "join activations of equal shape, or one value per channel with all positions",
            )
            return None
        if own != frame:
            moved: stream.Process
            if repeats == 1:
                moved = stream.ReshapeOp(given, frame)
            else:
                moved = stream.ReorderOp(given, own[-1], [(repeats, 0), (own[-1], 1)], frame)
            moved.location = op.location
            moved.results[0].name_hint = value.name_hint
            state.builder.insert(moved)
            given = moved.results[0]
        channels.append(given)
    return channels


def _repeats(own: Sequence[int], frame: Sequence[int]) -> int | None:
    """Returns how often a frame must be sent to fill another one, None if that does not fit."""
    if own[-1] != frame[-1]:
        return None
    positions = [int(np.prod(shape[:-1], dtype=object)) for shape in (own, frame)]
    return positions[1] // positions[0] if positions[0] in (1, positions[1]) else None


def _is_term(op: qint.RequantizerOp) -> bool:
    return _multiple(op.result) is not None and all(
        isinstance(use.operation, qint.AddOp) for use in op.result.uses
    )


def _multiple(value: SSAValue) -> tuple[int, SSAValue] | None:
    """Returns m and x if `value` is m * x and nothing else needs it."""
    op = value.owner
    if not isinstance(op, qint.MulShiftOp) or len(list(value.uses)) != 1:
        return None
    form = op.requantizer
    if form.shift or form.bias.any() or form.multiplier.size != 1 or form.tie_parity is not None:
        return None
    return int(form.multiplier[0]), op.input


def _add(state: _Conversion, op: qint.AddOp) -> None:
    terms = [_multiple(value) or (1, value) for value in op.operands]
    channels = _aligned(state, op, [value for _, value in terms])
    if channels is not None:
        element = qint.int_type_of(op.result.type)
        factors = terms[0][0], terms[1][0]
        state.emit(op, stream.AddOp(channels[0], channels[1], element, factors))


def _mul(state: _Conversion, op: qint.MulOp) -> None:
    channels = _aligned(state, op, op.operands)
    if channels is not None:
        element = qint.int_type_of(op.result.type)
        state.emit(op, stream.MulOp(channels[0], channels[1], element))


def _concat(state: _Conversion, op: qint.ConcatOp) -> None:
    rank = len(shape_of(op.result.type))
    axis = op.axis.value.data - rank + len(frame_of(op.result.type))
    if any(value not in state.values for value in op.inputs) or axis < 0:
        state.refuse(op, "one of its operands is constant", "concatenate activations only")
        return
    element = qint.int_type_of(op.result.type)
    given = [state.values[value] for value in op.inputs]
    state.emit(op, stream.ConcatOp(given, axis, element))


def _affine(state: _Conversion, op: qint.AffineOp) -> None:
    """An integer map that no other operation took in: a multiplication and an addition."""
    bounds = qint.range_of(op.result.type)
    form = MulShift(op.multiplier_array, op.offset_array, 0, bounds.lo, bounds.hi)
    _scalar(state, op, form)


def _slice(state: _Conversion, op: qint.SliceOp) -> None:
    given = state.values[op.input]
    frame = stream.channel_of(given).frame_shape
    shape = shape_of(op.input.type)
    parts = [list(part) for part in op.bounds]
    if len(frame) < len(shape):
        parts = [part[1:] for part in parts]
    elif len(frame) > len(shape):
        return state.refuse(op, f"slices a tensor of shape {list(shape)}", "reshape it first")
    starts, ends, steps = parts if len(parts[0]) == len(frame) else _with_row(parts)
    state.emit(op, stream.SliceOp(given, starts, ends, steps))
    return None


def _with_row(parts: list[list[int]]) -> list[list[int]]:
    """Adds the unit row of a one-dimensional frame to starts, ends and steps."""
    return [[first, *part] for first, part in zip((0, 1, 1), parts, strict=True)]


def _spatial(op: qint.ResizeNearestOp | qint.DepthToSpaceOp) -> tuple[int, int, int]:
    """Returns height, width and channels of what an operation takes."""
    frame = frame_of(op.input.type)
    height, width, channels = frame if len(frame) == 3 else (1, 1, frame[-1])
    return height, width, channels


def _resize(state: _Conversion, op: qint.ResizeNearestOp) -> None:
    _, width, channels = _spatial(op)
    *_, rows, columns, depth = (1, 1, *op.factors)
    inner = [(columns, 0), (channels, 1), (depth, 0)]
    loops = inner if rows == 1 else [(rows, 0), (width, channels), *inner]
    block = channels if rows == 1 else width * channels
    state.emit(op, stream.ReorderOp(state.values[op.input], block, loops, frame_of(op.result.type)))


def _depth_to_space(state: _Conversion, op: qint.DepthToSpaceOp) -> None:
    _, width, channels = _spatial(op)
    *_, rows, columns = (1, *op.blocks)
    depth = channels // (rows * columns)
    if op.mode.data == "DCR":
        row, column, channel = columns * depth, depth, 1
    else:
        row, column, channel = columns, 1, rows * columns
    inner = [(columns, column), (depth, channel)]
    loops = inner if rows == 1 else [(rows, row), (width, channels), *inner]
    block = channels if rows == 1 else width * channels
    state.emit(op, stream.ReorderOp(state.values[op.input], block, loops, frame_of(op.result.type)))


def _pad(state: _Conversion, op: qint.PadOp) -> None:
    """Padding is a sliding window of one element."""
    given = state.values[op.input]
    widths = op.widths[1:] if len(op.widths) > 3 else [(0, 0), *op.widths[1:]]
    if len(stream.channel_of(given).frame_shape) != 3 or len(widths) != 3 or any(widths[-1]):
        state.refuse(op, f"pads {op.input.type}", "pad rows and columns only")
        return
    (top, bottom), (left, right) = widths[:2]
    window = Window((1, 1), (1, 1), (1, 1), (top, left), (bottom, right))
    element = qint.int_type_of(op.result.type)
    value = op.value.value.data
    state.emit(op, stream.SlidingWindowOp(given, element, window, value, 1))


_RULES: list[tuple[type[Operation], Callable[[_Conversion, Any], None]]] = [
    (qint.MatMulOp, _matmul),
    (qint.ConvOp, _conv),
    (qint.PoolOp, _pool),
    (qint.ArgMaxOp, _arg_max),
    (qint.RequantizerOp, _requantizer),
    (qint.ReshapeOp, _reshape),
    (qint.TransposeOp, _transpose),
    (qint.AddOp, _add),
    (qint.MulOp, _mul),
    (qint.ConcatOp, _concat),
    (qint.AffineOp, _affine),
    (qint.SliceOp, _slice),
    (qint.ResizeNearestOp, _resize),
    (qint.DepthToSpaceOp, _depth_to_space),
    (qint.PadOp, _pad),
]


Lowering = Callable[[Any, list[SSAValue]], stream.Process]
"""Takes an operation and the channels of its operands; returns the process, not yet inserted."""


def lowering(*op_types: type[Operation]) -> Callable[[Lowering], Lowering]:
    """Returns a decorator that registers what process an operation of a plugin becomes.

    Frames are the operands' shapes without the batch (`frame_of`), channels have one lane yet:
    select-folding comes later. Raise `ModelError` to refuse an operation.

    Example: `@lowering(CumSumOp)` above `def _(op, inputs): return CumSumProcess(inputs[0], ...)`
    """

    def register(function: Lowering) -> Lowering:
        def rule(state: _Conversion, op: Operation) -> None:
            state.emit(op, function(op, [state.values[operand] for operand in op.operands]))

        _RULES.extend((op_type, rule) for op_type in op_types)
        return function

    return register


def _is_known(state: _Conversion, value: SSAValue) -> bool:
    owner = value.owner
    if isinstance(owner, qint.RequantizerOp) and _is_term(owner):
        return owner.input in state.values
    return value in state.values or isinstance(owner, qint.ConstantOp)


def _convert(state: _Conversion, op: Operation) -> None:
    if not all(_is_known(state, operand) for operand in op.operands):
        return  # what feeds it was refused already
    for kind, rule in _RULES:
        if isinstance(op, kind):
            rule(state, op)
            return
    state.refuse(op, f"{op.name} has no process", "compute it outside the model")


def _duplicate(block: Block) -> None:
    """Gives each channel one reader: a duplicate stands where several need it."""
    values = [*block.args, *(result for op in block.ops for result in op.results)]
    for value in values:
        uses = list(value.uses)
        if len(uses) < 2:
            continue
        duplicate = stream.DuplicateOp(value, len(uses))
        if isinstance(value.owner, Operation):
            duplicate.location = value.owner.location
            block.insert_op_after(duplicate, value.owner)
        else:
            assert block.first_op is not None
            block.insert_op_before(duplicate, block.first_op)
        for use, copy in zip(uses, duplicate.results, strict=True):
            copy.name_hint = value.name_hint
            use.operation.operands[use.index] = copy


def _check_batch(core: func.FuncOp) -> None:
    """Raises ModelError where a convolution or pool sees several images at once."""
    problems = [
        Problem(
            source_of(op),
            f"works on a batch of {shape_of(op.operands[0].type)[0]}",
            "export the model with a batch of 1; frames follow one another in hardware",
        )
        for op in core.body.block.ops
        if isinstance(op, qint.Windowed) and shape_of(op.operands[0].type)[0] != 1
    ]
    if problems:
        raise ModelError(problems)


@dataclass(frozen=True)
class ConvertQintToStreamPass(ModulePass):
    """Turns the integer core into processes and channels, everything folded to one element."""

    name = "convert-qint-to-stream"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        core = next(
            (f for f in op.ops if isinstance(f, func.FuncOp) and f.sym_name.data == "core"), None
        )
        if core is None:
            return
        _check_batch(core)
        block = Block(arg_types=[_channel(argument.type) for argument in core.args])
        replacement = func.FuncOp("core", ([], []), Region(block))
        op.body.block.insert_op_before(replacement, core)
        state = _Conversion(op, Builder(InsertPoint.at_end(block)), names={"head", "core", "tail"})
        for argument, channel in zip(core.args, block.args, strict=True):
            channel.name_hint = argument.name_hint
            state.values[argument] = channel
        returned = core.get_return_op()
        assert returned is not None
        for inner in core.body.block.ops:
            if not isinstance(inner, qint.ConstantOp | func.ReturnOp):
                _convert(state, inner)
        if state.problems:
            replacement.detach()
            raise ModelError(state.problems)
        results = [state.values[value] for value in returned.operands]
        block.add_op(func.ReturnOp(*results))
        _duplicate(block)
        replacement.function_type = FunctionType.from_lists(
            block.arg_types, [value.type for value in results]
        )
        core.detach()
        core.erase()
