"""The `rtl` dialect: memories, which xDSL's `hw`, `comb` and `seq` lack, and sums in one operation.

Everything else of a hardware module is written in those three dialects. Discardable
attributes of this dialect's name carry comments down to the Verilog:
`rtl.comment = ["line", ...]` on an `hw.module`, `rtl.comment = "line"` on any op in it; `rtl.note`
is one that stands behind a wire. `rtl.chains` marks modules whose sums are best carry chains;
`rtl.kept` a register that is not to be merged with others that hold the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I64,
    BytesAttr,
    DenseArrayBase,
    DenseIntOrFPElementsAttr,
    IntegerAttr,
    IntegerType,
    Signedness,
    StringAttr,
    TensorType,
    i1,
    i64,
)
from xdsl.dialects.seq import ClockType, CompRegOp
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    base,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    var_operand_def,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

RAM_STYLES = ("auto", "block", "distributed")
_STORAGE_WIDTHS = (8, 16, 32, 64)


class RegisterOperands(NamedTuple):
    """What a register takes; None for what it does without."""

    input: SSAValue
    clk: SSAValue
    reset: SSAValue | None
    reset_value: SSAValue | None
    power_on: SSAValue | None


def register_operands(op: CompRegOp) -> RegisterOperands:
    """Returns what a verified register takes, quicker than xDSL finds each of them by its name.

    How many there are says which: a reset and its value come together.
    """
    operands: Sequence[SSAValue] = op.operands
    reset, reset_value = (operands[2], operands[3]) if len(operands) > 3 else (None, None)
    power_on = operands[-1] if len(operands) % 2 else None
    return RegisterOperands(operands[0], operands[1], reset, reset_value, power_on)


def address_width_bits(depth_words: int) -> int:
    """Returns the width of an address of `depth_words` words, at least 1 (there is no i0 wire)."""
    return max(1, (depth_words - 1).bit_length())


def pack_contents(
    values: NDArray[np.integer], lane_width_bits: int
) -> DenseIntOrFPElementsAttr[IntegerType]:
    """Returns ROM contents in the narrowest storage type that holds a lane.

    Args:
        values: integers of shape (depth,) or (depth, lanes).
        lane_width_bits: 1 to 64; every value must fit in it, as signed or as unsigned.

    Raises:
        ValueError: wrong shape, width or value.
    """
    if not 1 <= lane_width_bits <= 64:
        raise ValueError(f"lane width must be 1 to 64 bits, got {lane_width_bits}")
    table = values.reshape(-1, 1) if values.ndim == 1 else values
    if table.ndim != 2 or table.size == 0:
        raise ValueError(f"contents must have shape (depth, lanes), got {values.shape}")
    low, high = int(table.min()), int(table.max())
    if low < -(1 << (lane_width_bits - 1)) or high >= 1 << lane_width_bits:
        raise ValueError(f"contents {low}..{high} do not fit in {lane_width_bits} bits")
    storage = next(width for width in _STORAGE_WIDTHS if width >= lane_width_bits)
    # Through 64 bits, so that uint64 and negative values wrap instead of raising.
    data = table.astype("<i8" if table.dtype.kind == "i" else "<u8").astype(f"<u{storage // 8}")
    tensor = TensorType(IntegerType(storage), table.shape)
    return DenseIntOrFPElementsAttr(tensor, BytesAttr(data.tobytes()))


def _check_style(style: str) -> None:
    if style not in RAM_STYLES:
        raise VerifyException(f'ram_style must be one of {", ".join(RAM_STYLES)}, got "{style}"')


def _signless_width(attribute: Attribute, what: str) -> int:
    if not isa(attribute, IntegerType) or attribute.signedness.data != Signedness.SIGNLESS:
        raise VerifyException(f"{what} must be a signless integer, got {attribute}")
    return attribute.width.data


def _check_width(attribute: Attribute, expected: int, what: str, reason: str) -> None:
    width = _signless_width(attribute, what)
    if width != expected:
        raise VerifyException(f"{what} must be i{expected} ({reason}), got i{width}")


@irdl_op_definition
class RomOp(IRDLOperation):
    """Reads a constant table at the rising edge of `clk`.

    If `enable`, `data <= word(address)`, else `data` stays. A word holds the lanes side by side,
    lane 0 in the low bits, each cut to `lane_width` bits. Before the first enabled edge, and
    after an address of `depth` or more, `data` is unspecified.

    Example: `%d = rtl.rom %clk, %en, %a, dense<[[1], [2]]> : tensor<2x1xi8> lane_width 4
    style "auto" : i1 -> i4`
    """

    name = "rtl.rom"

    clk = operand_def(ClockType)
    enable = operand_def(i1)
    address = operand_def(IntegerType)
    contents = prop_def(DenseIntOrFPElementsAttr)
    lane_width = prop_def(IntegerAttr[I64])
    ram_style = prop_def(StringAttr)
    data = result_def(IntegerType)

    assembly_format = (
        "$clk `,` $enable `,` $address `,` $contents `lane_width` $lane_width `style` $ram_style "
        "attr-dict `:` type($address) `->` type($data)"
    )

    def __init__(
        self,
        clk: SSAValue | Operation,
        enable: SSAValue | Operation,
        address: SSAValue | Operation,
        contents: NDArray[np.integer] | DenseIntOrFPElementsAttr[IntegerType],
        lane_width: int,
        ram_style: str = "auto",
    ):
        """Builds the op; a numpy table of shape (depth,) or (depth, lanes) is packed."""
        if isinstance(contents, np.ndarray):
            contents = pack_contents(contents, lane_width)
        lanes = contents.get_shape()[-1]
        super().__init__(
            operands=[clk, enable, address],
            result_types=[IntegerType(lanes * lane_width)],
            properties={
                "contents": contents,
                "lane_width": IntegerAttr(lane_width, i64),
                "ram_style": StringAttr(ram_style),
            },
        )

    @property
    def depth_words(self) -> int:
        """The number of words."""
        return self.contents.get_shape()[0]

    @property
    def lanes(self) -> int:
        """The number of lanes in a word."""
        return self.contents.get_shape()[1]

    def lane_values(self) -> NDArray[np.integer]:
        """Returns the contents as stored: signed integers of shape (depth, lanes)."""
        storage = cast(IntegerType, self.contents.get_element_type()).width.data
        flat = np.frombuffer(self.contents.data.data, dtype=f"<i{storage // 8}")
        return flat.reshape(self.contents.get_shape())

    def verify_(self) -> None:
        """Checks shape, storage and widths."""
        _check_style(self.ram_style.data)
        storage = self._verify_contents()
        width = self.lane_width.value.data
        if not 1 <= width <= storage:
            raise VerifyException(f"lane_width must be 1 to {storage}, got {width}")
        values = self.lane_values()
        low, high = int(values.min()), int(values.max())
        # At full storage width a bit pattern has no sign of its own, so anything fits.
        if width < storage and (low < -(1 << (width - 1)) or high >= 1 << width):
            raise VerifyException(
                f"contents must fit in lane_width {width} bits, got values {low} to {high}"
            )
        depth = self.depth_words
        _check_width(self.address.type, address_width_bits(depth), "address", f"{depth} words")
        reason = f"{self.lanes} lanes of {width} bits"
        _check_width(self.data.type, self.lanes * width, "data", reason)

    def _verify_contents(self) -> int:
        tensor, element = self.contents.type, self.contents.get_element_type()
        if not isa(element, IntegerType) or element.width.data not in _STORAGE_WIDTHS:
            raise VerifyException(f"contents must be i8, i16, i32 or i64, got {element}")
        if len(tensor.get_shape()) != 2 or not self.contents.shape_is_complete:
            raise VerifyException(
                f"contents must have shape (depth, lanes), both at least 1, got {tensor}"
            )
        return element.width.data


@irdl_op_definition
class RamOp(IRDLOperation):
    """Memory with one write port and one read port on the same clock (simple dual port).

    At the rising edge of `clk`: if `read_enable`, `read_data <= memory[read_address]`, the word
    from before the edge even if it is being written (read-first), else `read_data` stays; if
    `write_enable`, `memory[write_address] <= write_data`. Words start unspecified; an address
    of `depth` or more reads an unspecified word and writes nothing.

    Example: `%d = rtl.ram %clk write %we, %wa, %wd read %re, %ra depth 16 style "auto" : i4, i8`
    """

    name = "rtl.ram"

    A: ClassVar = VarConstraint("A", base(IntegerType))
    D: ClassVar = VarConstraint("D", base(IntegerType))

    clk = operand_def(ClockType)
    write_enable = operand_def(i1)
    write_address = operand_def(A)
    write_data = operand_def(D)
    read_enable = operand_def(i1)
    read_address = operand_def(A)
    depth = prop_def(IntegerAttr[I64])
    ram_style = prop_def(StringAttr)
    read_data = result_def(D)

    assembly_format = (
        "$clk `write` $write_enable `,` $write_address `,` $write_data "
        "`read` $read_enable `,` $read_address `depth` $depth `style` $ram_style "
        "attr-dict `:` type($read_address) `,` type($read_data)"
    )

    def __init__(
        self,
        clk: SSAValue | Operation,
        write: tuple[SSAValue | Operation, SSAValue | Operation, SSAValue | Operation],
        read: tuple[SSAValue | Operation, SSAValue | Operation],
        depth: int,
        ram_style: str = "auto",
    ):
        """Builds the op from `write` = (enable, address, data) and `read` = (enable, address)."""
        super().__init__(
            operands=[clk, *write, *read],
            result_types=[SSAValue.get(write[2]).type],
            properties={
                "depth": IntegerAttr(depth, i64),
                "ram_style": StringAttr(ram_style),
            },
        )

    @property
    def depth_words(self) -> int:
        """The number of words."""
        return self.depth.value.data

    def verify_(self) -> None:
        """Checks depth and widths."""
        _check_style(self.ram_style.data)
        depth = self.depth_words
        if depth < 1:
            raise VerifyException(f"depth must be at least 1, got {depth}")
        _check_width(self.read_address.type, address_width_bits(depth), "address", f"{depth} words")
        _signless_width(self.read_data.type, "data")


@irdl_op_definition
class ShiftAddOp(IRDLOperation):
    """Adds shifted integers, modulo 2 to the width of the result: `y = sum(sign * x * 2**shift)`.

    Operands are read as `signed` says (1: two's complement) and extended to the result's width. In
    hw and comb it would take half a dozen operations, which is too many where a network has ten
    thousand sums.

    Example: `%s = rtl.shift_add %a, %b {shifts = array<i64: 0, 2>, signs = array<i64: 1, -1>,
    signed = array<i64: 0, 1>} : (i4, i6) -> i9`
    """

    name = "rtl.shift_add"

    inputs = var_operand_def(IntegerType)
    shifts = prop_def(DenseArrayBase.constr(i64))
    signs = prop_def(DenseArrayBase.constr(i64))
    signed = prop_def(DenseArrayBase.constr(i64))
    result = result_def(IntegerType)
    irdl_options = (ParsePropInAttrDict(),)

    assembly_format = "$inputs attr-dict `:` functional-type(operands, results)"

    @property
    def terms(self) -> tuple[tuple[int, int, bool], ...]:
        """Shift, sign and signedness of each operand."""
        parts = (part.get_values() for part in (self.shifts, self.signs, self.signed))
        return tuple((s, sign, bool(signed)) for s, sign, signed in zip(*parts, strict=True))

    def verify_(self) -> None:
        """Checks that each operand has its numbers."""
        for name in ("shifts", "signs", "signed"):
            values = getattr(self, name).get_values()
            if len(values) != len(self.inputs) or not values:
                raise VerifyException(f"{name} must have a number for each operand, got {values}")
        if any(shift < 0 for shift in self.shifts.get_values()):
            raise VerifyException(f"shifts must not be negative, got {self.shifts}")
        if not set(self.signs.get_values()) <= {1, -1}:
            raise VerifyException(f"signs must be 1 or -1, got {self.signs}")


RTL = Dialect("rtl", [RomOp, RamOp, ShiftAddOp])
