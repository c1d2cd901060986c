"""Which uses of values come before what makes them: MLIR's dominance, which xDSL does not check.

Within modules of hardware, and between the operations of a builtin.module, order means nothing.
"""

from collections.abc import Iterator

from xdsl.dialects import hw
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.irdl.dominance import DominanceInfo

_UNORDERED = (ModuleOp, hw.HWModuleOp)


class _Order:
    """Places of operations in their blocks, and blocks in their regions, found when asked for."""

    def __init__(self) -> None:
        self._places: dict[Block, dict[Operation, int]] = {}
        self._regions: dict[Region, DominanceInfo] = {}

    def before(self, first: Operation, second: Operation) -> bool:
        """Whether an operation stands before another one of its block."""
        block = first.parent
        assert block is not None
        if block not in self._places:
            self._places[block] = {op: place for place, op in enumerate(block.ops)}
        places = self._places[block]
        return places[first] < places[second]

    def dominates(self, first: Block, second: Block) -> bool:
        """Whether every way to a block of a region leads through another one."""
        region = first.parent
        assert region is not None
        if region not in self._regions:
            self._regions[region] = DominanceInfo(region)
        return self._regions[region].strictly_dominates(first, second)


def _around(op: Operation, region: Region | None) -> Operation | None:
    """Returns `op`, or the operation around it, that stands in a region."""
    found: Operation | None = op
    while found is not None and found.parent_region() is not region:
        found = found.parent_op()
    return found


def _visible(value: SSAValue, user: Operation, order: _Order) -> bool:
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    if block is None:
        return False
    around = _around(user, block.parent)
    if around is None or around.parent is None:
        return False
    if around.parent is not block:
        return order.dominates(block, around.parent)
    if isinstance(owner, Block) or isinstance(block.parent_op(), _UNORDERED):
        return True
    return order.before(owner, around)


def early_uses(module: ModuleOp) -> Iterator[tuple[Operation, SSAValue]]:
    """Yields each operand that is used where it is not made yet, with the operation that does."""
    order = _Order()
    for op in module.walk():
        for operand in op.operands:
            if not _visible(operand, op, order):
                yield op, operand
