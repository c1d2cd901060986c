"""From accumulators to codes: the scalar function, and the forms hardware has for it."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from xdsl.dialects.builtin import I64, IntegerAttr, i64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import IsTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizers import (
    INT64_BITS,
    SIGNIFICAND_BITS,
    WIDEST_SUM_BITS,
    FloatScale,
    MulShift,
    Requantizer,
    Shift,
    Table,
    Threshold,
    entered_magnitude,
)
from qcompiler.dialects.attributes import (
    Array,
    DenseAttr,
    dense_from_numpy,
    int_dense,
    is_dense,
    numpy_from_dense,
    shape_of,
    verify_channel_parameter,
)
from qcompiler.dialects.qint.interface import IntegerOp
from qcompiler.dialects.qint.types import (
    INT,
    INT_TENSOR,
    IntParameter,
    int_like,
    int_parameter,
    int_type_of,
    parameter_array,
    range_of,
)


@irdl_op_definition
class YieldOp(IRDLOperation):
    """Ends a scalar region with its result. Example: `qint.yield %y : !qint.int<0, 3>`."""

    name = "qint.yield"
    value = operand_def(INT)
    traits = traits_def(IsTerminator())
    assembly_format = "$value attr-dict `:` type($value)"

    def __init__(self, value: SSAValue):
        super().__init__(operands=[value])


class ScalarBody:
    """A block that maps integers, mostly one, to an integer: a scalar function."""

    def __init__(self, block: Block):
        self.block = block

    @property
    def argument(self) -> SSAValue:
        """The integer that goes in, the first one if there are several."""
        return self.block.args[0]

    @property
    def arguments(self) -> tuple[SSAValue, ...]:
        """The integers that go in."""
        return self.block.args

    @property
    def yielded(self) -> SSAValue:
        """The integer that comes out."""
        last = self.block.last_op
        assert isinstance(last, YieldOp)
        return last.value

    @property
    def operations(self) -> list[Operation]:
        """What is computed, without the terminator."""
        return [op for op in self.block.ops if not isinstance(op, YieldOp)]

    @property
    def parameters(self) -> list[tuple[Operation, str, Array]]:
        """Which operations have arrays of parameters, under which name, and these."""
        return [
            (op, name, numpy_from_dense(value))
            for op in self.operations
            for name, value in op.properties.items()
            if is_dense(value)
        ]

    @property
    def has_rows(self) -> bool:
        """Whether parameters may vary along an axis."""
        return any(array.size > 1 for _, _, array in self.parameters)

    def keep_rows(self, rows: int, kept: Array) -> None:
        """Drops all rows of parameters but some.

        Args:
            rows: how many there are.
            kept: which stay, in order.
        """
        for op, name, array in self.parameters:
            if array.shape == (rows,):
                op.properties[name] = dense_from_numpy(array[kept])

    def verify(self, given: Sequence[Attribute], made: Attribute) -> None:
        """Raises VerifyException unless the block maps the types `given` to the type `made`."""
        if [argument.type for argument in self.block.args] != list(given):
            wanted = f"one {given[0]}" if len(given) == 1 else ", ".join(map(str, given))
            raise VerifyException(f"body must take {wanted}")
        if not isinstance(self.block.last_op, YieldOp):
            raise VerifyException("body must end with qint.yield")
        if self.yielded.type != made:
            raise VerifyException(f"body must yield {made}, got {self.yielded.type}")


@irdl_op_definition
class RequantizeOp(IntegerOp):
    """Applies the scalar function of its region to every element, one function per channel.

    The region holds the chain of real operations between an accumulator and the next quantizer;
    `nn.parameter` and attributes with many values are indexed by the position along `axis`.

    Example: `%y = qint.requantize %x axis 1 {
        ^bb0(%a : !qint.int<-9, 9>):
          %r = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64}
            : (!qint.int<-9, 9>) -> f32
          %q = qint.quantize %r {scale = 1.0 : f32, zero_point = 0 : i64,
            rounding = "half_even"} : (f32) -> !qint.int<0, 3>
          qint.yield %q : !qint.int<0, 3>
        } : (tensor<1x4x!qint.int<-9, 9>>) -> tensor<1x4x!qint.int<0, 3>>`
    """

    name = "qint.requantize"
    input = operand_def(INT_TENSOR)
    axis = prop_def(IntegerAttr[I64])
    body = region_def("single_block")
    result = result_def(INT_TENSOR)
    traits = traits_def(Pure())
    assembly_format = "$input `axis` $axis $body attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, axis: int, body: Region, range_: IntRange):
        super().__init__(
            operands=[input],
            properties={"axis": IntegerAttr(axis, i64)},
            regions=[body],
            result_types=[int_like(input.type, range_)],
        )

    @property
    def channel_axis(self) -> int:
        """The axis along which parameters vary."""
        return self.axis.value.data

    @property
    def channels(self) -> int:
        """Extent of the channel axis."""
        return shape_of(self.input.type)[self.channel_axis]

    @property
    def scalar_body(self) -> ScalarBody:
        """The scalar function."""
        return ScalarBody(self.body.block)

    @property
    def carries_channels(self) -> bool:
        last = self.channel_axis == len(shape_of(self.result.type)) - 1
        return last or not self.scalar_body.has_rows

    def keep_channels(self, kept: Array) -> None:
        self.scalar_body.keep_rows(shape_of(self.result.type)[-1], kept)

    def verify_(self) -> None:
        shape = shape_of(self.input.type)
        if shape != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )
        if not 0 <= self.channel_axis < len(shape):
            raise VerifyException(f"axis must be in [0, {len(shape) - 1}], got {self.channel_axis}")
        self.scalar_body.verify([int_type_of(self.input.type)], int_type_of(self.result.type))


class RequantizerOp(IntegerOp, ABC):
    """What the hardware forms share."""

    input = operand_def(INT)
    axis = opt_prop_def(IntegerAttr[I64])
    result = result_def(INT)
    traits = traits_def(Pure())
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    @property
    @abstractmethod
    def requantizer(self) -> Requantizer:
        """The form as integer arithmetic."""

    @property
    def channel_axis(self) -> int | None:
        """The axis along which parameters vary, if they do."""
        return None if self.axis is None else self.axis.value.data

    @property
    def range(self) -> IntRange:
        """Bounds of the result."""
        return range_of(self.result.type)

    def _verify_rows(self, **parameters: int) -> None:
        shape = shape_of(self.input.type)
        if shape != shape_of(self.result.type):
            raise VerifyException(
                f"input {self.input.type} and result {self.result.type} differ in shape"
            )
        for name, rows in parameters.items():
            verify_channel_parameter(rows, self.channel_axis, shape, name)


def _optional_i64(value: int | None) -> IntegerAttr[I64] | None:
    return None if value is None else IntegerAttr(value, i64)


def _value(attribute: IntegerAttr[I64] | None) -> int | None:
    return None if attribute is None else attribute.value.data


def _verify_ties(op: "ShiftOp | MulShiftOp") -> None:
    parity, width = _value(op.tie_parity), _value(op.tie_width)
    if parity not in (None, 0, 1):
        raise VerifyException(f"tie_parity must be 0 or 1, got {parity}")
    if width is not None and (parity is None or not 0 <= width < op.requantizer.shift):
        raise VerifyException(
            f"tie_width must be at least 0 and below the shift, beside tie_parity, got {width}"
        )


def _verify_sums(sums: IntRange, what: str, most: int = WIDEST_SUM_BITS) -> None:
    if sums.width_bits > most:
        raise VerifyException(
            f"{what} and bias need {sums.width_bits} bits, at most {most} allowed"
        )


# Forms are asked for again and again, by each batch that is computed.
_FORMS = 256


@lru_cache(maxsize=_FORMS)
def _shift(
    shift: int, bias: IntParameter, sign: IntParameter, y: IntRange, parity: int | None, width: int
) -> Shift:
    rows = parameter_array(bias), parameter_array(sign)
    return Shift(shift, *rows, y.lo, y.hi, parity, width)


@lru_cache(maxsize=_FORMS)
def _mul_shift(
    multiplier: IntParameter,
    bias: IntParameter,
    shift: int,
    y: IntRange,
    parity: int | None,
    width: int,
) -> MulShift:
    rows = parameter_array(multiplier), parameter_array(bias)
    return MulShift(*rows, shift, y.lo, y.hi, parity, width)


@lru_cache(maxsize=_FORMS)
def _float_scale(
    multiplier: IntParameter, offset: IntParameter, shift: int, zero_point: int, y: IntRange
) -> FloatScale:
    rows = parameter_array(multiplier), parameter_array(offset)
    return FloatScale(*rows, shift, zero_point, y.lo, y.hi)


@irdl_op_definition
class ShiftOp(RequantizerOp):
    """Adds and shifts: `y = clamp((sign * x + bias) >> shift, lo, hi)`, a left shift if negative.

    With `tie_parity` p, a sum whose `shift` low bits are all zero lies between y - 1 and y, and
    takes the one with lowest bit p; the `tie_width` lowest of these bits may be anything. `lo` and
    `hi` are the bounds of the result.

    Example: `%y = qint.shift %x {shift = 1 : i64, bias = 1 : i64, sign = 1 : i64,
        tie_parity = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<-4, 4>`
    """

    name = "qint.shift"
    shift = prop_def(IntegerAttr[I64])
    bias = prop_def(IntParameter)
    sign = prop_def(IntParameter)
    tie_parity = opt_prop_def(IntegerAttr[I64])
    tie_width = opt_prop_def(IntegerAttr[I64])

    @property
    def requantizer(self) -> Shift:
        ties = _value(self.tie_parity), _value(self.tie_width) or 0
        return _shift(self.shift.value.data, self.bias, self.sign, self.range, *ties)

    def verify_(self) -> None:
        form = self.requantizer
        self._verify_rows(bias=form.bias.size, sign=form.sign.size)
        _verify_ties(self)
        if not set(np.unique(form.sign).tolist()) <= {-1, 1}:
            raise VerifyException(f"sign must be 1 or -1, got {form.sign}")
        if abs(form.shift) > WIDEST_SUM_BITS:
            raise VerifyException(
                f"shift must be at most {WIDEST_SUM_BITS} in magnitude, got {form.shift}"
            )
        _verify_sums(form.sum_range(range_of(self.input.type)), "shifted input")


@irdl_op_definition
class MulShiftOp(RequantizerOp):
    """Multiplies, adds and shifts: `y = clamp((x * multiplier + bias) >> shift, lo, hi)`.

    `tie_parity` and `tie_width` as in `qint.shift`. `lo` and `hi` are the bounds of the result.
    A multiplier or bias that 64 bits do not hold is an `i256`, or an array of these.

    Example: `%y = qint.mul_shift %x {multiplier = 13 : i64, bias = 32 : i64, shift = 6 : i64}
        : (!qint.int<-80, 79>) -> !qint.int<-16, 15>`
    """

    name = "qint.mul_shift"
    multiplier = prop_def(IntParameter)
    bias = prop_def(IntParameter)
    shift = prop_def(IntegerAttr[I64])
    tie_parity = opt_prop_def(IntegerAttr[I64])
    tie_width = opt_prop_def(IntegerAttr[I64])

    @property
    def requantizer(self) -> MulShift:
        ties = _value(self.tie_parity), _value(self.tie_width) or 0
        return _mul_shift(self.multiplier, self.bias, self.shift.value.data, self.range, *ties)

    def verify_(self) -> None:
        form = self.requantizer
        self._verify_rows(multiplier=form.multiplier.size, bias=form.bias.size)
        _verify_ties(self)
        if not 0 <= form.shift <= WIDEST_SUM_BITS:
            raise VerifyException(f"shift must be in [0, {WIDEST_SUM_BITS}], got {form.shift}")
        _verify_sums(form.sum_range(range_of(self.input.type)), "product")


@irdl_op_definition
class FloatScaleOp(RequantizerOp):
    """Multiplies as float32 does: `y = clamp(round(float32(p * 2**-shift)) + zero_point, lo, hi)`.

    Here `p = (x + offset) * multiplier`, exactly; both roundings are half to even. It is what
    onnxruntime's integer kernels compute. `lo` and `hi` are the bounds of the result.

    Example: `%y = qint.float_scale %x {multiplier = 13 : i64, offset = -3 : i64, shift = 6 : i64,
        zero_point = 2 : i64} : (!qint.int<-80, 79>) -> !qint.int<-16, 15>`
    """

    name = "qint.float_scale"
    multiplier = prop_def(IntParameter)
    offset = prop_def(IntParameter)
    shift = prop_def(IntegerAttr[I64])
    zero_point = prop_def(IntegerAttr[I64])

    @property
    def requantizer(self) -> FloatScale:
        shift, zero_point = self.shift.value.data, self.zero_point.value.data
        return _float_scale(self.multiplier, self.offset, shift, zero_point, self.range)

    def verify_(self) -> None:
        form = self.requantizer
        self._verify_rows(multiplier=form.multiplier.size, offset=form.offset.size)
        if not 1 <= form.shift <= 62:
            raise VerifyException(f"shift must be in [1, 62], got {form.shift}")
        if form.multiplier.min() < 1:
            raise VerifyException(f"multiplier must be positive, got {form.multiplier.min()}")
        significant = form.multiplier // (form.multiplier & -form.multiplier)
        if significant.max() > 1 << SIGNIFICAND_BITS:
            worst = int(form.multiplier[significant.argmax()])
            raise VerifyException(
                f"multiplier must have at most {SIGNIFICAND_BITS} significant bits, as float32 "
                f"factors have, got {worst}"
            )
        x = range_of(self.input.type)
        entered = entered_magnitude(x, form.offset)
        if entered > 1 << SIGNIFICAND_BITS:
            raise VerifyException(
                f"input plus offset must be at most 2**24 in magnitude, got {entered}"
            )
        _verify_sums(form.sum_range(x), "product", INT64_BITS)


@irdl_op_definition
class ThresholdOp(RequantizerOp):
    """Counts thresholds: `y = lo + (number of k with sign * x >= thresholds[channel, k])`.

    Example: `%y = qint.threshold %x {thresholds = dense<[[-1, 4]]> : tensor<1x2xi8>,
        sign = 1 : i64, lo = 0 : i64} : (!qint.int<-9, 9>) -> !qint.int<0, 2>`
    """

    name = "qint.threshold"
    thresholds = prop_def(DenseAttr)
    sign = prop_def(IntParameter)
    lo = prop_def(IntegerAttr[I64])

    @property
    def requantizer(self) -> Threshold:
        thresholds = numpy_from_dense(self.thresholds).astype(np.int64)
        return Threshold(thresholds, parameter_array(self.sign), self.lo.value.data)

    def verify_(self) -> None:
        if len(self.thresholds.get_shape()) != 2:
            raise VerifyException(f"thresholds must be a matrix, got {self.thresholds.type}")
        form = self.requantizer
        self._verify_rows(thresholds=form.thresholds.shape[0], sign=form.sign.size)
        if (np.diff(form.thresholds, axis=1) < 0).any():
            raise VerifyException("thresholds of a channel must not decrease")
        if not set(np.unique(form.sign).tolist()) <= {-1, 1}:
            raise VerifyException(f"sign must be 1 or -1, got {form.sign}")
        codes = IntRange(form.lo, form.lo + form.thresholds.shape[1])
        if not self.range.contains(codes):
            raise VerifyException(
                f"codes {codes.lo} to {codes.hi} exceed the range of {self.result.type}"
            )


@irdl_op_definition
class TableOp(RequantizerOp):
    """Looks up: `y = entries[channel, x - x_lo]`.

    Example: `%y = qint.table %x {entries = dense<[[0, 1, 3]]> : tensor<1x3xi8>, x_lo = -1 : i64}
        : (!qint.int<-1, 1>) -> !qint.int<0, 3>`
    """

    name = "qint.table"
    entries = prop_def(DenseAttr)
    x_lo = prop_def(IntegerAttr[I64])

    @property
    def requantizer(self) -> Table:
        return Table(numpy_from_dense(self.entries).astype(np.int64), self.x_lo.value.data)

    def verify_(self) -> None:
        if len(self.entries.get_shape()) != 2 or not all(self.entries.get_shape()):
            raise VerifyException(f"entries must be a matrix, not empty, got {self.entries.type}")
        form = self.requantizer
        self._verify_rows(entries=form.entries.shape[0])
        covered = IntRange(form.x_lo, form.x_lo + form.entries.shape[1] - 1)
        if not covered.contains(range_of(self.input.type)):
            raise VerifyException(
                f"entries cover {covered.lo} to {covered.hi}, but the input is {self.input.type}"
            )
        if not self.range.contains(IntRange(int(form.entries.min()), int(form.entries.max()))):
            raise VerifyException(f"entries exceed the range of {self.result.type}")


def requantizer_op(
    form: Requantizer, input: SSAValue, range_: IntRange, axis: int | None
) -> RequantizerOp:
    """Returns the operation for a hardware form, on a tensor or a scalar."""
    properties: dict[str, Attribute | None] = {"axis": _optional_i64(axis)}
    match form:
        case Shift():
            cls: type[RequantizerOp] = ShiftOp
            properties |= {
                "shift": IntegerAttr(form.shift, i64),
                "bias": int_parameter(form.bias),
                "sign": int_parameter(form.sign),
                "tie_parity": _optional_i64(form.tie_parity),
                "tie_width": _optional_i64(form.tie_width or None),
            }
        case MulShift():
            cls = MulShiftOp
            properties |= {
                "multiplier": int_parameter(form.multiplier),
                "bias": int_parameter(form.bias),
                "shift": IntegerAttr(form.shift, i64),
                "tie_parity": _optional_i64(form.tie_parity),
                "tie_width": _optional_i64(form.tie_width or None),
            }
        case FloatScale():
            cls = FloatScaleOp
            properties |= {
                "multiplier": int_parameter(form.multiplier),
                "offset": int_parameter(form.offset),
                "shift": IntegerAttr(form.shift, i64),
                "zero_point": IntegerAttr(form.zero_point, i64),
            }
        case Threshold():
            cls = ThresholdOp
            properties |= {
                "thresholds": int_dense(form.thresholds),
                "sign": int_parameter(form.sign),
                "lo": IntegerAttr(form.lo, i64),
            }
        case Table():
            cls = TableOp
            properties |= {
                "entries": int_dense(form.entries),
                "x_lo": IntegerAttr(form.x_lo, i64),
            }
    return cls(operands=[input], properties=properties, result_types=[int_like(input.type, range_)])
