// RUN: xdsl-opt %s -p find-normalizations | filecheck %s

// CHECK-LABEL: func.func @the_mean_is_taken_away
// CHECK: nn.layer_norm %x, {{.*}} {epsilon = 2.500000e-01 : f32, centered = true}
// CHECK-NEXT: func.return
func.func @the_mean_is_taken_away(%a : tensor<2x4x!qint.int<0, 9>>) -> tensor<2x4xf32> {
  %e = nn.constant dense<0.25> : tensor<f32> -> tensor<f32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<2x4x!qint.int<0, 9>>) -> tensor<2x4xf32>
  %m = nn.reduce_mean %x {axes = array<i64: 1>, keepdims = true} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %d = nn.sub %x, %m : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %c = nn.sub %x, %m : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  %p = nn.mul %d, %d : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = nn.reduce_mean %p {axes = array<i64: 1>, keepdims = true} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %v = nn.add %e, %s : (tensor<f32>, tensor<2x1xf32>) -> tensor<2x1xf32>
  %r = nn.sqrt %v : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %y = nn.div %c, %r : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  func.return %y : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @another_axis_is_left_alone
// CHECK-NOT: nn.layer_norm
// CHECK: func.return
func.func @another_axis_is_left_alone(%a : tensor<1x4x4x!qint.int<0, 9>>) -> tensor<1x4x4xf32> {
  %e = nn.constant dense<0.25> : tensor<f32> -> tensor<f32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x4x4x!qint.int<0, 9>>) -> tensor<1x4x4xf32>
  %p = nn.mul %x, %x : (tensor<1x4x4xf32>, tensor<1x4x4xf32>) -> tensor<1x4x4xf32>
  %s = nn.reduce_mean %p {axes = array<i64: 1>, keepdims = true} : (tensor<1x4x4xf32>) -> tensor<1x1x4xf32>
  %v = nn.add %s, %e : (tensor<1x1x4xf32>, tensor<f32>) -> tensor<1x1x4xf32>
  %r = nn.sqrt %v : (tensor<1x1x4xf32>) -> tensor<1x1x4xf32>
  %y = nn.div %x, %r : (tensor<1x4x4xf32>, tensor<1x1x4xf32>) -> tensor<1x4x4xf32>
  func.return %y : tensor<1x4x4xf32>
}

// CHECK-LABEL: func.func @the_hosts_is_left_alone
// CHECK-NOT: nn.layer_norm
// CHECK: func.return
func.func @the_hosts_is_left_alone(%x : tensor<2x4xf32>) -> tensor<2x4xf32> {
  %e = nn.constant dense<0.25> : tensor<f32> -> tensor<f32>
  %p = nn.mul %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = nn.reduce_mean %p {axes = array<i64: 1>, keepdims = true} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %v = nn.add %s, %e : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %r = nn.sqrt %v : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %y = nn.div %x, %r : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  func.return %y : tensor<2x4xf32>
}

// CHECK-LABEL: func.func @a_root_that_is_read_again_is_left_alone
// CHECK-NOT: nn.layer_norm
// CHECK: func.return
func.func @a_root_that_is_read_again_is_left_alone(%a : tensor<2x4x!qint.int<0, 9>>) -> (tensor<2x4xf32>, tensor<2x1xf32>) {
  %e = nn.constant dense<0.25> : tensor<f32> -> tensor<f32>
  %x = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<2x4x!qint.int<0, 9>>) -> tensor<2x4xf32>
  %p = nn.mul %x, %x : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %s = nn.reduce_mean %p {axes = array<i64: 1>, keepdims = true} : (tensor<2x4xf32>) -> tensor<2x1xf32>
  %v = nn.add %s, %e : (tensor<2x1xf32>, tensor<f32>) -> tensor<2x1xf32>
  %r = nn.sqrt %v : (tensor<2x1xf32>) -> tensor<2x1xf32>
  %y = nn.div %x, %r : (tensor<2x4xf32>, tensor<2x1xf32>) -> tensor<2x4xf32>
  func.return %y, %r : tensor<2x4xf32>, tensor<2x1xf32>
}
