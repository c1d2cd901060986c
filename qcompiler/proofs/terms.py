"""Words of hardware as terms: constants, inputs, integer sums of inputs, and operations on these.

A term is a number; equal terms have equal numbers. `UNKNOWN` is any value at all: what is proven
with it holds for all of them. Words are put together of pieces of other words, so that lanes which
are packed and unpacked again are the same terms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

Word: TypeAlias = int
Piece: TypeAlias = tuple[Word, int, int]
"""A part of a word: the word, its lowest bit, how many bits."""

UNKNOWN: Word = -1


@dataclass(frozen=True)
class Form:
    """An integer sum of inputs, to which a word is equal modulo 2**width.

    Attributes:
        factors: of each input, or word of a single bit.
        constant: that is added.
        lo, hi: bounds of the sum.
    """

    factors: Mapping[Word, int]
    constant: int
    lo: int
    hi: int


@dataclass(frozen=True)
class Element:
    """What an input is: an element of what came into a block.

    Attributes:
        port: which input channel.
        unit: 0 for the unit that is coming in, -1 for the one before it, and so on.
        index: of the element in its unit.
        lo, hi: bounds of its values.
    """

    port: int
    unit: int
    index: int
    lo: int
    hi: int


class Terms:
    """All terms of a proof.

    Attributes:
        kinds: what each term is.
        widths: of each term in bits.
        args: what it is made of.
        recognize: returns a sum that a word is equal to, where its operations do not tell.
    """

    def __init__(self) -> None:
        self.recognize: Callable[[Terms, Word], Form | None] | None = None
        self.kinds: list[str] = []
        self.widths: list[int] = []
        self.args: list[tuple[Any, ...]] = []
        self._known: dict[tuple[Any, ...], Word] = {}
        self._forms: dict[Word, Form | None] = {}
        self._concats: dict[tuple[int, ...], Word] = {}
        self._slices: dict[tuple[int, ...], Word] = {}
        self._sums: dict[tuple[int, Word, Word], Word] = {}

    def _make(self, kind: str, width: int, *args: Any) -> Word:
        key = (kind, width, *args)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.kinds)
            self.kinds.append(kind)
            self.widths.append(width)
            self.args.append(args)
        return found

    def const(self, width: int, value: int) -> Word:
        """Returns the constant `value` modulo 2**width."""
        return self._make("const", width, value % (1 << width))

    def element(self, width: int, element: Element) -> Word:
        """Returns an input."""
        return self._make("element", width, element)

    def fresh(self, width: int, name: object) -> Word:
        """Returns a word of which nothing is known but that it is equal to itself."""
        return self._make("fresh", width, name)

    def fresh_names(self, word: Word) -> set[Any]:
        """Returns the names of all fresh words that a word depends on."""
        found: set[Any] = set()
        seen: set[Word] = {UNKNOWN}
        todo = [word]
        while todo:
            one = todo.pop()
            if one in seen:
                continue
            seen.add(one)
            if self.kinds[one] == "fresh":
                found.add(self.args[one][0])
            todo += self.operands(one)
        return found

    def operands(self, word: Word) -> list[Word]:
        """Returns the words that a word is made of."""
        kind, args = self.kinds[word], self.args[word]
        if kind in ("const", "element", "fresh"):
            return []
        if kind == "sum":
            return [element for element, _ in args[0]]
        if kind == "pieces":
            return [base for base, _, _ in args]
        return [args[1]] if kind == "rom" else list(args)

    def rom(self, width: int, contents: tuple[Word, ...], address: Word) -> Word:
        """Returns a word of a memory of constants at an address that is not constant."""
        return self._make("rom", width, contents, address)

    def value(self, word: Word) -> int | None:
        """Returns the value of a constant, None for other terms."""
        return self.args[word][0] if word >= 0 and self.kinds[word] == "const" else None

    # Parts of words.

    def pieces(self, word: Word, width: int) -> tuple[Piece, ...]:
        """Returns what a word is put together of, lowest first."""
        if word >= 0 and self.kinds[word] == "pieces":
            return self.args[word]
        return ((word, 0, width),)

    def put_together(self, pieces: list[Piece]) -> Word:
        """Returns a word of pieces, lowest first."""
        merged: list[Piece] = []
        for piece in map(self._plain, pieces):
            if merged and (joined := self._joined(merged[-1], piece)) is not None:
                merged[-1] = joined
            else:
                merged.append(piece)
        if len(merged) == 1:
            base, low, width = merged[0]
            if base == UNKNOWN or (low == 0 and self.widths[base] == width):
                return base
        return self._make("pieces", sum(width for _, _, width in merged), *merged)

    def _plain(self, piece: Piece) -> Piece:
        """Returns a piece that starts at bit 0 if it is constant or unknown."""
        base, low, width = piece
        if base == UNKNOWN:
            return UNKNOWN, 0, width
        value = self.value(base)
        return piece if value is None else (self.const(width, value >> low), 0, width)

    def _joined(self, one: Piece, next_: Piece) -> Piece | None:
        (a, a_low, a_width), (b, b_low, b_width) = one, next_
        if a == UNKNOWN and b == UNKNOWN:
            return UNKNOWN, 0, a_width + b_width
        if a == b and a_low + a_width == b_low and self.value(a) is None:
            return a, a_low, a_width + b_width
        first, second = self.value(a), self.value(b)
        if first is None or second is None:
            return None
        width = a_width + b_width
        return self.const(width, second << a_width | first), 0, width

    def concat(self, high: Word, high_width: int, low: Word, low_width: int) -> Word:
        """Returns two words side by side."""
        key = (high, high_width, low, low_width)
        found = self._concats.get(key)
        if found is None:
            pieces = [*self.pieces(low, low_width), *self.pieces(high, high_width)]
            found = self._concats[key] = self.put_together(pieces)
        return found

    def slice(self, word: Word, width: int, low: int, count: int) -> Word:
        """Returns `count` bits of a word of `width` bits from bit `low` on."""
        if word == UNKNOWN or (low == 0 and count == width):
            return word
        key = (word, low, count)
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = self._slice(word, width, low, count)
        return found

    def _slice(self, word: Word, width: int, low: int, count: int) -> Word:
        if (value := self.value(word)) is not None:
            return self.const(count, value >> low)
        cut: list[Piece] = []
        at = 0
        for base, start, size in self.pieces(word, width):
            first, last = max(low, at), min(low + count, at + size)
            if first < last:
                cut.append((base, start + first - at, last - first))
            at += size
        return self.put_together(cut)

    def is_known(self, word: Word) -> bool:
        """Whether no bit of a word is unknown."""
        if word < 0:
            return False
        return self.kinds[word] != "pieces" or all(base >= 0 for base, _, _ in self.args[word])

    # Integer sums.

    def form(self, word: Word) -> Form | None:
        """Returns a sum that a word is equal to modulo 2**width; None if none is known."""
        if word < 0:
            return None
        if word not in self._forms:
            self._forms[word] = self._form(word)
        return self._forms[word]

    def _form(self, word: Word) -> Form | None:
        kind, width, args = self.kinds[word], self.widths[word], self.args[word]
        if kind == "const":
            value = args[0] - (1 << width) if args[0] >> (width - 1) else args[0]
            return Form({}, value, value, value)
        if kind == "element":
            return Form({word: 1}, 0, args[0].lo, args[0].hi)
        if kind == "sum":
            return self.sum_form(dict(args[0]), args[1])
        form = self._pieces_form(args) if kind == "pieces" else None
        return self.recognize(self, word) if form is None and self.recognize else form

    def sum_form(self, factors: Mapping[Word, int], constant: int) -> Form:
        """Returns a sum with the bounds that its inputs give it."""
        lo = hi = constant
        for word, factor in factors.items():
            ends = [factor * end for end in self._bounds(word)]
            lo, hi = lo + min(ends), hi + max(ends)
        return Form(factors, constant, lo, hi)

    def _bounds(self, word: Word) -> tuple[int, int]:
        """Returns the least and the greatest value of what sums have factors of."""
        kind, args = self.kinds[word], self.args[word]
        if kind == "element":
            return args[0].lo, args[0].hi
        if kind == "product":
            corners = [x * y for x in self._bounds(args[0]) for y in self._bounds(args[1])]
            return min(corners), max(corners)
        return 0, 1  # a bit

    def product(self, x: Word, y: Word) -> Word:
        """Returns the product of two inputs as integers, of which sums can be made."""
        return self._make("product", self.widths[x] + self.widths[y], *sorted((x, y)))

    def _pieces_form(self, pieces: tuple[Piece, ...]) -> Form | None:
        (base, low, width), *others = pieces
        if not others:
            return self._part_form(base, low, width)
        if self.value(base) == 0:  # a shift to the left
            rest = self.form(self.put_together(others))
            return None if rest is None else self._scaled(rest, 1 << width)
        part = self.form(self.put_together([pieces[0]]))
        if part is None:
            return None
        if all(self.value(other) == 0 for other, _, _ in others):
            return part if part.lo >= 0 and part.hi < 1 << width else None
        if all(other == (base, low + width - 1, 1) for other in others):
            half = 1 << (width - 1)
            return part if -half <= part.lo and part.hi < half else None
        return None

    def _part_form(self, base: Word, low: int, width: int) -> Form | None:
        """Returns a sum that bits of a word are equal to.

        With F = H * 2**low + L, and L within [-half, half) where half = 2**(low - 1), the bits of
        F from `low` on are H, or H - 1 if L is negative; bit `low - 1` of F says whether it is.
        """
        form = self.form(base)
        if width == 1:
            return self._bit_form(base, low, form)
        if form is None:
            return None
        if low == 0:
            near = self._near(form, width)
            return near if near.hi - near.lo < form.hi - form.lo else form
        rest = self._near(form, low)
        half = 1 << (low - 1)
        if rest.lo < -half or rest.hi >= half:
            return None
        factors = {word: (f - rest.factors[word]) >> low for word, f in form.factors.items()}
        if rest.lo >= 0:
            return self.sum_form(factors, (form.constant - rest.constant) >> low)
        borrow = self.slice(base, self.widths[base], low - 1, 1)
        factors[borrow] = factors.get(borrow, 0) - 1
        return self.sum_form(factors, (form.constant - rest.constant) >> low)

    def _bit_form(self, base: Word, place: int, form: Form | None) -> Form:
        """Returns what a bit is: 0 or 1 where the sum up to it is known to have no sign, or one."""
        if form is not None:
            low, half = self._near(form, place + 1), 1 << place
            if low.lo >= 0 and low.hi < half:
                return Form({}, 0, 0, 0)
            if -half <= low.lo and low.hi < 0:
                return Form({}, 1, 1, 1)
        bit = self.slice(base, self.widths[base], place, 1)
        return Form({bit: 1}, 0, 0, 1)

    def _near(self, form: Form, width: int) -> Form:
        """Returns a sum whose factors are the least that are equal modulo 2**width."""
        half = 1 << (width - 1)
        factors = {w: (f + half) % (2 * half) - half for w, f in form.factors.items()}
        return self.sum_form(factors, (form.constant + half) % (2 * half) - half)

    def _scaled(self, form: Form, factor: int) -> Form:
        factors = {word: f * factor for word, f in form.factors.items()}
        return self.sum_form(factors, form.constant * factor)

    def of_form(self, width: int, form: Form) -> Word:
        """Returns the word of a sum modulo 2**width."""
        factors = {word: factor for word, factor in form.factors.items() if factor}
        if not factors:
            return self.const(width, form.constant)
        if len(factors) == 1 and form.constant == 0:
            ((word, factor),) = factors.items()
            if factor == 1 and self.widths[word] == width and self.kinds[word] != "product":
                return word
        return self._make("sum", width, tuple(sorted(factors.items())), form.constant)

    def add(self, width: int, x: Word, y: Word) -> Word:
        """Returns the sum modulo 2**width."""
        key = (width, x, y)
        if key not in self._sums:
            self._sums[key] = self._added(width, x, y)
        return self._sums[key]

    def _added(self, width: int, x: Word, y: Word) -> Word:
        a, b = self.form(x), self.form(y)
        if a is None or b is None:
            return self.opaque("add", width, *sorted((x, y)))
        factors = dict(a.factors)
        for word, factor in b.factors.items():
            factors[word] = factors.get(word, 0) + factor
        return self.of_form(width, self.sum_form(factors, a.constant + b.constant))

    def mul(self, width: int, x: Word, y: Word) -> Word:
        """Returns the product modulo 2**width."""
        for one, other in ((x, y), (y, x)):
            if self.value(one) is not None and (form := self.form(other)) is not None:
                factor = self.form(one)
                assert factor is not None, "a constant is a sum"
                return self.of_form(width, self._scaled(form, factor.constant))
        a, b = self.form(x), self.form(y)
        if a is None or b is None or not self._is_element(a) or not self._is_element(b):
            return self.opaque("mul", width, *sorted((x, y)))
        product = self.product(next(iter(a.factors)), next(iter(b.factors)))
        return self.of_form(width, self.sum_form({product: 1}, 0))

    def _is_element(self, form: Form) -> bool:
        """Whether a sum is an input as it is."""
        if form.constant or len(form.factors) != 1:
            return False
        ((word, factor),) = form.factors.items()
        return factor == 1 and self.kinds[word] == "element"

    def neg(self, width: int, x: Word) -> Word:
        """Returns the negative modulo 2**width."""
        form = self.form(x)
        if form is None:
            return self.opaque("neg", width, x)
        return self.of_form(width, self._scaled(form, -1))

    # Everything else.

    def opaque(self, kind: str, width: int, *args: Word) -> Word:
        """Returns an operation of which nothing is known but its operands."""
        if all(self.is_known(arg) for arg in args):
            return self._make(kind, width, *args)
        return UNKNOWN

    def operation(
        self, kind: str, width: int, args: tuple[Word, ...], compute: Callable[..., int]
    ) -> Word:
        """Returns an operation, computed if all its operands are constant."""
        values = [self.value(arg) for arg in args]
        if all(value is not None for value in values):
            return self.const(width, compute(*values))
        return self.opaque(kind, width, *args)

    def choose(self, width: int, condition: Word, yes: Word, no: Word) -> Word:
        """Returns one of two words."""
        chosen = self.value(condition)
        if chosen is not None:
            return yes if chosen else no
        if yes == no:
            return yes
        return self.opaque("ite", width, condition, yes, no)
