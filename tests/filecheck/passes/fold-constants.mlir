// RUN: xdsl-opt %s -p fold-constants --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @shapes_broadcast() -> tensor<2xf32>
// CHECK-NEXT: %y = nn.constant dense<[5.000000e-01, 1.000000e+00]> : tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT: func.return %y : tensor<2xf32>
func.func @shapes_broadcast() -> tensor<2xf32> {
  %a = nn.constant dense<[1.0, 2.0]> : tensor<2xf32> -> tensor<2xf32>
  %b = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.mul %a, %b : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
// CHECK-LABEL: func.func @a_third_stays() -> tensor<1xf32>
// CHECK-NEXT: %a = nn.constant dense<1.000000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %b = nn.constant dense<3.000000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %y = nn.div %a, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: func.return %y : tensor<1xf32>
func.func @a_third_stays() -> tensor<1xf32> {
  %a = nn.constant dense<[1.0]> : tensor<1xf32> -> tensor<1xf32>
  %b = nn.constant dense<[3.0]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.div %a, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}
// CHECK-LABEL: func.func @a_division_by_zero_stays() -> tensor<1xf32>
// CHECK-NEXT: %a = nn.constant dense<1.000000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %b = nn.constant dense<0.000000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %y = nn.div %a, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: func.return %y : tensor<1xf32>
func.func @a_division_by_zero_stays() -> tensor<1xf32> {
  %a = nn.constant dense<[1.0]> : tensor<1xf32> -> tensor<1xf32>
  %b = nn.constant dense<[0.0]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.div %a, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}
// CHECK-LABEL: func.func @powers(%x: tensor<1xf32>)
// CHECK-NEXT: %root = nn.sqrt %x : (tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %square = nn.mul %x, %x : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %inverse = nn.sqrt %x : (tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %inverse_1 = nn.mul %x, %inverse : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %inverse_2 = nn.constant dense<1.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %inverse_3 = nn.div %inverse_2, %inverse_1 : (tensor<f32>, tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %third = nn.constant dense<3.000000e-01> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %other = nn.pow %x, %third : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
// CHECK-NEXT: func.return %root, %square, %inverse_3, %other
func.func @powers(%x : tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) {
  %half = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %two = nn.constant dense<[2.0]> : tensor<1xf32> -> tensor<1xf32>
  %minus = nn.constant dense<[-1.5]> : tensor<1xf32> -> tensor<1xf32>
  %third = nn.constant dense<[0.3]> : tensor<1xf32> -> tensor<1xf32>
  %root = nn.pow %x, %half : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %square = nn.pow %x, %two : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %inverse = nn.pow %x, %minus : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %other = nn.pow %x, %third : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  func.return %root, %square, %inverse, %other : tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
}
// CHECK-LABEL: func.func @one_channel_is_a_number(%x: tensor<1x1x2xf32>, %z: tensor<2xf32>) -> (tensor<1x1x2xf32>, tensor<1x2xf32>)
// CHECK-NEXT: %a = nn.constant dense<3.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y = nn.mul %x, %a : (tensor<1x1x2xf32>, tensor<f32>) -> tensor<1x1x2xf32>
// CHECK-NEXT: %b = nn.constant dense<3.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %z_1 = nn.reshape %z : (tensor<2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: %w = nn.sub %b, %z_1 : (tensor<f32>, tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y, %w : tensor<1x1x2xf32>, tensor<1x2xf32>
func.func @one_channel_is_a_number(%x : tensor<1x1x2xf32>, %z : tensor<2xf32>) -> (tensor<1x1x2xf32>, tensor<1x2xf32>) {
  %a = nn.constant dense<[[3.0]]> : tensor<1x1xf32> -> tensor<1x1xf32>
  %y = nn.mul %x, %a : (tensor<1x1x2xf32>, tensor<1x1xf32>) -> tensor<1x1x2xf32>
  %b = nn.constant dense<[[3.0]]> : tensor<1x1xf32> -> tensor<1x1xf32>
  %w = nn.sub %b, %z : (tensor<1x1xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y, %w : tensor<1x1x2xf32>, tensor<1x2xf32>
}
// CHECK-LABEL: func.func @only_rational_roots() -> (tensor<1xf32>, tensor<1xf32>)
// CHECK-NEXT: %b = nn.constant dense<2.000000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %x = nn.constant dense<2.500000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %y = nn.sqrt %b : (tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: func.return %x, %y : tensor<1xf32>, tensor<1xf32>
func.func @only_rational_roots() -> (tensor<1xf32>, tensor<1xf32>) {
  %a = nn.constant dense<[6.25]> : tensor<1xf32> -> tensor<1xf32>
  %b = nn.constant dense<[2.0]> : tensor<1xf32> -> tensor<1xf32>
  %x = nn.sqrt %a : (tensor<1xf32>) -> tensor<1xf32>
  %y = nn.sqrt %b : (tensor<1xf32>) -> tensor<1xf32>
  func.return %x, %y : tensor<1xf32>, tensor<1xf32>
}
// CHECK-LABEL: func.func @weights_are_quantized_and_turned() -> tensor<2x1x!qint.int<-3, 3>>
// CHECK-NEXT: %y = qint.constant dense<{{\[\[}}2], [-3{{\]\]}}> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-3, 3>>
// CHECK-NEXT: func.return %y : tensor<2x1x!qint.int<-3, 3>>
func.func @weights_are_quantized_and_turned() -> tensor<2x1x!qint.int<-3, 3>> {
  %a = nn.constant dense<[[0.75, -9.0]]> : tensor<1x2xf32> -> tensor<1x2xf32>
  %q = qint.quantize %a {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-3, 3>>
  %y = qint.transpose %q permutation [1, 0] : (tensor<1x2x!qint.int<-3, 3>>) -> tensor<2x1x!qint.int<-3, 3>>
  func.return %y : tensor<2x1x!qint.int<-3, 3>>
}
// CHECK-LABEL: func.func @codes_are_mapped() -> tensor<2x!qint.int<-1, 1>>
// CHECK-NEXT: %y = qint.constant dense<[-1, 1]> : tensor<2xi8> -> tensor<2x!qint.int<-1, 1>>
// CHECK-NEXT: func.return %y : tensor<2x!qint.int<-1, 1>>
func.func @codes_are_mapped() -> tensor<2x!qint.int<-1, 1>> {
  %a = qint.constant dense<[0, 1]> : tensor<2xi8> -> tensor<2x!qint.int<0, 1>>
  %y = qint.affine %a {multiplier = 2 : i64, offset = -1 : i64} : (tensor<2x!qint.int<0, 1>>) -> tensor<2x!qint.int<-1, 1>>
  func.return %y : tensor<2x!qint.int<-1, 1>>
}
// CHECK-LABEL: func.func @more_than_four_million_stay() -> tensor<4194305xf32>
// CHECK-NEXT: %a = nn.constant dense<1.000000e+00> : tensor<4194305xf32> -> tensor<4194305xf32>
// CHECK-NEXT: %b = nn.constant dense<5.000000e-01> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %y = nn.mul %a, %b : (tensor<4194305xf32>, tensor<1xf32>) -> tensor<4194305xf32>
// CHECK-NEXT: func.return %y : tensor<4194305xf32>
func.func @more_than_four_million_stay() -> tensor<4194305xf32> {
  %a = nn.constant dense<1.0> : tensor<4194305xf32> -> tensor<4194305xf32>
  %b = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.mul %a, %b : (tensor<4194305xf32>, tensor<1xf32>) -> tensor<4194305xf32>
  func.return %y : tensor<4194305xf32>
}
// CHECK-LABEL: func.func @quantizers_of_constants_fold() -> tensor<2x!qint.int<-8, 7>>
// CHECK-NEXT: %y = qint.constant dense<[1, -3]> : tensor<2xi8> -> tensor<2x!qint.int<-8, 7>>
// CHECK-NEXT: func.return %y : tensor<2x!qint.int<-8, 7>>
func.func @quantizers_of_constants_fold() -> tensor<2x!qint.int<-8, 7>> {
  %w = nn.constant dense<[1.0, -2.0]> : tensor<2xf32> -> tensor<2xf32>
  %three = nn.constant dense<[3.0]> : tensor<1xf32> -> tensor<1xf32>
  %third = nn.div %w, %three : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>
  %y = qint.quantize %third {scale = 0.25 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<2xf32>) -> tensor<2x!qint.int<-8, 7>>
  func.return %y : tensor<2x!qint.int<-8, 7>>
}

// CHECK-LABEL: func.func @integers_stay_integers() -> tensor<2xf32>
// CHECK-NEXT: %c = qint.constant dense<[5, -1]> : tensor<2xi8> -> tensor<2x!qint.int<-1, 5>>
// CHECK-NEXT: %y = qint.dequantize %c {scale = 1.000000e-01 : f32, zero_point = 0 : i64} : (tensor<2x!qint.int<-1, 5>>) -> tensor<2xf32>
// CHECK-NEXT: func.return %y : tensor<2xf32>
func.func @integers_stay_integers() -> tensor<2xf32> {
  %w = nn.constant dense<[0.7, -0.2]> : tensor<2xf32> -> tensor<2xf32>
  %ten = nn.constant dense<[10.0]> : tensor<1xf32> -> tensor<1xf32>
  %s = nn.constant dense<[0.1]> : tensor<1xf32> -> tensor<1xf32>
  %v = nn.mul %w, %ten : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>
  %r = nn.round %v : (tensor<2xf32>) -> tensor<2xf32>
  %c = nn.clip %r {lo = -1.0 : f32, hi = 5.0 : f32} : (tensor<2xf32>) -> tensor<2xf32>
  %y = nn.mul %c, %s : (tensor<2xf32>, tensor<1xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// CHECK-LABEL: func.func @joined_with_a_constant(%q: tensor<1x2x!qint.int<0, 9>>) -> tensor<1x3xf32>
// CHECK-NEXT: %x = qint.dequantize %q {scale = 5.000000e-01 : f32, zero_point = 4 : i64} : (tensor<1x2x!qint.int<0, 9>>) -> tensor<1x2xf32>
// CHECK-NEXT: %y = nn.pad %x {begin = array<i64: 0, 1>, end = array<i64: 0, 0>, value = 0.000000e+00 : f32} : (tensor<1x2xf32>) -> tensor<1x3xf32>
// CHECK-NEXT: %y_1 = nn.constant dense<{{\[\[}}1.500000e+00, 0.000000e+00, 0.000000e+00{{\]\]}}> : tensor<1x3xf32> -> tensor<1x3xf32>
// CHECK-NEXT: %y_2 = nn.add %y, %y_1 : (tensor<1x3xf32>, tensor<1x3xf32>) -> tensor<1x3xf32>
// CHECK-NEXT: %y_3 = qint.quantize %y_2 {scale = 5.000000e-01 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x3xf32>) -> tensor<1x3x!qint.int<-4, 5>>
// CHECK-NEXT: %y_4 = qint.dequantize %y_3 {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (tensor<1x3x!qint.int<-4, 5>>) -> tensor<1x3xf32>
// CHECK-NEXT: func.return %y_4 : tensor<1x3xf32>
func.func @joined_with_a_constant(%q : tensor<1x2x!qint.int<0, 9>>) -> tensor<1x3xf32> {
  %k = nn.constant dense<[[1.5]]> : tensor<1x1xf32> -> tensor<1x1xf32>
  %x = qint.dequantize %q {scale = 0.5 : f32, zero_point = 4 : i64} : (tensor<1x2x!qint.int<0, 9>>) -> tensor<1x2xf32>
  %y = nn.concat %k, %x {axis = 1 : i64} : (tensor<1x1xf32>, tensor<1x2xf32>) -> tensor<1x3xf32>
  func.return %y : tensor<1x3xf32>
}

// CHECK-LABEL: func.func @weights_of_two_scales() -> tensor<1x2xf32>
// CHECK-NEXT: %y = qint.constant dense<{{\[\[}}2, 5{{\]\]}}> : tensor<1x2xi8> -> tensor<1x2x!qint.int<2, 5>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<2, 5>>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y_1 : tensor<1x2xf32>
func.func @weights_of_two_scales() -> tensor<1x2xf32> {
  %a = qint.constant dense<[[3]]> : tensor<1x1xi8> -> tensor<1x1x!qint.int<0, 3>>
  %b = qint.constant dense<[[5]]> : tensor<1x1xi8> -> tensor<1x1x!qint.int<0, 5>>
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 1 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1xf32>
  %z = qint.dequantize %b {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<0, 5>>) -> tensor<1x1xf32>
  %y = nn.concat %x, %z {axis = 1 : i64} : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// -----

// CHECK-LABEL: func.func @onnxruntime_rounds_to_float32() -> tensor<1xf32>
// CHECK-NEXT: %y = nn.constant dense<0.333333343> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: func.return %y : tensor<1xf32>
builtin.module attributes {qint.numerics = "onnxruntime"} {
func.func @onnxruntime_rounds_to_float32() -> tensor<1xf32> {
  %a = nn.constant dense<[1.0]> : tensor<1xf32> -> tensor<1xf32>
  %b = nn.constant dense<[3.0]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.div %a, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  func.return %y : tensor<1xf32>
}
}
