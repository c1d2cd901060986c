// RUN: xdsl-opt %s -p fuse-requantize | filecheck %s

// CHECK-LABEL: func.func @an_integer_map_goes_into_the_region(%a: tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.requantize %a axis 1 {
// CHECK-NEXT: ^bb0(%0: !qint.int<0, 1>):
// CHECK-NEXT: %m = qint.affine %0 {multiplier = 2 : i64, offset = -1 : i64} : (!qint.int<0, 1>) -> !qint.int<-1, 1>
// CHECK-NEXT: %x = qint.dequantize %m {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (!qint.int<-1, 1>) -> f32
// CHECK-NEXT: %y_1 = qint.quantize %x {scale = 1.000000e+00 : f32, zero_point = 1 : i64, rounding = "ceil"} : (f32) -> !qint.int<0, 3>
// CHECK-NEXT: qint.yield %y_1 : !qint.int<0, 3>
// CHECK-NEXT: } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>>
// CHECK-NEXT: func.return %y : tensor<1x2x!qint.int<0, 3>>
func.func @an_integer_map_goes_into_the_region(%a : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>> {
  %m = qint.affine %a {multiplier = 2 : i64, offset = -1 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<-1, 1>>
  %x = qint.dequantize %m {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-1, 1>>) -> tensor<1x2xf32>
  %y = qint.quantize %x {scale = 1.0 : f32, zero_point = 1 : i64, rounding = "ceil"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %y : tensor<1x2x!qint.int<0, 3>>
}
// CHECK-LABEL: func.func @quantizers_of_real_inputs(%x: tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.quantize %x {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "ceil"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
// CHECK-NEXT: func.return %y : tensor<1x2x!qint.int<0, 3>>
func.func @quantizers_of_real_inputs(%x : tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>> {
  %y = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "ceil"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %y : tensor<1x2x!qint.int<0, 3>>
}
// CHECK-LABEL: func.func @two_activations(%a: tensor<1x2x!qint.int<0, 1>>, %b: tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.join %a, %b axis 1 {
// CHECK-NEXT: ^{{.*}}(%{{.*}}: !qint.int<0, 1>, %{{.*}}: !qint.int<0, 1>):
// CHECK-NEXT: %x = qint.dequantize %{{.*}} {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (!qint.int<0, 1>) -> f32
// CHECK-NEXT: %z = qint.dequantize %{{.*}} {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (!qint.int<0, 1>) -> f32
// CHECK-NEXT: %s = nn.add %x, %z : (f32, f32) -> f32
// CHECK-NEXT: %{{.*}} = qint.quantize %s {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "ceil"} : (f32) -> !qint.int<0, 3>
// CHECK-NEXT: qint.yield %{{.*}} : !qint.int<0, 3>
func.func @two_activations(%a : tensor<1x2x!qint.int<0, 1>>, %b : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2xf32>
  %z = qint.dequantize %b {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2xf32>
  %s = nn.add %x, %z : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %y = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "ceil"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %y : tensor<1x2x!qint.int<0, 3>>
}
// CHECK-LABEL: func.func @parameters_along_two_axes(%a: tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 3>>
// CHECK-NEXT: %a_1 = qint.reshape %a : (tensor<2x2x!qint.int<0, 1>>) -> tensor<1x4x!qint.int<0, 1>>
// CHECK-NEXT: %y = qint.requantize %a_1 axis 1 {
// CHECK-NEXT: ^{{.*}}(%{{.*}}: !qint.int<0, 1>):
// CHECK-NEXT: %x = qint.dequantize %{{.*}} {scale = dense<[5.000000e-01, 1.000000e+00, 5.000000e-01, 1.000000e+00]> : tensor<4xf32>, zero_point = 0 : i64} : (!qint.int<0, 1>) -> f32
// CHECK-NEXT: %c = nn.parameter dense<[1.000000e+00, 1.000000e+00, 2.000000e+00, 2.000000e+00]> : tensor<4xf32> -> f32
// CHECK-NEXT: %s = nn.add %x, %c : (f32, f32) -> f32
// CHECK-NEXT: %{{.*}} = qint.quantize %s {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "ceil"} : (f32) -> !qint.int<0, 3>
// CHECK-NEXT: qint.yield
// CHECK-NEXT: } : (tensor<1x4x!qint.int<0, 1>>) -> tensor<1x4x!qint.int<0, 3>>
// CHECK-NEXT: %{{.*}} = qint.reshape %y : (tensor<1x4x!qint.int<0, 3>>) -> tensor<2x2x!qint.int<0, 3>>
func.func @parameters_along_two_axes(%a : tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 3>> {
  %c = nn.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32> -> tensor<2x1xf32>
  %x = qint.dequantize %a {scale = dense<[0.5, 1.0]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2xf32>
  %s = nn.add %x, %c : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x2xf32>
  %y = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "ceil"} : (tensor<2x2xf32>) -> tensor<2x2x!qint.int<0, 3>>
  func.return %y : tensor<2x2x!qint.int<0, 3>>
}
