"""What a circuit computes within a cycle, on terms."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, cast

from qcompiler.proofs.circuit import Circuit, Node
from qcompiler.proofs.terms import UNKNOWN, Terms, Word

Memory: TypeAlias = tuple[Word, ...]
Value: TypeAlias = Word | Memory
Values: TypeAlias = list[Any]
"""Values of nodes by their numbers: words, or memories."""

Rule: TypeAlias = Callable[[Values], Value]


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> (width - 1) else value


_COMPARE: Mapping[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_REDUCE: Mapping[str, Callable[[int, int], int]] = {
    "redor": lambda a, w: int(a != 0),
    "redand": lambda a, w: int(a == (1 << w) - 1),
    "redxor": lambda a, w: a.bit_count() & 1,
}
_SHIFTS: Mapping[str, Callable[[int, int, int], int]] = {
    "sll": lambda a, n, w: a << n,
    "srl": lambda a, n, w: a >> n,
    "sra": lambda a, n, w: _signed(a, w) >> n,
}


_UNARY: Mapping[str, Callable[[int], int]] = {"not": lambda a: ~a}
_BINARY: Mapping[str, Callable[[int, int], int]] = {
    "eq": lambda a, b: int(a == b),
    "neq": lambda a, b: int(a != b),
    "xor": lambda a, b: a ^ b,
    "xnor": lambda a, b: ~(a ^ b),
    "nand": lambda a, b: ~(a & b),
    "nor": lambda a, b: ~(a | b),
}


def operation_of(kind: str, width: int) -> Callable[..., int]:
    """Returns what an operation on words of `width` bits computes, not reduced to its width.

    Raises:
        ValueError: it is none of ours.
    """
    if kind in _UNARY:
        return _UNARY[kind]
    if kind in _BINARY:
        return _BINARY[kind]
    if kind in _REDUCE:
        return partial(_reduced, _REDUCE[kind], width)
    if kind in _SHIFTS:
        return partial(_shifted, _SHIFTS[kind], width)
    if kind[0] in "us" and kind[1:] in _COMPARE:
        return partial(_compared, _COMPARE[kind[1:]], width if kind[0] == "s" else 0)
    raise ValueError(f"no operation of ours is called {kind}")


def _reduced(reduce: Callable[[int, int], int], width: int, a: int) -> int:
    return reduce(a, width)


def _shifted(shift: Callable[[int, int, int], int], width: int, a: int, count: int) -> int:
    return shift(a, min(count, width), width)  # all bits are out then


def _compared(compare: Callable[[int, int], bool], width: int, a: int, b: int) -> int:
    """Returns whether a comparison holds; of signed numbers if they have a `width`."""
    if width:
        a, b = _signed(a, width), _signed(b, width)
    return int(compare(a, b))


class Cycle:
    """Computes nodes of a circuit from registers and inputs.

    Args:
        circuit: that is computed.
        terms: receives the terms.
        roots: nodes that are wanted.
    """

    def __init__(self, circuit: Circuit, terms: Terms, roots: Iterable[int]):
        self.circuit, self.terms = circuit, terms
        wanted = sorted(circuit.cone(roots))
        self._fixed: dict[int, Any] = {}
        self._rules: list[tuple[int, Rule]] = []
        for number in sorted(circuit.cone(circuit.initial.values())):
            self._prepare(number, initial=True)
        for state, value in circuit.initial.items():
            if state not in circuit.next:
                self._fixed[state] = self._fixed[value]
        for number in wanted:
            self._prepare(number, initial=False)
        self._start: Values = [UNKNOWN] * (1 + max(circuit.nodes))
        for number, value in self._fixed.items():
            self._start[number] = value
        for number in circuit.states:
            self._start[number] = self.unknown(number)

    def _prepare(self, number: int, *, initial: bool) -> None:
        node = self.circuit.nodes[number]
        if number in self._fixed:
            return
        if node.kind == "const":
            self._fixed[number] = self.terms.const(node.sort.width, node.numbers[0])
        elif node.kind in ("state", "input"):
            if initial or (node.kind == "state" and number not in self.circuit.next):
                self._fixed[number] = self.unknown(number)
        else:
            rule = self._rule(node)
            if all(arg in self._fixed for arg in node.args):
                known: Values = [UNKNOWN] * number
                for arg in node.args:
                    known[arg] = self._fixed[arg]
                self._fixed[number] = rule(known)
            else:
                self._rules.append((number, rule))

    def integers(self) -> dict[int, Any]:
        """Returns the nodes that are always the same and known, as integers, or tuples of them."""
        found: dict[int, Any] = {}
        for number, value in self._fixed.items():
            memory = bool(self.circuit.nodes[number].sort.address)
            words = cast(Memory, value) if memory else (cast(Word, value),)
            known = [self.terms.value(word) for word in words]
            if None not in known:
                found[number] = tuple(known) if memory else known[0]
        return found

    def rules_for(self, roots: Iterable[int], tainted: set[int]) -> list[tuple[int, Rule]]:
        """Returns the rules of the nodes in `tainted` that `roots` are computed from."""
        wanted = self.circuit.cone(roots) & tainted
        return [(number, rule) for number, rule in self._rules if number in wanted]

    def nothing_known(self) -> Values:
        """Returns the values of all nodes where nothing is known but what is always the same."""
        return self._start.copy()

    def unknown(self, number: int) -> Value:
        """Returns what is known of a node of which nothing is."""
        address = self.circuit.nodes[number].sort.address
        return (UNKNOWN,) * (1 << address) if address else UNKNOWN

    def compute(self, values: Mapping[int, Value]) -> Values:
        """Returns the values of all nodes.

        Args:
            values: of registers, memories that change, and inputs; what is not there is unknown.
        """
        found = self._start.copy()
        for number, value in values.items():
            found[number] = value
        for number, rule in self._rules:
            found[number] = rule(found)
        return found

    def _rule(self, node: Node) -> Rule:
        if node.sort.address or node.kind == "read":
            return self._memory_rule(node)
        special = getattr(self, f"_{node.kind}_rule", None)
        if special is not None:
            return special(node)
        width = self.circuit.nodes[node.args[0]].sort.width
        compute = operation_of(node.kind, width)
        kind, args, terms = node.kind, node.args, self.terms
        out = node.sort.width
        return lambda v: terms.operation(kind, out, tuple([v[a] for a in args]), compute)

    def _memory_rule(self, node: Node) -> Rule:
        terms = self.terms
        if node.kind == "read":
            memory, address = node.args
            width = node.sort.width
            return lambda v: self._read(v[memory], v[address], width)
        if node.kind == "write":
            memory, address, word = node.args
            return lambda v: self._written(v[memory], v[address], v[word])
        if node.kind != "ite":
            raise ValueError(f"no operation of ours on memories is called {node.kind}")
        condition, yes, no = node.args

        def choose(v: Values) -> Value:
            chosen = terms.value(v[condition])
            if chosen is not None:
                return v[yes] if chosen else v[no]
            return join(v[yes], v[no])

        return choose

    def _read(self, memory: Memory, address: Word, width: int) -> Word:
        at = self.terms.value(address)
        if at is not None:
            return memory[at]
        if not self.terms.is_known(address):
            return UNKNOWN
        # Words past the contents that Verilog gives are never asked for in a proof that succeeds.
        if any(self.terms.value(word) is None and word != UNKNOWN for word in memory):
            return UNKNOWN
        return self.terms.rom(width, memory, address)

    def _written(self, memory: Memory, address: Word, word: Word) -> Memory:
        at = self.terms.value(address)
        if at is None:
            return (UNKNOWN,) * len(memory)
        return (*memory[:at], word, *memory[at + 1 :])

    # Operations with rules of their own.

    def _slice_rule(self, node: Node) -> Rule:
        (arg,), (high, low), terms = node.args, node.numbers, self.terms
        width = self.circuit.nodes[arg].sort.width
        return lambda v: terms.slice(v[arg], width, low, high - low + 1)

    def _concat_rule(self, node: Node) -> Rule:
        (high, low), terms = node.args, self.terms
        widths = [self.circuit.nodes[arg].sort.width for arg in node.args]
        return lambda v: terms.concat(v[high], widths[0], v[low], widths[1])

    def _uext_rule(self, node: Node) -> Rule:
        (arg,), (more,), terms = node.args, node.numbers, self.terms
        width = self.circuit.nodes[arg].sort.width
        if more == 0:
            return lambda v: v[arg]
        zeros = terms.const(more, 0)
        return lambda v: terms.concat(zeros, more, v[arg], width)

    def _sext_rule(self, node: Node) -> Rule:
        (arg,), (more,), terms = node.args, node.numbers, self.terms
        width = self.circuit.nodes[arg].sort.width

        def extend(v: Values) -> Word:
            sign = terms.slice(v[arg], width, width - 1, 1)
            signs = [piece for _ in range(more) for piece in terms.pieces(sign, 1)]
            return terms.put_together([*terms.pieces(v[arg], width), *signs])

        return extend

    def _ite_rule(self, node: Node) -> Rule:
        (condition, yes, no), terms, width = node.args, self.terms, node.sort.width
        return lambda v: terms.choose(width, v[condition], v[yes], v[no])

    def _add_rule(self, node: Node) -> Rule:
        (x, y), terms, width = node.args, self.terms, node.sort.width
        return lambda v: terms.add(width, v[x], v[y])

    def _sub_rule(self, node: Node) -> Rule:
        (x, y), terms, width = node.args, self.terms, node.sort.width
        return lambda v: terms.add(width, v[x], terms.neg(width, v[y]))

    def _mul_rule(self, node: Node) -> Rule:
        (x, y), terms, width = node.args, self.terms, node.sort.width
        return lambda v: terms.mul(width, v[x], v[y])

    def _neg_rule(self, node: Node) -> Rule:
        (x,), terms, width = node.args, self.terms, node.sort.width
        return lambda v: terms.neg(width, v[x])

    def _and_rule(self, node: Node) -> Rule:
        return self._gate(node, "and", lambda a, b: a & b, ends=0)

    def _or_rule(self, node: Node) -> Rule:
        return self._gate(node, "or", lambda a, b: a | b, ends=-1)

    def _gate(
        self, node: Node, kind: str, compute: Callable[[int, int], int], *, ends: int
    ) -> Rule:
        """Returns the rule of a gate, for which one operand may decide: zeros, or ones."""
        (x, y), terms, width = node.args, self.terms, node.sort.width
        decides = ends % (1 << width)
        leaves = decides ^ ((1 << width) - 1)

        def gate(v: Values) -> Word:
            one, other = v[x], v[y]
            a, b = terms.value(one), terms.value(other)
            if a == decides or b == leaves:
                return one
            if b == decides or a == leaves:
                return other
            return terms.operation(kind, width, (one, other), compute)

        return gate


def join(one: Value, other: Value) -> Value:
    """Returns what is known of a value that is one of two."""
    if isinstance(one, tuple) and isinstance(other, tuple):
        return tuple([a if a == b else UNKNOWN for a, b in zip(one, other, strict=True)])
    return one if one == other else UNKNOWN


def joined(one: Sequence[Value], other: Sequence[Value]) -> tuple[Value, ...]:
    """Returns `join` of several values."""
    return tuple(a if a is b else join(a, b) for a, b in zip(one, other, strict=True))
