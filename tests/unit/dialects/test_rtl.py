"""The rtl dialect: round trips, verifiers, constructors."""

import io

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects import builtin, seq, test
from xdsl.dialects.builtin import IntegerType, ModuleOp, i1
from xdsl.ir import SSAValue
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.test_value import create_ssa_value

from qcompiler.dialects.rtl import RTL, RamOp, RomOp, pack_contents

HEADER = '%clk, %en, %a, %d = "test.op"() : () -> (!seq.clock, i1, i3, i9)\n'
ROM = (
    "%y = rtl.rom %clk, %en, %a, dense<[[1, -2], [3, 4], [5, 6], [7, 7], [0, -8]]> : "
    'tensor<5x2xi8> lane_width 4 style "auto" : i3 -> i8'
)
RAM = '%y = rtl.ram %clk write %en, %a, %d read %en, %a depth 5 style "block" : i3, i9'


def _parse(text: str) -> ModuleOp:
    ctx = Context()
    for dialect in (builtin.Builtin, seq.Seq, test.Test, RTL):
        ctx.load_dialect(dialect)
    return Parser(ctx, HEADER + text).parse_module()


@pytest.mark.parametrize("text", [ROM, RAM])
def test_round_trip_in_custom_and_generic_form(text: str) -> None:
    module = _parse(text)
    module.verify()
    assert text in str(module)
    generic = io.StringIO()
    Printer(generic, print_generic_format=True).print_op(module.body.block.last_op or module)
    assert f'"rtl.{text[9:12]}"(' in generic.getvalue()
    assert _parse(generic.getvalue()).is_structurally_equivalent(module)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ROM.replace("auto", "fast"),
            'ram_style must be one of auto, block, distributed, got "fast"',
        ),
        (ROM.replace("lane_width 4", "lane_width 0"), "lane_width must be 1 to 8, got 0"),
        (ROM.replace("lane_width 4", "lane_width 9"), "lane_width must be 1 to 8, got 9"),
        (ROM.replace("-8", "-9"), "contents must fit in lane_width 4 bits, got values -9 to 7"),
        (ROM.replace("-8", "16"), "contents must fit in lane_width 4 bits, got values -2 to 16"),
        (ROM.replace("-> i8", "-> i9"), "data must be i8 (2 lanes of 4 bits), got i9"),
        (ROM.replace("5x2xi8", "5x2xi4"), "contents must be i8, i16, i32 or i64, got i4"),
        (
            ROM.replace("%a,", "%d,").replace("i3 ->", "i9 ->"),
            "address must be i3 (5 words), got i9",
        ),
        (
            ROM.replace(
                "dense<[[1, -2], [3, 4], [5, 6], [7, 7], [0, -8]]> : tensor<5x2xi8>",
                "dense<1> : tensor<5xi8>",
            ),
            "contents must have shape (depth, lanes), both at least 1, got tensor<5xi8>",
        ),
        (RAM.replace("depth 5", "depth 0"), "depth must be at least 1, got 0"),
        (RAM.replace("depth 5", "depth -1"), "depth must be at least 1, got -1"),
        (RAM.replace("depth 5", "depth 9"), "address must be i4 (9 words), got i3"),
        (RAM.replace("block", ""), 'ram_style must be one of auto, block, distributed, got ""'),
    ],
)
def test_verifier_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(VerifyException) as error:
        _parse(text).verify()
    assert message in str(error.value)


def _values(width: int) -> tuple[SSAValue, SSAValue, SSAValue]:
    return create_ssa_value(seq.clock), create_ssa_value(i1), create_ssa_value(IntegerType(width))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64])
def test_rom_from_numpy_keeps_bit_patterns(dtype: type[np.integer]) -> None:
    table = np.array([[1, 200], [127, 3], [0, 255]], dtype=np.uint8).astype(dtype)
    op = RomOp(*_values(2), table, lane_width=8, ram_style="block")
    op.verify()
    assert op.data.type == IntegerType(16)
    assert (op.depth_words, op.lanes) == (3, 2)
    assert np.array_equal(op.lane_values().astype(np.uint8), table.astype(np.uint8))


def test_ram_takes_its_width_from_the_data() -> None:
    clk, en, address = _values(4)
    data = create_ssa_value(IntegerType(7))
    op = RamOp(clk, (en, address, data), (en, address), depth=16)
    op.verify()
    assert op.read_data.type == IntegerType(7)


@pytest.mark.parametrize(
    ("values", "width", "message"),
    [
        ([[1, 2]], 65, "lane width must be 1 to 64 bits, got 65"),
        ([[1, 2]], 1, "contents 1..2 do not fit in 1 bits"),
        ([[-9, 2]], 4, "contents -9..2 do not fit in 4 bits"),
        ([[[1]]], 4, "contents must have shape"),
    ],
)
def test_pack_contents_refuses_what_does_not_fit(values: object, width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_contents(np.array(values), width)
