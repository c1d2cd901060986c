"""Fixed point with a learned binary point.

    cast(x, W, f) = overflow(round(x * 2**f), W) * 2**-f

after Dai et al., arXiv 2401.17544 (QFX), with the modes of C++'s `ap_fixed`, see
`qcompiler.arith.fixed_point`. The number of bits W is fixed; f is a trained real number, rounded in
the forward pass. Its gradients, and how it starts, are ours. With rounding as the identity, both of
x * 2**f and of f, and c = cast(x):

    dc/dx = 1,  dc/df = ln 2 * (x - c)   where nothing overflows;
    dc/dx = 0,  dc/df = -ln 2 * c        where c is saturated.

The last one is the derivative of the saturated value itself, which falls as the point moves to the
left; the other is the rounding error: it grows with f where x was rounded down. WRAP has the
first gradients everywhere; where WRAP_SM mirrors, dc/dx = -1 and dc/df = -ln 2 * (x + c).

With `learned_width` the places before the point are fixed and those behind it are trained: f sets
the width, too. Then nothing pulls at f but the rounding error, and a price: see `price`. What is
saturated is 2**i - 2**-f, and dc/df = ln 2 * 2**-f there.
"""

from math import floor, log2

import torch
from torch import Tensor, nn

from qcompiler.arith.arrays import FloatArray
from qcompiler.arith.fixed_point import FixedPoint, Overflow, Rounding
from qcompiler.train.arguments import WIDEST, whole
from qcompiler.train.dyadic import few_digits, nearest
from qcompiler.train.tensors import round_through, straight_to

_WIDEST = 16
"""Most bits besides the sign that a width is trained to."""


def rounded(x: Tensor, mode: Rounding) -> Tensor:
    """Returns x rounded to integers as `FixedPoint` does; the gradient passes straight through."""
    whole = torch.floor(x)
    part = x - whole
    up, down = whole + (part >= 0.5), whole + (part > 0.5)
    found = {
        "TRN": whole,
        "TRN_ZERO": torch.trunc(x),
        "RND": up,
        "RND_MIN_INF": down,
        "RND_CONV": torch.round(x),
        "RND_INF": torch.where(x < 0, down, up),
        "RND_ZERO": torch.where(x < 0, up, down),
    }[mode]
    return straight_to(found, x)


def saturated(codes: Tensor, number: FixedPoint, integer: float, fraction: Tensor) -> Tensor:
    """Returns integers within the bounds that follow from the places around the point."""
    end = torch.exp2(integer + fraction)
    highest = torch.clamp(end - 1, min=1)
    lowest = -highest if number.overflow == "SAT_SYM" else -end
    return torch.minimum(torch.maximum(codes, lowest if number.signed else end * 0), highest)


def overflown(codes: Tensor, number: FixedPoint) -> Tensor:
    """Returns integers as a type of `number.width` bits keeps them."""
    if number.overflow in ("SAT", "SAT_SYM"):
        return torch.clamp(codes, number.range.lo, number.range.hi)
    period = 2.0**number.width
    low = codes - (torch.floor((codes - number.range.lo) / period) * period).detach()
    if number.overflow == "WRAP":
        return low
    halves = torch.floor(codes / (period / 2)).detach()
    mirrored = torch.floor(halves / 2) % 2 != halves % 2
    return torch.where(mirrored, -low - 1, low)


def cast(x: Tensor, number: FixedPoint, fraction: Tensor) -> Tensor:
    """Returns the fixed-point numbers that stand for x, with gradients in x and in `fraction`.

    Args:
        x: real numbers.
        number: width and modes; its own fraction is not used.
        fraction: places behind the binary point, real; rounded here.
    """
    unit = torch.exp2(round_through(fraction))
    return overflown(rounded(x * unit, number.rounding), number) / unit


class Point(nn.Module):
    """A number format with a trained binary point.

    Attributes:
        kept: modes, and the width where that is not learned.
        fraction: places behind the point.
        integer: places before it where the width is learned; else None.
    """

    def __init__(
        self, bits: int, *, signed: bool, rounding: Rounding, overflow: Overflow, fraction: float
    ) -> None:
        super().__init__()
        self.kept = FixedPoint(whole(bits, "bits", 1, 2 * WIDEST), 0, signed, rounding, overflow)
        self.fraction = nn.Parameter(torch.tensor(float(fraction)))
        self.integer: float | None = None

    def forward(self, x: Tensor, digits: int | None = None) -> Tensor:
        """Returns the fixed-point numbers that stand for x, of at most so many signed digits."""
        if self.integer is None and digits is None:
            return cast(x, self.kept, self.fraction)
        integer = self.integer
        places = round_through(self.fraction if integer is None else self._bounded())
        unit = torch.exp2(places)
        if digits is None:
            codes = rounded(x * unit, self.kept.rounding)
            return saturated(codes, self.kept, integer or 0.0, places) / unit
        if integer is None:
            scaled = overflown(x * unit, self.kept)
        else:
            scaled = saturated(x * unit, self.kept, integer, places)
        allowed = few_digits(self.number.range.hi, digits, signed=True)
        return straight_to(nearest(scaled, allowed.to(scaled.dtype)), scaled) / unit

    def learn_width(self) -> None:
        """Keeps the places before the point from now on."""
        self.integer = self.kept.width - self.kept.signed - round(float(self.fraction.detach()))

    def _bounded(self) -> Tensor:
        """Returns the places behind the point such that there is a bit besides the sign."""
        least = 1.0 - (self.integer or 0)
        return straight_to(torch.clamp(self.fraction, least, least + _WIDEST - 1), self.fraction)

    def width(self) -> Tensor:
        """Returns the bits, the sign included, as a real number to be trained."""
        if self.integer is None:
            return torch.tensor(float(self.kept.width))
        return self.integer + self._bounded() + self.kept.signed

    @property
    def number(self) -> FixedPoint:
        """The format as it is now."""
        kept = self.kept
        places, width = round(float(self.fraction.detach())), kept.width
        if self.integer is not None:
            places = round(float(self._bounded().detach()))
            width = round(self.integer + places + kept.signed)
        return FixedPoint(width, places, kept.signed, kept.rounding, kept.overflow)

    @property
    def reach(self) -> float:
        """The largest magnitude there is."""
        range_ = self.number.range
        return max(-range_.lo, range_.hi) * 2.0**-self.number.fraction

    def fit(self, largest: float) -> None:
        """Moves the point so that numbers reach `largest`, if at all possible not much more."""
        self._move(floor(log2(self.kept.range.hi / max(largest, 2**-20))))

    def fit_to(self, x: FloatArray) -> None:
        """Moves the point to where x has the least squared error; a few of it may saturate."""
        self._move(self.kept.fitted(x).fraction)

    def _move(self, fraction: int) -> None:
        with torch.no_grad():
            self.fraction.fill_(fraction)
        if self.integer is not None:
            self.learn_width()


def binary_points(model: nn.Module) -> list[nn.Parameter]:
    """Returns the places behind all learned binary points of a model: parameters to be trained.

    An optimizer may have them in a group of their own; with `requires_grad_(False)` they stay.

    Example:
        >>> from qcompiler import train
        >>> model = train.Sequential(
        ...     train.Input(4, shape=(8,)), train.FixedLinear(8, 4, bits=4), train.Cast(4)
        ... )
        >>> len(train.binary_points(model))  # of weights, biases and the activation
        3
    """
    return [each.fraction for each in model.modules() if isinstance(each, Point)]
