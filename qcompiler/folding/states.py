"""What closes the loops of a network with states: processes between what is left and what is taken.

They are no part of the network's function, whose values cannot depend on themselves.
"""

from math import lcm

from msgspec import Struct
from xdsl.ir import SSAValue

from qcompiler.analysis.network import Network, State
from qcompiler.analysis.throughput import predict
from qcompiler.dialects import stream

_HELD = 2
"""Restarts that the register slices of a duplicate hold."""


class Loops(Struct, frozen=True):
    """The processes that keep states, with unique names.

    Attributes:
        restart: the channel that says which frames begin a sequence; None without states.
        before: processes whose results the keepers take, producers first.
        keepers: one `stream.state` for each state.
        taken: per keeper, the channel of the network on which its result goes on.
    """

    restart: SSAValue | None
    before: list[tuple[str, stream.Process]]
    keepers: list[tuple[str, stream.StateOp]]
    taken: list[SSAValue]


def loops_of(network: Network) -> Loops:
    """Returns what closes the loops of a network, which gets one more argument if it has any."""
    states = network.states
    if not states:
        return Loops(None, [], [], [])
    under_way = frames_under_way(network)
    block = network.core.body.block
    restart = block.insert_arg(stream.RESTART, len(block.args))
    restart.name_hint = "restart"
    before: list[tuple[str, stream.Process]] = []
    flags: list[SSAValue] = [restart]
    if len(states) > 1:
        duplicate = stream.DuplicateOp(restart, len(states))
        before.append(("restart_duplicate", duplicate))
        flags = list(duplicate.results)
    if under_way > _HELD:
        fifos = [stream.FifoOp(flag, under_way) for flag in flags]
        before += [(f"restart_{index}_fifo", fifo) for index, fifo in enumerate(fifos)]
        flags = [fifo.result for fifo in fifos]
    keepers: list[tuple[str, stream.StateOp]] = []
    for index, (state, flag) in enumerate(zip(states, flags, strict=True)):
        name = f"state_{index}"
        left = _adapted(state, name, before)
        made = stream.channel_of(state.taken)
        keepers.append((name, stream.StateOp(left, flag, state.initial, made)))
    return Loops(restart, before, keepers, [state.taken for state in states])


def frames_under_way(network: Network) -> int:
    """Returns how many frames may have begun before the first of them is through.

    The last layer takes the restart of a frame so long after the first layer does.
    """
    timing = predict(network)
    return -(-timing.latency_cycles // timing.cycles_per_frame) + 1


def _adapted(state: State, name: str, before: list[tuple[str, stream.Process]]) -> SSAValue:
    """Returns what is left with the lanes in which it is taken."""
    left, wanted = state.left, stream.channel_of(state.taken).lanes.data
    given = stream.channel_of(left).lanes.data
    for lanes in dict.fromkeys((lcm(wanted, given), wanted)):
        if lanes != stream.channel_of(left).lanes.data:
            adapter = stream.WidthAdapterOp(left, lanes)
            before.append((f"{name}_to_{lanes}", adapter))
            left = adapter.result
    return left
