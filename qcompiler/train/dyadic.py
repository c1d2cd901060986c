"""Multipliers that hardware has: an integer of few bits, or few signed digits, and a shift."""

from functools import cache

import torch
from torch import Tensor

from qcompiler.adder_graphs.digits import weight


@cache
def few_digits(largest: int, digits: int, *, signed: bool = False) -> Tensor:
    """Returns the integers from 1 to `largest` that have at most `digits` signed digits, float64.

    With `signed`, those from -largest on, and 0 among them.

    Example:
        >>> few_digits(16, 1).tolist()
        [1.0, 2.0, 4.0, 8.0, 16.0]
    """
    found = [number for number in range(1, largest + 1) if weight(number) <= digits]
    if signed:
        found = [*(-number for number in reversed(found)), 0, *found]
    return torch.tensor(found, dtype=torch.float64)


def nearest(x: Tensor, allowed: Tensor) -> Tensor:
    """Returns for each element the nearest of some rising numbers; the upper one in the middle."""
    allowed = allowed.to(x.device)
    return allowed[torch.bucketize(x, (allowed[1:] + allowed[:-1]) / 2, right=True)]


def dyadic(
    scale: Tensor, bits: int, digits: int | None = None, largest_shift: int = 30
) -> tuple[Tensor, Tensor]:
    """Returns (M, S), int64, such that M * 2**-S is next to `scale`, for each element.

    Args:
        scale: positive, float64.
        bits: largest width of M, at least 1.
        digits: most signed digits of M; None for any number.
        largest_shift: most that S is; the smallest is 1, for a rounding half to exist.

    Example:
        >>> dyadic(torch.tensor([0.3], dtype=torch.float64), 8)
        (tensor([77]), tensor([8]))
    """
    _, exponent = torch.frexp(scale.detach())
    shift = (bits - exponent.to(torch.int64)).clamp(1, largest_shift)
    wanted = (scale.detach() * torch.exp2(shift.double())).clamp(1, 2**bits)
    found = torch.round(wanted) if digits is None else nearest(wanted, few_digits(2**bits, digits))
    multiplier = found.to(torch.int64)
    # As odd as possible: what is left are the digits that hardware multiplies by.
    for _ in range(bits):
        even = (multiplier % 2 == 0) & (shift > 1)
        multiplier = torch.where(even, multiplier // 2, multiplier)
        shift = torch.where(even, shift - 1, shift)
    return multiplier, shift
