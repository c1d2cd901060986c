// RUN: xdsl-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s --match-full-lines

// CHECK: value of type tensor<1xf32> does not match result type tensor<2xf32>
func.func @constant_type_differs() {
  %c = nn.constant dense<[1.0]> : tensor<1xf32> -> tensor<2xf32>
  func.return
}

// -----

// CHECK: value must have one dimension, got tensor<1x2xf32>
func.func @parameter_is_a_matrix() {
  %p = nn.parameter dense<1.0> : tensor<1x2xf32> -> f32
  func.return
}

// -----

// CHECK: shapes [2], [3] do not broadcast
func.func @operands_do_not_broadcast(%a : tensor<2xf32>, %b : tensor<3xf32>) {
  %y = nn.add %a, %b : (tensor<2xf32>, tensor<3xf32>) -> tensor<2xf32>
  func.return
}

// -----

// CHECK: operands broadcast to shape [1, 2], but the result is tensor<2xf32>
func.func @result_is_not_the_broadcast(%a : tensor<1x2xf32>, %b : tensor<2xf32>) {
  %y = nn.mul %a, %b : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// CHECK: input tensor<1x2xf32> and result tensor<2xf32> differ in shape
func.func @unary_shapes_differ(%a : tensor<1x2xf32>) {
  %y = nn.relu %a : (tensor<1x2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// CHECK: axis must be in [0, 1], got 2
func.func @axis_above(%a : tensor<1x2xf32>) {
  %y = nn.softmax %a axis 2 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return
}

// -----

// CHECK: axis must be in [0, 1], got -1
func.func @axis_below(%a : tensor<1x2xf32>) {
  %y = nn.softmax %a axis -1 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return
}

// -----

// CHECK: input tensor<1x2xf32> and result tensor<2xf32> differ in shape
func.func @softmax_shapes_differ(%a : tensor<1x2xf32>) {
  %y = nn.softmax %a axis 1 : (tensor<1x2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// CHECK: matmul needs operands of rank 2 or more, got [2] and [2, 3]
func.func @matmul_of_a_vector(%a : tensor<2xf32>, %b : tensor<2x3xf32>) {
  %y = nn.matmul %a, %b : (tensor<2xf32>, tensor<2x3xf32>) -> tensor<3xf32>
  func.return
}

// -----

// CHECK: inner dimensions of [1, 2] and [3, 4] differ: 2 and 3
func.func @inner_dimensions_differ(%a : tensor<1x2xf32>, %b : tensor<3x4xf32>) {
  %y = nn.matmul %a, %b : (tensor<1x2xf32>, tensor<3x4xf32>) -> tensor<1x4xf32>
  func.return
}

// -----

// CHECK: result must have shape [1, 4], got tensor<4x1xf32>
func.func @matmul_result(%a : tensor<1x2xf32>, %b : tensor<2x4xf32>) {
  %y = nn.matmul %a, %b : (tensor<1x2xf32>, tensor<2x4xf32>) -> tensor<4x1xf32>
  func.return
}

// -----

// CHECK: input must have rank 2 or more, got tensor<2xf32>
func.func @norm_of_a_vector(%a : tensor<2xf32>) {
  %y = nn.batch_norm %a, %a, %a, %a, %a epsilon 0.0 : (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// CHECK: parameters must have shape [2], got tensor<3xf32>
func.func @norm_parameters(%a : tensor<1x2xf32>, %p : tensor<2xf32>, %v : tensor<3xf32>) {
  %y = nn.batch_norm %a, %p, %p, %p, %v epsilon 0.0 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<3xf32>) -> tensor<1x2xf32>
  func.return
}

// -----

// CHECK: input tensor<1x2xf32> and result tensor<2x1xf32> differ in shape
func.func @norm_result(%a : tensor<1x2xf32>, %p : tensor<2xf32>) {
  %y = nn.batch_norm %a, %p, %p, %p, %p epsilon 0.0 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x1xf32>
  func.return
}

// -----

// CHECK: input must have a static shape, got tensor<?x2xf32>
func.func @reshape_dynamic(%a : tensor<?x2xf32>) {
  %y = nn.reshape %a : (tensor<?x2xf32>) -> tensor<2xf32>
  func.return
}

// -----

// CHECK: result must have a static shape, got tensor<?xf32>
func.func @reshape_to_dynamic(%a : tensor<2xf32>) {
  %y = nn.reshape %a : (tensor<2xf32>) -> tensor<?xf32>
  func.return
}

// -----

// CHECK: cannot reshape tensor<1x2xf32> to tensor<3xf32>: element counts differ
func.func @reshape_count(%a : tensor<1x2xf32>) {
  %y = nn.reshape %a : (tensor<1x2xf32>) -> tensor<3xf32>
  func.return
}

// -----

// CHECK: permutation [1, 1] does not list each of 2 axes once
func.func @permutation_repeats(%a : tensor<1x2xf32>) {
  %y = nn.transpose %a permutation [1, 1] : (tensor<1x2xf32>) -> tensor<2x2xf32>
  func.return
}

// -----

// CHECK: permutation [0, -1] does not list each of 2 axes once
func.func @permutation_negative(%a : tensor<1x2xf32>) {
  %y = nn.transpose %a permutation [0, -1] : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return
}

// -----

// CHECK: result must have shape [2, 1], got tensor<1x2xf32>
func.func @transpose_result(%a : tensor<1x2xf32>) {
  %y = nn.transpose %a permutation [1, 0] : (tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return
}

// -----

// CHECK: group must divide 4 input and 4 output channels, got 3
func.func @group_does_not_divide(%x : tensor<1x4x8xf32>, %w : tensor<4x1x3xf32>) {
  %y = nn.conv %x, %w {strides = array<i64: 1>, dilations = array<i64: 1>, pads = array<i64: 1, 1>, group = 3 : i64} : (tensor<1x4x8xf32>, tensor<4x1x3xf32>) -> tensor<1x4x8xf32>
  func.return
}

// -----

// CHECK: pads of a pool must be smaller than its window of 2, got 2 and 0
func.func @pool_of_padding_only(%x : tensor<1x2x8xf32>) {
  %y = nn.max_pool %x {strides = array<i64: 2>, dilations = array<i64: 1>, pads = array<i64: 2, 0>, kernel = array<i64: 2>} : (tensor<1x2x8xf32>) -> tensor<1x2x5xf32>
  func.return
}

// -----

// CHECK: slice must have 0 <= start < end <= 4 and step > 0, got start 3, end 3, step 1
func.func @empty_slice(%x : tensor<4xf32>) {
  %y = nn.slice %x {starts = array<i64: 3>, ends = array<i64: 3>, steps = array<i64: 1>} : (tensor<4xf32>) -> tensor<1xf32>
  func.return
}

// -----

// CHECK: lo must not exceed hi, got lo 6 and hi 0
func.func @clip_bounds_swapped(%x : f32) {
  %y = nn.clip %x {lo = 6.0 : f32, hi = 0.0 : f32} : (f32) -> f32
  func.return
}

// -----

// CHECK: factor must be finite, got inf
func.func @factor_is_infinite(%a : f32) {
  %y = nn.mul_add %a, %a {factor = 0x7F800000 : f32} : (f32, f32) -> f32
  func.return
}
