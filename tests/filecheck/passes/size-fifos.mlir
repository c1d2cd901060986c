// RUN: xdsl-opt %s -p size-fifos --split-input-file | filecheck %s

// CHECK: stream.weights @w dense<1> : tensor<8x8xi8>
stream.weights @w dense<1> : tensor<8x8xi8>
// CHECK: stream.weights @v dense<1> : tensor<8x2xi8>
stream.weights @v dense<1> : tensor<8x2xi8>
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
// CHECK-NEXT: %a = stream.mvau %x weights @w pe 8 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>
// CHECK-NEXT: %n = stream.width_adapter %a : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>
// CHECK-NEXT: %y = stream.mvau %n weights @v pe 1 simd 1 : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1> {
  %a = stream.mvau %x weights @w pe 8 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>
  %n = stream.width_adapter %a : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>
  %y = stream.mvau %n weights @v pe 1 simd 1 : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
}

// -----

// The last windows of a frame free two rows, the first of the next one need two: three rows are one
// too few for a frame in 16 cycles.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64, buffer_rows = 4 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
func.func @core(%x : !stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1> {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
  func.return %w : !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
}

// -----

// Something else takes longer: three rows are enough, whatever was there before.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2, 2, 2], lanes = 1> {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64, buffer_rows = 6 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 1], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>
  %y = stream.mvau %w weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [2, 2, 4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2, 2, 2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 4>, frame = [2, 2, 2], lanes = 1>
}
