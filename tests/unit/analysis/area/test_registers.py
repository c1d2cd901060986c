"""Registers that are no flip-flops of their own: equal ones, constants, rows in look-up tables."""

import numpy as np
import pytest

from qcompiler.analysis.area.count import Estimator
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder
from qcompiler.rtl.numbers import Number


def counts(b, *modules, family="ecp5"):
    made = {m.sym_name.data: m for m in (*modules, b.build())}
    return Estimator(made, FAMILIES[family]).count(b.name)


def test_equal_bits_of_registers_are_one():
    b = ModuleBuilder("m")
    x, enable, other = b.input("x", 4), b.input("enable", 1), b.input("other", 1)
    b.output("a", b.delay("wide", x.sext(9), enable=enable))
    b.output("b", b.delay("again", x, enable=enable))
    b.output("c", b.delay("apart", x, enable=other))
    assert counts(b)["ff"] == 4 + 4


def test_those_that_are_kept_are_not_one():
    b = ModuleBuilder("m")
    x = b.input("x", 4)
    for name in ("one", "two"):
        b.output(f"y_{name}", b.delay(f"{name}_next", b.delay(name, x, kept=True)))
    b.output("z", b.delay("plain", x))
    assert counts(b)["ff"] == 2 * (4 + 4) + 4


def test_equal_bits_that_come_out_of_gates_are_one():
    b = ModuleBuilder("m")
    either = b.mux(b.input("choose", 1), b.input("x", 3).sext(6), b.input("y", 3).sext(6))
    b.output("z", b.delay("r", b.delay("q", either)))
    assert counts(b)["ff"] == 3 + 3


def test_constants_go_through_registers():
    b = ModuleBuilder("m")
    high = b.delay("constant", b.constant(1, 1))
    b.output("y", b.delay("r", b.concat([high & b.input("x", 1), high])))
    assert counts(b)["ff"] == 1


def test_instances_share_registers_of_what_they_share():
    inner = ModuleBuilder("inner")
    enable, x, w = inner.input("enable", 1), inner.input("x", 4), inner.input("w", 4)
    inner.output("y", inner.delay("both", inner.delay("x1", x, enable=enable) & w))
    module = inner.build()
    b = ModuleBuilder("m")
    enable, x = b.input("enable", 1), b.input("x", 4)
    for i in range(3):
        made = b.instance(f"i{i}", module, enable=enable, x=x, w=b.input(f"w{i}", 4))
        b.output(f"y{i}", made.output(b, "y"))
    assert counts(b, module)["ff"] == 4 + 3 * 4


@pytest.mark.parametrize(("bits", "adders", "multipliers"), [(8, 8, 3), (9, 10, 3)])
def test_instances_share_sums_but_no_hard_multipliers(bits, adders, multipliers):
    inner = ModuleBuilder("inner")
    x, y = inner.input("x", bits), inner.input("y", bits)
    inner.output("sum", x + y)
    product = Number.of_bits(x, signed=True) * Number.of_bits(y, signed=True)
    inner.output("product", product)
    module = inner.build()
    b = ModuleBuilder("m")
    x, y = b.input("x", bits), b.input("y", bits)
    for i in range(3):
        made = b.instance(f"i{i}", module, x=x, y=y)
        b.output(f"sum{i}", made.output(b, "sum"))
        b.output(f"product{i}", made.output(b, "product"))
    found = counts(b, module)
    assert (found["adder_luts"], found["dsp"]) == (adders, multipliers)


@pytest.mark.parametrize(
    ("family", "length", "flip_flops", "tables"),
    [("xilinx", 2, 8, 0), ("xilinx", 3, 0, 4), ("xilinx", 33, 0, 8), ("ecp5", 3, 12, 0)],
)
def test_rows_of_registers(family, length, flip_flops, tables):
    b = ModuleBuilder("m")
    x, enable = b.input("x", 4), b.input("enable", 1)
    for i in range(length):
        x = b.delay(f"r{i}", x, enable=enable)
    b.output("y", x)
    found = counts(b, family=family)
    assert (found["ff"], found["shift_luts"]) == (flip_flops, tables)


@pytest.mark.parametrize("why", ["read", "enable", "reset"])
def test_what_ends_a_row(why):
    b = ModuleBuilder("m")
    x, enable, other = b.input("x", 1), b.input("enable", 1), b.input("other", 1)
    first = b.delay("first", x, enable=enable)
    second = b.register("second", 1, reset=0 if why == "reset" else None)
    second.drive(first, enable=other if why == "enable" else enable)
    b.output("y", b.delay("third", second, enable=enable))
    if why == "read":
        b.output("z", second)
    found = counts(b, family="xilinx")
    assert (found["ff"], found["shift_luts"]) == (3, 0)


@pytest.mark.parametrize(
    ("outside", "inside", "flip_flops", "tables"),
    [(1, 1, 2, 0), (1, 2, 0, 1), (2, 1, 0, 1), (1, 3, 0, 1), (3, 3, 0, 1), (0, 3, 0, 1)],
)
def test_rows_go_on_in_instances(outside, inside, flip_flops, tables):
    inner = ModuleBuilder("inner")
    x, enable = inner.input("x", 1), inner.input("enable", 1)
    for i in range(inside):
        x = inner.delay(f"r{i}", x, enable=enable)
    inner.output("y", x)
    module = inner.build()
    b = ModuleBuilder("m")
    x, enable = b.input("x", 1), b.input("enable", 1)
    for i in range(outside):
        x = b.delay(f"r{i}", x, enable=enable)
    b.output("y", b.instance("i", module, x=x, enable=enable).output(b, "y"))
    found = counts(b, module, family="xilinx")
    assert (found["ff"], found["shift_luts"]) == (flip_flops, tables)


def test_words_of_a_rom_in_logic_begin_a_row():
    b = ModuleBuilder("m")
    enable, values = b.input("enable", 1), np.array([[1], [2], [0], [3]])
    word = b.rom("rom", b.input("address", 2), enable, values, 2)
    for i in range(2):
        word = b.delay(f"r{i}", word, enable=enable)
    b.output("y", word)
    found = counts(b, family="xilinx")
    assert (found["ff"], found["shift_luts"]) == (0, 2)
