// RUN: xdsl-opt %s -p find-integers | filecheck %s

// CHECK-LABEL: func.func @without_a_clip_bounds_come_from_the_ranges
// CHECK: %q = nn.mul
// CHECK-NEXT: qint.quantize %q {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "down"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-1, 2>>
// CHECK-NEXT: qint.dequantize
// CHECK-NEXT: func.return
func.func @without_a_clip_bounds_come_from_the_ranges(%a : tensor<1x2x!qint.int<-4, 9>>) -> tensor<1x2xf32> {
  %c = nn.constant dense<0.3> : tensor<1xf32> -> tensor<1xf32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-4, 9>>) -> tensor<1x2xf32>
  %q = nn.mul %x, %c : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %t = nn.trunc %q : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %t : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_real_input_is_bounded_by_the_clip
// CHECK-NEXT: qint.quantize %x {scale = 1.000000e+00 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
func.func @a_real_input_is_bounded_by_the_clip(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %lo = nn.constant dense<-8.0> : tensor<f32> -> tensor<f32>
  %hi = nn.constant dense<7.0> : tensor<f32> -> tensor<f32>
  %r = nn.round %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %m = nn.max %r, %lo : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
  %c = nn.min %m, %hi : (tensor<1x2xf32>, tensor<f32>) -> tensor<1x2xf32>
  func.return %c : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @a_fractional_bound_stays_outside
// CHECK: qint.quantize %x {{.*}}x!qint.int<0, 4>>
// CHECK-NEXT: qint.dequantize
// CHECK-NEXT: nn.clip
func.func @a_fractional_bound_stays_outside(%a : tensor<1x2x!qint.int<0, 9>>) -> tensor<1x2xf32> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 9>>) -> tensor<1x2xf32>
  %f = nn.floor %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %c = nn.clip %f {lo = 0.0 : f32, hi = 2.5 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %c : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @roundings_without_bounds_are_left_alone
// CHECK-NEXT: nn.ceil
// CHECK-NEXT: func.return
func.func @roundings_without_bounds_are_left_alone(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %c = nn.ceil %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %c : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @roundings_before_a_quantizer_are_left_alone
// CHECK: nn.floor
// CHECK-NEXT: nn.relu
// CHECK-NEXT: qint.quantize
// CHECK-NEXT: func.return
func.func @roundings_before_a_quantizer_are_left_alone(%a : tensor<1x2x!qint.int<0, 9>>) -> tensor<1x2x!qint.int<0, 3>> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 9>>) -> tensor<1x2xf32>
  %f = nn.floor %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %r = nn.relu %f : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %q = qint.quantize %r {scale = 0.7 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %q : tensor<1x2x!qint.int<0, 3>>
}

// CHECK-LABEL: func.func @weights_without_a_common_grid_are_left_alone
// CHECK-NEXT: nn.constant
// CHECK-NEXT: nn.matmul
func.func @weights_without_a_common_grid_are_left_alone(%x : tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = nn.constant dense<[[1.0], [0.3]]> : tensor<2x1xf32> -> tensor<2x1xf32>
  %y = nn.matmul %x, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// CHECK-LABEL: func.func @written_out(%x: tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: %c = qint.quantize %x {scale = 1.000000e+00 : f32, zero_point = 3 : i64, rounding = "half_even", zero_point_after_rounding} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
// CHECK-NEXT: %y = qint.dequantize %c {scale = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>, zero_point = 3 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<-8, 7>>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y : tensor<1x2xf32>
func.func @written_out(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %z = nn.constant dense<[3.0]> : tensor<1xf32> -> tensor<1xf32>
  %s = nn.constant dense<[0.5, 0.25]> : tensor<2xf32> -> tensor<2xf32>
  %r = nn.round %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %a = nn.add %r, %z : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %c = nn.clip %a {lo = -8.0 : f32, hi = 7.0 : f32} : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %d = nn.sub %c, %z : (tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %y = nn.mul %d, %s : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @on_a_grid(%x: tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1, 1], [-2, 0{{\]\]}}> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-2, 1>>
// CHECK-NEXT: %w_1 = qint.dequantize %w {scale = dense<[7.500000e-01, 1.000000e-01]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<2x2x!qint.int<-2, 1>>) -> tensor<2x2xf32>
// CHECK-NEXT: %y = nn.matmul %x, %w_1 : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %y : tensor<1x2xf32>
func.func @on_a_grid(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = nn.constant dense<[[0.75, 0.1], [-1.5, 0.0]]> : tensor<2x2xf32> -> tensor<2x2xf32>
  %y = nn.matmul %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
