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
// CHECK-LABEL: func.func @powers(%x: tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>)
// CHECK-NEXT: %root = nn.sqrt %x : (tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %square = nn.mul %x, %x : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: %three = nn.constant dense<3.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %cube = nn.pow %x, %three : (tensor<1xf32>, tensor<f32>) -> tensor<1xf32>
// CHECK-NEXT: func.return %root, %square, %cube : tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
func.func @powers(%x : tensor<1xf32>) -> (tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) {
  %half = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %two = nn.constant dense<[2.0]> : tensor<1xf32> -> tensor<1xf32>
  %three = nn.constant dense<[3.0]> : tensor<1xf32> -> tensor<1xf32>
  %root = nn.pow %x, %half : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %square = nn.pow %x, %two : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  %cube = nn.pow %x, %three : (tensor<1xf32>, tensor<1xf32>) -> tensor<1xf32>
  func.return %root, %square, %cube : tensor<1xf32>, tensor<1xf32>, tensor<1xf32>
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
// CHECK-LABEL: func.func @more_than_a_million_stay() -> tensor<1000001xf32>
// CHECK-NEXT: %a = nn.constant dense<1.000000e+00> : tensor<1000001xf32> -> tensor<1000001xf32>
// CHECK-NEXT: %b = nn.constant dense<5.000000e-01> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %y = nn.mul %a, %b : (tensor<1000001xf32>, tensor<1xf32>) -> tensor<1000001xf32>
// CHECK-NEXT: func.return %y : tensor<1000001xf32>
func.func @more_than_a_million_stay() -> tensor<1000001xf32> {
  %a = nn.constant dense<1.0> : tensor<1000001xf32> -> tensor<1000001xf32>
  %b = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.mul %a, %b : (tensor<1000001xf32>, tensor<1xf32>) -> tensor<1000001xf32>
  func.return %y : tensor<1000001xf32>
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
