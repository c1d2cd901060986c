"""Lets several pixels of a line enter a clock, and as many leave: lanes go across pixels.

Before:
```mlir
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 9>, frame = [1, 8, 1], lanes = 1> {
  %s = stream.sliding_window %x {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 1>, pads_end = array<i64: 0, 1>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 8, 3], lanes = 3>
  %y = stream.pipeline %s {
  ^bb0(%e : tensor<1x3x!qint.int<0, 3>>):
    %w = qint.constant dense<1> : tensor<3x1xi8> -> tensor<3x1x!qint.int<1, 1>>
    %a = qint.matmul %e, %w : (tensor<1x3x!qint.int<0, 3>>, tensor<3x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 9>>
    qint.yield %a : tensor<1x1x!qint.int<0, 9>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 3], lanes = 3>) -> !stream.channel<!qint.int<0, 9>, frame = [1, 8, 1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [1, 8, 1], lanes = 1>
}
```
After:
```mlir
// options: pixels=4
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 4>) -> !stream.channel<!qint.int<0, 9>, frame = [1, 8, 1], lanes = 4> {
  %s = stream.line_window %x {kernel = 3 : i64, stride = 1 : i64, dilation = 1 : i64, pad = 1 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 4>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 6], lanes = 6>
  %y = stream.pipeline %s {
  ^bb0(%e : tensor<1x3x!qint.int<0, 3>>):
    %w = qint.constant dense<1> : tensor<3x1xi8> -> tensor<3x1x!qint.int<1, 1>>
    %a = qint.matmul %e, %w : (tensor<1x3x!qint.int<0, 3>>, tensor<3x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 9>>
    qint.yield %a : tensor<1x1x!qint.int<0, 9>>
  } {copies = 4 : i64, views = array<i64: 1, 3, 1>} : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 6], lanes = 6>) -> !stream.channel<!qint.int<0, 9>, frame = [1, 8, 1], lanes = 4>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [1, 8, 1], lanes = 4>
}
```
Options: `pixels` is how many enter a clock; 0 takes what select-folding has chosen for a rate.

Requires: form-pipelines with `pixels`, which takes all that works beat by beat into pipelines.
Keeps: every integer. The cycles of a frame become those of its input's beats.
Leaves alone: networks of which one pixel a clock is enough, without the option. What cannot work on several
pixels is an error: windows of several lines, lines that do not come as whole beats, convolutions that
make fewer pixels than their stride leaves, processes that rearrange.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from qcompiler.analysis.network import Network
from qcompiler.folding.pixels import pack_pixels, pixels_a_clock


@dataclass(frozen=True)
class PackPixelsPass(ModulePass):
    """Lets several pixels of a line enter a clock, and as many leave."""

    name = "pack-pixels"
    pixels: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        pixels = self.pixels or pixels_a_clock(network)
        if pixels:
            pack_pixels(network, pixels)
