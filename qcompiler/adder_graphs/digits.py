"""Signed digits of integers: sums of powers of two, each added or subtracted."""

from __future__ import annotations


def signed_digits(number: int) -> list[tuple[int, int]]:
    """Returns the canonical signed digits of an integer, as (power, sign), lowest power first.

    No two are next to each other, so there are as few as possible.

    Example:
        >>> signed_digits(7), signed_digits(-6)
        ([(0, -1), (3, 1)], [(1, 1), (3, -1)])
    """
    digits: list[tuple[int, int]] = []
    power = 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)
            digits.append((power, sign))
            number -= sign
        number >>= 1
        power += 1
    return digits
