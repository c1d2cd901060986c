"""Tables that cover gates: counted against brute force where that is possible."""

import itertools

import pytest

from qcompiler.analysis.area.columns import Columns
from qcompiler.analysis.area.count import Estimator
from qcompiler.analysis.area.gates import FALSE, TRUE, Gates, cover
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder


def evaluate(gates: Gates, literal: int, values: dict[int, int]) -> int:
    node = literal >> 1
    if node in values:
        return values[node] ^ (literal & 1)
    fanins = gates.operands(node)
    got = [evaluate(gates, fanin, values) for fanin in fanins]
    kind = gates.kind(node)
    result = {
        "and": lambda: got[0] & got[1],
        "xor": lambda: got[0] ^ got[1],
        "mux": lambda: got[1] if got[0] else got[2],
        "maj": lambda: int(sum(got) > 1),
    }[kind]()
    return result ^ (literal & 1)


def test_gates_compute_what_they_are_called():
    gates = Gates()
    a, b, c = gates.leaves(3)
    made = {
        gates.both(a, b ^ 1): lambda x, y, z: x & (1 - y),
        gates.either(a, c): lambda x, y, z: x | z,
        gates.differ(a ^ 1, b): lambda x, y, z: 1 - (x ^ y),
        gates.mux(a ^ 1, b, c): lambda x, y, z: z if x else y,
        gates.mux(a, TRUE, c): lambda x, y, z: x | z,
        gates.mux(a, b, FALSE): lambda x, y, z: x & y,
        gates.majority(a, b ^ 1, c): lambda x, y, z: int(x + (1 - y) + z > 1),
        gates.all_of([a, b, c]): lambda x, y, z: x & y & z,
        gates.any_of([a, b, c]): lambda x, y, z: x | y | z,
    }
    for literal, function in made.items():
        for x, y, z in itertools.product((0, 1), repeat=3):
            values = {0: 0, a >> 1: x, b >> 1: y, c >> 1: z}
            assert evaluate(gates, literal, values) == function(x, y, z)


def test_equal_gates_are_one_and_constants_vanish():
    gates = Gates()
    a, b = gates.leaves(2)
    assert gates.both(a, b) == gates.both(b, a)
    assert gates.differ(a, b ^ 1) == gates.differ(b, a) ^ 1
    assert gates.both(a, a ^ 1) == FALSE
    assert gates.majority(a, a ^ 1, b) == b
    assert gates.majority(a, b, a) == a


def test_an_and_of_n_takes_as_few_tables_as_can_be():
    for count in range(2, 30):
        gates = Gates()
        root = gates.all_of(gates.leaves(count))
        for inputs in (4, 6):
            fewest = -(-(count - 1) // (inputs - 1))
            assert fewest <= len(cover(gates, [root], inputs)) <= fewest + 1 + count // 12


def test_an_inverted_leaf_takes_a_table_and_a_plain_one_none():
    gates = Gates()
    a, b = gates.leaves(2)
    assert not cover(gates, [a, TRUE, FALSE], 4)
    assert len(cover(gates, [b ^ 1], 4)) == 1


def test_columns_add_up():
    """Rows of full adders keep the sum, products and subtractions too."""
    gates = Gates()
    width = 9
    a, b, c = gates.leaves(4), gates.leaves(3), gates.leaves(width)
    columns = Columns(gates, width)
    columns.product(a, b)
    columns.term(c, negative=True)
    columns.term(c)
    columns.term(c)
    columns.term([TRUE, FALSE, TRUE] + [FALSE] * 6)
    rows = columns.two_rows()
    for x, y, z in itertools.product(range(-8, 8), range(-4, 4), (0, 5, 300, 511)):
        values = {0: 0}
        for bits, number in ((a, x), (b, y), (c, z)):
            values |= {bit >> 1: number >> i & 1 for i, bit in enumerate(bits)}
        total = sum(evaluate(gates, bit, values) << i for row in rows for i, bit in enumerate(row))
        assert total % (1 << width) == (x * y + z + 5) % (1 << width)


def test_reach_goes_through_carries_upwards_only():
    """Of an adder's outputs, one depends on the places below it."""
    b = ModuleBuilder("m")
    a, c = (b.delay(name, b.input(f"{name}_in", 8)) for name in "ac")
    b.output("y", (a + c).slice(0, 5))
    found = Estimator({"m": b.build()}, FAMILIES["ecp5"]).count("m")
    assert (found["ff"], found["adder_luts"]) == (5 + 5, 6)


@pytest.mark.parametrize(("family", "tables"), [("ecp5", 3), ("xilinx", 1), ("ice40", 3)])
def test_a_choice_of_four_takes_what_is_cheapest(family, tables):
    """On ECP5 four tables and free multiplexers make it, too, but three choices of two are less."""
    gates = Gates()
    a, b, c, d, low, high = gates.leaves(6)
    root = gates.mux(high, gates.mux(low, a, b), gates.mux(low, c, d))
    rules = FAMILIES[family]
    assert sum(cover(gates, [root], rules.inputs, rules.table_costs).values()) == tables


def test_a_function_of_five_inputs_is_two_tables_on_ecp5():
    gates = Gates()
    *leaves, last = gates.leaves(5)
    some, others = (gates.all_of(bit ^ n for n, bit in enumerate(leaves[i:])) for i in (0, 1))
    root = gates.mux(last, gates.differ(some, leaves[3]), gates.differ(others, leaves[0]))
    assert sum(cover(gates, [root], 4, FAMILIES["ecp5"].table_costs).values()) == 2
