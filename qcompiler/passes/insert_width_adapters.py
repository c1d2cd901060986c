"""Puts width adapters where a process takes another number of lanes than its channel has.

Before:
```mlir
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 4 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
}
```
After:
```mlir
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1> {
  %a = stream.width_adapter %x : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>
  %y = stream.mvau %a weights @w pe 1 simd 4 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
}
```
Requires: select-folding.
Keeps: every integer and its order. Where neither count divides the other, two adapters go by way of
their least common multiple, which divides the frame because both do.
Leaves alone: channels whose lanes fit.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.folding.adapters import insert_width_adapters


@dataclass(frozen=True)
class InsertWidthAdaptersPass(ModulePass):
    """Puts width adapters where a process takes another number of lanes than its channel has."""

    name = "insert-width-adapters"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is not None:
            insert_width_adapters(network)
