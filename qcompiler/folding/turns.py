"""Requantizers that multiply by few bits at a time, where their channel leaves them the cycles."""

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream

MOST_BITS = 4
"""Bits of a multiplier in a turn: as many rows of adders, which more would make large and slow."""


def take_turns(network: Network, target_cycles: int, *, wanted: bool) -> None:
    """Sets in how many cycles each requantizer computes a beat.

    Args:
        network: folded.
        target_cycles: that a frame may take.
        wanted: whether any may take more than one.
    """
    for process in network.processes:
        if isinstance(process, stream.RequantizeOp):
            process.turns = _turns(process, target_cycles) if wanted else 1


def _turns(process: stream.RequantizeOp, target_cycles: int) -> int:
    """Returns the fewest cycles in which the fewest bits at a time are enough; 1 if none are."""
    multiplier, maker = process.multiplier, process.input.owner
    if multiplier is None or multiplier.lo < 0:
        return 1
    if process.is_beatwise and isinstance(maker, stream.Process) and maker.is_beatwise:
        return 1  # both become one pipeline
    width = multiplier.width_bits
    for bits in range(1, MOST_BITS + 1):
        turns = -(-width // bits)
        if 1 < turns <= target_cycles // process.output_channel.beats:
            return turns
    return 1
