// RUN: xdsl-opt %s -p infer-ranges | filecheck %s

// CHECK-LABEL: func.func @inputs_keep_their_range(%x: tensor<1x2x!qint.int<-100, 100>>) -> tensor<2x!qint.int<-100, 100>>
// CHECK-NEXT: %y = qint.reshape %x : (tensor<1x2x!qint.int<-100, 100>>) -> tensor<2x!qint.int<-100, 100>>
// CHECK-NEXT: func.return %y : tensor<2x!qint.int<-100, 100>>
func.func @inputs_keep_their_range(%x : tensor<1x2x!qint.int<-100, 100>>) -> tensor<2x!qint.int<-999, 999>> {
  %y = qint.reshape %x : (tensor<1x2x!qint.int<-100, 100>>) -> tensor<2x!qint.int<-999, 999>>
  func.return %y : tensor<2x!qint.int<-999, 999>>
}
// CHECK-LABEL: func.func @actual_weights_count(%x: tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-5, 4>>
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}2], [-1{{\]\]}}> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 2>>
// CHECK-NEXT: %m = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 2>>) -> tensor<1x1x!qint.int<-3, 6>>
// CHECK-NEXT: %y = qint.affine %m {multiplier = -1 : i64, offset = 1 : i64} : (tensor<1x1x!qint.int<-3, 6>>) -> tensor<1x1x!qint.int<-5, 4>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<-5, 4>>
func.func @actual_weights_count(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-99, 99>> {
  %w = qint.constant dense<[[2], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-7, 7>>
  %m = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-7, 7>>) -> tensor<1x1x!qint.int<-99, 99>>
  %y = qint.affine %m {multiplier = -1 : i64, offset = 1 : i64} : (tensor<1x1x!qint.int<-99, 99>>) -> tensor<1x1x!qint.int<-99, 99>>
  func.return %y : tensor<1x1x!qint.int<-99, 99>>
}
// CHECK-LABEL: func.func @codes_that_the_input_reaches(%x: tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-2, 2>>
// CHECK-NEXT: %y = qint.requantize %x axis 1 {
// CHECK-NEXT: ^bb0(%e: !qint.int<-3, 4>):
// CHECK-NEXT: %d = qint.dequantize %e {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (!qint.int<-3, 4>) -> f32
// CHECK-NEXT: %q = qint.quantize %d {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "floor"} : (f32) -> !qint.int<-2, 2>
// CHECK-NEXT: qint.yield %q : !qint.int<-2, 2>
// CHECK-NEXT: } : (tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-2, 2>>
// CHECK-NEXT: func.return %y : tensor<1x2x!qint.int<-2, 2>>
func.func @codes_that_the_input_reaches(%x : tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-8, 7>> {
  %y = qint.requantize %x axis 1 {
  ^bb0(%e : !qint.int<-3, 4>):
    %d = qint.dequantize %e {scale = 0.5 : f32, zero_point = 0 : i64} : (!qint.int<-3, 4>) -> f32
    %q = qint.quantize %d {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (f32) -> !qint.int<-8, 7>
    qint.yield %q : !qint.int<-8, 7>
  } : (tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-8, 7>>
  func.return %y : tensor<1x2x!qint.int<-8, 7>>
}
// CHECK-LABEL: func.func @codes_of_functions_that_turn(%x: tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-8, 7>>
// CHECK-NEXT: %y = qint.requantize %x axis 1 {
// CHECK-NEXT: ^bb0(%e: !qint.int<-3, 4>):
// CHECK-NEXT: %d = qint.dequantize %e {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (!qint.int<-3, 4>) -> f32
// CHECK-NEXT: %s = nn.mul %d, %d : (f32, f32) -> f32
// CHECK-NEXT: %q = qint.quantize %s {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "floor"} : (f32) -> !qint.int<-8, 7>
// CHECK-NEXT: qint.yield %q : !qint.int<-8, 7>
// CHECK-NEXT: } : (tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-8, 7>>
// CHECK-NEXT: func.return %y : tensor<1x2x!qint.int<-8, 7>>
func.func @codes_of_functions_that_turn(%x : tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-8, 7>> {
  %y = qint.requantize %x axis 1 {
  ^bb0(%e : !qint.int<-3, 4>):
    %d = qint.dequantize %e {scale = 0.5 : f32, zero_point = 0 : i64} : (!qint.int<-3, 4>) -> f32
    %s = nn.mul %d, %d : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (f32) -> !qint.int<-8, 7>
    qint.yield %q : !qint.int<-8, 7>
  } : (tensor<1x2x!qint.int<-3, 4>>) -> tensor<1x2x!qint.int<-8, 7>>
  func.return %y : tensor<1x2x!qint.int<-8, 7>>
}
