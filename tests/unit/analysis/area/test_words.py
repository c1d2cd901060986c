"""Adders are as long as words are for the tool, by hand after the rules of Yosys' passes."""

import pytest

from qcompiler.analysis.area.count import Estimator
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder


def adder_tables(b, family="ecp5"):
    return Estimator({b.name: b.build()}, FAMILIES[family]).count(b.name)["adder_luts"]


def test_copies_of_signs_are_not_added():
    b = ModuleBuilder("m")
    b.output("y", b.input("a", 6).sext(12) + b.input("b", 5).sext(12))
    assert adder_tables(b) == 8  # 7 places


def test_a_short_negation_is_gates():
    b = ModuleBuilder("m")
    b.output("y", b.constant(0, 5) - b.input("a", 2).sext(5))
    assert adder_tables(b) == 0


@pytest.mark.parametrize("registers", [0, 2])
def test_lengths_go_through_registers(registers):
    b = ModuleBuilder("m")
    terms = [b.input("a", 6).sext(12), b.input("b", 6).sext(12)]
    for i in range(registers):
        terms = [b.delay(f"r{i}{j}", term) for j, term in enumerate(terms)]
    b.output("y", terms[0] + terms[1])
    assert adder_tables(b) == 8


def test_lengths_do_not_go_through_gates():
    """A choice of two numbers is as long as written when adders are made."""
    b = ModuleBuilder("m")
    choose = b.input("choose", 1)
    either = b.mux(choose, b.input("a", 6).sext(12), b.input("b", 6).sext(12))
    b.output("y", either + b.input("c", 6).sext(12))
    assert adder_tables(b) == 12


def test_a_choice_that_is_known_is_a_wire():
    b = ModuleBuilder("m")
    known = b.mux(b.constant(1, 1), b.input("a", 6).sext(12), b.input("b", 12))
    b.output("y", known + b.input("c", 6).sext(12))
    assert adder_tables(b) == 8


def test_zeros_below_do_not_shorten_a_sum_of_many():
    """Full adders are made of gates after the chain."""
    b = ModuleBuilder("m")
    a, c = b.input("a", 12), b.input("c", 12)
    low = b.concat([b.input("b", 6), b.constant(0, 6)])
    b.output("two", a + low)
    assert adder_tables(b) == 6
    b = ModuleBuilder("m")
    a, c, d = b.input("a", 12), b.input("c", 6), b.input("d", 6)
    b.output("three", b.sum([a, *(b.concat([x, b.constant(0, 6)]) for x in (c, d))]))
    assert adder_tables(b) == 12


@pytest.mark.parametrize(
    ("threshold", "tables"),
    [(0b101010101001, 12), (0b101010100000, 8), (0b100000000000, 0)],
)
def test_comparisons_start_at_the_first_bit_that_borrows(threshold, tables):
    """A long constant as in a ROM: a - b borrows nothing below the lowest 1 of b."""
    b = ModuleBuilder("m")
    x, kept = b.input("x", 12), b.constant(threshold, 12)
    b.output("y", x.compare("slt", kept))
    counts = Estimator({"m": b.build()}, FAMILIES["ecp5"]).count("m")
    assert counts["compare_luts"] == tables


def test_a_tie_that_is_rounded_down_borrows_nothing():
    """x - (x is odd and a tie): what falls away is the last 1."""
    for from_odd, tables in ((True, 0), (False, 12)):
        b = ModuleBuilder("m")
        x, tie = b.input("x", 12), b.input("tie", 1)
        one = tie & x.slice(0, 1) if from_odd else tie
        b.output("y", x - one.zext(12))
        assert adder_tables(b) == tables
