"""The style that multiplies by shifts: weights of few signed digits, each a choice of wires.

A weight is a sum of at most K powers of two, each added or subtracted. Of each digit is stored
which of the powers that occur at its place it is, and its sign; the product is the sum of the
operand's shifted copies that these choose:

    w = 6 = 8 - 2:   x * w = (x << 3) - (x << 1)
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from qcompiler.adder_graphs.digits import signed_digits, weight
from qcompiler.dialects.attributes import Array
from qcompiler.rtl.blocks.weight_codes import WeightCode, weight_style
from qcompiler.rtl.builder import ModuleBuilder, Signal

SHIFTS = "shifts"
"""The style's name."""
_CHOICE = 0.5
"""Tables for each bit and wire that is chosen from."""
MOST_DIGITS = 3
"""Of a weight; with more, a multiplier in logic is smaller."""


def fit_shifts(weights: Array) -> bool:
    """Returns whether all weights have few enough signed digits."""
    return max(weight(number) for number in np.unique(weights).tolist()) <= MOST_DIGITS


class _Digit(Struct, frozen=True):
    """What a digit of all weights may be.

    Attributes:
        shifts: places that it may have, rising; -1 for none.
        signs: that it may have: 1, -1.
    """

    shifts: tuple[int, ...]
    signs: tuple[int, ...]

    @property
    def choice_width(self) -> int:
        """Bits that say which of the places."""
        return (len(self.shifts) - 1).bit_length()

    @property
    def width(self) -> int:
        """Bits of the code."""
        return self.choice_width + (len(self.signs) > 1)

    def encode(self, shift: int, sign: int) -> int:
        """Returns the code of a digit."""
        choice = self.shifts.index(shift)
        negative = len(self.signs) > 1 and sign < 0
        return choice | negative << self.choice_width


class ShiftsCode(WeightCode, frozen=True):
    """Weights as signed digits.

    Attributes:
        digits: from the lowest one on.
    """

    digits: tuple[_Digit, ...]

    @staticmethod
    def of_weights(weights: Array) -> "ShiftsCode":
        """Returns the narrowest such code.

        Raises:
            ValueError: a weight has more than `MOST_DIGITS` signed digits.
        """
        values: list[int] = np.unique(weights).tolist()
        worst = max(values, key=weight)
        if weight(worst) > MOST_DIGITS:
            raise ValueError(
                f"{SHIFTS} needs weights of at most {MOST_DIGITS} signed digits, and {worst} has "
                f"{weight(worst)}"
            )
        rows = [_padded(value, weight(worst)) for value in values]
        digits = tuple(
            _Digit(
                tuple(sorted({shift for shift, _ in column})),
                tuple(sorted({sign for shift, sign in column if shift >= 0}, reverse=True)),
            )
            for column in zip(*rows, strict=True)
        )
        width = max(1, sum(digit.width for digit in digits))  # all weights may be the same
        return ShiftsCode("shifts", width, False, digits)

    @property
    def adders_a_bit(self) -> float:
        """Tables for each bit of a product, about: choices of wires, and sums."""
        choices = sum(len(digit.shifts) - 1 for digit in self.digits)
        return _CHOICE * choices + len(self.digits) - 1 + any(len(d.signs) > 1 for d in self.digits)

    @property
    def explained(self) -> Sequence[str]:
        """Lines for the header of the Verilog: what the bits of a weight are."""
        lines: list[str] = []
        start = 0
        for at, digit in enumerate(self.digits):
            places = ", ".join("none" if shift < 0 else str(shift) for shift in digit.shifts)
            sign = ", then its sign" if len(digit.signs) > 1 else ""
            lines.append(f"Digit {at}, from bit {start} on: which shift of {places}{sign}.")
            start += digit.width
        return lines

    def encode(self, weights: Array) -> Array:
        """Returns the stored codes."""
        values, places = np.unique(weights, return_inverse=True)
        codes = np.array([self._encoded(value) for value in values.tolist()], np.int64)
        return codes[places].reshape(weights.shape)

    def _encoded(self, value: int) -> int:
        code = start = 0
        for digit, (shift, sign) in zip(self.digits, _padded(value, len(self.digits)), strict=True):
            code |= digit.encode(shift, sign) << start
            start += digit.width
        return code

    def multiply(
        self, b: ModuleBuilder, x: Signal, w: Signal, width: int, x_signed: bool
    ) -> Signal:
        """Returns x * w in `width` bits."""
        wide = x.resize(width, signed=x_signed)
        total = b.constant(0, width)
        start = 0
        for digit in self.digits:
            code = w.slice(start, digit.width) if digit.width else w
            start += digit.width
            choices = [_shifted(b, wide, shift) for shift in digit.shifts]
            term = _chosen(b, code, choices)
            if len(digit.signs) > 1:
                minus = code.bit(digit.choice_width)
                total = total + (term ^ minus.replicate(width)) + minus.zext(width)
            else:
                total = total - term if digit.signs == (-1,) else total + term
        return total


def _padded(value: int, count: int) -> list[tuple[int, int]]:
    """Returns so many digits as (shift, sign); those that a number lacks have the shift -1."""
    digits = list(signed_digits(value))
    return [*digits, *[(-1, 1)] * (count - len(digits))]


def _shifted(b: ModuleBuilder, x: Signal, shift: int) -> Signal:
    if shift < 0 or shift >= x.width:
        return b.constant(0, x.width)
    return b.concat([x.slice(0, x.width - shift), b.constant(0, shift)]) if shift else x


def _chosen(b: ModuleBuilder, code: Signal, choices: Sequence[Signal], bit: int = 0) -> Signal:
    """Returns the choice that the bits of a code from `bit` on number."""
    if len(choices) == 1:
        return choices[0]
    odd = choices[1::2]
    low = _chosen(b, code, choices[::2], bit + 1)
    return b.mux(code.bit(bit), _chosen(b, code, odd, bit + 1), low)


@weight_style(SHIFTS)
def _shifts(weights: Array) -> WeightCode:
    code = WeightCode.of(weights)
    return ShiftsCode.of_weights(weights) if code.kind == "integer" else code
