"""What sums take whose top place is a table beside the chain."""

import pytest

from qcompiler.adder_graphs.cost import (
    CELLS_OF_TWO,
    TABLE_A_PLACE,
    Operand,
    is_centred,
    is_topped,
    node_luts,
)


@pytest.mark.parametrize(
    ("operands", "ends", "topped"),
    [
        # Nine places of two numbers with a sign: the top one reads two signs and a sum's bit.
        ([Operand(-128, 127, 0), Operand(-128, 127, 0)], (-256, 254), True),
        # Ten: no half of a cell is left.
        ([Operand(-128, 127, 0), Operand(-256, 255, 0)], (-384, 382), False),
        # Nine above four that pass; both numbers end with the sum: five bits to read.
        ([Operand(-4096, 2047, 0), Operand(-4096, 2032, 4)], (-4096, 4079), False),
    ],
)
def test_the_top_place_of_odd_chains(operands, ends, topped):
    assert is_topped(operands, *ends, CELLS_OF_TWO) is topped
    assert not is_topped(operands, *ends, TABLE_A_PLACE)


def test_an_odd_chain_takes_a_table_a_place():
    operands = [Operand(-128, 127, 0), Operand(-128, 127, 0)]
    assert node_luts(operands, -256, 254, CELLS_OF_TWO) == 9


def test_half_the_range_less_is_an_inverter():
    assert is_centred([Operand(0, 63, 0), Operand(32, 32, 5, negative=True)])
    assert is_centred([Operand(0, 40, 0), Operand(32, 32, 5, negative=True)])
    assert not is_centred([Operand(0, 63, 0), Operand(16, 16, 4, negative=True)])
    assert not is_centred([Operand(-1, 63, 0), Operand(32, 32, 5, negative=True)])
    assert not is_centred([Operand(0, 63, 0), Operand(33, 33, 0, negative=True)])
