"""FIFOs where beats wait, and line buffers that keep up: the pass size-fifos."""

from collections.abc import Iterator

from xdsl.dialects.builtin import IntegerAttr, i64
from xdsl.ir import SSAValue

from qcompiler.analysis.filling import Chain, Work
from qcompiler.analysis.frames import SLICE_ENTRIES
from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import HELD_BESIDE_MEMORY, Pass, full_speed
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem

_ROUNDS = 8
_LEAST_WORK = 1 << 19
"""Times of beats that are computed in any case to find out what FIFOs need not hold: no more than
one way through a large network has."""
_SMALL_PART = 32
"""FIFOs of no more than so small a part of all their bits stay as they are."""


def size_fifos(network: Network) -> None:
    """Puts FIFOs where beats wait, deep enough that no process waits for another's burst.

    Raises:
        ModelError: somewhere lanes do not meet.
    """
    _require_lanes_that_meet(network)
    _resize_line_buffers(network)
    # A FIFO takes cycles of its own, however deep it is, which other branches have to wait for:
    # again until none comes.
    for _ in range(_ROUNDS):
        chains = [] if network.states else list(_chains(network))
        found = full_speed(network, {value for chain in chains for value in chain.watched})
        come = [_buffer(network, value, beats) for value, beats in found.waiting.items()]
        if not any(come):
            _leave(network, chains, found)
            return


def _chains(network: Network) -> Iterator[Chain]:
    """Yields what stands behind the FIFOs, the ones that are in none before them."""
    inside: set[stream.Process] = set()
    for process in network.processes:
        if isinstance(process, stream.FifoOp) and process not in inside:
            chain = Chain.behind(process)
            if chain is not None:
                inside |= {link.fifo for link in chain.links if link.fifo is not None}
                yield chain


def _leave(network: Network, chains: list[Chain], found: Pass) -> None:
    """Gives FIFOs, the largest first, only the room for what those behind them have none for.

    Args:
        network: whose FIFOs they are.
        chains: what stands behind FIFOs.
        found: the schedule that the depths are of.
    """
    bits = sum(p.memory_bits for p in network.processes if isinstance(p, stream.FifoOp))
    worth = [chain for chain in chains if chain.fifo.memory_bits * _SMALL_PART > bits]
    work = Work(max(_LEAST_WORK, found.moved))
    for chain in sorted(worth, key=lambda chain: -chain.fifo.memory_bits):
        fifo, left = chain.fifo, chain.left_waiting(found, work)
        if left is None or left >= fifo.depth.value.data + HELD_BESIDE_MEMORY:
            continue
        if left > SLICE_ENTRIES:
            fifo.properties["depth"] = IntegerAttr(max(1, left - HELD_BESIDE_MEMORY), i64)
            continue
        fifo.result.replace_all_uses_with(fifo.input)
        fifo.detach()
        fifo.erase()


def _require_lanes_that_meet(network: Network) -> None:
    """Raises ModelError where a process takes another number of lanes than its channel has."""
    problems = [
        Problem(
            name,
            f"takes {wanted} lanes, its input {index} has {given}",
            "run insert-width-adapters before size-fifos",
        )
        for name, process in network.named()
        for index, wanted in enumerate(process.wanted_lanes)
        if (given := stream.channel_of(process.operands[index]).lanes.data) != wanted
    ]
    if problems:
        raise ModelError(problems)


def _resize_line_buffers(network: Network) -> None:
    """Gives each buffer of windows the rows with which it is not the slowest for lack of them."""
    windows = [p for p in network.processes if isinstance(p, stream.WindowSource)]
    others = [p.cycles_per_frame for p in network.processes if p not in windows]
    period = max((*others, *(window.least_cycles for window in windows)), default=0)
    for window in windows:
        window.resize_buffer(period)


def _buffer(network: Network, value: SSAValue, waiting: int) -> bool:
    """Gives a channel room for what waits on it; returns whether a FIFO came for that."""
    if waiting <= SLICE_ENTRIES or value in network.inputs:
        return False
    if isinstance(value.owner, stream.FifoOp):
        return False  # what waits behind a FIFO is counted before it
    value, waiting = _narrowest(value, waiting)
    depth = max(1, waiting - HELD_BESIDE_MEMORY)
    (use,) = value.uses
    reader = use.operation
    if not isinstance(reader, stream.Process):
        return False
    if isinstance(reader, stream.FifoOp):
        deepest = max(depth, reader.depth.value.data)
        reader.properties["depth"] = IntegerAttr(deepest, i64)
        return False
    fifo = stream.FifoOp(value, depth)
    fifo.location = reader.location
    fifo.result.name_hint = value.name_hint
    network.core.body.block.insert_op_before(fifo, reader)
    reader.operands[use.index] = fifo.result
    return True


def _narrowest(value: SSAValue, waiting: int) -> tuple[SSAValue, int]:
    """Returns the channel on the way to `value` on which what waits takes the fewest bits.

    A FIFO that is there already serves as well. What takes several cycles for a beat, as a width
    adapter that joins narrow ones, would not hand on as fast as beats are taken that wait at
    `value`.
    """
    best, least = (value, waiting), waiting * stream.channel_of(value).width_bits
    while isinstance(process := value.owner, stream.RequantizeOp | stream.WidthAdapterOp):
        given, made = process.input_channel, process.output_channel
        if process.cycles_per_frame > made.beats:
            return best
        value, waiting = process.input, -(-waiting * given.beats // made.beats)
        if isinstance(value.owner, stream.FifoOp):
            return value.owner.input, waiting
        if (bits := waiting * given.width_bits) < least:
            best, least = (value, waiting), bits
    return best
