// RUN: xdsl-opt %s -p "select-folding{target-cycles=4}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK: stream.weights @w dense<1> : tensor<16x8xi8>
stream.weights @w dense<1> : tensor<16x8xi8>
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 8>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 4>
// CHECK-NEXT: %a = stream.mvau %x weights @w pe 4 simd 8 : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 8>) -> !stream.channel<!qint.int<0, 48>, frame = [8], lanes = 4>
// CHECK-NEXT: %y = stream.requantize %a {
// CHECK-NEXT: ^bb0(%e: !qint.int<0, 48>):
// CHECK-NEXT: %c = qint.shift %e {shift = 6 : i64, bias = 32 : i64, sign = 1 : i64} : (!qint.int<0, 48>) -> !qint.int<0, 1>
// CHECK-NEXT: qint.yield %c : !qint.int<0, 1>
// CHECK-NEXT: } : (!stream.channel<!qint.int<0, 48>, frame = [8], lanes = 4>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 4>
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 4>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 1>) -> !stream.channel<!qint.int<0, 48>, frame = [8], lanes = 1>
  %y = stream.requantize %a {
  ^bb0(%e : !qint.int<0, 48>):
    %c = qint.shift %e {shift = 6 : i64, bias = 32 : i64, sign = 1 : i64} : (!qint.int<0, 48>) -> !qint.int<0, 1>
    qint.yield %c : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<0, 48>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 1>
}

// -----

// CHECK-LABEL: func.func @core(%x: tensor<1x!qint.int<0, 3>>) -> tensor<1x!qint.int<0, 3>>
// CHECK-NEXT: func.return %x : tensor<1x!qint.int<0, 3>>
func.func @core(%x : tensor<1x!qint.int<0, 3>>) -> tensor<1x!qint.int<0, 3>> {
  func.return %x : tensor<1x!qint.int<0, 3>>
}

// -----

// A frame that is reshaped to fewer channels has no more lanes than those.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %a = stream.mvau %x weights @w pe 2 simd 4
// CHECK-NEXT: %y = stream.reshape %a : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [8, 1], lanes = 1>
stream.weights @w dense<1> : tensor<4x8xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [8, 1], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>
  %y = stream.reshape %a : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [8, 1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 3>, frame = [8, 1], lanes = 1>
}

// -----

// Three taps a beat, because one does not reach four cycles.
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 1>, frame = [1, 4, 2], lanes = 2>)
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 4, 2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 6], lanes = 6>
// CHECK-NEXT: %y = stream.mvau %w weights @w pe 1 simd 6 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 6], lanes = 6>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1>
stream.weights @w dense<1> : tensor<6x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 4, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1> {
  %w = stream.sliding_window %x {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 4, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 6], lanes = 1>
  %y = stream.mvau %w weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 6], lanes = 1>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1>
}

// -----

// One tap a beat is enough: the products are as many, and it needs one memory.
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 2>)
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 1, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 4], lanes = 2>
// CHECK-NEXT: %y = stream.mvau %w weights @w pe 2 simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 2>
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1> {
  %w = stream.sliding_window %x {kernel = array<i64: 1, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 4], lanes = 1>
  %y = stream.mvau %w weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 4], lanes = 1>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 8>, frame = [1, 2, 2], lanes = 1>
}

// -----

// A reduction takes all channels first, then several taps.
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 1>, frame = [1, 5, 2], lanes = 2>)
// CHECK-NEXT: %w = stream.sliding_window %x {kernel = array<i64: 1, 4>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 5, 2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 4>
// CHECK-NEXT: %y = stream.pool %w kind "max" simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 4>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 2>
func.func @core(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 5, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1> {
  %w = stream.sliding_window %x {kernel = array<i64: 1, 4>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 2 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 5, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 1>
  %y = stream.pool %w kind "max" : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
}
