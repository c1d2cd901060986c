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
every block ends in a register slice of two entries; unless a third beat that comes as the first is
taken would make later ones late, as what gives it stands still. A FIFO stands where what waits is narrowest: on
the way from a fork to a join that is often before the requantizer and the width adapter.
It holds what those behind it, up to the next join or fork, have no room for themselves.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.folding.fifos import size_fifos


@dataclass(frozen=True)
class SizeFifosPass(ModulePass):
    """Puts FIFOs where beats wait, deep enough that no process waits for another's burst."""

    name = "size-fifos"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is not None:
            size_fifos(network)
