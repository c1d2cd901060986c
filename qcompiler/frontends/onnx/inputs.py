"""What the user says about a network input: the integers that arrive and what they stand for."""

import re

import numpy as np
from msgspec import Struct

from qcompiler.arith.ranges import IntRange

MAX_INPUT_BITS = 32

_FORM = "NAME=TYPE:SCALE[:ZERO_POINT], e.g. x=uint8:0.00392157 or x=int16:0.25:3"
_INT_TYPE = re.compile(r"(u?)int([0-9]{1,3})")


class InputSpec(Struct, frozen=True):
    """A network input that arrives as integers q and stands for `scale * (value - zero_point)`.

    Attributes:
        range: the integers q that may arrive.
        scale: positive, representable in float32.
        zero_point: the integer that stands for 0.
        bipolar: the codes 0 and 1 stand for the values -1 and 1; otherwise value = q.
    """

    range: IntRange
    scale: float
    zero_point: int = 0
    bipolar: bool = False


def parse_input_option(text: str) -> tuple[str, InputSpec]:
    """Returns name and meaning of an input from `NAME=TYPE:SCALE[:ZERO_POINT]`.

    TYPE is `int<bits>` or `uint<bits>` with 1 to 32 bits (`int16`), `bipolar` (codes 0 and 1
    for -1 and 1) or `ternary` (-1, 0, 1). The name may hold `:` and `=`: the last `=` ends it. The
    scale is rounded to float32, as the scales in a model are.

    Raises:
        ValueError: the text has another form, or a number is out of bounds.
    """
    name, equals, description = text.rpartition("=")
    fields = description.split(":")
    if not equals or not name or len(fields) not in (2, 3):
        raise ValueError(f"input option must have the form {_FORM}, got {text!r}")
    range_, bipolar = _parse_type(fields[0])
    zero_point = _parse_zero_point(fields[2], bipolar) if len(fields) == 3 else 0
    return name, InputSpec(range_, _parse_scale(fields[1]), zero_point, bipolar)


def _parse_type(text: str) -> tuple[IntRange, bool]:
    if text == "bipolar":
        return IntRange(0, 1), True
    if text == "ternary":
        return IntRange(-1, 1), False
    match = _INT_TYPE.fullmatch(text)
    if match is None:
        raise ValueError(
            f"input type must be int<bits>, uint<bits>, bipolar or ternary, got {text!r}"
        )
    bits = int(match[2])
    if not 1 <= bits <= MAX_INPUT_BITS:
        raise ValueError(f"input type must have 1 to {MAX_INPUT_BITS} bits, got {text!r}")
    return IntRange.for_bits(bits, signed=not match[1]), False


def _parse_scale(text: str) -> float:
    try:
        with np.errstate(over="ignore"):
            scale = float(np.float32(float(text)))
    except ValueError:
        raise ValueError(f"input scale must be a number, got {text!r}") from None
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"input scale must be positive and finite in float32, got {text!r}")
    return scale


def _parse_zero_point(text: str, bipolar: bool) -> int:
    if bipolar:
        raise ValueError(f"a bipolar input has no zero point, got {text!r}")
    try:
        zero_point = int(text)
    except ValueError:
        raise ValueError(f"input zero point must be an integer, got {text!r}") from None
    if abs(zero_point) >= 2**MAX_INPUT_BITS:
        raise ValueError(f"input zero point must fit {MAX_INPUT_BITS} bits, got {text!r}")
    return zero_point
