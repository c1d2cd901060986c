"""What is counted of small modules: by hand, and as Yosys does it."""

import numpy as np
import pytest

from qcompiler.analysis.area.count import Estimator
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder
from qcompiler.rtl.numbers import Number


def counts(b, *modules, family="ecp5"):
    made = {m.sym_name.data: m for m in (*modules, b.build())}
    return Estimator(made, FAMILIES[family]).count(b.name)


def test_registers_that_nothing_reads_and_constants_are_none():
    b = ModuleBuilder("m")
    x = b.input("x", 8)
    kept = b.delay("kept", x)
    b.delay("unread", x)
    b.output("y", kept.slice(0, 5))
    b.output("zero", b.delay("constant", b.constant(3, 4)))
    assert counts(b)["ff"] == 5


def test_multiplexers_before_a_register_are_its_enable_and_its_reset():
    b = ModuleBuilder("m")
    x, enable, clear = b.input("x", 8), b.input("enable", 1), b.input("clear", 1)
    register = b.register("r", 8, reset=0)
    register.drive(b.mux(clear, b.constant(0, 8), x), enable=enable)
    b.output("y", register)
    found = counts(b)
    assert found["ff"] == 8
    assert found["lut"] == 1  # reset or (enable and clear), the reset being inverted
    assert not found["mux_luts"]


@pytest.mark.parametrize(
    ("family", "width", "feature", "number"),
    [
        ("ecp5", 4, "adder_luts", 0),  # short ones are gates
        ("ecp5", 5, "adder_luts", 6),
        ("ecp5", 8, "adder_luts", 8),
        ("xilinx", 8, "adder_bits", 8),
        ("xilinx", 8, "adder_luts", 8),
        ("ice40", 8, "adder_luts", 8),
    ],
)
def test_adders(family, width, feature, number):
    b = ModuleBuilder("m")
    b.output("y", b.input("a", width) + b.input("b", width))
    assert counts(b, family=family)[feature] == number


@pytest.mark.parametrize(("terms", "deep"), [(3, False), (4, True), (8, True)])
def test_sums_of_many_terms_are_deep(terms, deep):
    b = ModuleBuilder("m")
    first, *others = (b.input(f"x{i}", 8) for i in range(terms))
    for other in others:
        first = first + other
    b.output("y", first)
    found = counts(b)
    assert found["sum_luts"]
    assert bool(found["deep_sum_luts"]) == deep


@pytest.mark.parametrize(("family", "inverters"), [("ecp5", 8), ("xilinx", 0)])
def test_inverters_are_cells_of_their_own_on_amd_parts(family, inverters):
    b = ModuleBuilder("m")
    b.output("y", ~b.input("x", 8))
    assert counts(b, family=family)["inverters"] == inverters


def test_a_comparison_with_zero_is_the_sign():
    b = ModuleBuilder("m")
    b.output("y", b.input("a", 12).compare("slt", 0))
    assert not any(counts(b).values())


def test_roms_have_no_registers_for_constant_and_equal_columns():
    b = ModuleBuilder("m")
    words = np.array([[1, 1], [3, 3], [1, 1], [1, 1]])  # bit 0 is constant, lanes are equal
    b.output("y", b.rom("table", b.input("a", 2), b.input("enable", 1), words, 2))
    found = counts(b)
    assert (found["ff"], found["rom_luts"]) == (1, 1)


def test_block_memories_hold_equal_columns_twice():
    b = ModuleBuilder("m")
    column = np.random.default_rng(1).integers(0, 1 << 18, (1024, 1))
    words = np.hstack([column, column])  # a memory holds 18 bits of 1024 words
    b.output("y", b.rom("table", b.input("a", 10), b.input("enable", 1), words, 18))
    assert counts(b)["block"] == 2


def test_multipliers_of_a_sample_of_instances_are_all_counted():
    inner = ModuleBuilder("inner")
    factors = (Number.of_bits(inner.input(name, 12), signed=True) for name in ("x", "factor"))
    inner.output("product", next(factors) * next(factors))
    module = inner.build()
    b = ModuleBuilder("m")
    x = b.input("x", 12)
    for factor in (*range(1001, 1046, 2), 1024):  # 23 of them, and a shift
        lane = b.instance(f"lane{factor}", module, x=x, factor=b.constant(factor, 12))
        b.output(f"y{factor}", lane.output(b, "product"))
    assert counts(b, module)["dsp"] == 23


def test_what_instances_have_in_common_is_counted_once():
    inner = ModuleBuilder("inner")
    x, first, second = (inner.input(name, 1) for name in ("x", "first", "second"))
    inner.output("y", inner.delay("r", x, enable=first & second))
    module = inner.build()
    b = ModuleBuilder("m")
    first, second = b.input("first", 1), b.input("second", 1)
    lanes = [
        b.instance(f"i{n}", module, x=x, first=first, second=second).output(b, "y")
        for n, x in enumerate(b.input("x", 6).lanes(6))
    ]
    b.output("y", b.pack(lanes))
    found = counts(b, module)
    assert (found["ff"], found["lut"]) == (6, 1)


@pytest.mark.parametrize(
    ("family", "weight", "expected"),
    [
        ("ecp5", 4, 0),  # a power of two is wires
        ("ecp5", 5, 1),
        ("ecp5", 72, 1),
        ("xilinx", 3, 1),
        ("xilinx", 72, 0),  # 9 * 8: the product has six bits that are not wires
    ],
)
def test_constants_at_ports_reach_into_instances(family, weight, expected):
    inner = ModuleBuilder("inner")
    x, w = (Number.of_bits(inner.input(name, 9), signed=True) for name in ("x", "w"))
    inner.output("y", x.times(w, 9))
    module = inner.build()
    b = ModuleBuilder("m")
    inputs = {"x": b.input("x", 9), "w": b.constant(weight, 9)}
    b.output("y", b.instance("i", module, **inputs).output(b, "y"))
    assert counts(b, module, family=family)["dsp"] == expected


@pytest.mark.parametrize(
    ("registers", "flip_flops"),
    [
        (0, 0),
        (1, 8),  # the memory takes the word's
        (2, 8),  # and the multiplier the second ones
        (3, 8 + 16),
    ],
)
def test_hard_cells_take_registers(registers, flip_flops):
    """A product of a port and a word of a ROM, with registers in a row before both."""
    b = ModuleBuilder("m")
    enable = b.input("enable", 1)
    values = np.arange(512).reshape(512, 1) % 256
    word, x = b.rom("rom", b.input("address", 9), enable, values, 8, "auto"), b.input("x", 8)
    for i in range(registers):
        word = b.delay(f"word{i}", word, enable=enable)
        x = b.delay(f"x{i}", x, enable=enable)
    x, word = (Number.of_bits(factor, signed=True) for factor in (x, word))
    b.output("y", b.delay("product", x * word, enable=enable))
    module = b.build()
    assert Estimator({"m": module}, FAMILIES["ecp5"]).count("m")["ff"] == flip_flops + 16
    others = Estimator({"m": module}, FAMILIES["nexus"]).count("m")["ff"]
    assert others == 16 * registers + 16


def test_a_multiplier_in_an_instance_takes_registers():
    inner = ModuleBuilder("inner")
    a, c = (Number.of_bits(inner.input(name, 8), signed=True) for name in "ab")
    inner.output("y", a * c)
    made = inner.build()
    b = ModuleBuilder("m")
    a, c = (b.delay(f"{name}2", b.delay(f"{name}1", b.input(name, 8))) for name in "ac")
    for i, right in enumerate((a, c)):  # the second one reads what nothing else does
        b.output(f"y{i}", b.instance(f"i{i}", made, a=a, b=right).output(b, "y"))
    b.output("seen", a)
    assert counts(b, made)["ff"] == 16 + 8
