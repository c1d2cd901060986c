"""Reads the region of a `qint.join` as an `arith` joint function.

Up to the operation where all operands have met, every value is a line in each operand, kept
in fractions (`exact`) or as a table of float32 numbers (`onnxruntime`). What follows is an ordinary
scalar function of the combined integer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import lcm, prod

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.joint_function import IntMap, JointFunction
from qcompiler.arith.requantizer_proofs import TABLES_LIMIT
from qcompiler.arith.requantizers import MulShift, Table
from qcompiler.arith.scalar_builder import ScalarBuilder, Value
from qcompiler.arith.scalar_evaluation import evaluate
from qcompiler.arith.scalar_function import FunctionError, ScalarFunction
from qcompiler.arith.scalar_ops import OPS
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.interpreters.scalar_functions import (
    parameter_row,
    quantized,
    scalar_value,
)

_LARGEST = 2**62
_LARGEST_TABLE = 2**16
_OF_LIKE_SIZE = 24
"""Powers of two between numbers that are evaluated together: with 24 bits each, 48 hold them."""


class JoinError(VerifyException):
    """An operation keeps activations from being joined as integers.

    Attributes:
        op: which one.
        remedy: what helps.
    """

    def __init__(self, op: Operation, what: str, remedy: str):
        self.op, self.remedy = op, remedy
        super().__init__(what)


def _fractions(values: Array, channels: int) -> list[Fraction]:
    row = np.broadcast_to(values.reshape(-1), (channels,)) if values.size == 1 else values
    return [Fraction(float(v)) for v in row.reshape(-1)]


def joint_function(body: qint.ScalarBody, channels: int, numerics: str) -> JointFunction:
    """Returns what a region computes, as a function of the integers that go in.

    Raises:
        JoinError: an operation keeps them apart.
        VerifyException: the operands meet in a way that has no integer form.
    """
    meeting = _meeting(body)
    if isinstance(meeting, nn.AddOp | nn.SubOp | nn.MulOp | nn.MulAddOp):
        if numerics == "onnxruntime":
            return _float32(body, meeting, channels)
        return _exact(body, meeting, channels)
    raise JoinError(
        meeting,
        "joins activations, which can be added, subtracted or multiplied only",
        "use one of these, or end the model before it",
    )


def _before_join(op: Operation) -> JoinError:
    what = "its result is joined with another activation without a quantizer between"
    return JoinError(op, what, "add a quantizer after it")


def _of_several(body: qint.ScalarBody, meeting: Operation) -> JoinError:
    """Returns why more than two operands are not joined in float32, at what stands between them."""
    support = _support(body)
    for op in body.operations[: body.operations.index(meeting)]:
        joins = len(support[op.results[0]]) > 1
        if joins and not isinstance(op, nn.AddOp | nn.SubOp | nn.MulOp):
            return _before_join(op)
    remedy = "add a quantizer after each two that are joined"
    joins = [op for op in body.operations if len(_below(op, support)) > 1]
    if all(isinstance(op, nn.AddOp | nn.SubOp) for op in joins):
        remedy += ", or use --numerics exact"  # sums of several are lines there, products are not
    return JoinError(
        meeting,
        f"joins {len(body.arguments)} activations before they are quantized, and with the numerics "
        "of onnxruntime only two can be",
        remedy,
    )


def _below(op: Operation, support: dict[SSAValue, frozenset[int]]) -> set[frozenset[int]]:
    """Returns the sets of operands of the region that the operands of `op` depend on."""
    return {support[operand] for operand in op.operands if support[operand]}


def _support(body: qint.ScalarBody) -> dict[SSAValue, frozenset[int]]:
    """Returns which operands each value depends on."""
    support: dict[SSAValue, frozenset[int]] = {
        argument: frozenset([i]) for i, argument in enumerate(body.arguments)
    }
    for op in body.operations:
        support[op.results[0]] = frozenset[int]().union(*(support[v] for v in op.operands))
    return support


def joining_operation(body: qint.ScalarBody) -> Operation | None:
    """Returns the first operation whose result depends on all operands of a region, if any."""
    support = _support(body)
    every = frozenset(range(len(body.arguments)))
    return next((op for op in body.operations if support[op.results[0]] == every), None)


def _meeting(body: qint.ScalarBody) -> Operation:
    """Returns the operation where all operands have met; the rest hangs on it."""
    meeting = joining_operation(body)
    if meeting is None:
        raise VerifyException("the region does not use all of its operands")
    support = _support(body)
    every = support[meeting.results[0]]
    for op in body.operations[body.operations.index(meeting) + 1 :]:
        if any(s != every for s in _below(op, support)):
            raise JoinError(
                op,
                "uses an activation again after it was joined with another",
                "add a quantizer between the two",
            )
    return meeting


def _tail_operations(body: qint.ScalarBody, meeting: Operation) -> list[Operation]:
    """Returns what follows the meeting, with parameters that are used there."""
    operations = body.operations
    after = operations[operations.index(meeting) + 1 :]
    used = {operand for op in after for operand in op.operands}
    parameters = [
        op
        for op in operations
        if isinstance(op, nn.ParameterOp) and op not in after and op.result in used
    ]
    return [*parameters, *after]


def _finish(
    builder: ScalarBuilder, start: Value, body: qint.ScalarBody, meeting: Operation, channels: int
) -> ScalarFunction:
    """Returns the function that starts where the operands have met."""
    values: dict[SSAValue, Value] = {meeting.results[0]: start}
    *steps, last = _tail_operations(body, meeting)
    for op in steps:
        values[op.results[0]] = scalar_value(builder, op, values, channels)
    function = quantized(builder, last, values, channels)
    return function.of_channel(0) if function.uniform else function


# --- exact -------------------------------------------------------------------------------------


def _exact(body: qint.ScalarBody, meeting: Operation, channels: int) -> JointFunction:
    lines = _Lines(body, channels)
    operations = body.operations
    for op in operations[: operations.index(meeting)]:
        lines.add(op)
    if isinstance(meeting, nn.MulOp):
        maps, unit = lines.product(meeting)
        kind = "product"
    else:
        maps, unit = lines.sum(meeting)
        kind = "sum"
    builder = ScalarBuilder(channels, "exact")
    factor = np.array([float(u) for u in unit])
    if any(Fraction(float(f)) != u for f, u in zip(factor, unit, strict=True)):
        raise _too_far_apart()
    start = builder.apply("mul", builder.x, parameter_row(factor, channels))
    tail = _finish(builder, start, body, meeting, channels)
    return JointFunction(tuple(maps), kind, tail, _gain(body, meeting, factor))


def _gain(body: qint.ScalarBody, meeting: Operation, factor: Array) -> float | None:
    """Returns the codes per unit of the combined integer, if the tail is a rounded line."""
    *steps, last = _tail_operations(body, meeting)
    if not all(isinstance(op, nn.ReluOp | nn.ClipOp) for op in steps):
        return None
    assert isinstance(last, qint.QuantizeOp)
    return float(factor[0] / last.scale_array[0])


class _Lines:
    """Follows values as sums of lines, one per operand."""

    def __init__(self, body: qint.ScalarBody, channels: int):
        self.channels = channels
        self.count = len(body.arguments)
        self.values: dict[SSAValue, dict[int | None, list[Fraction]]] = {
            argument: {i: [Fraction(1)] * channels} for i, argument in enumerate(body.arguments)
        }

    def add(self, op: Operation) -> None:
        """Follows one operation.

        Raises:
            VerifyException: its result is no line.
        """
        terms = [self.values[operand] for operand in op.operands]
        self.values[op.results[0]] = self._result(op, terms)

    def _result(
        self, op: Operation, terms: list[dict[int | None, list[Fraction]]]
    ) -> dict[int | None, list[Fraction]]:
        match op:
            case nn.ParameterOp():
                return {None: _fractions(op.array, self.channels)}
            case qint.AffineOp():
                line = self._scaled(terms[0], _fractions(op.multiplier_array, self.channels))
                offset: dict[int | None, list[Fraction]] = {
                    None: _fractions(op.offset_array, self.channels)
                }
                return self._sum(line, offset, 1)
            case qint.DequantizeOp():
                return self._scaled(terms[0], _fractions(op.scale_array, self.channels))
            case nn.AddOp() | nn.SubOp():
                return self._sum(terms[0], terms[1], 1 if isinstance(op, nn.AddOp) else -1)
            case nn.MulAddOp():
                factor = [Fraction(op.parameters[0])] * self.channels
                return self._sum(self._scaled(terms[0], factor), terms[1], 1)
            case nn.NegOp():
                return self._scaled(terms[0], [Fraction(-1)] * self.channels)
            case nn.MulOp() if set(terms[1]) == {None}:
                return self._scaled(terms[0], terms[1][None])
            case nn.MulOp() if set(terms[0]) == {None}:
                return self._scaled(terms[1], terms[0][None])
            case nn.DivOp() if set(terms[1]) == {None} and all(terms[1][None]):
                return self._scaled(terms[0], [1 / f for f in terms[1][None]])
            case _:
                raise _before_join(op)

    @staticmethod
    def _scaled(
        line: dict[int | None, list[Fraction]], factors: Sequence[Fraction]
    ) -> dict[int | None, list[Fraction]]:
        return {
            key: [a * f for a, f in zip(row, factors, strict=True)] for key, row in line.items()
        }

    @staticmethod
    def _sum(
        a: dict[int | None, list[Fraction]], b: dict[int | None, list[Fraction]], sign: int
    ) -> dict[int | None, list[Fraction]]:
        total = dict(a)
        for key, row in b.items():
            old = total.get(key, [Fraction(0)] * len(row))
            total[key] = [x + sign * y for x, y in zip(old, row, strict=True)]
        return total

    def sum(self, meeting: Operation) -> tuple[list[IntMap], list[Fraction]]:
        """Returns integer maps, and what one unit of their sum is worth, per channel."""
        self.add(meeting)
        line = self.values[meeting.results[0]]
        rows = [line[i] for i in range(self.count)]
        offset = line.get(None, [Fraction(0)] * self.channels)
        unit = [_unit(column) for column in zip(*rows, offset, strict=True)]
        maps = [self._map([a / u for a, u in zip(row, unit, strict=True)]) for row in rows]
        constant = [int(b / u) for b, u in zip(offset, unit, strict=True)]
        first = maps[0]
        bias = np.array(constant, np.int64)
        maps[0] = MulShift(first.multiplier, _one(bias), 0, -_LARGEST, _LARGEST)
        return list(maps), unit

    def product(self, meeting: Operation) -> tuple[list[IntMap], list[Fraction]]:
        """Returns integer maps, and what one unit of their product is worth, per channel."""
        if self.count != 2:
            raise JoinError(
                meeting,
                f"multiplies {self.count} activations, some of them joined before",
                "add a quantizer after each two that are joined",
            )
        maps: list[IntMap | None] = [None, None]
        unit = [Fraction(1)] * self.channels
        for operand in meeting.operands:
            line = self.values[operand]
            keys = [key for key in line if key is not None]
            if len(keys) != 1:
                raise VerifyException("a product of sums needs quantizers between")
            offset = line.get(None, [Fraction(0)] * self.channels)
            own = [_unit(column) for column in zip(line[keys[0]], offset, strict=True)]
            made = self._map([a / u for a, u in zip(line[keys[0]], own, strict=True)])
            bias = np.array([int(b / u) for b, u in zip(offset, own, strict=True)], np.int64)
            maps[keys[0]] = MulShift(made.multiplier, _one(bias), 0, -_LARGEST, _LARGEST)
            unit = [a * b for a, b in zip(unit, own, strict=True)]
        return [m for m in maps if m is not None], unit

    @staticmethod
    def _map(factors: Sequence[Fraction]) -> MulShift:
        multiplier = np.array([int(f) for f in factors], np.int64)
        return MulShift(_one(multiplier), np.zeros(1, np.int64), 0, -_LARGEST, _LARGEST)


def _one(row: Array) -> Array:
    return row[:1] if bool((row == row[0]).all()) else row


def _too_far_apart() -> FunctionError:
    return FunctionError(
        "joins activations whose scales, factors and summands are too far apart for 62 bits",
        "bring them nearer to one another: a summand or scale that small may be left out",
    )


def _unit(numbers: Sequence[Fraction]) -> Fraction:
    """Returns the largest fraction of which all numbers are integer multiples.

    Raises:
        FunctionError: the multiples exceed 62 bits.
    """
    present = [abs(n) for n in numbers if n]
    if not present:
        return Fraction(1)
    denominator = lcm(*(n.denominator for n in present))
    unit = Fraction(int(np.gcd.reduce([int(n * denominator) for n in present])), denominator)
    if max(present) / unit >= _LARGEST:
        raise _too_far_apart()
    return unit


# --- onnxruntime -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Image:
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
        """Returns the image of the operand that a value depends on."""
        operand, values = self.values[value]
        assert operand is not None
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
            return np.asarray(OPS[op.function].ieee(*operands, *numbers), np.float32)
        case _:
            raise _before_join(op)


def _float32(body: qint.ScalarBody, meeting: Operation, channels: int) -> JointFunction:
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
        raise _too_far_apart()
    maps, (unit, _) = sums
    tail = _from_unit(body, meeting, unit, channels)
    return JointFunction(maps, "sum", tail, _gain(body, meeting, np.array([unit])))


def _from_unit(
    body: qint.ScalarBody, meeting: Operation, unit: float, channels: int
) -> ScalarFunction:
    """Returns what follows the meeting, for a combined integer of which one is worth `unit`."""
    builder = ScalarBuilder(channels, "onnxruntime")
    start = builder.apply("mul", builder.x, np.array(unit, np.float32))
    return _finish(builder, start, body, meeting, channels)


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
        bounds = -_LARGEST, _LARGEST
        maps[image.argument] = MulShift(np.array([stride]), np.array([start]), 0, *bounds)
    return JointFunction((maps[0], maps[1]), "sum", Table(wanted, 0), None)


def _nearest_line(image: _Image) -> tuple[MulShift, np.float32]:
    """Returns the integers code - zero point behind an image, and the scale that they have."""
    last = image.values.size - 1
    rise = float(image.values[last]) - float(image.values[0])
    scale = np.float32(rise / max(last, 1))
    at = int(np.abs(image.values).argmin())
    zero_point = int(image.codes[at]) - round(float(image.values[at]) / float(scale))
    line = MulShift(np.ones(1, np.int64), np.array([-zero_point]), 0, -_LARGEST, _LARGEST)
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
        if not bool((np.abs(image.values.astype(np.float64)) < _LARGEST * unit).all()):
            return None
        maps[image.argument] = _as_line(_multiples(image.values, unit), int(image.codes[0]))
    return tuple(maps[i] for i in range(len(found))), units


def _as_line(entries: Array, x_lo: int) -> IntMap:
    """Returns a table, or the line that it is."""
    step = int(entries[1] - entries[0]) if entries.size > 1 else 1
    if bool((np.diff(entries) == step).all()):
        offset = int(entries[0]) - step * x_lo
        return MulShift(np.array([step]), np.array([offset]), 0, -_LARGEST, _LARGEST)
    return Table(entries[None, :], x_lo)


def _lowest_bit(values: Array) -> int:
    """Returns the exponent of the lowest bit that any of the numbers has."""
    mantissa, exponent = np.frexp(values.astype(np.float64))
    whole = (mantissa * 2.0**53).astype(np.int64).tolist()
    pairs = zip(whole, exponent.tolist(), strict=True)
    return min((e - 53 + (m & -m).bit_length() - 1 for m, e in pairs if m), default=0)
