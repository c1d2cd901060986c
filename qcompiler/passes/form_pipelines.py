"""Makes one pipeline of each stretch of processes that have hardware for every element of a beat.

Before:
```mlir
stream.weights @w dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 2> {
  %a = stream.mvau %x weights @w pe 2 simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<-3, 3>, frame = [2], lanes = 2>
  %y = stream.requantize %a {
  ^bb0(%e : !qint.int<-3, 3>):
    %c = qint.threshold %e {thresholds = dense<[[1]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<-3, 3>) -> !qint.int<0, 1>
    qint.yield %c : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<-3, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 2>
}
```
After:
```mlir
stream.weights @w dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 2> {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 3>>):
    %w = qint.constant dense<[[1, 0], [-1, 1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
    %a = qint.matmul %e, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-3, 3>>
    %c = qint.threshold %a {thresholds = dense<[[1]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<-3, 3>>) -> tensor<1x2x!qint.int<0, 1>>
    qint.yield %c : tensor<1x2x!qint.int<0, 1>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 2>
}
```
Options: `interface` is `stream`, or `plain` for a pipeline without a handshake: a beat enters in each
cycle in which it is valid, and leaves so many cycles later. The whole core must be that pipeline.
With `pixels`, how many pack-pixels lets enter a clock, stretches without products are pipelines, too.

Requires: select-folding, which decides what is fully parallel.
Keeps: every integer, and the cycles of a frame.
Leaves alone: stretches without a matrix or depthwise unit that has all its weights at work in every
cycle (PE its outputs, SIMD its inputs), units whose multiplications have a style, pools that take a
window in several beats, concatenations one input after the other, requantizers that round as float32
does to more than 16 steps or whose factor makes numbers of more than 58 bits, and tables of more than
256 entries.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.folding.pipelines import form_pipelines, take_handshake
from qcompiler.folding.pixels import pixels_a_clock


@dataclass(frozen=True)
class FormPipelinesPass(ModulePass):
    """Makes one pipeline of each stretch of processes that are fully parallel."""

    name = "form-pipelines"
    interface: str = "stream"
    pixels: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        pixels = self.pixels or pixels_a_clock(network)
        plain = self.interface == "plain"
        form_pipelines(network, without_products=plain or pixels > 0)
        if plain:
            take_handshake(network)
