"""Codes on a line, clamp((x * factor + bias) >> shift): in int64, or in floats that hold all."""

from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from qcompiler.arith.arrays import IntArray, along_axis

_T = TypeVar("_T", bound=np.generic)

FLOAT64_BITS = 53
"""Of a number with its sign, or of one without, that a float64 holds."""

FLOAT32_BITS = 24
"""Of a number without its sign that a float32 holds, the leading one included."""

WholeFloats: TypeAlias = npt.NDArray[np.floating[Any]]
"""Whole numbers, of a type of floats that holds them."""


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
    return np.add(product, bias, out=product if _fits(bias, product) else None)


def times(x: npt.NDArray[_T], factor: npt.NDArray[_T]) -> npt.NDArray[_T]:
    """Returns a product, in place of the first factor where it has the room."""
    return np.multiply(x, factor, out=x if _fits(factor, x) else None)


def _fits(other: npt.NDArray[Any], x: npt.NDArray[Any]) -> bool:
    return np.broadcast_shapes(x.shape, other.shape) == x.shape


def clamped(y: IntArray, form: Line) -> IntArray:
    """Returns codes between the ends; what `y` holds is lost."""
    return np.clip(y, form.lo, form.hi, out=y).astype(np.int64, copy=False)


def whole(form: Line, x: IntArray, factor: IntArray, channel_axis: int) -> WholeFloats:
    """Returns the codes of x * factor as floats; a power of two scales these without rounding.

    Exact where no product and no sum has more than `FLOAT64_BITS`; x may be of any type.
    """
    shift = max(form.shift, 0)
    rows = (factor, form.bias)
    factors, biases = (along_axis(row, x.ndim, channel_axis) * 2.0**-shift for row in rows)
    entered = plus(times(as_floats(x), factors), biases)
    if form.tie_parity is None:
        codes = np.floor(entered, out=entered)
    else:
        codes = np.floor(entered)
        entered -= codes
        ties = np.flatnonzero(entered < 2.0 ** (form.tie_width - shift))
        at_ties = codes.reshape(-1)[ties]
        codes.reshape(-1)[ties] = at_ties - (at_ties % 2 != form.tie_parity)
    return clamped_whole(codes, form.lo, form.hi)


def as_floats(x: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Returns numbers as floats to compute with in place, row-major.

    That numpy converts them while it multiplies takes three times as long.
    """
    return x.astype(np.float64, order="C")


def clamped_whole(codes: npt.NDArray[np.floating[Any]], lo: int, hi: int) -> WholeFloats:
    """Returns whole numbers between two ends, as float32 where that holds these.

    Rounding what lies beyond the ends keeps it there.
    """
    holds = np.float32 if max(-lo, hi) <= 1 << FLOAT32_BITS else np.float64
    kept: WholeFloats = codes.astype(holds, copy=False)
    return np.clip(kept, lo, hi, out=kept)
