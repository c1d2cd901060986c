"""Puts FIFOs where beats wait, deep enough that no process ever waits for another's burst.

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
Requires: insert-width-adapters.
Keeps: every integer. Steady-state throughput is that of the slowest process: the depths hold what
waits when frames enter at exactly that rate, and a network of processes and FIFOs is never slowed by
beats that arrive earlier.
Leaves alone: the network's inputs (the sender waits), and channels on which at most two beats wait:
every block ends in a register slice of two entries.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.analysis.throughput import predict
from qcompiler.dialects import stream

SLICE_ENTRIES = 2
"""Beats that the register slice at a block's output holds."""


@dataclass(frozen=True)
class SizeFifosPass(ModulePass):
    """Puts FIFOs where beats wait, deep enough that no process waits for another's burst."""

    name = "size-fifos"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        waiting = predict(network).waiting
        for process in network.processes:
            depth = waiting[process.input] - SLICE_ENTRIES
            if depth < 1 or process.input in network.inputs:
                continue
            fifo = stream.FifoOp(process.input, depth)
            fifo.location = process.location
            fifo.result.name_hint = process.input.name_hint
            network.core.body.block.insert_op_before(fifo, process)
            process.operands[0] = fifo.result
