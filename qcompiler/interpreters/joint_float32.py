"""Joins in the numerics of onnxruntime: up to where operands meet, values are tables of float32."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from xdsl.ir import Operation, SSAValue

from qcompiler.arith.joint_function import IntMap, JointFunction
from qcompiler.arith.requantizer_proofs import TABLES_LIMIT
from qcompiler.arith.requantizers import MulShift, Table
from qcompiler.arith.scalar_builder import ScalarBuilder
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.scalar_function import FunctionError, ScalarFunction
from qcompiler.arith.scalar_ops import OPS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.interpreters.joint_bodies import (
    LARGEST,
    JoinError,
    before_join,
    below,
    finished,
    gain_of,
    support_of,
    too_far_apart,
)

_LARGEST_TABLE = 2**16
_OF_LIKE_SIZE = 24
"""Powers of two between numbers that are evaluated together: with 24 bits each, 48 hold them."""


def joint_function_in_float32(
    body: qint.ScalarBody, meeting: Operation, channels: int
) -> JointFunction:
    """Returns what a region computes in float32, of two activations that meet at `meeting`.

    Raises:
        JoinError: several activations meet, or an operation keeps them apart.
        FunctionError: they have no integers with which the float32 numbers are met.
    """
    if len(body.arguments) != 2:
        raise _of_several(body, meeting)
    images = _Images(body)
    operations = body.operations
    for op in operations[: operations.index(meeting)]:
        images.add(op)
    found = [images.of(value) for value in meeting.operands]
    if isinstance(meeting, nn.MulOp):
        return _float32_product(body, meeting, found, channels)
    if isinstance(meeting, nn.SubOp):
        found[1] = replace(found[1], values=-found[1].values)
    if isinstance(meeting, nn.MulAddOp):  # the product is not rounded
        found[0] = replace(found[0], values=found[0].values.astype(np.float64) * meeting.parameters)
    sums = _integers(found, shared=True)
    if sums is None and not isinstance(meeting, nn.MulAddOp):
        return _looked_up(found, _codes_of_pairs(body, meeting, found, channels, np.add))
    if sums is None:
        raise too_far_apart()
    maps, (unit, _) = sums
    tail = _from_unit(body, meeting, unit, channels)
    return JointFunction(maps, "sum", tail, gain_of(body, meeting, np.array([unit])))


def _of_several(body: qint.ScalarBody, meeting: Operation) -> JoinError:
    """Returns why more than two operands are not joined in float32, at what stands between them."""
    support = support_of(body)
    for op in body.operations[: body.operations.index(meeting)]:
        joins = len(support[op.results[0]]) > 1
        if joins and not isinstance(op, nn.AddOp | nn.SubOp | nn.MulOp):
            return before_join(op)
    remedy = "add a quantizer after each two that are joined"
    joins = [op for op in body.operations if len(below(op, support)) > 1]
    if all(isinstance(op, nn.AddOp | nn.SubOp) for op in joins):
        remedy += ", or use --numerics exact"  # sums of several are lines there, products are not
    return JoinError(
        meeting,
        f"joins {len(body.arguments)} activations before they are quantized, and with the numerics "
        "of onnxruntime only two can be",
        remedy,
    )


class _Image(Struct, frozen=True):
    """The numbers that one operand becomes before it meets the other.

    Attributes:
        argument: which operand of the region.
        codes: all of its integers, ascending.
        values: what each becomes: float32, or a product of two float32 numbers, in float64.
    """

    argument: int
    codes: Array
    values: Array


class _Images:
    """Runs what stands before the meeting in float32, on every integer of each operand."""

    def __init__(self, body: qint.ScalarBody):
        self.codes = [_codes(argument) for argument in body.arguments]
        self.values: dict[SSAValue, tuple[int | None, Array]] = {
            argument: (i, codes)
            for i, (argument, codes) in enumerate(zip(body.arguments, self.codes, strict=True))
        }

    def add(self, op: Operation) -> None:
        """Follows one operation.

        Raises:
            VerifyException: it has several parameters, or no float32 meaning here.
        """
        terms = [self.values[operand] for operand in op.operands]
        operand = next((i for i, _ in terms if i is not None), None)
        self.values[op.results[0]] = operand, _in_float32(op, [values for _, values in terms])

    def of(self, value: SSAValue) -> _Image:
        """Returns the image of the operand that a value depends on.

        Raises:
            FunctionError: one of its numbers is infinite, or none.
        """
        operand, values = self.values[value]
        assert operand is not None
        if not np.isfinite(values).all():
            raise FunctionError(
                "joins an activation that is infinite for some of its codes: it was divided by 0",
                "add a quantizer before this node (QuantizeLinear and DequantizeLinear)",
            )
        return _Image(operand, self.codes[operand], values)


def _codes(argument: SSAValue) -> Array:
    bounds = qint.range_of(argument.type)
    if bounds.size > _LARGEST_TABLE:
        raise FunctionError(
            f"with the numerics of onnxruntime, joined activations have at most 16 bits, got "
            f"{bounds.width_bits}",
            "quantize each activation before this node, to 16 bits at most",
        )
    return np.arange(bounds.lo, bounds.hi + 1, dtype=np.int64)


def _one_number(values: Array) -> Array:
    if values.size != 1:
        raise FunctionError(
            "with the numerics of onnxruntime, joined activations have one scale each, and numbers "
            "that are the same for all channels",
            "put a quantizer with one scale for the tensor before this node, on each side",
        )
    return values.reshape(-1)[0]


def _in_float32(op: Operation, operands: Sequence[Array]) -> Array:
    match op:
        case nn.ParameterOp():
            return np.asarray(_one_number(op.array), np.float32)
        case qint.AffineOp():
            return operands[0] * _one_number(op.multiplier_array) + _one_number(op.offset_array)
        case qint.DequantizeOp():
            return operands[0].astype(np.float32) * np.float32(_one_number(op.scale_array))
        case nn.Unary() | nn.Binary() if op.IS_SCALAR:
            numbers = [np.asarray(number, np.float32) for number in op.parameters]
            with np.errstate(all="ignore"):
                return np.asarray(OPS[op.function].ieee(*operands, *numbers), np.float32)
        case _:
            raise before_join(op)


def _from_unit(
    body: qint.ScalarBody, meeting: Operation, unit: float, channels: int
) -> ScalarFunction:
    """Returns what follows the meeting, for a combined integer of which one is worth `unit`."""
    builder = ScalarBuilder(channels, "onnxruntime")
    start = builder.apply("mul", builder.x, np.array(unit, np.float32))
    return finished(builder, start, body, meeting, channels)


def _float32_product(
    body: qint.ScalarBody, meeting: Operation, found: Sequence[_Image], channels: int
) -> JointFunction:
    """A product of float32 numbers, as one of integers.

    Where the factors are rounded, their product is tried as the product of the codes times one
    float32 factor, and taken if all pairs of codes agree.
    """
    factors = _integers(found, shared=False)
    if factors is not None and all(isinstance(m, MulShift) for m in factors[0]):
        maps, units = factors
        unit = units[0] * units[1]
        return JointFunction(maps, "product", _from_unit(body, meeting, unit, channels), None)
    wanted = _codes_of_pairs(body, meeting, found, channels, np.multiply)
    lines = [_nearest_line(image) for image in found]
    ordered = {image.argument: line for image, (line, _) in zip(found, lines, strict=True)}
    joined = JointFunction(
        tuple(ordered[i] for i in range(2)),
        "product",
        _from_unit(body, meeting, float(lines[0][1] * lines[1][1]), channels),
        None,
    )
    codes = np.meshgrid(*(image.codes for image in found), indexing="ij")
    by_argument = {image.argument: c.reshape(1, -1) for image, c in zip(found, codes, strict=True)}
    if np.array_equal(joined.evaluate([by_argument[0], by_argument[1]]), wanted):
        return joined
    # The code depends on how each factor is rounded to float32: it is looked up for each pair.
    return _looked_up(found, wanted)


def _codes_of_pairs(
    body: qint.ScalarBody,
    meeting: Operation,
    found: Sequence[_Image],
    channels: int,
    join: Callable[[Array, Array], Array],
) -> Array:
    """Returns the codes [C, N] of all pairs of operands, those of the first one varying slowest."""
    count = prod(image.codes.size for image in found)
    if count > _LARGEST_TABLE:
        raise FunctionError(
            f"with the numerics of onnxruntime, activations are joined for all {count} pairs of "
            f"codes, at most {_LARGEST_TABLE} allowed",
            "quantize each activation before this node to 8 bits, or use --numerics exact",
        )
    left, right = np.meshgrid(*(image.values for image in found), indexing="ij")
    with np.errstate(over="ignore", invalid="ignore"):
        met = join(left, right).reshape(-1)
    if not np.isfinite(met).all():
        raise FunctionError(
            "with the numerics of onnxruntime, activations that are joined are finite numbers, and "
            "these may exceed float32",
            "clip them before this node",
        )
    # No integers hold all of them as multiples of one number: those of a like size at a time.
    sizes = np.frexp(met)[1] // _OF_LIKE_SIZE
    wanted = np.empty((channels, met.size), np.int64)
    for size in np.unique(sizes).tolist():
        chosen = sizes == size
        unit = 2.0 ** _lowest_bit(met[chosen])
        spec = _from_unit(body, meeting, unit, channels)
        wanted[:, chosen] = evaluate(spec, _multiples(met[chosen], unit))
    return wanted[:1] if bool((wanted == wanted[:1]).all()) else wanted


def _multiples(values: Array, unit: float) -> Array:
    """Returns what numbers are in units of a power of two that divides them."""
    return (values.astype(np.float64) / unit).astype(np.int64)


def _looked_up(found: Sequence[_Image], wanted: Array) -> JointFunction:
    """Returns any function of two operands, as a table of all their pairs.

    Args:
        found: the operands.
        wanted: codes [R, N] of all pairs, those of the first operand varying slowest.
    """
    sizes = [image.codes.size for image in found]
    if wanted.size > TABLES_LIMIT:
        raise FunctionError(
            f"with the numerics of onnxruntime, {wanted.size} products of codes are looked up for "
            f"all channels, at most {TABLES_LIMIT} allowed",
            "put a quantizer after this node, before numbers that differ from channel to channel",
        )
    strides = (sizes[1], 1)
    maps: dict[int, IntMap] = {}
    for image, stride in zip(found, strides, strict=True):
        start = -int(image.codes[0]) * stride
        bounds = -LARGEST, LARGEST
        maps[image.argument] = MulShift(np.array([stride]), np.array([start]), 0, *bounds)
    return JointFunction((maps[0], maps[1]), "sum", Table(wanted, 0), None)


def _nearest_line(image: _Image) -> tuple[MulShift, np.float32]:
    """Returns the integers code - zero point behind an image, and the scale that they have."""
    last = image.values.size - 1
    rise = float(image.values[last]) - float(image.values[0])
    scale = np.float32(rise / max(last, 1))
    at = int(np.abs(image.values).argmin())
    zero_point = int(image.codes[at]) - round(float(image.values[at]) / float(scale))
    line = MulShift(np.ones(1, np.int64), np.array([-zero_point]), 0, -LARGEST, LARGEST)
    return line, scale


def _integers(
    found: Sequence[_Image], *, shared: bool
) -> tuple[tuple[IntMap, ...], list[float]] | None:
    """Returns images as integers, in the order of operands, and what a unit of each is worth.

    Units are powers of two, so that integers times units are the float32 numbers; the combined
    integer, rounded to float32, is then the float32 sum or product.

    Returns:
        None if the largest numbers take more than 62 bits in units of the smallest: a sigmoid has
        values from 2**-60 to 1.
    """
    units = [2.0 ** _lowest_bit(image.values) for image in found]
    if shared:
        units = [min(units)] * len(units)
    maps: dict[int, IntMap] = {}
    for image, unit in zip(found, units, strict=True):
        if not bool((np.abs(image.values.astype(np.float64)) < LARGEST * unit).all()):
            return None
        maps[image.argument] = _as_line(_multiples(image.values, unit), int(image.codes[0]))
    return tuple(maps[i] for i in range(len(found))), units


def _as_line(entries: Array, x_lo: int) -> IntMap:
    """Returns a table, or the line that it is."""
    step = int(entries[1] - entries[0]) if entries.size > 1 else 1
    if bool((np.diff(entries) == step).all()):
        offset = int(entries[0]) - step * x_lo
        return MulShift(np.array([step]), np.array([offset]), 0, -LARGEST, LARGEST)
    return Table(entries[None, :], x_lo)


def _lowest_bit(values: Array) -> int:
    """Returns the exponent of the lowest bit that any of the numbers has."""
    mantissa, exponent = np.frexp(values.astype(np.float64))
    whole = (mantissa * 2.0**53).astype(np.int64).tolist()
    pairs = zip(whole, exponent.tolist(), strict=True)
    return min((e - 53 + (m & -m).bit_length() - 1 for m, e in pairs if m), default=0)
