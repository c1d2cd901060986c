"""Runs stream processes on whole frames in numpy: arrays of shape [batch, *frame].

What a process makes of them, it says itself: `Process.evaluate`.
"""

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import InterpretationError

from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.provenance.sources import source_of


class StreamFunctions(InterpreterFunctions):
    """Holds the processes of the dialect."""


def _evaluate(
    functions: StreamFunctions, i: Interpreter, op: stream.Process, args: PythonValues
) -> PythonValues:
    wide = not all(channel.element.range.fits_int64 for channel in op.output_channels)
    results = op.evaluate(tuple(x.astype(object) for x in args) if wide else args)
    for channel, value in zip(op.output_channels, results, strict=True):
        _check(op, channel, value)
    return results


def _check(op: stream.Process, channel: stream.ChannelType, value: Array) -> None:
    range_ = channel.element.range
    if value.size and not (range_.lo <= value.min() and value.max() <= range_.hi):
        raise InterpretationError(
            f"{source_of(op)}: a value leaves its proven range [{range_.lo}, {range_.hi}]"
        )


def _pipeline(
    functions: StreamFunctions, i: Interpreter, op: stream.PipelineOp, args: PythonValues
) -> PythonValues:
    """Runs the body on all beats, and of each beat on all pixels, at once."""
    body = op.scalar_body
    known: dict[SSAValue, Array] = {}
    for value, frames, view, lanes in zip(
        body.arguments, args, op.views, op.wanted_lanes, strict=True
    ):
        shape = shape_of(value.type)
        taken = frames.reshape(-1, lanes)[:, view.places(op.copies, shape[-1])]
        known[value] = taken.reshape(-1, *shape)
    for inner in body.operations:
        given = tuple(known[operand] for operand in inner.operands)
        known.update(zip(inner.results, i.run_op(inner, given), strict=True))
    (channel,) = op.output_channels
    made = known[body.yielded].reshape(len(args[0]), *channel.frame_shape)
    _check(op, channel, made)
    return (made,)


def _adder_graph(
    functions: StreamFunctions, i: Interpreter, op: stream.AdderGraphOp, args: PythonValues
) -> PythonValues:
    x = np.concatenate([beats.reshape(-1, beats.shape[-1]) for beats in args], axis=1)
    return (op.graph.evaluate(x).reshape(len(args[0]), 1, -1),)


def _maximum(
    functions: StreamFunctions, i: Interpreter, op: stream.MaximumOp, args: PythonValues
) -> PythonValues:
    return (op.compute(*args),)


for _process in stream.STREAM.operations:
    if issubclass(_process, stream.Process):
        setattr(StreamFunctions, _process.name, impl(_process)(_evaluate))
setattr(StreamFunctions, stream.PipelineOp.name, impl(stream.PipelineOp)(_pipeline))
setattr(StreamFunctions, stream.AdderGraphOp.name, impl(stream.AdderGraphOp)(_adder_graph))
setattr(StreamFunctions, stream.MaximumOp.name, impl(stream.MaximumOp)(_maximum))
register_impls(StreamFunctions)
