// RUN: xdsl-opt %s | xdsl-opt --print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: xdsl-opt %s --print-op-generic --print-debuginfo | xdsl-opt --print-debuginfo | filecheck %s

// CHECK-LABEL: func.func @constants
func.func @constants() {
  // CHECK-NEXT: %c = nn.constant dense<[1.500000e+00, -2.000000e+00]> : tensor<2xf32> -> tensor<2xf32>
  // GENERIC: %c = "nn.constant"() <{value = dense<[1.500000e+00, -2.000000e+00]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %c = nn.constant dense<[1.5, -2.0]> : tensor<2xf32> -> tensor<2xf32>
  // CHECK-NEXT: %d = nn.constant dense<1.000000e-01> : tensor<1xf64> -> tensor<1xf64>
  // GENERIC: %d = "nn.constant"() <{value = dense<1.000000e-01> : tensor<1xf64>}> : () -> tensor<1xf64>
  %d = nn.constant dense<1.000000e-01> : tensor<1xf64> -> tensor<1xf64>
  // CHECK-NEXT: %p = nn.parameter dense<[5.000000e-01, 1.500000e+00]> : tensor<2xf32> -> f32
  // GENERIC: %p = "nn.parameter"() <{value = dense<[5.000000e-01, 1.500000e+00]> : tensor<2xf32>}> : () -> f32
  %p = nn.parameter dense<[0.5, 1.5]> : tensor<2xf32> -> f32
  func.return
}
// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%t : tensor<1x2xf32>, %v : tensor<2xf32>, %a : f32) {
  // CHECK-NEXT: %add = nn.add %t, %v : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  // GENERIC: %add = "nn.add"(%t, %v) : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %add = nn.add %t, %v : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %sub = nn.sub %a, %a : (f32, f32) -> f32
  // GENERIC: %sub = "nn.sub"(%a, %a) : (f32, f32) -> f32
  %sub = nn.sub %a, %a : (f32, f32) -> f32
  // CHECK-NEXT: %mul = nn.mul %t, %t : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  // GENERIC: %mul = "nn.mul"(%t, %t) : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  %mul = nn.mul %t, %t : (tensor<1x2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %div = nn.div %a, %a : (f32, f32) -> f32
  // GENERIC: %div = "nn.div"(%a, %a) : (f32, f32) -> f32
  %div = nn.div %a, %a : (f32, f32) -> f32
  // CHECK-NEXT: %pow = nn.pow %t, %v : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  // GENERIC: %pow = "nn.pow"(%t, %v) : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %pow = nn.pow %t, %v : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %sqrt = nn.sqrt %t : (tensor<1x2xf32>) -> tensor<1x2xf32>
  // GENERIC: %sqrt = "nn.sqrt"(%t) : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %sqrt = nn.sqrt %t : (tensor<1x2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %relu = nn.relu %a : (f32) -> f32
  // GENERIC: %relu = "nn.relu"(%a) : (f32) -> f32
  %relu = nn.relu %a : (f32) -> f32
  func.return
}
// CHECK-LABEL: func.func @channels
func.func @channels(%t : tensor<1x2xf32>, %v : tensor<2xf32>, %w : tensor<2x3xf32>) {
  // CHECK-NEXT: %softmax = nn.softmax %t axis 1 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  // GENERIC: %softmax = "nn.softmax"(%t) <{axis = 1 : i64}> : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %softmax = nn.softmax %t axis 1 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %log = nn.log_softmax %t axis 1 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  // GENERIC: %log = "nn.log_softmax"(%t) <{axis = 1 : i64}> : (tensor<1x2xf32>) -> tensor<1x2xf32>
  %log = nn.log_softmax %t axis 1 : (tensor<1x2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %norm = nn.batch_norm %t, %v, %v, %v, %v epsilon 1.000000e-05 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  // GENERIC: %norm = "nn.batch_norm"(%t, %v, %v, %v, %v) <{epsilon = 1.000000e-05 : f32}> : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  %norm = nn.batch_norm %t, %v, %v, %v, %v epsilon 1.000000e-05 : (tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) -> tensor<1x2xf32>
  // CHECK-NEXT: %matmul = nn.matmul %t, %w : (tensor<1x2xf32>, tensor<2x3xf32>) -> tensor<1x3xf32>
  // GENERIC: %matmul = "nn.matmul"(%t, %w) : (tensor<1x2xf32>, tensor<2x3xf32>) -> tensor<1x3xf32>
  %matmul = nn.matmul %t, %w : (tensor<1x2xf32>, tensor<2x3xf32>) -> tensor<1x3xf32>
  func.return
}
// CHECK-LABEL: func.func @layout
func.func @layout(%t : tensor<2x3xf32>) {
  // CHECK-NEXT: %reshape = nn.reshape %t : (tensor<2x3xf32>) -> tensor<1x6xf32>
  // GENERIC: %reshape = "nn.reshape"(%t) : (tensor<2x3xf32>) -> tensor<1x6xf32>
  %reshape = nn.reshape %t : (tensor<2x3xf32>) -> tensor<1x6xf32>
  // CHECK-NEXT: %transpose = nn.transpose %t permutation [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  // GENERIC: %transpose = "nn.transpose"(%t) <{permutation = array<i64: 1, 0>}> : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %transpose = nn.transpose %t permutation [1, 0] : (tensor<2x3xf32>) -> tensor<3x2xf32>
  func.return
}
// CHECK-LABEL: func.func @rounding
func.func @rounding(%a : f32, %t : tensor<2xf32>) {
  // CHECK-NEXT: %floor = nn.floor %a : (f32) -> f32
  // GENERIC: %floor = "nn.floor"(%a) : (f32) -> f32
  %floor = nn.floor %a : (f32) -> f32
  // CHECK-NEXT: %ceil = nn.ceil %a : (f32) -> f32
  // GENERIC: %ceil = "nn.ceil"(%a) : (f32) -> f32
  %ceil = nn.ceil %a : (f32) -> f32
  // CHECK-NEXT: %trunc = nn.trunc %a : (f32) -> f32
  // GENERIC: %trunc = "nn.trunc"(%a) : (f32) -> f32
  %trunc = nn.trunc %a : (f32) -> f32
  // CHECK-NEXT: %round = nn.round %a : (f32) -> f32
  // GENERIC: %round = "nn.round"(%a) : (f32) -> f32
  %round = nn.round %a : (f32) -> f32
  // CHECK-NEXT: %erf = nn.erf %a : (f32) -> f32
  // GENERIC: %erf = "nn.erf"(%a) : (f32) -> f32
  %erf = nn.erf %a : (f32) -> f32
  // CHECK-NEXT: %ge = nn.greater_equal %a, %t : (f32, tensor<2xf32>) -> tensor<2xf32>
  // GENERIC: %ge = "nn.greater_equal"(%a, %t) : (f32, tensor<2xf32>) -> tensor<2xf32>
  %ge = nn.greater_equal %a, %t : (f32, tensor<2xf32>) -> tensor<2xf32>
  func.return
}
// CHECK-LABEL: func.func @source_node
func.func @source_node(%a : f32) {
  // CHECK-NEXT: %y = nn.relu %a : (f32) -> f32 loc("layer1/Relu_0")
  // GENERIC: %y = "nn.relu"(%a) : (f32) -> f32
  %y = nn.relu %a : (f32) -> f32 loc("layer1/Relu_0")
  func.return
}
