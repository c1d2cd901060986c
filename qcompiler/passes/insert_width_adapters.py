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
from math import lcm

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.dialects import stream


@dataclass(frozen=True)
class InsertWidthAdaptersPass(ModulePass):
    """Puts width adapters where a process takes another number of lanes than its channel has."""

    name = "insert-width-adapters"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        for process in network.processes:
            for index, wanted in enumerate(process.wanted_lanes):
                _adapt(network, process, index, wanted)


def _adapt(network: Network, process: stream.Process, index: int, wanted: int) -> None:
    given = stream.channel_of(process.operands[index]).lanes.data
    for lanes in dict.fromkeys((lcm(wanted, given), wanted)):
        value = process.operands[index]
        if lanes == stream.channel_of(value).lanes.data:
            continue
        adapter = stream.WidthAdapterOp(value, lanes)
        adapter.location = process.location
        adapter.result.name_hint = value.name_hint
        network.core.body.block.insert_op_before(adapter, process)
        process.operands[index] = adapter.result
