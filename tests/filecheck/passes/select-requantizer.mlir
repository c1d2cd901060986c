// RUN: xdsl-opt %s -p select-requantizer | filecheck %s

// CHECK-LABEL: func.func @multiplies_where_no_shift_fits(%a: tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<-128, 127>>
// CHECK-NEXT: %y = qint.mul_shift %a {axis = 1 : i64, multiplier = 983 : i64, bias = 16384 : i64, shift = 15 : i64} : (tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<-128, 127>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<-128, 127>>
func.func @multiplies_where_no_shift_fits(%a : tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<-128, 127>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-5000, 5000>):
    %x = qint.dequantize %e {scale = 0.03 : f32, zero_point = 0 : i64} : (!qint.int<-5000, 5000>) -> f32
    %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<-128, 127>
    qint.yield %q : !qint.int<-128, 127>
  } : (tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<-128, 127>>
  func.return %y : tensor<1x1x!qint.int<-128, 127>>
}
// CHECK-LABEL: func.func @compares_for_one_bit(%a: tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<0, 1>>
// CHECK-NEXT: %y = qint.threshold %a {axis = 1 : i64, thresholds = dense<117> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64} : (tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<0, 1>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<0, 1>>
func.func @compares_for_one_bit(%a : tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<0, 1>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-5000, 5000>):
    %x = qint.dequantize %e {scale = 0.03 : f32, zero_point = 0 : i64} : (!qint.int<-5000, 5000>) -> f32
    %q = qint.quantize %x {scale = 7.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 1>
    qint.yield %q : !qint.int<0, 1>
  } : (tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<0, 1>>
  func.return %y : tensor<1x1x!qint.int<0, 1>>
}
// CHECK-LABEL: func.func @looks_up_a_square(%a: tensor<1x1x!qint.int<-2, 2>>) -> tensor<1x1x!qint.int<0, 4>>
// CHECK-NEXT: %y = qint.table %a {axis = 1 : i64, entries = dense<{{\[\[}}4, 1, 0, 1, 4{{\]\]}}> : tensor<1x5xi8>, x_lo = -2 : i64} : (tensor<1x1x!qint.int<-2, 2>>) -> tensor<1x1x!qint.int<0, 4>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<0, 4>>
func.func @looks_up_a_square(%a : tensor<1x1x!qint.int<-2, 2>>) -> tensor<1x1x!qint.int<0, 4>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-2, 2>):
    %x = qint.dequantize %e {scale = 1.0 : f32, zero_point = 0 : i64} : (!qint.int<-2, 2>) -> f32
    %s = nn.mul %x, %x : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 4>
    qint.yield %q : !qint.int<0, 4>
  } : (tensor<1x1x!qint.int<-2, 2>>) -> tensor<1x1x!qint.int<0, 4>>
  func.return %y : tensor<1x1x!qint.int<0, 4>>
}
