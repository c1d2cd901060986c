// RUN: xdsl-opt %s -p prune-channels --split-input-file | filecheck %s

// A constant channel of another value than the padding stays; one of the padding's value goes, and what it adds joins the function behind.
// CHECK-LABEL: func.func @padded
// CHECK-NEXT: %w = qint.constant dense<1> : tensor<1x1x2xi8>
// CHECK-NEXT: %c = qint.conv %x, %w {{.*}} -> tensor<1x4x2x!qint.int<0, 3>>
// CHECK: %b = nn.parameter dense<[0.000000e+00, 9.000000e+00]> : tensor<2xf32> -> f32
// CHECK: %v = qint.constant {{.*}} : tensor<1x2x1xi8>
func.func @padded(%x : tensor<1x4x1x!qint.int<0, 3>>) -> tensor<1x6x1x!qint.int<0, 3>> {
  %w = qint.constant dense<[[[1, 1, 1]]]> : tensor<1x1x3xi8> -> tensor<1x1x3x!qint.int<1, 1>>
  %c = qint.conv %x, %w {kernel = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, pads_begin = array<i64: 0>, pads_end = array<i64: 0>, pad_value = 0 : i64, group = 1 : i64} : (tensor<1x4x1x!qint.int<0, 3>>, tensor<1x1x3x!qint.int<1, 1>>) -> tensor<1x4x3x!qint.int<0, 3>>
  %h = qint.requantize %c axis 2 {
  ^bb0(%e : !qint.int<0, 3>):
    %r = qint.dequantize %e {scale = 1.0 : f32, zero_point = 0 : i64} : (!qint.int<0, 3>) -> f32
    %b = nn.parameter dense<[0.0, -9.0, 9.0]> : tensor<3xf32> -> f32
    %s = nn.add %r, %b : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 1 : i64, rounding = "half_even"} : (f32) -> !qint.int<1, 3>
    qint.yield %q : !qint.int<1, 3>
  } : (tensor<1x4x3x!qint.int<0, 3>>) -> tensor<1x4x3x!qint.int<1, 3>>
  %v = qint.constant dense<[[[2], [3], [4]]]> : tensor<1x3x1xi8> -> tensor<1x3x1x!qint.int<2, 4>>
  %d = qint.conv %h, %v {kernel = array<i64: 1>, strides = array<i64: 1>, dilations = array<i64: 1>, pads_begin = array<i64: 1>, pads_end = array<i64: 1>, pad_value = 1 : i64, group = 1 : i64} : (tensor<1x4x3x!qint.int<1, 3>>, tensor<1x3x1x!qint.int<2, 4>>) -> tensor<1x6x1x!qint.int<9, 27>>
  // CHECK: ^bb{{.*}}: !qint.int<6, 18>):
  // CHECK-NEXT: qint.affine {{.*}} {multiplier = 1 : i64, offset = 3 : i64}
  %y = qint.requantize %d axis 2 {
  ^bb0(%e : !qint.int<9, 27>):
    %r = qint.dequantize %e {scale = 0.125 : f32, zero_point = 0 : i64} : (!qint.int<9, 27>) -> f32
    %q = qint.quantize %r {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 3>
    qint.yield %q : !qint.int<0, 3>
  } : (tensor<1x6x1x!qint.int<9, 27>>) -> tensor<1x6x1x!qint.int<0, 3>>
  func.return %y : tensor<1x6x1x!qint.int<0, 3>>
}

// -----

// Weights of zero read the first of two channels; what is returned, or reaches an addition, keeps its channels.
// CHECK-LABEL: func.func @returned
// CHECK: qint.matmul %x, %w {{.*}} -> tensor<1x2x!qint.int<0, 3>>
func.func @returned(%x : tensor<1x1x!qint.int<0, 3>>) -> (tensor<1x2x!qint.int<0, 3>>, tensor<1x1x!qint.int<0, 6>>) {
  %w = qint.constant dense<1> : tensor<1x2xi8> -> tensor<1x2x!qint.int<1, 1>>
  %v = qint.constant dense<[[0], [2]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<0, 2>>
  %a = qint.matmul %x, %w : (tensor<1x1x!qint.int<0, 3>>, tensor<1x2x!qint.int<1, 1>>) -> tensor<1x2x!qint.int<0, 3>>
  %y = qint.matmul %a, %v : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<0, 2>>) -> tensor<1x1x!qint.int<0, 6>>
  func.return %a, %y : tensor<1x2x!qint.int<0, 3>>, tensor<1x1x!qint.int<0, 6>>
}

// -----

// Where the sums behind are no scalar function's, what a constant adds has no place to go.
// CHECK-LABEL: func.func @nowhere
// CHECK: qint.matmul {{.*}} -> tensor<1x2x!qint.int<1, 3>>
func.func @nowhere(%x : tensor<1x1x!qint.int<1, 3>>) -> tensor<1x1x!qint.int<3, 9>> {
  %w = qint.constant dense<1> : tensor<1x2xi8> -> tensor<1x2x!qint.int<1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x1x!qint.int<1, 3>>, tensor<1x2x!qint.int<1, 1>>) -> tensor<1x2x!qint.int<1, 3>>
  %h = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<1, 3>):
    %r = qint.dequantize %e {scale = 1.0 : f32, zero_point = 0 : i64} : (!qint.int<1, 3>) -> f32
    %b = nn.parameter dense<[0.0, -9.0]> : tensor<2xf32> -> f32
    %s = nn.add %r, %b : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<1, 3>
    qint.yield %q : !qint.int<1, 3>
  } : (tensor<1x2x!qint.int<1, 3>>) -> tensor<1x2x!qint.int<1, 3>>
  %v = qint.constant dense<[[1], [2]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 2>>
  %y = qint.matmul %h, %v : (tensor<1x2x!qint.int<1, 3>>, tensor<2x1x!qint.int<1, 2>>) -> tensor<1x1x!qint.int<3, 9>>
  func.return %y : tensor<1x1x!qint.int<3, 9>>
}
