"""Codes on a line, clamp((x * factor + bias) >> shift): in int64, or in floats that hold all."""

from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from qcompiler.arith.arrays import IntArray, along_axis

_T = TypeVar("_T", bound=np.generic)

FLOAT64_BITS = 53
"""Of a number with its sign, or of one without, that a float64 holds."""


class Line(Protocol):
    """What says how sums become codes, see `Shift` and `MulShift`."""

    @property
    def shift(self) -> int:
        """Bits that are dropped."""
        ...

    @property
    def bias(self) -> IntArray:
        """What is added, [1] or [channels]."""
        ...

    @property
    def lo(self) -> int:
        """The least code."""
        ...

    @property
    def hi(self) -> int:
        """The largest code."""
        ...

    @property
    def tie_parity(self) -> int | None:
        """Parity of the code that a tie gives; None if ties are not looked at."""
        ...

    @property
    def tie_width(self) -> int:
        """How many low bits of a sum may be anything in a tie."""
        ...


def tie_fixed(total: IntArray, form: Line) -> IntArray:
    """Returns total >> shift; a tie that lands on the wrong parity goes one down.

    What `total` holds is lost.
    """
    shift, tie_parity = max(form.shift, 0), form.tie_parity
    if tie_parity is None:
        return total >> shift
    # Row-major, whatever the layout of `total`: else the flat view below would be a copy.
    total = np.ascontiguousarray(total)
    y = total >> shift
    # Ties are rare: look at those alone.
    total &= ((1 << shift) - 1) >> form.tie_width << form.tie_width
    ties = np.flatnonzero(total == 0)
    at_ties = y.reshape(-1)[ties]
    y.reshape(-1)[ties] = at_ties - ((at_ties & 1) != tie_parity)
    return y


def plus(product: npt.NDArray[_T], bias: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """Returns a sum, in place of the product where it has the room."""
    fits = np.broadcast_shapes(product.shape, bias.shape) == product.shape
    return np.add(product, bias, out=product if fits else None)


def clamped(y: IntArray, form: Line) -> IntArray:
    """Returns codes between the ends; what `y` holds is lost."""
    return np.clip(y, form.lo, form.hi, out=y).astype(np.int64, copy=False)


def whole(form: Line, x: IntArray, factor: IntArray, channel_axis: int) -> npt.NDArray[np.float64]:
    """Returns the codes of x * factor as floats; a power of two scales these without rounding.

    Exact where no product and no sum has more than `FLOAT64_BITS`; x may be of any type.
    """
    shift = max(form.shift, 0)
    rows = (factor, form.bias)
    factors, biases = (along_axis(row, x.ndim, channel_axis) * 2.0**-shift for row in rows)
    entered = np.multiply(x, factors, dtype=np.float64, casting="unsafe")
    entered = np.ascontiguousarray(plus(entered, biases))  # row-major, as above
    codes = np.floor(entered)
    if form.tie_parity is not None:
        entered -= codes
        ties = np.flatnonzero(entered < 2.0 ** (form.tie_width - shift))
        at_ties = codes.reshape(-1)[ties]
        codes.reshape(-1)[ties] = at_ties - (at_ties % 2 != form.tie_parity)
    return np.clip(codes, form.lo, form.hi, out=codes)
