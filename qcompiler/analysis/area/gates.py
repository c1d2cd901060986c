"""Logic as a graph of small gates, and how many look-up tables cover it.

A literal is twice a gate's number, plus one if it is inverted: inverters cost nothing in tables.
Literals 0 and 1 are the constants. Equal gates are one gate, as in a synthesis tool.
"""

from collections.abc import Iterable, Sequence

FALSE, TRUE = 0, 1
_CUTS_KEPT = 2


class Gates:
    """A graph of gates; its leaves are ports, registers, memories, adders and so on."""

    def __init__(self) -> None:
        self._fanins: list[tuple[int, ...]] = [()]
        self._kinds: list[str] = ["leaf"]
        self._operands: list[tuple[int, ...]] = [()]
        self._known: dict[tuple[str, int, int, int], int] = {}

    def leaf(self) -> int:
        """Returns the literal of a new leaf."""
        self._fanins.append(())
        self._kinds.append("leaf")
        self._operands.append(())
        return 2 * len(self._fanins) - 2

    @property
    def size(self) -> int:
        """How many gates and leaves there are, the constant among them."""
        return len(self._fanins)

    def leaves(self, count: int) -> list[int]:
        """Returns the literals of new leaves."""
        first = self.size
        self._fanins += [()] * count
        self._kinds += ["leaf"] * count
        self._operands += [()] * count
        return list(range(2 * first, 2 * (first + count), 2))

    def is_leaf(self, literal: int) -> bool:
        """Whether the literal is a leaf's, or constant."""
        return not self._fanins[literal >> 1]

    @property
    def fanins(self) -> Sequence[tuple[int, ...]]:
        """The gates that each gate reads; their numbers are below its own."""
        return self._fanins

    def operands(self, node: int) -> tuple[int, ...]:
        """Returns the literals at a gate's inputs."""
        return self._operands[node]

    def kind(self, node: int) -> str:
        """Returns what a gate is: and, xor, mux or maj; or leaf."""
        return self._kinds[node]

    def _gate(self, kind: str, a: int, b: int, c: int = FALSE) -> int:
        key = (kind, a, b, c)
        found = self._known.get(key)
        if found is None:
            three = kind in ("mux", "maj")
            self._fanins.append((a >> 1, b >> 1, c >> 1) if three else (a >> 1, b >> 1))
            self._kinds.append(kind)
            self._operands.append((a, b, c) if three else (a, b))
            found = self._known[key] = 2 * (len(self._fanins) - 1)
        return found

    def both(self, a: int, b: int) -> int:
        """Returns a & b."""
        if a > b:
            a, b = b, a
        if a <= TRUE:
            return b if a else FALSE
        if a >> 1 == b >> 1:
            return a if a == b else FALSE
        return self._gate("and", a, b)

    def either(self, a: int, b: int) -> int:
        """Returns a | b."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a: int, b: int) -> int:
        """Returns a ^ b."""
        if a > b:
            a, b = b, a
        if a <= TRUE:
            return b ^ a
        if a >> 1 == b >> 1:
            return (a ^ b) & 1
        return self._gate("xor", a & ~1, b & ~1) ^ ((a ^ b) & 1)

    def mux(self, condition: int, if_true: int, if_false: int) -> int:
        """Returns condition ? if_true : if_false."""
        if condition <= TRUE:
            return if_true if condition else if_false
        if if_true == if_false:
            return if_true
        if if_true <= TRUE or if_false <= TRUE or if_true == if_false ^ 1:
            return self._simple_mux(condition, if_true, if_false)
        if condition & 1:
            condition, if_true, if_false = condition ^ 1, if_false, if_true
        return self._gate("mux", condition, if_true, if_false)

    def mux_words(self, condition: int, if_true: list[int], if_false: list[int]) -> list[int]:
        """Returns what `mux` does for each bit of two words of one length."""
        if condition <= TRUE or if_true == if_false:
            return [*(if_true if condition else if_false)]
        if condition & 1:
            condition, if_true, if_false = condition ^ 1, if_false, if_true
        made: list[int] = []
        for t, f in zip(if_true, if_false, strict=True):
            if t <= TRUE or f <= TRUE or t ^ f <= 1:
                made.append(self.mux(condition, t, f))
            else:
                made.append(self._gate("mux", condition, t, f))
        return made

    def _simple_mux(self, condition: int, if_true: int, if_false: int) -> int:
        if if_true == if_false ^ 1:
            return self.differ(condition, if_false)
        if if_true <= TRUE:
            return (
                self.either(condition, if_false) if if_true else self.both(condition ^ 1, if_false)
            )
        return self.either(condition ^ 1, if_true) if if_false else self.both(condition, if_true)

    def majority(self, a: int, b: int, c: int) -> int:
        """Returns the carry of a full adder."""
        a, b, c = sorted((a, b, c))
        if a <= TRUE:
            return self.either(b, c) if a else self.both(b, c)
        if a >> 1 == b >> 1:
            return a if a == b else c
        if b >> 1 == c >> 1:
            return b if b == c else a
        return self._gate("maj", a, b, c)

    def all_of(self, literals: Iterable[int]) -> int:
        """Returns the conjunction, as a balanced tree."""
        level = list(literals) or [TRUE]
        while len(level) > 1:
            pairs = [self.both(*level[i : i + 2]) for i in range(0, len(level) - 1, 2)]
            level = pairs + level[len(pairs) * 2 :]
        return level[0]

    def any_of(self, literals: Iterable[int]) -> int:
        """Returns the disjunction, as a balanced tree."""
        return self.all_of(literal ^ 1 for literal in literals) ^ 1


def cover(gates: Gates, roots: Sequence[int], inputs: int) -> set[int]:
    """Returns the gates at the outputs of look-up tables that compute `roots`.

    Each gate has a few sets of leaves from which one table computes it; those with the least area
    flow (tables on the way, each shared by its readers) are kept. This is how technology mappers
    do it, without their passes for delay and recovery.

    Args:
        gates: the graph.
        roots: literals that are needed. One of an inverted leaf needs a table, too.
        inputs: of a table, at least 3.
    """
    all_fanins = gates.fanins
    readers = _readers(gates, roots)
    flow = [0.0] * gates.size
    best: dict[int, frozenset[int]] = {}
    cuts: dict[int, list[frozenset[int]]] = {}
    for node, count in enumerate(readers):
        if not count or not all_fanins[node]:
            continue
        fanins = all_fanins[node]
        made = [fanin for fanin in fanins if fanin in cuts]
        if not made:  # leaves, which a table always has room for
            best[node] = ranked = frozenset(fanins)
            flow[node] = 1 / count
            cuts[node] = [ranked, frozenset((node,))]
            continue
        unions = [frozenset([fanin for fanin in fanins if fanin not in cuts])]
        for fanin in made:
            unions = [u for x in unions for y in cuts[fanin] if len(u := x | y) <= inputs]
        found = {leaves: sum([flow[leaf] for leaf in leaves]) for leaves in unions}
        ranked = sorted(found, key=lambda leaves: (found[leaves], len(leaves)))[:_CUTS_KEPT]
        best[node] = ranked[0]
        flow[node] = (1 + found[ranked[0]]) / count
        cuts[node] = [*ranked, frozenset((node,))]
    return _tables(gates, roots, best)


def _readers(gates: Gates, roots: Sequence[int]) -> list[int]:
    """Returns how many gates that roots depend on, and roots, read each gate."""
    fanins = gates.fanins
    readers = [0] * gates.size
    for root in roots:
        readers[root >> 1] += 1
    for node in range(gates.size - 1, 0, -1):
        if readers[node]:
            for fanin in fanins[node]:
                readers[fanin] += 1
    return readers


def leaves_before(gates: Gates, literals: Iterable[int]) -> set[int]:
    """Returns the literals of the leaves that some literals depend on."""
    fanins = gates.fanins
    needed = bytearray(gates.size)
    for literal in literals:
        needed[literal >> 1] = 1
    found: set[int] = set()
    for node in range(gates.size - 1, -1, -1):
        if needed[node]:
            before = fanins[node]
            for fanin in before:
                needed[fanin] = 1
            if not before:
                found.add(2 * node)
    return found


def _tables(gates: Gates, roots: Sequence[int], best: dict[int, frozenset[int]]) -> set[int]:
    made: set[int] = set()
    waiting: list[int] = []
    for root in roots:
        if not gates.is_leaf(root):
            waiting.append(root >> 1)
        elif root & 1 and root != TRUE:
            made.add(-(root >> 1))  # an inverter
    while waiting:
        node = waiting.pop()
        if node in made:
            continue
        made.add(node)
        waiting += [leaf for leaf in best[node] if leaf in best]
    return made
