// RUN: xdsl-opt %s | xdsl-opt | filecheck %s
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

// CHECK-LABEL: func.func @core
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 2 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [2, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 8], lanes = 1>
// CHECK-NEXT: %p = stream.pool %w kind "max" : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 8], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 2], lanes = 1>
// CHECK-NEXT: %r = stream.reshape %p : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
// CHECK-NEXT: %v = stream.vvau %w weights @dw : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 8], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [1, 2, 2], lanes = 1>
stream.weights @dw dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2, 3, 2], lanes = 1>) -> (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>, !stream.channel<!qint.int<0, 12>, frame = [1, 2, 2], lanes = 1>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 2 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [2, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 8], lanes = 1>
  %p = stream.pool %w kind "max" : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 8], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 2], lanes = 1>
  %r = stream.reshape %p : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
  %v = stream.vvau %w weights @dw : (!stream.channel<!qint.int<0, 3>, frame = [1, 2, 8], lanes = 1>) -> !stream.channel<!qint.int<0, 12>, frame = [1, 2, 2], lanes = 1>
  func.return %r, %v : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>, !stream.channel<!qint.int<0, 12>, frame = [1, 2, 2], lanes = 1>
}

// A beat of two taps, each of one channel.
// CHECK-LABEL: func.func @two_taps
// CHECK-NEXT: %p = stream.pool %w kind "max" simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
// CHECK-NEXT: %v = stream.vvau %w weights @dw simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 4>, frame = [1, 2, 2], lanes = 1>
func.func @two_taps(%w : !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) {
  %p = stream.pool %w kind "max" simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
  %v = stream.vvau %w weights @dw simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 4>, frame = [1, 2, 2], lanes = 1>
  func.return
}

// CHECK-LABEL: func.func @rows
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64, buffer_rows = 5 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
func.func @rows(%x : !stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64, buffer_rows = 5 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
  func.return
}

// CHECK-LABEL: func.func @line
// CHECK-NEXT: %w = stream.line_window %x {kernel = 3 : i64, stride = 1 : i64, dilation = 1 : i64, pad = 1 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 12], lanes = 12>
func.func @line(%x : !stream.channel<!qint.int<0, 3>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 12], lanes = 12> {
  %w = stream.line_window %x {kernel = 3 : i64, stride = 1 : i64, dilation = 1 : i64, pad = 1 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 2, 12], lanes = 12>
  func.return %w : !stream.channel<!qint.int<0, 3>, frame = [1, 2, 12], lanes = 12>
}
