"""The rounding modes of QONNX quantizers, for float64 arrays and exactly for fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Literal, cast, get_args

import numpy as np

from qcompiler.arith.arrays import FloatArray

RoundingMode = Literal["half_even", "ceil", "floor", "up", "down", "half_up", "half_down"]

_MODES: tuple[str, ...] = get_args(RoundingMode)
_HALF = Fraction(1, 2)


def rounding_mode(name: str) -> RoundingMode:
    """Returns the mode for a name as QONNX spells it, in any case; "ROUND" is half_even.

    Raises:
        ValueError: QONNX knows no such mode.
    Source: `resolve_rounding_mode` in qonnx/custom_op/general/quant.py.
    """
    mode = name.lower()
    if mode == "round":
        return "half_even"
    if mode not in _MODES:
        raise ValueError(f"rounding mode must be one of {', '.join(_MODES)}, got {name!r}")
    return cast(RoundingMode, mode)


def _half_away_from_zero(x: FloatArray) -> FloatArray:
    # floor(|x| + 0.5), as QONNX writes it, is off by one at 0.49999999999999994: the sum rounds.
    # |x| - floor(|x|) is always exact.
    magnitude = np.abs(x)
    whole = np.floor(magnitude)
    return np.copysign(whole + (magnitude - whole >= 0.5), x)


def _half_toward_zero(x: FloatArray) -> FloatArray:
    magnitude = np.abs(x)
    whole = np.floor(magnitude)
    return np.copysign(whole + (magnitude - whole > 0.5), x)


def _away_from_zero(x: FloatArray) -> FloatArray:
    return np.copysign(np.ceil(np.abs(x)), x)


_FLOAT_ROUNDING: dict[RoundingMode, Callable[[FloatArray], FloatArray]] = {
    "half_even": np.rint,
    "ceil": np.ceil,
    "floor": np.floor,
    "up": _away_from_zero,
    "down": np.trunc,
    "half_up": _half_away_from_zero,
    "half_down": _half_toward_zero,
}

_FRACTION_ROUNDING: dict[RoundingMode, Callable[[Fraction], int]] = {
    "half_even": round,
    "ceil": math.ceil,
    "floor": math.floor,
    "up": lambda x: math.ceil(x) if x > 0 else math.floor(x),
    "down": math.trunc,
    "half_up": lambda x: math.floor(x + _HALF) if x > 0 else math.ceil(x - _HALF),
    "half_down": lambda x: math.ceil(x - _HALF) if x > 0 else math.floor(x + _HALF),
}


def round_float(x: FloatArray, mode: RoundingMode) -> FloatArray:
    """Returns x rounded to integers, elementwise, exactly; infinities stay as they are.

    up/down and half_up/half_down are away from/toward zero (all, or ties only).
    """
    return _FLOAT_ROUNDING[mode](x)


def round_fraction(x: Fraction, mode: RoundingMode) -> int:
    """Returns the fraction rounded to an integer; modes as in `round_float`."""
    return _FRACTION_ROUNDING[mode](x)
