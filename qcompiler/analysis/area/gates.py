"""Logic as a graph of small gates, and how many look-up tables cover it.

A literal is twice a gate's number, plus one if it is inverted: inverters cost nothing in tables.
Literals 0 and 1 are the constants. Equal gates are one gate, as in a synthesis tool.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

FALSE, TRUE = 0, 1
_CUTS_KEPT = 4
_ROUNDS = 2
_USED = 2
"""Weight of the readers that a gate has in the end, beside those in the graph."""


class Gates:
    """A graph of gates; its leaves are ports, registers, memories, adders and so on."""

    def __init__(self) -> None:
        self._fanins: list[tuple[int, ...]] = [()]
        self._kinds: list[str] = ["leaf"]
        self._operands: list[tuple[int, ...]] = [()]
        self._carries: list[int] = [0]
        self._known: dict[tuple[str, int, int, int], int] = {}

    def leaf(self) -> int:
        """Returns the literal of a new leaf."""
        self._fanins.append(())
        self._kinds.append("leaf")
        self._operands.append(())
        self._carries.append(0)
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
        self._carries += [0] * count
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

    def carries(self, node: int) -> int:
        """Returns how many carries of full adders stand on the longest way to a gate."""
        return self._carries[node]

    def _gate(self, kind: str, a: int, b: int, c: int = FALSE) -> int:
        key = (kind, a, b, c)
        found = self._known.get(key)
        if found is None:
            three = kind in ("mux", "maj")
            self._fanins.append((a >> 1, b >> 1, c >> 1) if three else (a >> 1, b >> 1))
            self._kinds.append(kind)
            self._operands.append((a, b, c) if three else (a, b))
            before = max(self._carries[fanin] for fanin in self._fanins[-1])
            self._carries.append(before + (kind == "maj"))
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


def cover(
    gates: Gates, roots: Sequence[int], inputs: int, costs: Sequence[float] = ()
) -> dict[int, int]:
    """Returns how many tables make each gate that stands at the output of some.

    Each gate has a few sets of leaves from which it is computed; those with the least area flow
    (what is on the way costs, each shared by its readers) are kept. Gates inside of tables have no
    reader then, so the flow is found once more. This is how technology mappers do it, without their
    passes for delay and exact area.

    Args:
        gates: the graph.
        roots: literals that are needed. One of an inverted leaf needs a table, too: its gate is
            negative.
        inputs: of a table, at least 3. A function of more inputs is made of several tables and
            multiplexers.
        costs: of functions of one, two and so on inputs, as a tool has them; the last one is of
            the widest. All tables cost the same if they are not given.

    Source: Mishchenko et al., Combinational and sequential mapping with priority cuts, ICCAD 2007.
    """
    costs = (0, *(costs or [1] * inputs))
    readers = _readers(gates, roots)
    shares = [float(count) for count in readers]
    best = _cheapest(gates, readers, shares, costs)
    for _ in range(_ROUNDS - 1):
        for node, count in _uses(roots, _tables(gates, roots, best), best).items():
            shares[node] = max(1.0, (readers[node] + _USED * count) / (1 + _USED))
        best = _cheapest(gates, readers, shares, costs)
    return {
        node: 1 << max(0, len(best.get(node, ())) - inputs) for node in _tables(gates, roots, best)
    }


def _cheapest(
    gates: Gates, readers: Sequence[int], shares: Sequence[float], costs: Sequence[float]
) -> dict[int, frozenset[int]]:
    """Returns the leaves of each gate with the least area flow, each shared by so many."""
    all_fanins, most = gates.fanins, len(costs) - 1
    flow = [0.0] * gates.size
    best: dict[int, frozenset[int]] = {}
    cuts: dict[int, list[frozenset[int]]] = {}
    for node, count in enumerate(readers):
        fanins = all_fanins[node]
        if not count or not fanins:
            continue
        unions = [frozenset([fanin for fanin in fanins if fanin not in cuts])]
        for fanin in fanins:
            if fanin in cuts:
                unions = [u for x in unions for y in cuts[fanin] if len(u := x | y) <= most]
        found = {u: costs[len(u)] + sum([flow[leaf] for leaf in u]) for u in unions}
        ranked = sorted(found, key=lambda leaves: (found[leaves], len(leaves)))[:_CUTS_KEPT]
        best[node] = ranked[0]
        flow[node] = found[ranked[0]] / shares[node]
        cuts[node] = [*ranked, frozenset((node,))]
    return best


def _uses(
    roots: Sequence[int], made: Iterable[int], best: dict[int, frozenset[int]]
) -> Counter[int]:
    """Returns how many tables and roots read each gate that has a set of leaves."""
    used = Counter(dict.fromkeys(best, 0))
    used.update(root >> 1 for root in roots if root >> 1 in best)
    for node in made:
        used.update(leaf for leaf in best.get(node, ()) if leaf in best)
    return used


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
