// RUN: xdsl-opt %s -p fold-scales | filecheck %s

// CHECK-LABEL: func.func @one_scale_per_output(%a: tensor<1x2x!qint.int<0, 3>>, %w: tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2xf32>
// CHECK-NEXT: %y = qint.matmul %a, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-6, 6>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = dense<[1.250000e-01, 1.000000e+00]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<-6, 6>>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y_1 : tensor<1x2xf32>
func.func @one_scale_per_output(%a : tensor<1x2x!qint.int<0, 3>>, %w : tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2xf32> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %v = qint.dequantize %w {scale = dense<[0.25, 2.0]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<2x2x!qint.int<-1, 1>>) -> tensor<2x2xf32>
  %y = nn.matmul %x, %v : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
// CHECK-LABEL: func.func @a_product_that_f64_does_not_hold(%a: tensor<1x1x!qint.int<0, 3>>, %w: tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1xf32>
// CHECK-NEXT: %y = qint.matmul %a, %w : (tensor<1x1x!qint.int<0, 3>>, tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = 1.000000e-01 : f64, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-3, 3>>) -> tensor<1x1xf32>
// CHECK-NEXT: %y_2 = nn.constant dense<1.000000e-01> : tensor<f64> -> tensor<f64>
// CHECK-NEXT: %y_3 = nn.mul %y_1, %y_2 : (tensor<1x1xf32>, tensor<f64>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y_3 : tensor<1x1xf32>
func.func @a_product_that_f64_does_not_hold(%a : tensor<1x1x!qint.int<0, 3>>, %w : tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1xf32> {
  %x = qint.dequantize %a {scale = 0.1 : f64, zero_point = 0 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1xf32>
  %v = qint.dequantize %w {scale = 0.1 : f64, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1xf32>
  %y = nn.matmul %x, %v : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK-LABEL: func.func @zero_points_become_integers(%a: tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
// CHECK-NEXT: %y = qint.affine %a {multiplier = 1 : i64, offset = -1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 2>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-1, 2>>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y_1 : tensor<1x2xf32>
func.func @zero_points_become_integers(%a : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32> {
  %y = qint.dequantize %a {scale = 0.5 : f32, zero_point = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
// CHECK-LABEL: func.func @a_number_added_before_a_product(%a: tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1xf32>
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1], [-3{{\]\]}}> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-3, 1>>
// CHECK-NEXT: %y = qint.matmul %a, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-3, 1>>) -> tensor<1x1x!qint.int<-9, 3>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = 1.250000e-01 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-9, 3>>) -> tensor<1x1xf32>
// CHECK-NEXT: %y_2 = nn.constant dense<-7.500000e-01> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_3 = nn.add %y_1, %y_2 : (tensor<1x1xf32>, tensor<f32>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y_3 : tensor<1x1xf32>
func.func @a_number_added_before_a_product(%a : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1xf32> {
  %c = nn.constant dense<[1.5]> : tensor<1xf32> -> tensor<1xf32>
  %w = qint.constant dense<[[1], [-3]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-3, 1>>
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %v = qint.dequantize %w {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<2x1x!qint.int<-3, 1>>) -> tensor<2x1xf32>
  %s = nn.add %x, %c : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %y = nn.matmul %s, %v : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK-LABEL: func.func @relu_before_a_product(%a: tensor<1x1x!qint.int<-4, 3>>, %w: tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1xf32>
// CHECK-NEXT: %r = qint.mul_shift %a {multiplier = 1 : i64, bias = 0 : i64, shift = 0 : i64} : (tensor<1x1x!qint.int<-4, 3>>) -> tensor<1x1x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.matmul %r, %w : (tensor<1x1x!qint.int<0, 3>>, tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = 1.250000e-01 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-3, 3>>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y_1 : tensor<1x1xf32>
func.func @relu_before_a_product(%a : tensor<1x1x!qint.int<-4, 3>>, %w : tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1xf32> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-4, 3>>) -> tensor<1x1xf32>
  %v = qint.dequantize %w {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-1, 1>>) -> tensor<1x1xf32>
  %r = nn.relu %x : (tensor<1x1xf32>) -> tensor<1x1xf32>
  %y = nn.matmul %r, %v : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
// CHECK-LABEL: func.func @quantized_biases_are_parameters(%x: tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: %d = nn.constant dense<[1.500000e+00, -5.000000e-01]> : tensor<2xf32> -> tensor<2xf32>
// CHECK-NEXT: %y = nn.add %x, %d : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y : tensor<1x2xf32>
func.func @quantized_biases_are_parameters(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %b = qint.constant dense<[3, -1]> : tensor<2xi8> -> tensor<2x!qint.int<-1, 3>>
  %d = qint.dequantize %b {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<2x!qint.int<-1, 3>>) -> tensor<2xf32>
  %y = nn.add %x, %d : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
// CHECK-LABEL: func.func @layout_of_integers(%a: tensor<1x2x!qint.int<0, 3>>) -> tensor<2xf32>
// CHECK-NEXT: %t = qint.transpose %a permutation [1, 0] : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.reshape %t : (tensor<2x1x!qint.int<0, 3>>) -> tensor<2x!qint.int<0, 3>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = dense<[5.000000e-01, 1.000000e+00]> : tensor<2xf32>, zero_point = 0 : i64, axis = 0 : i64} : (tensor<2x!qint.int<0, 3>>) -> tensor<2xf32>
// CHECK-NEXT: func.return %y_1 : tensor<2xf32>
func.func @layout_of_integers(%a : tensor<1x2x!qint.int<0, 3>>) -> tensor<2xf32> {
  %x = qint.dequantize %a {scale = dense<[0.5, 1.0]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %t = nn.transpose %x permutation [1, 0] : (tensor<1x2xf32>) -> tensor<2x1xf32>
  %y = nn.reshape %t : (tensor<2x1xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
// CHECK-LABEL: func.func @one_scale_per_input(%a: tensor<1x2x!qint.int<0, 3>>, %w: tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1xf32>
// CHECK-NEXT: %x = qint.affine %a {multiplier = dense<[1, 2]> : tensor<2xi8>, offset = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<0, 6>>
// CHECK-NEXT: %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 6>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-12, 12>>
// CHECK-NEXT: %y_1 = qint.dequantize %y {scale = 1.250000e-01 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-12, 12>>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y_1 : tensor<1x1xf32>
func.func @one_scale_per_input(%a : tensor<1x2x!qint.int<0, 3>>, %w : tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1xf32> {
  %x = qint.dequantize %a {scale = dense<[0.5, 1.0]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2xf32>
  %v = qint.dequantize %w {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<2x1x!qint.int<-1, 1>>) -> tensor<2x1xf32>
  %y = nn.matmul %x, %v : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @codes_quantized_again_at_their_scale_are_the_same
// CHECK-NEXT: func.return %a
func.func @codes_quantized_again_at_their_scale_are_the_same(%a : tensor<1x2x!qint.int<-8, 7>>) -> tensor<1x2x!qint.int<-8, 7>> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-8, 7>>) -> tensor<1x2xf32>
  %q = qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
  func.return %q : tensor<1x2x!qint.int<-8, 7>>
}

// CHECK-LABEL: func.func @codes_that_saturate_are_others
// CHECK-NEXT: qint.dequantize
// CHECK-NEXT: qint.quantize
func.func @codes_that_saturate_are_others(%a : tensor<1x2x!qint.int<-3, 9>>) -> tensor<1x2x!qint.int<-8, 7>> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-3, 9>>) -> tensor<1x2xf32>
  %q = qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
  func.return %q : tensor<1x2x!qint.int<-8, 7>>
}
// Positions in quarters of an element: samples count in sixteenths.
// CHECK-LABEL: func.func @sample(%a: tensor<1x2x4x4x!qint.int<-8, 7>>, %d: tensor<1x2x4x4x!qint.int<-2, 1>>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT: %y = qint.transpose %a permutation [0, 2, 3, 1] : (tensor<1x2x4x4x!qint.int<-8, 7>>) -> tensor<1x4x4x2x!qint.int<-8, 7>>
// CHECK-NEXT: %y_1 = qint.transpose %d permutation [0, 2, 3, 1] : (tensor<1x2x4x4x!qint.int<-2, 1>>) -> tensor<1x4x4x2x!qint.int<-2, 1>>
// CHECK-NEXT: %y_2 = qint.sample %y, %y_1 {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0>, steps = array<i64: 1, 1>, origins = array<i64: 0, 0>, sources = array<i64: 0, 1>, fraction = 2 : i64, offset_groups = 1 : i64, mode = "bilinear", border = false} : (tensor<1x4x4x2x!qint.int<-8, 7>>, tensor<1x4x4x2x!qint.int<-2, 1>>) -> tensor<1x4x4x2x!qint.int<-128, 112>>
// CHECK-NEXT: %y_3 = qint.transpose %y_2 permutation [0, 3, 1, 2] : (tensor<1x4x4x2x!qint.int<-128, 112>>) -> tensor<1x2x4x4x!qint.int<-128, 112>>
// CHECK-NEXT: %y_4 = qint.dequantize %y_3 {scale = 3.125000e-02 : f32, zero_point = 0 : i64} : (tensor<1x2x4x4x!qint.int<-128, 112>>) -> tensor<1x2x4x4xf32>
// CHECK-NEXT: func.return %y_4 : tensor<1x2x4x4xf32>
func.func @sample(%a : tensor<1x2x4x4x!qint.int<-8, 7>>, %d : tensor<1x2x4x4x!qint.int<-2, 1>>) -> tensor<1x2x4x4xf32> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x4x4x!qint.int<-8, 7>>) -> tensor<1x2x4x4xf32>
  %o = qint.dequantize %d {scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<1x2x4x4x!qint.int<-2, 1>>) -> tensor<1x2x4x4xf32>
  %y = nn.sample %x, %o {kernel = array<i64: 1, 1>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 0>, positions = "offsets", offset_groups = 1 : i64, mode = "bilinear", border = false} : (tensor<1x2x4x4xf32>, tensor<1x2x4x4xf32>) -> tensor<1x2x4x4xf32>
  func.return %y : tensor<1x2x4x4xf32>
}
// A constant for each channel makes a square of one displacement.
// CHECK-LABEL: func.func @square(%a: tensor<1x2x4x4x!qint.int<-8, 7>>, %d: tensor<1x1x4x4x!qint.int<-2, 1>>) -> tensor<1x2x4x12xf32>
// CHECK-NEXT: %y = qint.transpose %a permutation [0, 2, 3, 1] : (tensor<1x2x4x4x!qint.int<-8, 7>>) -> tensor<1x4x4x2x!qint.int<-8, 7>>
// CHECK-NEXT: %y_1 = qint.transpose %d permutation [0, 2, 3, 1] : (tensor<1x1x4x4x!qint.int<-2, 1>>) -> tensor<1x4x4x1x!qint.int<-2, 1>>
// CHECK-NEXT: %y_2 = qint.sample %y, %y_1 {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 1>, steps = array<i64: 0, -1, 0, 0, 0, 1>, origins = array<i64: 0, 0, 0, 0, 0, 0>, sources = array<i64: 0, 0, 0, 0, 0, 0>, fraction = 0 : i64, offset_groups = 1 : i64, mode = "bilinear", border = false} : (tensor<1x4x4x2x!qint.int<-8, 7>>, tensor<1x4x4x1x!qint.int<-2, 1>>) -> tensor<1x4x12x2x!qint.int<-8, 7>>
// CHECK-NEXT: %y_3 = qint.transpose %y_2 permutation [0, 3, 1, 2] : (tensor<1x4x12x2x!qint.int<-8, 7>>) -> tensor<1x2x4x12x!qint.int<-8, 7>>
// CHECK-NEXT: %y_4 = qint.dequantize %y_3 {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (tensor<1x2x4x12x!qint.int<-8, 7>>) -> tensor<1x2x4x12xf32>
// CHECK-NEXT: func.return %y_4 : tensor<1x2x4x12xf32>
func.func @square(%a : tensor<1x2x4x4x!qint.int<-8, 7>>, %d : tensor<1x1x4x4x!qint.int<-2, 1>>) -> tensor<1x2x4x12xf32> {
  %c = nn.constant dense<[[[[0.0]], [[-1.0]], [[0.0]], [[0.0]], [[0.0]], [[1.0]]]]> : tensor<1x6x1x1xf32> -> tensor<1x6x1x1xf32>
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x4x4x!qint.int<-8, 7>>) -> tensor<1x2x4x4xf32>
  %o = qint.dequantize %d {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x1x4x4x!qint.int<-2, 1>>) -> tensor<1x1x4x4xf32>
  %p = nn.mul %o, %c : (tensor<1x1x4x4xf32>, tensor<1x6x1x1xf32>) -> tensor<1x6x4x4xf32>
  %y = nn.sample %x, %p {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads = array<i64: 0, 1>, positions = "offsets", offset_groups = 1 : i64, mode = "bilinear", border = false} : (tensor<1x2x4x4xf32>, tensor<1x6x4x4xf32>) -> tensor<1x2x4x12xf32>
  func.return %y : tensor<1x2x4x12xf32>
}
