"""Keeps memories in look-up tables where block memories run out and tables are left."""

from msgspec import Struct

from qcompiler.analysis.area.estimate import Area
from qcompiler.analysis.area.process_area import network_area, process_area
from qcompiler.analysis.network import Network
from qcompiler.dialects import stream
from qcompiler.folding.budget import Budget

_TABLES = "distributed"
_MOST_BITS = 64
"""In a look-up table, at most: memories that hold more than all of them would are not tried."""


class Kept(Struct, frozen=True):
    """Where memories are kept.

    Attributes:
        area: of the network.
        before: with all of them where synthesis likes.
        block_price: look-up tables for each block memory that is saved, None if none has to be.
    """

    area: Area
    before: Area
    block_price: float | None = None


class _Move(Struct, frozen=True):
    """A process whose memories leave the block memories.

    Attributes:
        process: it.
        change: of the area.
    """

    process: stream.Process
    change: Area

    @property
    def price(self) -> float:
        """Look-up tables for each block memory that is saved."""
        return self.change.luts / -self.change.brams


def spare_blocks(network: Network, budget: Budget) -> Kept:
    """Moves memories from blocks to tables, as far as blocks do not suffice.

    The next one is always where a block costs fewest tables; at the end, those that turn out to be
    needless go back. If that does not bring the network within the budget, nothing moves.

    Args:
        network: folded, with its adapters and FIFOs.
        budget: its family has memories in tables, else nothing moves.
    """
    for process in network.processes:
        process.ram_style = None
    area = network_area(network, budget.family, dsp=budget.dsp)
    most = budget.limits.get("BRAM", area.brams)
    if area.brams <= most or not budget.has_tables:
        return Kept(area, area)
    moved, now = list[_Move](), area
    for move in sorted(_moves(network, budget), key=lambda move: move.price):
        if now.brams <= most:
            break
        moved.append(move)
        now += move.change
    for move in sorted(moved, key=lambda move: -move.change.luts):
        if now.brams - move.change.brams <= most:
            moved.remove(move)
            now -= move.change
    if not moved:
        return Kept(area, area)
    each = (now.luts - area.luts) / (area.brams - now.brams)
    if budget.excess(now):
        return Kept(area, area, each)
    for move in moved:
        move.process.ram_style = _TABLES
    return Kept(now, area, each)


def _moves(network: Network, budget: Budget) -> list[_Move]:
    """Returns what may move: what takes fewer block memories then."""
    found = list[_Move]()
    most = _MOST_BITS * budget.limits.get("LUT", float("inf"))
    for process in network.processes:
        area = process_area(process, budget.family, dsp=budget.dsp)
        if not area.brams or process.memory_bits > most:
            continue
        process.ram_style = _TABLES
        change = process_area(process, budget.family, dsp=budget.dsp) - area
        process.ram_style = None
        if change.brams < 0:
            found.append(_Move(process, change))
    return found
