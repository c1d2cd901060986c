// RUN: xdsl-opt %s | xdsl-opt | filecheck %s
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

// CHECK-LABEL: func.func @conv
// CHECK-NEXT: %y = qint.conv %x, %w {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, pads_begin = array<i64: 1>, pads_end = array<i64: 0>, pad_value = 1 : i64, group = 2 : i64} : (tensor<1x4x2x!qint.int<0, 3>>, tensor<2x1x2x!qint.int<-1, 1>>) -> tensor<1x4x2x!qint.int<-6, 6>>
// CHECK-NEXT: %p = qint.pool %y {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, pads_begin = array<i64: 0>, pads_end = array<i64: 0>, pad_value = 0 : i64, kind = "sum"} : (tensor<1x4x2x!qint.int<-6, 6>>) -> tensor<1x2x2x!qint.int<-12, 12>>
func.func @conv(%x : tensor<1x4x2x!qint.int<0, 3>>, %w : tensor<2x1x2x!qint.int<-1, 1>>) -> tensor<1x2x2x!qint.int<-12, 12>> {
  %y = qint.conv %x, %w {kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, pads_begin = array<i64: 1>, pads_end = array<i64: 0>, pad_value = 1 : i64, group = 2 : i64} : (tensor<1x4x2x!qint.int<0, 3>>, tensor<2x1x2x!qint.int<-1, 1>>) -> tensor<1x4x2x!qint.int<-6, 6>>
  %p = qint.pool %y {kernel = array<i64: 2>, strides = array<i64: 2>, dilations = array<i64: 1>, pads_begin = array<i64: 0>, pads_end = array<i64: 0>, pad_value = 0 : i64, kind = "sum"} : (tensor<1x4x2x!qint.int<-6, 6>>) -> tensor<1x2x2x!qint.int<-12, 12>>
  func.return %p : tensor<1x2x2x!qint.int<-12, 12>>
}
