"""Computes scalar functions on integers.

Exact numerics run in float64 with error bounds first. Where the bound leaves two codes possible,
the element is computed again on fractions. Both ways end in the same code, always.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from qcompiler.arith import enclosures, error_bounds
from qcompiler.arith.arrays import FloatArray, IntArray
from qcompiler.arith.enclosures import Enclosure
from qcompiler.arith.error_bounds import Bounded
from qcompiler.arith.rounding import round_float, round_fraction
from qcompiler.arith.scalar_function import (
    Constant,
    FunctionError,
    Input,
    Quantizer,
    ScalarFunction,
    UndefinedError,
)
from qcompiler.arith.scalar_ops import OPS

_FIRST_PRECISION_BITS = 64
_LAST_PRECISION_BITS = 4096
_LARGEST_INT64 = 2**63 - 1

Lookup = Callable[[npt.NDArray[Any]], Any]
"""Takes parameters [] or [C] to an array that broadcasts with the accumulators."""


def evaluate(function: ScalarFunction, x: IntArray) -> IntArray:
    """Returns the codes of accumulators, shape [C, N].

    Args:
        function: what to compute.
        x: int64 accumulators, shape [N] (the same for all channels) or [C, N].

    Raises:
        ValueError: as `evaluate_at`.
    """
    channel = np.arange(function.channels)[:, None]
    return evaluate_at(function, np.broadcast_to(x, (function.channels, x.shape[-1])), channel)


def evaluate_at(function: ScalarFunction, x: IntArray, channel: IntArray) -> IntArray:
    """Returns the codes of accumulators of the given channels, in the shape of x.

    Args:
        function: what to compute.
        x: int64 accumulators, any shape.
        channel: channel of each; broadcasts to the shape of x.

    Raises:
        ValueError: a value is not a number there, e.g. a division by zero.
    """
    with np.errstate(all="ignore"):
        if function.numerics == "onnxruntime":
            scaled = _scaled_float32(function, x, _lookup(channel))
            if np.isnan(scaled).any():
                at = tuple(np.argwhere(np.isnan(scaled))[0])
                integer = int(np.broadcast_to(x, scaled.shape)[at])
                raise UndefinedError("is not a number (0 / 0)", integer)
            return _codes(function.quantizer, scaled, _lookup(channel))
        return _evaluate_exact(function, x, channel)


def approximate_at(function: ScalarFunction, x: IntArray, channel: IntArray) -> IntArray:
    """Returns codes like `evaluate_at`, but from plain float64: fast, monotone, not exact."""
    with np.errstate(all="ignore"):
        lookup = _lookup(channel)
        scaled = _scaled_ieee(function, x, lookup, np.float64)
        return _codes(function.quantizer, np.nan_to_num(scaled), lookup)


def _lookup(channel: IntArray) -> Lookup:
    return lambda value: value if value.ndim == 0 else value[channel]


def _scaled_ieee(function: ScalarFunction, x: IntArray, lookup: Lookup, real: Any) -> Any:
    """Returns the value before rounding, each operation rounded to the float type `real`."""
    x = _entered(function, x, lookup)
    values: list[Any] = []
    for step in function.steps:
        if isinstance(step, Input):
            values.append(x.astype(real))
        elif isinstance(step, Constant):
            values.append(lookup(step.value.astype(real)))
        else:
            values.append(OPS[step.op].ieee(*(values[i] for i in step.operands)))
    quantizer = function.quantizer
    scaled = values[-1]
    if (quantizer.scale != 1).any():
        scaled = scaled / lookup(quantizer.scale.astype(real))
    if not quantizer.zero_point_after_rounding and quantizer.zero_point.any():
        scaled = scaled + lookup(quantizer.zero_point.astype(real))
    return np.broadcast_to(scaled, x.shape)


def _scaled_float32(function: ScalarFunction, x: IntArray, lookup: Lookup) -> FloatArray:
    scaled = _scaled_ieee(function, x, lookup, np.float32)
    return scaled.astype(np.float64)


def _codes(quantizer: Quantizer, scaled: FloatArray, lookup: Lookup) -> IntArray:
    """Returns the codes of scaled values; a zero point that comes before rounding is in them."""
    if not quantizer.zero_point_after_rounding:
        # Clamping to integers commutes with rounding, and keeps the conversion in int64's range.
        clamped = np.clip(scaled, quantizer.lo, quantizer.hi)
        return round_float(clamped, quantizer.rounding).astype(np.int64)
    zero_point = lookup(quantizer.zero_point)
    clamped = np.clip(scaled, quantizer.lo - zero_point, quantizer.hi - zero_point)
    return round_float(clamped, quantizer.rounding).astype(np.int64) + zero_point


def _evaluate_exact(function: ScalarFunction, x: IntArray, channel: IntArray) -> IntArray:
    lookup = _lookup(channel)
    scaled = _scaled_bounded(function, x, lookup)
    low, high = error_bounds.ends(scaled)
    codes = np.broadcast_to(_codes(function.quantizer, np.nan_to_num(low), lookup), x.shape)
    if low is high and np.isfinite(low).all():
        return codes
    others = _codes(function.quantizer, np.nan_to_num(high), lookup)
    open_ = (codes != others) | np.isnan(low) | np.isnan(high)
    open_ = np.broadcast_to(open_, x.shape)
    if not open_.any():
        return codes
    codes = codes.copy()
    channels = np.broadcast_to(channel, x.shape)
    codes[open_] = [
        exact_code(function, int(xi), int(ci))
        for xi, ci in zip(x[open_], channels[open_], strict=True)
    ]
    return codes


def _entered(function: ScalarFunction, x: IntArray, lookup: Lookup) -> IntArray:
    """Returns multiplier * x + offset of the function's input."""
    for step in function.steps:
        if isinstance(step, Input) and not step.plain:
            factor, summand = step.largest
            largest = max(-int(x.min(initial=0)), int(x.max(initial=0))) * factor + summand
            exact = x if largest < _LARGEST_INT64 else x.astype(object)
            return exact * lookup(step.multiplier) + lookup(step.offset)
    return x


def _scaled_bounded(function: ScalarFunction, x: IntArray, lookup: Lookup) -> Bounded:
    x = _entered(function, x, lookup)
    values: list[Bounded] = []
    for step in function.steps:
        if isinstance(step, Input):
            values.append(error_bounds.from_integers(x.astype(np.float64)))
        elif isinstance(step, Constant):
            values.append(error_bounds.exactly(lookup(step.value)))
        else:
            values.append(OPS[step.op].bounded(*(values[i] for i in step.operands)))
    quantizer = function.quantizer
    scaled = values[-1]
    if (quantizer.scale != 1).any():
        scaled = error_bounds.div(scaled, error_bounds.exactly(lookup(quantizer.scale)))
    if not quantizer.zero_point_after_rounding and quantizer.zero_point.any():
        zero_point = error_bounds.exactly(lookup(quantizer.zero_point.astype(np.float64)))
        scaled = error_bounds.add(scaled, zero_point)
    return scaled


def exact_code(function: ScalarFunction, x: int, channel: int) -> int:
    """Returns the code of one accumulator, computed on fractions alone; slow.

    Args:
        function: with exact numerics.
        x: accumulator.
        channel: its channel.

    Raises:
        ValueError: a division by zero, or a code that no precision decides.
    """
    bits, value = _FIRST_PRECISION_BITS, None
    while bits <= _LAST_PRECISION_BITS:
        try:
            value = _enclose(function, x, channel, bits)
        except ZeroDivisionError:
            # A divisor that only seems to touch zero gets clear of it with more bits.
            value = None
        if value is not None:
            low, high = (_fraction_code(function.quantizer, end, channel) for end in value)
            if low == high:
                return low
        bits *= 2
    if value is None:
        raise UndefinedError("divides by zero", x)
    raise FunctionError(
        f"lies too near a rounding boundary where the integer that it gets is {x}: "
        f"{_LAST_PRECISION_BITS} bits do not tell the code",
        "choose a slightly different scale",
    )


def _pick(value: npt.NDArray[Any], channel: int) -> Any:
    return value.item() if value.ndim == 0 else value[channel].item()


def _enclose(function: ScalarFunction, x: int, channel: int, bits: int) -> Enclosure:
    values: list[Enclosure] = []
    for step in function.steps:
        if isinstance(step, Input):
            entered = x * int(_pick(step.multiplier, channel)) + int(_pick(step.offset, channel))
            values.append(enclosures.point(Fraction(entered)))
        elif isinstance(step, Constant):
            values.append(enclosures.point(Fraction(_pick(step.value, channel))))
        else:
            result = OPS[step.op].exact(bits, *(values[i] for i in step.operands))
            values.append(enclosures.shortened(result, bits))
    return values[-1]


def _fraction_code(quantizer: Quantizer, value: Fraction, channel: int) -> int:
    zero_point = int(_pick(quantizer.zero_point, channel))
    scaled = value / Fraction(_pick(quantizer.scale, channel))
    if quantizer.zero_point_after_rounding:
        code = round_fraction(scaled, quantizer.rounding) + zero_point
    else:
        code = round_fraction(scaled + zero_point, quantizer.rounding)
    return min(max(code, quantizer.lo), quantizer.hi)
