"""Cycles per frame, latency, and how many beats wait on each channel, without simulating hardware.

Each process is known by its schedule: in which of its cycles it accepts and makes beats. Given when
beats become available, `Process.timing` tells when it takes them and when its own appear. Going
through the network once gives every beat's time, if everything happens as early as it can.

For buffers, that is too early: a fast process would fill any FIFO. So the network is gone through
backwards from the times of the outputs, which tells how late everything may happen, and forwards
again with nothing made before it is needed. The beats that wait then are what a FIFO must hold:
such a schedule exists, so no more is needed (docs/hardware.md).
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from xdsl.ir import SSAValue

from qcompiler.analysis.frames import (
    LEAST_FRAMES,
    SLICE_ENTRIES,
    AlikeFrames,
    Frames,
    NotAlikeError,
)
from qcompiler.analysis.network import Network, State
from qcompiler.dialects import stream
from qcompiler.dialects.stream.schedule import Times

HELD_BESIDE_MEMORY = 2 * SLICE_ENTRIES + 1
"""Beats that a FIFO has beside those in its memory: in the slice before it, in its output register,
and in its own slice."""

_LOOP_FRAMES = 6
"""Frames after which those with states follow at a steady pace."""
_KEEPING = 3
"""Cycles from when a state is left until the next frame can take it: memory, register, slice."""


class Timing(Struct, frozen=True):
    """What the schedules predict.

    Attributes:
        cycles_per_frame: steady-state distance of frames, that of the slowest process.
        bottleneck: name of the slowest process.
        latency_cycles: from the first input beat's acceptance to the last output beat, idle start.
    """

    cycles_per_frame: int
    bottleneck: str
    latency_cycles: int


class Pass(Struct, frozen=True):
    """One way through the network.

    Attributes:
        outputs: per output of the network, when its beats come.
        skew: by how many cycles one of the channels that a process takes comes after another.
        entered: per input of the network, when its beats are taken.
        joined: the same of every process that takes several channels.
        waiting: per channel that a process takes, for how many beats there must be room; if it
            is a FIFO, with those that wait behind it.
        times: per channel that is watched, when its beats come.
        frames: that `times` are of; `outputs`, `entered` and `joined` may be of the first only.
        period: cycles from one to the next.
        moved: how many beats all processes took.
    """

    outputs: dict[SSAValue, Times]
    skew: int
    entered: dict[SSAValue, Times]
    joined: dict[SSAValue, Times]
    waiting: dict[SSAValue, int]
    times: dict[SSAValue, Times]
    frames: int
    period: int
    moved: int


class _Pace(Struct, frozen=True):
    """How many cycles the processes of a network take for a frame.

    Attributes:
        bottleneck: name of the slowest process.
        period: its cycles.
        total: those of all processes.
    """

    bottleneck: str
    period: int
    total: int

    @staticmethod
    def of(network: Network) -> "_Pace":
        """Returns the pace of a network."""
        cycles = {name: process.cycles_per_frame for name, process in network.named()}
        name = max(cycles, key=lambda name: cycles[name])
        return _Pace(name, cycles[name], sum(cycles.values()))

    def time_type(self, frames: int) -> type[np.signedinteger[Any]]:
        """Returns the narrowest integer for every time that can come up.

        A beat waits for less than two frames of each process on its way, and for the frames before
        it; deadlines reach as far back. Differences of times take one bit more.
        """
        fits = 2 * ((frames + 1) * self.period + 2 * self.total) < 2**31
        return np.int32 if fits else np.int64


def _early(network: Network, pace: _Pace) -> Pass:
    """Returns the way on which all happens as early as it can.

    After so many no more of them are under way at once than before. A branch that is late by some
    frames has that many more beats wait beside it; in small frames the latency of one layer is
    enough.
    """
    found = _forward(network, pace, Frames(LEAST_FRAMES))
    frames = LEAST_FRAMES + found.skew // pace.period
    if frames > LEAST_FRAMES:
        found = _forward(network, pace, Frames(frames))
    return found


def _arrivals(network: Network, pace: _Pace, frames: int) -> dict[SSAValue, Times]:
    """Returns when beats come to a network that never lacks any."""
    kind = pace.time_type(max(frames, LEAST_FRAMES))
    start = (np.arange(frames, dtype=kind) * pace.period)[:, None]
    return {
        value: (start + np.arange(stream.channel_of(value).beats, dtype=kind)).reshape(-1)
        for value in network.inputs
    }


def _forward(
    network: Network,
    pace: _Pace,
    frames: Frames,
    release: Mapping[stream.Process, Times | None] | None = None,
    *,
    count: bool = False,
    given: Mapping[SSAValue, Times] | None = None,
    watched: Collection[SSAValue] = (),
) -> Pass:
    arrivals = _arrivals(network, pace, frames.count) | dict(given or {})
    entered: dict[SSAValue, Times] = {}
    skew = 0
    joined: dict[SSAValue, Times] = {}
    waiting: dict[SSAValue, int] = {}
    kept = {value: times for value, times in arrivals.items() if value in watched}
    moved = 0
    buffered: dict[SSAValue, Times] = {}  # when what a FIFO gives came to it
    for process in network.processes:
        # Each channel has one reader, after which its times are not needed: they take much memory.
        come = [arrivals.pop(operand) for operand in process.operands]
        if len(come) > 1:
            firsts = [int(times[0]) for times in come]
            skew = max(skew, max(firsts) - min(firsts))
        found = frames.timing(process, come, None if release is None else release[process])
        moved += sum(times.size for times in come)
        for operand, arrival, taken in zip(process.operands, come, found.taken, strict=True):
            if operand in network.inputs:
                entered[operand] = taken
            if not count:
                continue
            waiting[operand] = frames.room(arrival, taken)
            if isinstance(fifo := operand.owner, stream.FifoOp):
                waiting[fifo.input] = frames.room(buffered.pop(operand), taken)
            if isinstance(process, stream.FifoOp):
                buffered[process.result] = arrival
        made = dict[SSAValue, Times](zip(process.results, found.made, strict=True))
        arrivals.update(made)
        kept.update({value: times for value, times in made.items() if value in watched})
        if len(come) > 1 and process.early:
            joined.update(made)
    outputs = {value: arrivals[value] for value in network.outputs}
    return Pass(outputs, skew, entered, joined, waiting, kept, frames.count, pace.period, moved)


def _releases(
    network: Network,
    outputs: Mapping[SSAValue, Times],
    fixed: Mapping[SSAValue, Times],
    frames: Frames,
) -> tuple[dict[stream.Process, Times | None], dict[SSAValue, Times]]:
    """Returns how late each process may work for the outputs to come at the given times.

    None is for a process that nothing holds back, most of them; times for each take much memory.
    Also by when what enters the network must have come.
    """
    deadlines = dict(outputs)
    release: dict[stream.Process, Times | None] = {}
    for process in reversed(network.processes):
        due = [deadlines.pop(result) for result in process.results]
        due = [fixed.get(result, times) for result, times in zip(process.results, due, strict=True)]
        demand = frames.latest(process, due)
        release[process] = demand.release
        deadlines.update(zip(process.operands, demand.inputs, strict=True))
    return release, deadlines


def predict(network: Network) -> Timing:
    """Returns the timing of a network whose input never lacks and whose output never stalls."""
    pace = _Pace.of(network)
    if network.states:
        return _predict_loops(network, pace)
    early = _forward(network, pace, Frames(1))  # no later frame holds back the first
    last = max(
        int(times[stream.channel_of(value).beats - 1]) for value, times in early.outputs.items()
    )
    first = min(int(times[0]) for times in early.entered.values())
    if network.takes_swaps:
        first = 0  # then the frame's number comes
    return Timing(pace.period, pace.bottleneck, last - first)


def _predict_loops(network: Network, pace: _Pace) -> Timing:
    """Returns the timing of a network whose frames take what those before them left.

    Some frames are followed: the states of each come when the one before has left them.
    """
    arrivals = {state.taken: _in_order(state.taken) for state in network.states}
    while True:
        found = _forward(network, pace, Frames(_LOOP_FRAMES), given=arrivals)
        fed = {state.taken: _fed(state, found) for state in network.states}
        if all((fed[value] == arrivals[value]).all() for value in fed):
            break
        arrivals = fed
    ends = np.stack(
        [found.outputs[value].reshape(_LOOP_FRAMES, -1)[:, -1] for value in network.outputs]
    ).max(axis=0)
    reached = int(ends[-1] - ends[-2])
    bottleneck, period = pace.bottleneck, pace.period
    if reached > period:
        bottleneck, period = "states", reached
    given = [found.outputs[v][stream.channel_of(v).beats - 1] for v in network.ports[1]]
    return Timing(period, bottleneck, int(max(given)))  # the restart comes in cycle 0


def _in_order(value: SSAValue) -> Times:
    """Returns the earliest times of what a keeper of states gives, in frames that wait for none."""
    return np.arange(_LOOP_FRAMES * stream.channel_of(value).beats, dtype=np.int64) + _KEEPING


def _fed(state: State, found: Pass) -> Times:
    """Returns when a state comes, if it is left as in `found`."""
    taken, left = stream.channel_of(state.taken), stream.channel_of(state.left)
    elements = np.repeat(found.outputs[state.left].astype(np.int64), left.lanes.data)
    beats = elements.reshape(-1, taken.lanes.data).max(axis=1) + _KEEPING
    order = _in_order(state.taken)
    arrival = np.maximum(order, np.concatenate([order[: taken.beats], beats[: -taken.beats]]))
    place = np.arange(arrival.size)
    return np.maximum.accumulate(arrival - place) + place


def full_speed(network: Network, watched: Collection[SSAValue] = ()) -> Pass:
    """Returns a schedule of full speed in which nothing is made too early, and what waits in it.

    Args:
        network: any.
        watched: channels whose times are asked for.
    """
    pace = _Pace.of(network)
    try:
        return _as_one(network, pace, watched)
    except NotAlikeError:
        early = _early(network, pace)
        return _late(network, pace, early, Frames(early.frames), watched)


def _as_one(network: Network, pace: _Pace, watched: Collection[SSAValue]) -> Pass:
    """Returns what `full_speed` does, of one frame that all are like.

    Raises:
        NotAlikeError: they are not, or more of them are under way than are looked at.
    """
    frames = AlikeFrames(1, pace.period)
    early = _forward(network, pace, frames)
    if early.skew >= pace.period:
        raise NotAlikeError
    late = _late(network, pace, early, frames, watched)
    times = {value: frames.repeated(one, LEAST_FRAMES) for value, one in late.times.items()}
    return replace(late, times=times, frames=LEAST_FRAMES, moved=LEAST_FRAMES * late.moved)


def _late(
    network: Network, pace: _Pace, early: Pass, frames: Frames, watched: Collection[SSAValue]
) -> Pass:
    """Returns the way on which nothing is made too early for the outputs of the earliest one."""
    release, due = _releases(network, early.outputs, early.joined, frames)
    # What the network need not have yet waits outside of it, not on each way that it takes.
    entering = {
        value: np.maximum(times, due[value])
        for value, times in _arrivals(network, pace, frames.count).items()
    }
    late = _forward(network, pace, frames, release, count=True, given=entering, watched=watched)
    if any((late.outputs[value] > times).any() for value, times in early.outputs.items()):
        # A line buffer has no room for what comes so late.
        late = _forward(network, pace, frames, count=True, watched=watched)
    return late
