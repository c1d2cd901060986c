"""The control of a circuit as one function of Python on integers, many times as fast as `Cycle`.

Its source text is made of numbers of nodes and of constants, nothing else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from qcompiler.proofs.block import Block
from qcompiler.proofs.circuit import Circuit, Node
from qcompiler.proofs.cycle import Cycle, Value, Values
from qcompiler.proofs.terms import Word

Control: TypeAlias = Callable[[Sequence[int]], tuple[int, ...]]
"""Takes the integers of nodes, returns those of others."""

_PLAIN: Mapping[str, str] = {
    "and": "{0} & {1}",
    "or": "{0} | {1}",
    "xor": "{0} ^ {1}",
    "not": "{0} ^ {mask}",
    "xnor": "{0} ^ {1} ^ {mask}",
    "nand": "({0} & {1}) ^ {mask}",
    "nor": "({0} | {1}) ^ {mask}",
    "neg": "-{0} & {mask}",
    "add": "({0} + {1}) & {mask}",
    "sub": "({0} - {1}) & {mask}",
    "mul": "({0} * {1}) & {mask}",
    "eq": "int({0} == {1})",
    "neq": "int({0} != {1})",
    "ugt": "int({0} > {1})",
    "ugte": "int({0} >= {1})",
    "ult": "int({0} < {1})",
    "ulte": "int({0} <= {1})",
    "sgt": "int(({0} ^ {sign}) > ({1} ^ {sign}))",
    "sgte": "int(({0} ^ {sign}) >= ({1} ^ {sign}))",
    "slt": "int(({0} ^ {sign}) < ({1} ^ {sign}))",
    "slte": "int(({0} ^ {sign}) <= ({1} ^ {sign}))",
    "ite": "{1} if {0} else {2}",
    "redor": "int({0} != 0)",
    "redand": "int({0} == {full})",
    "redxor": "({0}).bit_count() & 1",
    "uext": "{0}",
    "sext": "(({0} ^ {sign}) - {sign}) & {mask}",
    "slice": "({0} >> {low}) & {mask}",
    "concat": "({0} << {second}) | {1}",
    "srl": "{0} >> {1}",
    "sll": "({0} << min({1}, {width})) & {mask}",
}


def compile_control(
    circuit: Circuit,
    fixed: Mapping[int, Any],
    given: Sequence[int],
    wanted: Iterable[int],
) -> Control | None:
    """Returns a function that computes nodes within a cycle; None if one is no plain integer.

    Args:
        circuit: that they are in.
        fixed: integers of nodes that are always the same; tuples of them for memories.
        given: nodes whose integers the function takes, in this order.
        wanted: those that it returns.
    """
    wanted = list(wanted)
    tables: dict[str, tuple[int, ...]] = {}
    lines = [f"    {''.join(f'n{number}, ' for number in given)}= given"]
    for number in sorted(circuit.cone(wanted) - set(given)):
        value = fixed.get(number)
        if isinstance(value, tuple):
            tables[f"n{number}"] = value
            continue
        text = str(value) if value is not None else _text(circuit, circuit.nodes[number])
        if text is None:
            return None
        lines.append(f"    n{number} = {text}")
    lines.append(f"    return ({''.join(f'n{number}, ' for number in wanted)})")
    scope: dict[str, Any] = dict(tables)
    exec("\n".join(["def control(given):", *lines]), scope)
    return scope["control"]


def _text(circuit: Circuit, node: Node) -> str | None:
    """Returns an expression for a node; None for a memory, an input, or what is not known here."""
    names = [f"n{arg}" for arg in node.args]
    if node.kind == "read":
        return f"{names[0]}[{names[1]}]"
    if node.kind not in _PLAIN or node.sort.address:
        return None
    width = circuit.nodes[node.args[0]].sort.width
    return _PLAIN[node.kind].format(
        *names,
        mask=(1 << node.sort.width) - 1,
        full=(1 << width) - 1,
        sign=1 << (width - 1),
        width=width,
        low=node.numbers[-1] if node.kind == "slice" else 0,
        second=circuit.nodes[node.args[-1]].sort.width,
    )


class Stepper:
    """Computes cycles of a block whose control is known: integers first, then data as terms.

    Args:
        block: the block.
        cycle: of its circuit.
        control: registers that no data reach.
        data: the others, as far as they are wanted.
        tainted: all nodes that data reach.
        compares: whether data of outputs are wanted.
    """

    def __init__(
        self,
        block: Block,
        cycle: Cycle,
        control: Sequence[int],
        data: Sequence[int],
        tainted: set[int],
        *,
        compares: bool,
    ):
        circuit, self._terms = block.circuit, cycle.terms
        asked = [port.ready for port in block.inputs] + [port.valid for port in block.outputs]
        driven = [port.valid for port in block.inputs] + [port.ready for port in block.outputs]
        known = cycle.integers() | {block.reset: 1}
        # Yosys gives words that nobody uses an input of their own, of which nothing is known.
        free = circuit.inputs_besides([*driven, block.reset])
        tainted = tainted | circuit.followers(free)
        results = [circuit.next[n] for n in data]
        results += [port.data for port in block.outputs] if compares else []
        self._data, self._blank = data, cycle.nothing_known()
        self._rules = cycle.rules_for(results, tainted)
        read = {arg for n, _ in self._rules for arg in circuit.nodes[n].args} | set(results)
        self._edges = sorted(read - tainted - known.keys())
        self._words: list[dict[int, Word]] = [{} for _ in self._edges]
        self._widths = [circuit.nodes[n].sort.width for n in self._edges]
        wanted = [*asked, *(circuit.next[n] for n in control), *self._edges]
        self._asked, self._known = len(asked), len(asked) + len(control)
        plain = not tainted & set(wanted)
        self._control = (
            compile_control(circuit, known, [*control, *driven], wanted) if plain else None
        )

    @property
    def works(self) -> bool:
        """Whether the block's control is made of integers alone."""
        return self._control is not None

    def control(
        self, control: Sequence[int], drives: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Returns what `step` does, without data."""
        assert self._control is not None, "it works"
        found = self._control((*control, *drives))
        return found[: self._asked], found[self._asked : self._known]

    def step(
        self,
        control: Sequence[int],
        drives: Sequence[int],
        held: Sequence[Value],
        words: Iterable[tuple[int, Word]],
    ) -> tuple[tuple[int, ...], tuple[int, ...], Values]:
        """Returns what ports answer, the control after a cycle, and the values of all data.

        Args:
            control: integers of its registers.
            drives: valid of inputs, then ready of outputs.
            held: what the registers of data hold.
            words: data of inputs.
        """
        assert self._control is not None, "it works"
        found = self._control((*control, *drives))
        values = self._blank.copy()
        edges = zip(self._edges, self._words, self._widths, found[self._known :], strict=True)
        for node, known, width, number in edges:
            word = known.get(number)
            if word is None:
                word = known[number] = self._terms.const(width, number)
            values[node] = word
        for node, value in zip(self._data, held, strict=True):
            values[node] = value
        for node, word in words:
            values[node] = word
        for node, rule in self._rules:
            values[node] = rule(values)
        return found[: self._asked], found[self._asked : self._known], values
