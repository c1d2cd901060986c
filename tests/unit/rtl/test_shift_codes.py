"""Weights of few signed digits: every product by shifts, in the narrowest code, and no `*`."""

import numpy as np
import pytest

from qcompiler.adder_graphs.digits import weight
from qcompiler.rtl.blocks.shift_codes import MOST_DIGITS, ShiftsCode, fit_shifts

SETS = {
    "powers": [-8, -4, -2, -1, 0, 1, 2, 4, 8],
    "two digits of 4 bits": list(range(-7, 8)),
    "no zero, no sign": [3, 5, 6, 12],
    "one weight": [6, 6],
    "three digits": [w for w in range(-127, 128) if weight(w) <= 3],
}


@pytest.mark.parametrize("name", SETS)
def test_a_code_says_its_weight(name):
    """Decoded by hand: a sum over the digits."""
    weights = np.array(SETS[name])
    code = ShiftsCode.of_weights(weights)
    for value, stored in zip(weights.tolist(), code.encode(weights).tolist(), strict=True):
        total, start = 0, 0
        for digit in code.digits:
            field = stored >> start
            shift = digit.shifts[field & ((1 << digit.choice_width) - 1)]
            sign = digit.signs[0] if digit.signs else 1
            if len(digit.signs) > 1 and field >> digit.choice_width & 1:
                sign = -1
            total += sign << shift if shift >= 0 else 0
            start += digit.width
        assert total == value
        assert stored < 1 << code.width


def test_what_fits():
    assert fit_shifts(np.array([0b10101]))
    assert not fit_shifts(np.array([1, 0b1010101]))
    with pytest.raises(ValueError, match=f"at most {MOST_DIGITS} signed digits, and 85 has 4"):
        ShiftsCode.of_weights(np.array([1, 85]))
