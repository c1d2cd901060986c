"""A pass: multiplies by weights that are sums of two powers of two with shifts.

    qcc compile MODEL --plugin two_shifts.py --pass-after convert-qint-to-stream=two-shifts

The level is `stream`: a matrix unit multiplies by another weight in every cycle, so there is no
multiplication by a constant to replace further down. What changes is how a weight is stored, as two
signed shifts, and what a processing element does with it.
"""

from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass

from qcompiler import extend
from qcompiler.dialects import stream

POWERS = [0, *(sign << shift for shift in range(8) for sign in (1, -1))]
SUMS = {a + b: (i, j) for j, b in enumerate(POWERS) for i, a in enumerate(POWERS[: j + 1])}
BITS = 5  # of an index into POWERS


class TwoShifts(extend.WeightCode):
    """A weight as two indices into POWERS."""

    def encode(self, weights):
        """Returns the stored codes."""
        return np.vectorize(lambda w: SUMS[w][0] | SUMS[w][1] << BITS)(weights)

    def multiply(self, b, x, w, width, x_signed):
        """Returns x * w in `width` bits: two multiplexers of shifted copies, and an adder."""
        wide = x.resize(width, signed=x_signed)
        return self._term(b, wide, w.slice(0, BITS)) + self._term(b, wide, w.slice(BITS, BITS))

    def multiply_constant(self, b, x, weight):
        """Returns x * weight, for units that do all in one cycle."""
        return b.sum([_shifted(b, x, POWERS[i]) for i in SUMS[weight] if i])

    def _term(self, b, x, code):
        found = b.constant(0, x.width)
        for index, power in enumerate(POWERS[1:], 1):
            found = b.mux(code.equals(index), _shifted(b, x, power), found)
        return found


def _shifted(b, x, power):
    """Returns x * power in the width of x."""
    shift = abs(power).bit_length() - 1
    if shift >= x.width:
        return b.constant(0, x.width)
    moved = b.concat([x.slice(0, x.width - shift), b.constant(0, shift)]) if shift else x
    return moved if power > 0 else b.constant(0, x.width) - moved


@extend.weight_style("two-shifts")
def _(weights):
    return TwoShifts("two-shift", 2 * BITS, False)


@dataclass(frozen=True)
class TwoShiftsPass(ModulePass):
    """Stores weights that are sums of two signed powers of two as shifts.

    Leaves alone: units with fewer weights than `at-least`, or with other weights.
    """

    name = "two-shifts"
    at_least: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for unit in op.walk():
            if not isinstance(unit, stream.MvauOp):
                continue
            weights = unit.weights_op.array
            if weights.size >= self.at_least and set(weights.flat) <= SUMS.keys():
                unit.attributes["stream.style"] = StringAttr("two-shifts")
