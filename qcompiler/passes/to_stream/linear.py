"""Matrix products, convolutions, pools and selections as processes."""

import numpy as np
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.hadamard import signs_of
from qcompiler.arith.windows import Window
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import shape_of
from qcompiler.passes.to_stream.products import lower_product
from qcompiler.passes.to_stream.state import Conversion, frame_of


def lower_matmul(state: Conversion, op: qint.MatMulOp) -> None:
    """Adds the process of a `qint.matmul`."""
    weights = op.rhs.owner
    if not isinstance(weights, qint.ConstantOp):
        lower_product(state, op)
        return
    element = qint.int_type_of(op.result.type)
    if weights.array.ndim > 2:
        _matrices(state, op, weights, element)
        return
    if weights.place is None and (signs := signs_of(weights.array)) is not None:
        state.emit(op, stream.ButterflyOp(state.values[op.lhs], element, *map(list, signs)))
        return
    name = state.weights(op, weights, weights.array)
    outputs = weights.array.shape[1]
    _weighted(state, op, weights, stream.MvauOp(state.values[op.lhs], name, element, outputs, 1, 1))


def _weighted(
    state: Conversion, op: Operation, weights: qint.ConstantOp, process: stream.Weighted
) -> None:
    """Adds a unit that multiplies by weights, and what brings them if they are elsewhere."""
    if weights.place is not None:
        channel = stream.ChannelType(
            qint.int_type_of(weights.result.type), (process.weight_uses, weights.array.size), 1
        )
        name = process.weights.root_reference.data
        source = stream.WeightSourceOp(name, weights.place, channel)
        process.operands = [*process.operands, state.insert(op, source, weights.result)]
    state.emit(op, process)


def _matrices(
    state: Conversion, op: qint.MatMulOp, weights: qint.ConstantOp, element: qint.IntType
) -> None:
    """Several matrices take turns, one for each row of the other operand."""
    *stack, rows, outputs = shape_of(op.result.type)
    inputs = weights.array.shape[-2]
    matrices = np.broadcast_to(weights.array, (*stack, inputs, outputs))
    matrices = np.repeat(matrices.reshape(-1, inputs, outputs), rows, axis=0)
    name = state.weights(op, weights, matrices.transpose(1, 0, 2).reshape(inputs, -1))
    groups = len(matrices)
    flat = stream.ReshapeOp(state.values[op.lhs], (groups * inputs,))
    rows_in_turn = state.insert(op, flat, op.result)
    product = stream.MvauOp(rows_in_turn, name, element, groups * outputs, 1, 1, groups)
    made = state.insert(op, product, op.result)
    state.emit(op, stream.ReshapeOp(made, frame_of(op.result.type)))


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


def _windows(state: Conversion, op: qint.ConvOp | qint.PoolOp, groups: int) -> SSAValue:
    """Adds what makes the windows of an operation; returns these."""
    if _samples_itself(state, op.input):
        assert isinstance(op.input.owner, qint.SampleOp)
        return _samples(state, op.input.owner, groups)
    seen = op.padded_range
    process = stream.SlidingWindowOp(
        state.values[op.input],
        qint.IntType(seen.lo, seen.hi),
        _flat_window(op.window),
        op.pad_value.value.data,
        groups,
    )
    return state.insert(op, process, op.input)


def lower_sample(state: Conversion, op: qint.SampleOp) -> None:
    """Adds the process of a `qint.sample`, or leaves that to the convolution of its windows."""
    kernel, readers = op.sampling.kernel, [use.operation for use in op.result.uses]
    single = op.sampling.taps == 1
    if all(_takes_whole(reader, kernel) for reader in readers) and (not single or len(readers) < 2):
        state.values[op.result] = state.values[op.input]  # known; each reader samples for itself
    elif single:
        state.values[op.result] = _samples(state, op, 1)
    else:
        state.refuse(
            op,
            "windows of samples are read by something else than a convolution of them",
            "let one DeformConv, of the same kernel, read them",
        )


def _samples_itself(state: Conversion, value: SSAValue) -> bool:
    """Whether `lower_sample` left the sampling of a value to the operations that read it."""
    owner = value.owner
    return isinstance(owner, qint.SampleOp) and state.values[value] is state.values[owner.input]


def _takes_whole(reader: Operation, kernel: tuple[int, int]) -> bool:
    """Whether an operation reads windows of samples that stand side by side, each as a whole."""
    if not isinstance(reader, qint.ConvOp | qint.PoolOp):
        return False
    window = reader.window
    none = (0, 0)
    return window == Window(kernel, kernel, (1, 1), none, none)


def _samples(state: Conversion, op: qint.SampleOp, groups: int) -> SSAValue:
    """Adds the process of a `qint.sample`; returns the windows."""
    mask = None if op.mask is None else state.values[op.mask]
    channels = state.values[op.input], state.values[op.offsets], mask
    element = qint.int_type_of(op.result.type)
    return state.insert(op, stream.SampleOp(channels, element, op.sampling, groups), op.result)


def lower_conv(state: Conversion, op: qint.ConvOp) -> None:
    """Adds the process of a `qint.conv`."""
    weights = op.weights.owner
    channels = shape_of(op.input.type)[-1]
    if not isinstance(weights, qint.ConstantOp):
        state.refuse(op, "its weights depend on the input of the model", "store them as constants")
        return
    outputs, taps = weights.array.shape[-1], op.window.taps
    element = qint.int_type_of(op.result.type)
    name = state.weights(op, weights, weights.array.reshape(-1, outputs))
    if op.groups == channels == outputs > 1:
        unit = stream.VvauOp(_windows(state, op, channels), name, element, taps)
        _weighted(state, op, weights, unit)
        return
    as_it_is = op.window.is_pointwise and not _samples_itself(state, op.input)
    given = state.values[op.input] if as_it_is else _windows(state, op, op.groups)
    unit = stream.MvauOp(given, name, element, outputs, 1, 1, op.groups)
    _weighted(state, op, weights, unit)


def lower_pool(state: Conversion, op: qint.PoolOp) -> None:
    """Adds the process of a `qint.pool`."""
    windows = _windows(state, op, shape_of(op.input.type)[-1])
    element = qint.int_type_of(op.result.type)
    state.emit(op, stream.PoolOp(windows, op.kind.data, element, op.window.taps))


def lower_arg_max(state: Conversion, op: qint.ArgMaxOp) -> None:
    """Adds the process of a `qint.arg_max`."""
    state.emit(op, stream.LabelSelectOp(state.values[op.input], op.takes_last))
