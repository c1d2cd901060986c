"""Requantizers that make a product in several cycles, where their channel leaves them these."""

from qcompiler.analysis.area.turns import cheapest_turns
from qcompiler.analysis.network import Network
from qcompiler.arith.turns import ONCE, Turns
from qcompiler.dialects import stream
from qcompiler.folding.budget import Budget


def take_turns(network: Network, target_cycles: int, budget: Budget) -> None:
    """Sets in how many cycles each requantizer computes a beat, and in what: what costs least.

    Args:
        network: folded.
        target_cycles: that a frame may take.
        budget: says what resources cost.
    """
    for process in network.processes:
        if isinstance(process, stream.RequantizeOp):
            process.turns = ONCE
            if not becomes_pipeline(process):
                process.turns = turns_of(process, target_cycles, budget)


def becomes_pipeline(process: stream.RequantizeOp) -> bool:
    """Whether a requantizer and what is before it become one pipeline."""
    maker = process.input.owner
    return process.is_beatwise and isinstance(maker, stream.Process) and maker.is_beatwise


def turns_of(process: stream.RequantizeOp, target_cycles: int, budget: Budget) -> Turns:
    """Returns how a requantizer's product is made for least: all at once if there is none.

    Args:
        process: folded.
        target_cycles: that a frame may take.
        budget: says what resources cost.
    """
    if process.factors is None:
        return ONCE
    cycles, prices = target_cycles // process.output_channel.beats, tuple(budget.prices.items())
    return cheapest_turns(*process.factors, cycles, budget.rules.multiplier, prices)
