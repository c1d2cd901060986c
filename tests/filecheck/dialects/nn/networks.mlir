// RUN: xdsl-opt %s | xdsl-opt | filecheck %s
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

// CHECK-LABEL: func.func @activations
func.func @activations(%x: f32, %s: f32) {
  // CHECK-NEXT: %0 = nn.min %x, %s : (f32, f32) -> f32
  %0 = nn.min %x, %s : (f32, f32) -> f32
  // CHECK-NEXT: %1 = nn.max %x, %s : (f32, f32) -> f32
  %1 = nn.max %x, %s : (f32, f32) -> f32
  // CHECK-NEXT: %2 = nn.prelu %x, %s : (f32, f32) -> f32
  %2 = nn.prelu %x, %s : (f32, f32) -> f32
  // CHECK-NEXT: %3 = nn.neg %x : (f32) -> f32
  %3 = nn.neg %x : (f32) -> f32
  // CHECK-NEXT: %4 = nn.floor %x : (f32) -> f32
  %4 = nn.floor %x : (f32) -> f32
  // CHECK-NEXT: %5 = nn.sigmoid %x : (f32) -> f32
  %5 = nn.sigmoid %x : (f32) -> f32
  // CHECK-NEXT: %6 = nn.tanh %x : (f32) -> f32
  %6 = nn.tanh %x : (f32) -> f32
  // CHECK-NEXT: %7 = nn.hard_swish %x : (f32) -> f32
  %7 = nn.hard_swish %x : (f32) -> f32
  // CHECK-NEXT: %8 = nn.clip %x {lo = 0.000000e+00 : f32, hi = 6.000000e+00 : f32} : (f32) -> f32
  %8 = nn.clip %x {lo = 0.000000e+00 : f32, hi = 6.000000e+00 : f32} : (f32) -> f32
  // CHECK-NEXT: %9 = nn.leaky_relu %x {alpha = 1.250000e-01 : f32} : (f32) -> f32
  %9 = nn.leaky_relu %x {alpha = 1.250000e-01 : f32} : (f32) -> f32
  // CHECK-NEXT: %10 = nn.hard_sigmoid %x {alpha = 2.500000e-01 : f32, beta = 5.000000e-01 : f32} : (f32) -> f32
  %10 = nn.hard_sigmoid %x {alpha = 2.500000e-01 : f32, beta = 5.000000e-01 : f32} : (f32) -> f32
  // CHECK-NEXT: %11 = nn.gelu %x {approximate = "tanh"} : (f32) -> f32
  %11 = nn.gelu %x {approximate = "tanh"} : (f32) -> f32
  // CHECK-NEXT: %12 = nn.mul_add %x, %s {factor = 5.000000e-01 : f32} : (f32, f32) -> f32
  %12 = nn.mul_add %x, %s {factor = 5.000000e-01 : f32} : (f32, f32) -> f32
  func.return
}

// CHECK-LABEL: func.func @windows
func.func @windows(%x: tensor<1x2x8xf32>, %w: tensor<4x2x3xf32>, %t: tensor<2x3x2xf32>) {
  // CHECK-NEXT: %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>
  %0 = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 1, 1>, group = 1 : i64} : (tensor<1x2x8xf32>, tensor<4x2x3xf32>) -> tensor<1x4x8xf32>
  // CHECK-NEXT: %1 = nn.conv_transpose %x, %t {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, output_padding = array<i64: 0>, group = 1 : i64} : (tensor<1x2x8xf32>, tensor<2x3x2xf32>) -> tensor<1x3x16xf32>
  %1 = nn.conv_transpose %x, %t {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, output_padding = array<i64: 0>, group = 1 : i64} : (tensor<1x2x8xf32>, tensor<2x3x2xf32>) -> tensor<1x3x16xf32>
  // CHECK-NEXT: %2 = nn.max_pool %x {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, kernel = array<i64: 2>} : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>
  %2 = nn.max_pool %x {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, kernel = array<i64: 2>} : (tensor<1x2x8xf32>) -> tensor<1x2x4xf32>
  // CHECK-NEXT: %3 = nn.average_pool %x {strides = array<i64: 3>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, kernel = array<i64: 3>, overhang = array<i64: 1>, count_include_pad = false} : (tensor<1x2x8xf32>) -> tensor<1x2x3xf32>
  %3 = nn.average_pool %x {strides = array<i64: 3>, dilations = array<i64: 1>, pads = array<i64: 0, 0>, kernel = array<i64: 3>, overhang = array<i64: 1>, count_include_pad = false} : (tensor<1x2x8xf32>) -> tensor<1x2x3xf32>
  // CHECK-NEXT: %4 = nn.reduce_mean %x {axes = array<i64: 2>, keepdims = true} : (tensor<1x2x8xf32>) -> tensor<1x2x1xf32>
  %4 = nn.reduce_mean %x {axes = array<i64: 2>, keepdims = true} : (tensor<1x2x8xf32>) -> tensor<1x2x1xf32>
  // CHECK-NEXT: %5 = nn.arg_max %x {axis = 2 : i64, keepdims = false, last = false} : (tensor<1x2x8xf32>) -> tensor<1x2xf32>
  %5 = nn.arg_max %x {axis = 2 : i64, keepdims = false, last = false} : (tensor<1x2x8xf32>) -> tensor<1x2xf32>
  func.return
}

// CHECK-LABEL: func.func @pieces
func.func @pieces(%x: tensor<1x4x2x2xf32>) {
  // CHECK-NEXT: %0 = nn.concat %x, %x {axis = 1 : i64} : (tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>) -> tensor<1x8x2x2xf32>
  %0 = nn.concat %x, %x {axis = 1 : i64} : (tensor<1x4x2x2xf32>, tensor<1x4x2x2xf32>) -> tensor<1x8x2x2xf32>
  // CHECK-NEXT: %1 = nn.slice %x {starts = array<i64: 0, 1, 0, 0>, ends = array<i64: 1, 4, 2, 1>, steps = array<i64: 1, 2, 1, 1>} : (tensor<1x4x2x2xf32>) -> tensor<1x2x2x1xf32>
  %1 = nn.slice %x {starts = array<i64: 0, 1, 0, 0>, ends = array<i64: 1, 4, 2, 1>, steps = array<i64: 1, 2, 1, 1>} : (tensor<1x4x2x2xf32>) -> tensor<1x2x2x1xf32>
  // CHECK-NEXT: %2 = nn.pad %x {begin = array<i64: 0, 0, 1, 0>, end = array<i64: 0, 0, 0, 1>, value = 0.000000e+00 : f32} : (tensor<1x4x2x2xf32>) -> tensor<1x4x3x3xf32>
  %2 = nn.pad %x {begin = array<i64: 0, 0, 1, 0>, end = array<i64: 0, 0, 0, 1>, value = 0.000000e+00 : f32} : (tensor<1x4x2x2xf32>) -> tensor<1x4x3x3xf32>
  // CHECK-NEXT: %3 = nn.resize_nearest %x {scales = array<i64: 1, 1, 2, 3>} : (tensor<1x4x2x2xf32>) -> tensor<1x4x4x6xf32>
  %3 = nn.resize_nearest %x {scales = array<i64: 1, 1, 2, 3>} : (tensor<1x4x2x2xf32>) -> tensor<1x4x4x6xf32>
  // CHECK-NEXT: %4 = nn.depth_to_space %x {block = 2 : i64, mode = "CRD"} : (tensor<1x4x2x2xf32>) -> tensor<1x1x4x4xf32>
  %4 = nn.depth_to_space %x {block = 2 : i64, mode = "CRD"} : (tensor<1x4x2x2xf32>) -> tensor<1x1x4x4xf32>
  func.return
}

// CHECK-LABEL: func.func @choice(
func.func @choice(%c : tensor<1x2xf32>, %a : tensor<1x2xf32>, %b : tensor<1xf32>) -> tensor<1x2xf32> {
  // CHECK-NEXT: %y = nn.where %c, %a, %b : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  %y = nn.where %c, %a, %b : (tensor<1x2xf32>, tensor<1x2xf32>, tensor<1xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}

// CHECK-LABEL: func.func @cache(
func.func @cache(%x : tensor<1x5x2xf32>, %u : tensor<1x1x2xf32>, %p : tensor<1xf32>) -> tensor<1x5x2xf32> {
  // CHECK-NEXT: %y = nn.tensor_scatter %x, %u, %p {axis = 1 : i64} : (tensor<1x5x2xf32>, tensor<1x1x2xf32>, tensor<1xf32>) -> tensor<1x5x2xf32>
  %y = nn.tensor_scatter %x, %u, %p {axis = 1 : i64} : (tensor<1x5x2xf32>, tensor<1x1x2xf32>, tensor<1xf32>) -> tensor<1x5x2xf32>
  func.return %y : tensor<1x5x2xf32>
}
