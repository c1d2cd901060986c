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
