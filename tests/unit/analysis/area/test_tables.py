"""Tables of constants that anything may address: a choice for each bit, of which few are left."""

import pytest
from xdsl.dialects import hw

from qcompiler.analysis.area.count import Estimator
from qcompiler.devices.families import FAMILIES
from qcompiler.rtl.builder import ModuleBuilder


def tables(entries, width, family="ecp5"):
    b = ModuleBuilder("m")
    index = b.input("x", (len(entries) - 1).bit_length())
    words = [b.constant(entry, width) for entry in reversed(entries)]
    array = hw.ArrayCreateOp(*(word.value for word in words))
    b.output("y", b.emit(hw.ArrayGetOp(b.emit(array).value, index.value)))
    found = Estimator({"m": b.build()}, FAMILIES[family]).count("m")
    return found["lut"] + found["mux_luts"] + found["sum_luts"]


def test_a_threshold_of_seven_bits_is_a_comparison():
    assert tables([int(x >= 77) for x in range(128)], 1) == 2


def test_a_parity_is_one_of_tables():
    assert tables([x.bit_count() & 1 for x in range(64)], 1) == 2


@pytest.mark.parametrize(("family", "expected"), [("ecp5", 4), ("xilinx", 1)])
def test_functions_without_structure_take_tables_of_all_inputs(family, expected):
    """The squares modulo 61, above 30 or not."""
    assert tables([int(x * x % 61 > 30) for x in range(64)], 1, family) == expected
