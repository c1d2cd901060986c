// RUN: xdsl-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s --match-full-lines

// CHECK: lower bound 2 must not exceed upper bound 1
func.func @bounds_cross(%x : !qint.int<2, 1>) {
  func.return
}

// -----

// CHECK: bounds must fit 128 bits, got [-170141183460469231731687303715884105729, 0]
func.func @bound_below_128_bits(%x : !qint.int<-170141183460469231731687303715884105729, 0>) {
  func.return
}

// -----

// CHECK: bounds must fit 128 bits, got [0, 170141183460469231731687303715884105728]
func.func @bound_above_128_bits(%x : !qint.int<0, 170141183460469231731687303715884105728>) {
  func.return
}

// -----

// CHECK: input tensor<2xf32> and result tensor<3x!qint.int<0, 1>> differ in shape
func.func @shapes_differ(%x : tensor<2xf32>) {
  %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<2xf32>) -> tensor<3x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: scale must be positive and finite, got 0
func.func @scale_zero(%x : f32) {
  %q = qint.quantize %x {scale = 0.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (f32) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: scale must be positive and finite, got -0.5
func.func @scale_negative(%x : !qint.int<0, 1>) {
  %q = qint.dequantize %x {scale = -0.5 : f32, zero_point = 0 : i64} : (!qint.int<0, 1>) -> f32
  func.return
}

// -----

// CHECK: scale must be positive and finite, got inf
func.func @scale_infinite(%x : f32) {
  %q = qint.quantize %x {scale = 0x7F800000 : f32, zero_point = 0 : i64, rounding = "floor"} : (f32) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: scale has 2 values, which needs an axis
func.func @scales_without_axis(%x : tensor<1x2xf32>) {
  %q = qint.quantize %x {scale = dense<1.0> : tensor<2xf32>, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: axis must be in [0, 1], got 2
func.func @axis_above(%x : tensor<1x2xf32>) {
  %q = qint.quantize %x {scale = dense<1.0> : tensor<2xf32>, zero_point = 0 : i64, rounding = "floor", axis = 2 : i64} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: axis must be in [0, 1], got -1
func.func @axis_below(%x : tensor<1x2xf32>) {
  %q = qint.quantize %x {scale = dense<1.0> : tensor<2xf32>, zero_point = 0 : i64, rounding = "floor", axis = -1 : i64} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: zero_point has 3 values, but axis 1 of the tensor has extent 2
func.func @zero_points_do_not_fit(%x : tensor<1x2xf32>) {
  %q = qint.quantize %x {scale = 1.0 : f32, zero_point = dense<0> : tensor<3xi8>, rounding = "floor", axis = 1 : i64} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: rounding must be one of half_even, ceil, floor, up, down, half_up, half_down, got nearest
func.func @rounding_unknown(%x : f32) {
  %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "nearest"} : (f32) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: value of type tensor<2xi8> does not match result tensor<1x2x!qint.int<0, 1>>
func.func @constant_shape() {
  %c = qint.constant dense<1> : tensor<2xi8> -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: values in [0, 2] exceed the range of tensor<2x!qint.int<0, 1>>
func.func @constant_above() {
  %c = qint.constant dense<[0, 2]> : tensor<2xi8> -> tensor<2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: values in [-1, 1] exceed the range of tensor<2x!qint.int<0, 1>>
func.func @constant_below() {
  %c = qint.constant dense<[-1, 1]> : tensor<2xi8> -> tensor<2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: result must have shape [1, 3], got tensor<3x1x!qint.int<0, 2>>
func.func @matmul_result(%x : tensor<1x2x!qint.int<0, 1>>, %w : tensor<2x3x!qint.int<0, 1>>) {
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 1>>, tensor<2x3x!qint.int<0, 1>>) -> tensor<3x1x!qint.int<0, 2>>
  func.return
}

// -----

// CHECK: input tensor<1x2x!qint.int<0, 1>> and result tensor<2x!qint.int<0, 1>> differ in shape
func.func @affine_shapes(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.affine %x {multiplier = 1 : i64, offset = 0 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: multiplier has 3 values, but axis 1 of the tensor has extent 2
func.func @affine_rows(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.affine %x {multiplier = dense<1> : tensor<3xi8>, offset = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: cannot reshape tensor<1x2x!qint.int<0, 1>> to tensor<3x!qint.int<0, 1>>: element counts differ
func.func @reshape_count(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.reshape %x : (tensor<1x2x!qint.int<0, 1>>) -> tensor<3x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: result must have shape [2, 1], got tensor<1x2x!qint.int<0, 1>>
func.func @transpose_result(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.transpose %x permutation [1, 0] : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: place must be external or writable, got outside
func.func @place() {
  %w = qint.constant {qint.place = "outside"} dense<1> : tensor<1xi8> -> tensor<1x!qint.int<1, 1>>
  func.return
}
