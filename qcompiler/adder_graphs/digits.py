"""Signed digits of integers: sums of powers of two, each added or subtracted."""

from __future__ import annotations

from functools import cache


@cache
def weight(number: int) -> int:
    """Returns how few powers of two, added or subtracted, make an integer.

    Source: the digits of the canonical form stand where a number and its triple differ.
    """
    number = abs(number)
    return (number ^ (3 * number)).bit_count()


@cache
def digits_of(number: int) -> tuple[tuple[int, int], ...]:
    """Returns every digit, as (power, sign), that some shortest sum of an integer has.

    That is each whose removal leaves an integer of one digit less. What is left has no others.

    Example:
        >>> digits_of(3)
        ((0, -1), (0, 1), (1, 1), (2, 1))
    """
    shorter = weight(number) - 1
    return tuple(
        (power, sign)
        for power in range(abs(number).bit_length() + 1)
        for sign in (-1, 1)
        if weight(number - (sign << power)) == shorter
    )


@cache
def signed_digits(number: int) -> tuple[tuple[int, int], ...]:
    """Returns the canonical signed digits of an integer, as (power, sign), lowest power first.

    No two are next to each other, so there are as few as possible.

    Example:
        >>> signed_digits(7), signed_digits(-6)
        (((0, -1), (3, 1)), ((1, 1), (3, -1)))
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
    return tuple(digits)
