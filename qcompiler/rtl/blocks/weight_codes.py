"""How weights are stored, and how something is multiplied by them: styles of multiplication."""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.stream.process import LOGIC
from qcompiler.rtl.builder import ModuleBuilder, Signal
from qcompiler.rtl.numbers import Number


class WeightCode(Struct, frozen=True):
    """How one weight is stored, and multiplied."""

    kind: str
    width: int
    signed: bool

    @staticmethod
    def arriving(range_: IntRange) -> "WeightCode":
        """Returns the code for every weight in a range: two's complement, as it comes."""
        if (range_.lo, range_.hi) == (-1, 1):
            return WeightCode("ternary", 2, True)
        return WeightCode("integer", range_.width_bits, range_.signed)

    @staticmethod
    def of(weights: Array) -> "WeightCode":
        """Returns the narrowest code for these values."""
        range_ = IntRange(int(weights.min()), int(weights.max()))
        if range_.lo < -1 or range_.hi > 1:
            return WeightCode("integer", range_.width_bits, range_.signed)
        return (
            WeightCode("ternary", 2, True)
            if (weights == 0).any()
            else WeightCode("bipolar", 1, False)
        )

    @property
    def outputs(self) -> int:
        """Outputs whose weights make one code together."""
        return 1

    @property
    def weight_width(self) -> int:
        """Bits of one weight."""
        return self.width

    @property
    def explained(self) -> Sequence[str]:
        """Lines for the header of the Verilog, where the multiplication needs explaining."""
        return ()

    def encode(self, weights: Array) -> Array:
        """Returns the stored codes."""
        return (weights > 0).astype(np.int8) if self.kind == "bipolar" else weights

    def encode_words(self, words: Array, simd: int) -> Array:
        """Returns the codes of words of weights, [words, PE * SIMD], an output's side by side."""
        del simd
        return self.encode(words)

    def multiply(
        self, b: ModuleBuilder, x: Signal, w: Signal, width: int, x_signed: bool
    ) -> Signal:
        """Returns x * w in `width` bits, which are as many as its range needs."""
        wide = x.resize(width, signed=x_signed)
        if self.kind == "integer":
            weight = Number.of_bits(w, signed=self.signed)
            return Number.of_bits(x, signed=x_signed).times(weight, width)
        minus = b.constant(0, width) - wide
        if self.kind == "bipolar":
            return b.mux(w, wide, minus)
        return b.mux(w.bit(0), b.mux(w.bit(1), minus, wide), b.constant(0, width))

    def product(self, b: ModuleBuilder, x: Number, w: Signal, weights: IntRange) -> Number:
        """Returns what the multiplier makes; registers may follow, and then `parts`.

        Args:
            b: the module.
            x: the operand.
            w: the code.
            weights: that codes stand for.
        """
        range_ = x.range * weights
        return Number.of(self.multiply(b, x, w, range_.width_bits, x.range.signed), range_)

    def parts(self, product: Number, range_: IntRange) -> Sequence[Number]:
        """Returns the product of each output, which is in a range."""
        del range_
        return (product,)

    def multiply_constant(self, b: ModuleBuilder, x: Signal, weight: int) -> Signal:
        """Returns x * weight in the width of x."""
        return Number.of_bits(x, signed=True).times(Number.constant(b, weight), x.width)


WeightStyle = Callable[[Array], WeightCode]
"""Returns how to store and multiply these weights."""

_styles: dict[str, WeightStyle] = {}


def weight_style(name: str) -> Callable[[WeightStyle], WeightStyle]:
    """Returns a decorator that registers a way to store and multiply weights.

    Matrix units whose attribute `stream.style` is `name` use it. A pass sets the attribute.

    Example: `@weight_style("two-shifts")` above `def _(weights): return TwoShifts(...)`
    """

    def register(function: WeightStyle) -> WeightStyle:
        _styles[name] = function
        return function

    return register


def styled_code(name: str, weights: Array, x: IntRange, pe: int) -> WeightCode:
    """Returns how a style stores and multiplies weights.

    Args:
        name: of the style.
        weights: of the unit.
        x: what they are multiplied by.
        pe: outputs in parallel.

    Raises:
        ValueError: no style has that name, or it cannot store or multiply these weights.
    """
    if name == PAIRS:
        if pe % 2:
            raise ValueError(f"{PAIRS} needs an even number of outputs in parallel, got PE = {pe}")
        return PairCode.of_range(IntRange(int(weights.min()), int(weights.max())), x)
    if name not in _styles:
        known = ", ".join((PAIRS, *_styles))
        raise ValueError(f"no weight style is called {name!r}, there are: {known}")
    return _styles[name](weights)


def arriving_code(name: str, weights: IntRange) -> WeightCode:
    """Returns how a style multiplies by weights that come through a channel.

    Raises:
        ValueError: the style stores weights in a form of its own.
    """
    if name != LOGIC:
        raise ValueError(f"weights that come from elsewhere cannot have the style {name!r}")
    code = WeightCode.arriving(weights)
    return LogicCode(code.kind, code.width, code.signed) if code.kind == "integer" else code


class LogicCode(WeightCode, frozen=True):
    """An integer weight that logic multiplies: a row of and-gates per bit, and a tree of adders."""

    def multiply(
        self, b: ModuleBuilder, x: Signal, w: Signal, width: int, x_signed: bool
    ) -> Signal:
        """Returns x * w in `width` bits.

        The product of bits i and j counts 2**(i + j), but negative if just one of them is the sign
        of its factor. Such a product p is replaced by its inverse, as -p = (1 - p) - 1; the
        constants that this leaves are added up beforehand (Baugh and Wooley, 1973).
        """
        n, m = x.width, w.width
        ones = (1 << n) - 1
        top = 1 << (n - 1) if x_signed else 0
        terms: list[_Term] = []
        constant = 0
        for i in range(m):
            inverted = ones ^ top if self.signed and i == m - 1 else top
            row = x & w.bit(i).replicate(n)
            terms.append(_Term(row ^ b.constant(inverted, n) if inverted else row, i))
            constant -= inverted << i
        constant %= 1 << (n + m)
        flipped = constant >> (n + m - 1)  # the highest bit: adding it inverts the sum's
        constant -= flipped << (n + m - 1)
        if constant and constant % (1 << n) == 0:  # there is room above the first row
            above = b.constant(constant >> n, (constant >> n).bit_length())
            terms[0] = _Term(b.concat([above, terms[0].signal]), 0)
        elif constant:
            shift = (constant & -constant).bit_length() - 1
            terms.append(_Term(b.constant(constant >> shift, constant.bit_length() - shift), shift))
        while len(terms) > 1:
            pairs = zip(terms[::2], terms[1::2], strict=False)
            odd = terms[-1:] if len(terms) % 2 else []
            terms = [_added(b, low, high, n + m) for low, high in pairs] + odd
        product = terms[0].signal.resize(n + m, signed=False)
        if flipped:
            product = product ^ b.constant(1 << (n + m - 1), n + m)
        product = product.resize(max(width, n + m), signed=self.signed or x_signed)
        return product.slice(0, width)


class _Term(Struct, frozen=True):
    """A number without a sign, times 2**shift."""

    signal: Signal
    shift: int


def _added(b: ModuleBuilder, one: _Term, other: _Term, most: int) -> _Term:
    """Returns the sum of two terms, modulo 2**most; bits below the higher one pass by."""
    low, high = sorted((one, other), key=lambda term: term.shift)
    by = high.shift - low.shift
    end = min(most, max(low.signal.width + low.shift, high.signal.width + high.shift) + 1)
    if by >= low.signal.width:
        gap = b.constant(0, by - low.signal.width) if by > low.signal.width else None
        parts = [high.signal, *([] if gap is None else [gap]), low.signal]
        return _Term(b.concat(parts), low.shift)
    wide = end - high.shift
    upper = low.signal.slice(by, low.signal.width - by).resize(wide, signed=False)
    total = upper + high.signal.resize(wide, signed=False)
    return _Term(b.concat([total, low.signal.slice(0, by)]) if by else total, low.shift)


@weight_style(LOGIC)
def _logic(weights: Array) -> WeightCode:
    code = WeightCode.of(weights)
    return LogicCode(code.kind, code.width, code.signed) if code.kind == "integer" else code


PAIRS = "pairs"
"""The style that multiplies by the weights of two outputs at once, in one hard multiplier."""


class PairCode(WeightCode, frozen=True):
    """The weights of two outputs, which one multiplication serves: they have the operand in common.

    With v the first and w the second, and 2**k larger than the range of x * v,
    `x * (w * 2**k + v) = x * w * 2**k + x * v`. The low k bits are x * v, exactly, in two's
    complement. The bits above are x * w, or one less if x * v is negative, as the low bits then
    have borrowed one: bit k - 1 says so, and is added back.

    What is stored is v beside w less one where v is negative: the high bits of the factor.

    Attributes:
        low: bits of the first weight.
        product_width: k.
    """

    low: int
    product_width: int

    @staticmethod
    def of_range(weights: IntRange, x: IntRange) -> "PairCode":
        """Returns the code of two weights in a range, for operands x."""
        low = signed_width(weights)
        high = signed_width(IntRange(weights.lo - (weights.lo < 0), weights.hi))
        return PairCode("pair", low + high, False, low, signed_width(x * weights))

    @property
    def outputs(self) -> int:
        """Outputs whose weights make one code together."""
        return 2

    @property
    def weight_width(self) -> int:
        """Bits of one weight."""
        return self.low

    @property
    def explained(self) -> Sequence[str]:
        """Lines for the header of the Verilog: why the products are exact."""
        k = self.product_width
        return (
            f"One product serves two outputs: x * (w1 * 2**{k} + w0) = x * w1 * 2**{k} + x * w0.",
            f"Its low {k} bits are x * w0; those above are x * w1, less one where x * w0 < 0.",
            "w1 is stored less one where w0 < 0, as the factor's high bits.",
        )

    @property
    def factor_width(self) -> int:
        """Bits of the factor that both weights make, signed."""
        return self.width - self.low + self.product_width

    def encode_words(self, words: Array, simd: int) -> Array:
        """Returns the codes of words of weights, [words, PE / 2 * SIMD]."""
        pairs = words.astype(np.int64).reshape(len(words), -1, 2, simd)
        first, second = pairs[:, :, 0], pairs[:, :, 1]
        high = (second - (first < 0)) & ((1 << (self.width - self.low)) - 1)
        codes = (high << self.low) | (first & ((1 << self.low) - 1))
        return codes.reshape(len(words), -1)

    def product(self, b: ModuleBuilder, x: Number, w: Signal, weights: IntRange) -> Number:
        """Returns x times both weights."""
        first, second = w.slice(0, self.low), w.slice(self.low, w.width - self.low)
        factor = b.concat([second, first.sext(self.product_width)]).named("both_weights")
        step = 1 << self.product_width
        return x * Number.of(factor, weights * IntRange(step, step) + weights)

    def parts(self, product: Number, range_: IntRange) -> Sequence[Number]:
        """Returns the two products."""
        width = range_.width_bits
        first = product.slice(0, self.product_width)
        second = product.shifted(self.product_width).wide(width) + first.sign.zext(width)
        return [Number.of(first, range_), Number.of(second, range_)]


def signed_width(range_: IntRange) -> int:
    """Returns the two's complement width of a factor, with a sign in any case."""
    return range_.union(IntRange(-1, 0)).width_bits
