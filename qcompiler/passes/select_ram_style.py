"""Keeps memories in look-up tables where block memories run out.

Before:
```mlir
func.func @core(%x : !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16> {
  %y = stream.fifo %x depth 200 : (!stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
  func.return %y : !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
}
```
After:
```mlir
// options: max_brams=1
func.func @core(%x : !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16> {
  %y = stream.fifo %x depth 200 {stream.ram_style = "distributed"} : (!stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
  func.return %y : !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
}
```
Options: `device` is the part, `max_luts`, `max_dsps` and `max_brams` are limits within it, 0 for its own.

Requires: size-fifos, whose FIFOs are memories.
Keeps: every integer and every cycle.
Leaves alone: networks for which block memories suffice, or that tables would not help; families whose
look-up tables cannot be memories; memories whose block asks for a kind itself.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.folding.budget import Budget
from qcompiler.folding.memories import spare_blocks


@dataclass(frozen=True)
class SelectRamStylePass(ModulePass):
    """Keeps memories in look-up tables where block memories run out."""

    name = "select-ram-style"
    device: str | None = None
    max_luts: int = 0
    max_dsps: int = 0
    max_brams: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        budget = Budget.of(
            self.device, luts=self.max_luts, dsps=self.max_dsps, brams=self.max_brams
        )
        if network is not None and budget is not None:
            spare_blocks(network, budget)
