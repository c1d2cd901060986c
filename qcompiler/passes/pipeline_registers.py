"""Puts pipeline registers where a clock asks for them.

Before:
```mlir
stream.weights @w dense<1> : tensor<8x2xi8>
func.func @core(%x : !stream.channel<!qint.int<-8, 7>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<-64, 56>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 8 : (!stream.channel<!qint.int<-8, 7>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<-64, 56>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<-64, 56>, frame = [2], lanes = 1>
}
```
After:
```mlir
// options: mhz=150
stream.weights @w dense<1> : tensor<8x2xi8>
func.func @core(%x : !stream.channel<!qint.int<-8, 7>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<-64, 56>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 8 {stream.registers = {products = 1 : i64, sum = 1 : i64}} : (!stream.channel<!qint.int<-8, 7>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<-64, 56>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<-64, 56>, frame = [2], lanes = 1>
}
```
Requires: insert-width-adapters, whose lanes decide how wide hardware is.
Keeps: every integer, and the cycles of a frame. Each register adds a cycle to the latency of its
process, so run size-fifos afterwards.
Leaves alone: processes that are short enough, those whose hardware has no cuts, and modules without a
streaming core. Registers of an earlier run are replaced.

Options: `mhz` is the clock to aim at, `device` the part whose delays count. A clock that is out of a
part's reach gets all the registers that help.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.devices.delays import DEFAULT_MHZ, DelayModel
from qcompiler.folding.registers import put_registers


@dataclass(frozen=True)
class PipelineRegistersPass(ModulePass):
    """Puts pipeline registers where a clock asks for them."""

    name = "pipeline-registers"
    mhz: float | int = DEFAULT_MHZ
    device: str | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is not None:
            put_registers(network, DelayModel.of(self.device, self.mhz))
