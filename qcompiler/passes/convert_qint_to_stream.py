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

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint

from qcompiler.analysis.sources import identifier, source_of
from qcompiler.arith.requantizers import rows_of
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
    if not isinstance(weights, qint.ConstantOp) or weights.array.ndim != 2:
        state.refuse(
            op, "a product of two activations has no process yet", "compute it outside the model"
        )
        return
    name = state.weights(op, weights, weights.array)
    element = qint.int_type_of(op.result.type)
    outputs = weights.array.shape[1]
    state.emit(op, stream.MvauOp(state.values[op.lhs], name, element, outputs, 1, 1))


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


def _windows(
    state: _Conversion, op: qint.ConvOp | qint.PoolOp, order: Literal["dense", "depthwise"]
) -> SSAValue:
    """Adds the sliding window of an operation; returns the windows."""
    seen = op.padded_range
    process = stream.SlidingWindowOp(
        state.values[op.input],
        qint.IntType(seen.lo, seen.hi),
        _flat_window(op.window),
        op.pad_value.value.data,
        order,
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
    depthwise = op.groups == channels == outputs
    if op.groups != 1 and not depthwise:
        state.refuse(
            op,
            f"{op.groups} groups of {channels} channels have no process yet",
            "use dense convolutions, or depthwise ones with one output a channel",
        )
        return
    if depthwise and channels > 1:
        name = state.weights(op, weights, weights.array.reshape(taps, channels))
        windows = _windows(state, op, "depthwise")
        state.emit(op, stream.VvauOp(windows, name, element, taps))
        return
    name = state.weights(op, weights, weights.array.reshape(-1, outputs))
    given = state.values[op.input] if op.window.is_pointwise else _windows(state, op, "dense")
    state.emit(op, stream.MvauOp(given, name, element, outputs, 1, 1))


def _pool(state: _Conversion, op: qint.PoolOp) -> None:
    windows = _windows(state, op, "depthwise")
    element = qint.int_type_of(op.result.type)
    state.emit(op, stream.PoolOp(windows, op.kind.data, element, op.window.taps))


def _requantizer(state: _Conversion, op: qint.RequantizerOp) -> None:
    if _is_term(op):
        return  # the addition multiplies
    given, made = qint.int_type_of(op.input.type), qint.int_type_of(op.result.type)
    shape = shape_of(op.input.type)
    axis = op.channel_axis
    uniform = rows_of(op.requantizer) == 1
    if axis is not None and not uniform and any(extent != 1 for extent in shape[axis + 1 :]):
        state.refuse(op, f"its channels lie along axis {axis}, not innermost", "transpose first")
        return
    block = Block(arg_types=[given])
    scalar = qint.requantizer_op(op.requantizer, block.args[0], op.range, None)
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
    kept = [axis for axis in op.permutation.get_values() if shape_of(op.input.type)[axis] != 1]
    if kept != sorted(kept):
        state.refuse(op, "reorders elements within a frame", "remove the transposition")
        return
    frame = frame_of(op.result.type)
    state.emit(op, stream.ReshapeOp(state.values[op.input], frame))


def _same_frames(state: _Conversion, op: qint.AddOp | qint.MulOp) -> bool:
    shapes = [shape_of(value.type) for value in op.operands]
    constant = any(isinstance(value.owner, qint.ConstantOp) for value in op.operands)
    if shapes[0] == shapes[1] and not constant:
        return True
    what = f"its operands have shapes {list(shapes[0])} and {list(shapes[1])}"
    if constant:
        what = "one of its operands is constant"
    state.refuse(op, what, "join activations of equal shape")
    return False


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
    if not _same_frames(state, op):
        return
    terms = [_multiple(value) or (1, value) for value in op.operands]
    element = qint.int_type_of(op.result.type)
    (first, lhs), (second, rhs) = terms
    state.emit(op, stream.AddOp(state.values[lhs], state.values[rhs], element, (first, second)))


def _mul(state: _Conversion, op: qint.MulOp) -> None:
    if _same_frames(state, op):
        element = qint.int_type_of(op.result.type)
        state.emit(op, stream.MulOp(state.values[op.lhs], state.values[op.rhs], element))


def _concat(state: _Conversion, op: qint.ConcatOp) -> None:
    rank = len(shape_of(op.result.type))
    axis = op.axis.value.data - rank + len(frame_of(op.result.type))
    if any(value not in state.values for value in op.inputs) or axis < 0:
        state.refuse(op, "one of its operands is constant", "concatenate activations only")
        return
    element = qint.int_type_of(op.result.type)
    given = [state.values[value] for value in op.inputs]
    state.emit(op, stream.ConcatOp(given, axis, element))


_RULES: list[tuple[type[Operation], Callable[[_Conversion, Any], None]]] = [
    (qint.MatMulOp, _matmul),
    (qint.ConvOp, _conv),
    (qint.PoolOp, _pool),
    (qint.RequantizerOp, _requantizer),
    (qint.ReshapeOp, _reshape),
    (qint.TransposeOp, _transpose),
    (qint.AddOp, _add),
    (qint.MulOp, _mul),
    (qint.ConcatOp, _concat),
]


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
