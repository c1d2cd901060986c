"""Runs stream processes on whole frames in numpy: arrays of shape [batch, *frame].

What a process makes of them, it says itself: `Process.evaluate`.
"""

from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.utils.exceptions import InterpretationError

from qcompiler.dialects import stream
from qcompiler.dialects.attributes import Array
from qcompiler.provenance.sources import source_of


class StreamFunctions(InterpreterFunctions):
    """Holds the processes of the dialect."""


def _evaluate(
    functions: StreamFunctions, i: Interpreter, op: stream.Process, args: PythonValues
) -> PythonValues:
    try:
        results = op.evaluate(args)
    except OverflowError as error:
        raise InterpretationError(f"{source_of(op)}: {error}") from None
    for channel, value in zip(op.output_channels, results, strict=True):
        _check(op, channel, value)
    return results


def _check(op: stream.Process, channel: stream.ChannelType, value: Array) -> None:
    range_ = channel.element.range
    if value.size and not (range_.lo <= value.min() and value.max() <= range_.hi):
        raise InterpretationError(
            f"{source_of(op)}: a value leaves its proven range [{range_.lo}, {range_.hi}]"
        )


for _process in stream.STREAM.operations:
    if issubclass(_process, stream.Process):
        setattr(StreamFunctions, _process.name, impl(_process)(_evaluate))
register_impls(StreamFunctions)
