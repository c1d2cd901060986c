// RUN: xdsl-opt %s -p channels-last --split-input-file | filecheck %s

// The rows of a matrix follow the order of a flattened tensor.
// CHECK-LABEL: func.func @flatten(%x: tensor<1x1x2x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 30>>
// CHECK-NEXT: %w = qint.constant dense<[[1], [3], [2], [4]]> : tensor<4x1xi8> -> tensor<4x1x!qint.int<1, 4>>
// CHECK-NEXT: %r = qint.reshape %x : (tensor<1x1x2x2x!qint.int<0, 3>>) -> tensor<1x4x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.matmul %r, %w : (tensor<1x4x!qint.int<0, 3>>, tensor<4x1x!qint.int<1, 4>>) -> tensor<1x1x!qint.int<0, 30>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<0, 30>>
func.func @flatten(%x : tensor<1x1x2x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 30>> {
  %w = qint.constant dense<[[1], [2], [3], [4]]> : tensor<4x1xi8> -> tensor<4x1x!qint.int<1, 4>>
  %t = qint.transpose %x permutation [0, 3, 1, 2] : (tensor<1x1x2x2x!qint.int<0, 3>>) -> tensor<1x2x1x2x!qint.int<0, 3>>
  %r = qint.reshape %t : (tensor<1x2x1x2x!qint.int<0, 3>>) -> tensor<1x4x!qint.int<0, 3>>
  %y = qint.matmul %r, %w : (tensor<1x4x!qint.int<0, 3>>, tensor<4x1x!qint.int<1, 4>>) -> tensor<1x1x!qint.int<0, 30>>
  func.return %y : tensor<1x1x!qint.int<0, 30>>
}

// -----

// A transposition of an input stays: the host does it.
// CHECK-LABEL: func.func @input(%x: tensor<1x2x3x4x!qint.int<0, 3>>) -> tensor<1x3x4x2x!qint.int<0, 3>>
// CHECK-NEXT: %t = qint.transpose %x permutation [0, 2, 3, 1] : (tensor<1x2x3x4x!qint.int<0, 3>>) -> tensor<1x3x4x2x!qint.int<0, 3>>
// CHECK-NEXT: func.return %t : tensor<1x3x4x2x!qint.int<0, 3>>
func.func @input(%x : tensor<1x2x3x4x!qint.int<0, 3>>) -> tensor<1x3x4x2x!qint.int<0, 3>> {
  %t = qint.transpose %x permutation [0, 2, 3, 1] : (tensor<1x2x3x4x!qint.int<0, 3>>) -> tensor<1x3x4x2x!qint.int<0, 3>>
  func.return %t : tensor<1x3x4x2x!qint.int<0, 3>>
}

// -----

// One that moves unit dimensions only is a reshape.
// CHECK-LABEL: func.func @units(%x: tensor<1x1x1x4x!qint.int<0, 3>>) -> tensor<1x4x1x1x!qint.int<0, 3>>
// CHECK-NEXT: %t = qint.reshape %x : (tensor<1x1x1x4x!qint.int<0, 3>>) -> tensor<1x4x1x1x!qint.int<0, 3>>
// CHECK-NEXT: func.return %t : tensor<1x4x1x1x!qint.int<0, 3>>
func.func @units(%x : tensor<1x1x1x4x!qint.int<0, 3>>) -> tensor<1x4x1x1x!qint.int<0, 3>> {
  %t = qint.transpose %x permutation [0, 3, 1, 2] : (tensor<1x1x1x4x!qint.int<0, 3>>) -> tensor<1x4x1x1x!qint.int<0, 3>>
  func.return %t : tensor<1x4x1x1x!qint.int<0, 3>>
}

// -----

// Where operations that move elements go, a region takes what is known before them.
// CHECK-LABEL: func.func @narrow
// CHECK-NEXT: %u = qint.reshape %x : (tensor<1x2x1x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.requantize %u axis 1 {
// CHECK-NEXT: ^bb0(%0: !qint.int<0, 3>):
func.func @narrow(%x : tensor<1x2x1x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<0, 7>> {
  %r = qint.reshape %x : (tensor<1x2x1x!qint.int<0, 3>>) -> tensor<2x!qint.int<0, 7>>
  %u = qint.reshape %r : (tensor<2x!qint.int<0, 7>>) -> tensor<1x2x!qint.int<0, 7>>
  %y = qint.requantize %u axis 1 {
  ^bb0(%0 : !qint.int<0, 7>):
    %s = qint.dequantize %0 {scale = 1.000000e+00 : f32, zero_point = 0 : i64} : (!qint.int<0, 7>) -> f32
    %q = qint.quantize %s {scale = 2.000000e+00 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 7>
    qint.yield %q : !qint.int<0, 7>
  } {qint.numerics = "exact"} : (tensor<1x2x!qint.int<0, 7>>) -> tensor<1x2x!qint.int<0, 7>>
  func.return %y : tensor<1x2x!qint.int<0, 7>>
}

// -----

// A slice, a padding and a repetition need no other order than their input has.
// CHECK-LABEL: func.func @moves_between
// CHECK-NEXT: %s2 = qint.slice %x {starts = array<i64: 0, 1, 2>, ends = array<i64: 1, 2, 4>, steps = array<i64: 1, 1, 1>} : (tensor<1x2x4x!qint.int<0, 3>>) -> tensor<1x1x2x!qint.int<0, 3>>
// CHECK-NEXT: %p2 = qint.pad %x {begin = array<i64: 0, 3, 0>, end = array<i64: 0, 0, 1>, value = 0 : i64} : (tensor<1x2x4x!qint.int<0, 3>>) -> tensor<1x5x5x!qint.int<0, 3>>
// CHECK-NEXT: %r2 = qint.resize_nearest %x {scales = array<i64: 1, 2, 1>} : (tensor<1x2x4x!qint.int<0, 3>>) -> tensor<1x4x4x!qint.int<0, 3>>
// CHECK-NEXT: func.return %s2, %p2, %r2
func.func @moves_between(%x : tensor<1x2x4x!qint.int<0, 3>>) -> (tensor<1x1x2x!qint.int<0, 3>>, tensor<1x5x5x!qint.int<0, 3>>, tensor<1x4x4x!qint.int<0, 3>>) {
  %t = qint.transpose %x permutation [0, 2, 1] : (tensor<1x2x4x!qint.int<0, 3>>) -> tensor<1x4x2x!qint.int<0, 3>>
  %s = qint.slice %t {starts = array<i64: 0, 2, 1>, ends = array<i64: 1, 4, 2>, steps = array<i64: 1, 1, 1>} : (tensor<1x4x2x!qint.int<0, 3>>) -> tensor<1x2x1x!qint.int<0, 3>>
  %s2 = qint.transpose %s permutation [0, 2, 1] : (tensor<1x2x1x!qint.int<0, 3>>) -> tensor<1x1x2x!qint.int<0, 3>>
  %p = qint.pad %t {begin = array<i64: 0, 0, 3>, end = array<i64: 0, 1, 0>, value = 0 : i64} : (tensor<1x4x2x!qint.int<0, 3>>) -> tensor<1x5x5x!qint.int<0, 3>>
  %p2 = qint.transpose %p permutation [0, 2, 1] : (tensor<1x5x5x!qint.int<0, 3>>) -> tensor<1x5x5x!qint.int<0, 3>>
  %r = qint.resize_nearest %t {scales = array<i64: 1, 1, 2>} : (tensor<1x4x2x!qint.int<0, 3>>) -> tensor<1x4x4x!qint.int<0, 3>>
  %r2 = qint.transpose %r permutation [0, 2, 1] : (tensor<1x4x4x!qint.int<0, 3>>) -> tensor<1x4x4x!qint.int<0, 3>>
  func.return %s2, %p2, %r2 : tensor<1x1x2x!qint.int<0, 3>>, tensor<1x5x5x!qint.int<0, 3>>, tensor<1x4x4x!qint.int<0, 3>>
}

// -----

// What is transposed is sliced before, past dimensions of 1 that go.
// CHECK-LABEL: func.func @slice_first
// CHECK-NEXT: %s = qint.slice %x {starts = array<i64: 0, 0, 1, 0>, ends = array<i64: 1, 2, 2, 4>, steps = array<i64: 1, 1, 1, 1>}
// CHECK-NEXT: %s_1 = qint.reshape
// CHECK-NEXT: func.return %s_1 : tensor<1x2x4x!qint.int<0, 3>>
func.func @slice_first(%x : tensor<1x2x3x4x!qint.int<0, 3>>) -> tensor<1x2x4x!qint.int<0, 3>> {
  %t = qint.transpose %x permutation [2, 0, 1, 3] : (tensor<1x2x3x4x!qint.int<0, 3>>) -> tensor<3x1x2x4x!qint.int<0, 3>>
  %q = qint.reshape %t : (tensor<3x1x2x4x!qint.int<0, 3>>) -> tensor<3x2x4x!qint.int<0, 3>>
  %s = qint.slice %q {starts = array<i64: 1, 0, 0>, ends = array<i64: 2, 2, 4>, steps = array<i64: 1, 1, 1>} : (tensor<3x2x4x!qint.int<0, 3>>) -> tensor<1x2x4x!qint.int<0, 3>>
  func.return %s : tensor<1x2x4x!qint.int<0, 3>>
}
