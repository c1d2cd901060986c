"""Words once a unit is over: what came in is an element of the unit before."""

from qcompiler.proofs.cycle import Value
from qcompiler.proofs.terms import UNKNOWN, Element, Terms, Word


class Ageing:
    """Makes words older by a unit.

    Args:
        terms: that they belong to.
        oldest: units before this one are forgotten, a negative number.
    """

    def __init__(self, terms: Terms, oldest: int):
        self._terms, self._oldest = terms, oldest
        self._known: dict[tuple[Word, int], Word] = {}

    def value(self, value: Value, port: int) -> Value:
        """Returns what a register or a memory holds once the unit that comes in at a port ended."""
        if isinstance(value, tuple):
            return tuple([self.word(word, port) for word in value])
        return self.word(value, port)

    def word(self, word: Word, port: int) -> Word:
        """Returns a word once the unit that comes in at a port has become the one before it."""
        if word < 0 or self._terms.kinds[word] in ("const", "fresh"):
            return word
        key = (word, port)
        if key not in self._known:
            self._known[key] = self._aged(word, port)
        return self._known[key]

    def _aged(self, word: Word, port: int) -> Word:
        terms = self._terms
        kind, width, args = terms.kinds[word], terms.widths[word], terms.args[word]
        if kind == "element":
            return self._element(word, port)
        if kind == "pieces":
            return terms.put_together([(self.word(b, port), low, n) for b, low, n in args])
        if kind == "sum":
            factors = {self.word(w, port): factor for w, factor in args[0]}
            if UNKNOWN in factors:
                return UNKNOWN
            return terms.of_form(width, terms.sum_form(factors, args[1]))
        if kind == "product":
            one, other = (self.word(arg, port) for arg in args)
            return UNKNOWN if UNKNOWN in (one, other) else terms.product(one, other)
        if kind == "rom":
            address = self.word(args[1], port)
            return UNKNOWN if not terms.is_known(address) else terms.rom(width, args[0], address)
        return terms.opaque(kind, width, *(self.word(arg, port) for arg in args))

    def _element(self, word: Word, port: int) -> Word:
        found: Element = self._terms.args[word][0]
        if found.port != port:
            return word
        if found.unit - 1 < self._oldest:
            return UNKNOWN
        aged = Element(port, found.unit - 1, found.index, found.lo, found.hi)
        return self._terms.element(self._terms.widths[word], aged)
