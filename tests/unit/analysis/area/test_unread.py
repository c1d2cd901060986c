"""What nothing reads beyond the instance that it is in is not counted."""

from qcompiler.analysis.area.count import Estimator
from qcompiler.arith.ranges import IntRange
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder
from qcompiler.rtl.numbers import Number
from qcompiler.rtl.sums import shift_add


def keeper(width):
    """A module of registers in two ranks, and a flag."""
    b = ModuleBuilder("keeper")
    enable = b.input("enable", 1)
    b.output("y", b.delay("second", b.delay("first", b.input("x", width)), enable=enable))
    b.output("kept", b.delay("flag", enable))
    return b.build()


def reader(width, used):
    """A module that reads the lowest bits of its input."""
    b = ModuleBuilder("reader")
    x = b.input("x", width)
    b.output("y", b.delay("r", x.slice(0, used)))
    return b.build()


def counts(b, *modules):
    made = {m.sym_name.data: m for m in (*modules, b.build())}
    return Estimator(made, FAMILIES["ecp5"]).count_instances(b.name)


def test_bits_of_an_output_that_another_instance_does_not_need():
    b = ModuleBuilder("m")
    modules = keeper(8), reader(8, 3)
    first = b.instance("first", modules[0], x=b.input("x", 8), enable=b.input("enable", 1))
    second = b.instance("second", modules[1], x=first.output(b, "y"))
    b.output("z", second.output(b, "y"))
    found = counts(b, *modules)
    assert found["first"]["ff"] == 2 * 3  # the flag goes, too
    assert found["second"]["ff"] == 3


def test_it_goes_through_instances_in_a_row_and_inside_others():
    modules = keeper(8), reader(8, 3)
    outer = ModuleBuilder("outer")
    enable = outer.input("enable", 1)
    inner = outer.instance("inner", modules[0], x=outer.input("x", 8), enable=enable)
    outer.output("y", inner.output(outer, "y"))
    modules = (*modules, outer.build())
    b = ModuleBuilder("m")
    enable, x = b.input("enable", 1), b.input("x", 8)
    for name in ("one", "two"):
        x = b.instance(name, modules[2], x=x, enable=enable).output(b, "y")
    b.output("z", b.instance("last", modules[1], x=x).output(b, "y"))
    found = counts(b, *modules)
    assert [found[name]["ff"] for name in ("one", "two", "last")] == [6, 6, 3]


def test_a_loop_through_two_instances_that_is_read_stays():
    b = ModuleBuilder("m")
    module = keeper(4)
    enable = b.input("enable", 1)
    one = b.instance("one", module, enable=enable)
    two = b.instance("two", module, x=one.output(b, "y"), enable=enable)
    one.connect("x", two.output(b, "y"))
    b.output("z", two.output(b, "y"))
    found = counts(b, module)
    assert [found[name]["ff"] for name in ("one", "two")] == [2 * 4, 2 * 4]


def test_sums_of_three_numbers_read_them():
    inner = ModuleBuilder("sum")
    terms = [(Number.of_bits(inner.input(name, 8), signed=True), 0, 1) for name in "abc"]
    inner.output("y", shift_add(inner, "total", terms, IntRange(-384, 381)))
    modules = keeper(8), inner.build()
    b = ModuleBuilder("m")
    kept = b.instance("kept", modules[0], x=b.input("x", 8), enable=b.input("enable", 1))
    x = kept.output(b, "y")
    total = b.instance("total", modules[1], a=x, b=b.input("b", 8), c=b.input("c", 8))
    b.output("z", total.output(b, "y").slice(0, 5))
    made = {m.sym_name.data: m for m in (*modules, b.build())}
    for family in ("ecp5", "xilinx"):
        assert Estimator(made, FAMILIES[family]).count_instances("m")["kept"]["ff"] == 2 * 5
