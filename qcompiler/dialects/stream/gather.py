"""The process that sends the elements of a block in any order, listed one by one."""

from collections.abc import Sequence
from math import gcd

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.arrays import IntArray
from qcompiler.dialects.stream.channel import ChannelType, channel_of, divisors
from qcompiler.dialects.stream.process import Facts
from qcompiler.dialects.stream.rearrange import BlockMove


@irdl_op_definition
class GatherOp(BlockMove):
    """Sends the elements of each block at the places that are listed; one may come several times.

    Two blocks are buffered, and a memory holds the places. Orders that are nested loops are
    `stream.reorder`, which needs none.

    Example: `%y = stream.gather %x {block = 8 : i64, order = array<i64: 4, 5, 0, 1, 0, 1>}
        : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 2>)
        -> !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>`
    """

    name = "stream.gather"
    order = prop_def(DenseArrayBase.constr(i64))
    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$input attr-dict `:` functional-type(operands, results)"

    def __init__(self, input: SSAValue, block: int, order: Sequence[int], frame: Sequence[int]):
        super().__init__(
            operands=[input],
            properties={
                "block": IntegerAttr(block, i64),
                "order": DenseArrayBase.from_list(i64, list(order)),
            },
            result_types=[ChannelType(channel_of(input).element, frame, 1)],
        )

    @property
    def places(self) -> IntArray:
        return np.array(self.order.get_values(), np.int64)

    @property
    def largest_lanes(self) -> int:
        """Lanes divide this: neighbours of a block that are sent as neighbours, everywhere."""
        common = gcd(super().largest_lanes, self.block.value.data, len(self.order))
        places = self.places
        for lanes in reversed(divisors(common)):
            runs = places.reshape(-1, lanes)
            if not (runs[:, 0] % lanes).any() and (runs == runs[:, :1] + np.arange(lanes)).all():
                return lanes
        return 1

    @property
    def beat_places(self) -> IntArray:
        """The beats of a block that are sent, in the order of sending."""
        return self.places[:: self.input_lanes] // self.input_lanes

    @property
    def memory_bits(self) -> int:
        return len(self.order) * max(1, (self.block.value.data - 1).bit_length())

    @property
    def headline(self) -> str:
        return f"sends {len(self.order)} elements of each {self.block.value.data}"

    @property
    def facts(self) -> Facts:
        return {"block": self.block.value.data, "sent": len(self.order)}

    def verify_(self) -> None:
        block, order = self.block.value.data, self.order.get_values()
        if not order or min(order) < 0 or max(order) >= block:
            raise VerifyException(
                f"order must list places in the block of {block} elements, got {list(order)[:8]}"
            )
        self.check_blocks(len(order))
