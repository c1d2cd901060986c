"""Puts FIFOs where beats wait, deep enough that no process ever waits for another's burst.

Line buffers get the rows that they need to keep up with the slowest process.

Before:
```mlir
stream.weights @w dense<1> : tensor<4x4xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 48>, frame = [4], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [4], lanes = 1>
  %y = stream.mvau %a weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 12>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 48>, frame = [4], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 48>, frame = [4], lanes = 1>
}
```
After:
```mlir
stream.weights @w dense<1> : tensor<4x4xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 48>, frame = [4], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [4], lanes = 1>
  %f = stream.fifo %a depth 1 : (!stream.channel<!qint.int<0, 12>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [4], lanes = 1>
  %y = stream.mvau %f weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 12>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 48>, frame = [4], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 48>, frame = [4], lanes = 1>
}
```
Requires: insert-width-adapters; lanes that do not meet are an error.
Keeps: every integer. Steady-state throughput is that of the slowest process: the depths hold what
waits in a schedule of full speed, and a network of processes and FIFOs is never slowed by beats that
arrive earlier. For the same reason branches that meet again do not deadlock (docs/hardware.md).
Leaves alone: the network's inputs (the sender waits), and channels on which at most two beats wait:
every block ends in a register slice of two entries. A FIFO stands where what waits is narrowest: on
the way from a fork to a join that is often before the requantizer and the width adapter.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import waiting_beats
from qcompiler.dialects import stream
from qcompiler.errors import ModelError, Problem

SLICE_ENTRIES = 2
"""Beats that the register slice at a block's output holds."""

HELD_BESIDE_MEMORY = 3
"""Beats that a FIFO has beside those in its memory, at full pace: one in the slice before it, one in
its output register, one in its own slice. The second entry of a slice is for stalls only."""

_ROUNDS = 8


@dataclass(frozen=True)
class SizeFifosPass(ModulePass):
    """Puts FIFOs where beats wait, deep enough that no process waits for another's burst."""

    name = "size-fifos"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        _require_lanes_that_meet(network)
        _resize_line_buffers(network)
        # A FIFO takes cycles of its own, which other branches have to wait for: again until no
        # depth grows.
        for _ in range(_ROUNDS):
            waiting = waiting_beats(network)
            changed = [_buffer(network, value, beats) for value, beats in waiting.items()]
            if not any(changed):
                return


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
    """Gives each sliding window the rows with which it is not the slowest for lack of them."""
    windows = [p for p in network.processes if isinstance(p, stream.SlidingWindowOp)]
    others = [p.cycles_per_frame for p in network.processes if p not in windows]
    period = max((*others, *(window.least_cycles for window in windows)), default=0)
    for window in windows:
        window.resize_buffer(period)


def _buffer(network: Network, value: SSAValue, waiting: int) -> bool:
    """Gives a channel room for what waits on it; returns whether that changed anything."""
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
        if reader.depth.value.data >= depth:
            return False
        reader.properties["depth"] = IntegerAttr(depth, i64)
        return True
    fifo = stream.FifoOp(value, depth)
    fifo.location = reader.location
    fifo.result.name_hint = value.name_hint
    network.core.body.block.insert_op_before(fifo, reader)
    reader.operands[use.index] = fifo.result
    return True


def _narrowest(value: SSAValue, waiting: int) -> tuple[SSAValue, int]:
    """Returns the channel on the way to `value` on which what waits takes the fewest bits.

    A FIFO that is there already serves as well.
    """
    best, least = (value, waiting), waiting * stream.channel_of(value).width_bits
    while isinstance(process := value.owner, stream.RequantizeOp | stream.WidthAdapterOp):
        given, made = process.input_channel, process.output_channel
        value, waiting = process.input, -(-waiting * given.beats // made.beats)
        if isinstance(value.owner, stream.FifoOp):
            return value.owner.input, waiting
        if (bits := waiting * given.width_bits) < least:
            best, least = (value, waiting), bits
    return best
