// RUN: xdsl-opt %s -p 'pack-pixels{pixels=4}' --split-input-file --verify-diagnostics | filecheck %s

// A stride leaves half as many pixels a clock; what goes beside it follows.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %s = stream.line_window %x {kernel = 2 : i64, stride = 2 : i64, dilation = 1 : i64, pad = 0 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 4>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 4], lanes = 4>
// CHECK-NEXT: %y = stream.pipeline %s {
// CHECK: {copies = 2 : i64, views = array<i64: 2, 2, 1>}
// CHECK-NEXT: %a, %b = stream.duplicate %y : (!stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 2>)
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 1>) -> (!stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>, !stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>) {
  %s = stream.sliding_window %x {kernel = array<i64: 1, 2>, strides = array<i64: 1, 2>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 4, 2], lanes = 2>
  %y = stream.pipeline %s {
  ^bb0(%e : tensor<1x2x!qint.int<0, 3>>):
    %w = qint.constant dense<1> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 1>>
    %p = qint.matmul %e, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 6>>
    qint.yield %p : tensor<1x1x!qint.int<0, 6>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [1, 4, 2], lanes = 2>) -> !stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>
  %a, %b = stream.duplicate %y : (!stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>) -> (!stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>, !stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>)
  func.return %a, %b : !stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>, !stream.channel<!qint.int<0, 6>, frame = [1, 4, 1], lanes = 1>
}

// -----

// CHECK: conv1 (stream.sliding_window): a window of 3 x 3 spans several lines, but pixels of a clock are of one; leave --pixels-per-clock out, or let its kernel be of height 1
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [8, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [8, 8, 9], lanes = 9> {
  %s = stream.sliding_window %x {kernel = array<i64: 3, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 1, 1>, pads_end = array<i64: 1, 1>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [8, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [8, 8, 9], lanes = 9> loc("conv1")
  func.return %s : !stream.channel<!qint.int<0, 3>, frame = [8, 8, 9], lanes = 9>
}

// -----

// CHECK: a line of 6 pixels does not come as whole beats of 4; ask for 2, or make the line a multiple of 4
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [1, 6, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 6, 1], lanes = 1> {
  func.return %x : !stream.channel<!qint.int<0, 3>, frame = [1, 6, 1], lanes = 1>
}

// -----

// CHECK: act (stream.requantize): requantize does not work on several pixels a clock in the form shift; give it another one (--requantizer mul_shift)
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 8, 1], lanes = 1> {
  %y = stream.requantize %x {
  ^bb0(%e : !qint.int<0, 3>):
    %c = qint.shift %e {shift = 1 : i64, bias = 0 : i64, sign = 1 : i64} : (!qint.int<0, 3>) -> !qint.int<0, 1>
    qint.yield %c : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 8, 1], lanes = 1> loc("act")
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 1], lanes = 1>
}
