"""An operation that the compiler lacks: ONNX CumSum along the last axis, from the model to RTL.

qcc compile MODEL --plugin running_sum.py
"""

import numpy as np
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Dialect
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, result_def

from qcompiler import extend
from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint, stream
from qcompiler.rtl.streaming import StreamBlock


@extend.core_operation
@irdl_op_definition
class SumOp(IRDLOperation):
    """Running sum of a vector of integers: `y[i] = x[0] + ... + x[i]`."""

    name = "running.sum"
    input = operand_def(TensorType)
    result = result_def(TensorType)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"


@extend.importer("", "CumSum")
def _(node: extend.NodeContext):
    x = node.operand(0)
    if not isinstance(x.owner, qint.DequantizeOp) or x.owner.scale_array.size != 1:
        raise extend.RefusalError("its input is not quantized", "put a quantizer before it")
    if len(x.type.get_shape()) != 2 or int(node.constant(1, "axis").item()) not in (1, -1):
        raise extend.RefusalError("sums along the last axis of a matrix only", "transpose it")
    if x.owner.zero_point_array.any():
        raise extend.RefusalError("its input has a zero point", "use a symmetric quantizer")
    codes = x.owner.operands[0]
    wide = qint.int_like(codes.type, _range(SumOp.create(operands=[codes])))
    sums = node.emit(SumOp.build(operands=[codes], result_types=[wide]))
    return node.emit(qint.DequantizeOp(sums, x.owner.scale_array, np.zeros(1, np.int64)))


@extend.range_rule(SumOp)
def _range(op: SumOp) -> IntRange:
    x, count = qint.range_of(op.operands[0].type), op.operands[0].type.get_shape()[-1]
    return IntRange(min(x.lo, x.lo * count), max(x.hi, x.hi * count))


@irdl_op_definition
class SumProcess(stream.Pipe):
    """The same on a channel of one lane: an accumulator that starts anew with each frame."""

    name = "running.accumulate"
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def schedule(self) -> stream.Schedule:
        """One element a cycle; sum, then output register."""
        beats = np.arange(self.output_channel.beats)
        return stream.Schedule.pipe(len(beats), beats, beats, latency=2)


@extend.semantics(SumOp, SumProcess)
def _(op, x):
    return x.cumsum(axis=-1)


@extend.lowering(SumOp)
def _(op: SumOp, inputs):
    channel = stream.ChannelType(
        qint.int_type_of(op.result.type), extend.frame_of(op.result.type), 1
    )
    return SumProcess.build(operands=inputs, result_types=[channel])


@extend.hardware(SumProcess)
def _(place: extend.Place, op: SumProcess):
    x, y = op.input_channel.element, op.output_channel.element
    widths = x.width_bits, y.width_bits
    b = StreamBlock(place.library, place.top, place.name, place.comment, widths)
    step = (b.enable & b.in_valid).named("step")
    element = b.counter("element", op.output_channel.beats)
    element.advance_on(step)
    total = b.register("total", y.width_bits)
    start = b.mux(element.value.equals(0), b.constant(0, y.width_bits), total)
    total.drive(start + b.in_data.resize(y.width_bits, signed=x.signed), enable=step)
    return b.finish(in_ready=b.enable, next_valid=step, data=total)


RUNNING = Dialect("running", [SumOp, SumProcess])
