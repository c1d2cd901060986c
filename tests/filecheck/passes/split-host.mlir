// RUN: xdsl-opt %s -p split-host --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @modules_without_main(%x: tensor<1x1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT: %y = nn.matmul %x, %x : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y : tensor<1x1xf32>
func.func @modules_without_main(%x : tensor<1x1xf32>) -> tensor<1x1xf32> {
  %y = nn.matmul %x, %x : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// -----

// CHECK-LABEL: func.func @head(%x: tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 3>>
// CHECK-NEXT: func.return %x : tensor<1x1x!qint.int<0, 3>>
// CHECK-LABEL: func.func @core(%x: tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 1>>
// CHECK-NEXT: %w = qint.constant dense<1> : tensor<1x1xi8> -> tensor<1x1x!qint.int<1, 1>>
// CHECK-NEXT: %a = qint.matmul %x, %w : (tensor<1x1x!qint.int<0, 3>>, tensor<1x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 3>>
// CHECK-NEXT: %y = qint.threshold %a {thresholds = dense<2> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 1>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<0, 1>>
// CHECK-LABEL: func.func @tail(%y: tensor<1x1x!qint.int<0, 1>>) -> (tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>)
// CHECK-NEXT: %z = qint.dequantize %y {scale = 2.000000e+00 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<0, 1>>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y, %z : tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>
func.func @main(%x : tensor<1x1x!qint.int<0, 3>>) -> (tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>) {
  %w = qint.constant dense<1> : tensor<1x1xi8> -> tensor<1x1x!qint.int<1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x1x!qint.int<0, 3>>, tensor<1x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 3>>
  %y = qint.threshold %a {thresholds = dense<[[2]]> : tensor<1x1xi8>, sign = 1 : i64, lo = 0 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 1>>
  %z = qint.dequantize %y {scale = 2.0 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<0, 1>>) -> tensor<1x1xf32>
  func.return %y, %z : tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>
}

// -----

// CHECK: x (input): reaches fc1 (nn.matmul) without a quantizer; give the input's type and scale, e.g. --input x=int16:0.0009765625
func.func @main(%x : tensor<1x1xf32>) -> tensor<1x1xf32> {
  %w = nn.constant dense<1.0> : tensor<1x1xf32> -> tensor<1x1xf32>
  %y = nn.matmul %x, %w : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32> loc("fc1")
  func.return %y : tensor<1x1xf32>
}

// -----

// CHECK: Dequantize_1 (qint.dequantize): gives each channel a scale of its own, and fc2 (nn.matmul) sums over channels; quantize this activation with one scale for the tensor
// CHECK-NEXT: fc2 (nn.matmul): its weights have no quantizer; quantize its weights, too (QuantizeLinear and DequantizeLinear, or Quant)
func.func @main(%a : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2xf32> {
  %w = nn.constant dense<1.0> : tensor<2x2xf32> -> tensor<2x2xf32>
  %x = qint.dequantize %a {scale = dense<[1.0, 2.0]> : tensor<2xf32>, zero_point = 0 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2xf32> loc("Dequantize_1")
  %y = nn.matmul %x, %w : (tensor<1x2xf32>, tensor<2x2xf32>) -> tensor<1x2xf32> loc("fc2")
  func.return %y : tensor<1x2xf32>
}

// -----

// CHECK: model: no operation works on quantized values, so there is nothing to put in hardware; quantize the weights and the activation of a layer
func.func @main(%x : tensor<1x1xf32>) -> tensor<1x1xf32> {
  %y = nn.relu %x : (tensor<1x1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// -----

// CHECK: Softmax_4 (nn.softmax): stands between layers, and hardware computes it between quantizers only, of codes with one scale for the tensor; add a quantizer before it and after it (QuantizeLinear and DequantizeLinear, or Quant)
func.func @main(%x : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 2>> {
  %w = qint.constant dense<1> : tensor<2x2xi8> -> tensor<2x2x!qint.int<1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 1>>, tensor<2x2x!qint.int<1, 1>>) -> tensor<1x2x!qint.int<0, 2>>
  %d = qint.dequantize %a {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 2>>) -> tensor<1x2xf32> loc("Dequantize_3")
  %s = nn.softmax %d axis 1 : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("Softmax_4")
  %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 1>> loc("Quant_5")
  %y = qint.matmul %q, %w : (tensor<1x2x!qint.int<0, 1>>, tensor<2x2x!qint.int<1, 1>>) -> tensor<1x2x!qint.int<0, 2>>
  func.return %y : tensor<1x2x!qint.int<0, 2>>
}

// -----

// CHECK: func.func @head(%x: tensor<1x1xf32>) -> tensor<1x1x!qint.int<0, 1>> {
// CHECK: func.func @core(%q: tensor<1x1x!qint.int<0, 1>>) -> tensor<1x1x!qint.int<0, 1>> {
// CHECK: func.func @tail(%a: tensor<1x1x!qint.int<0, 1>>, %x: tensor<1x1xf32>) -> (tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>) {
// CHECK-NEXT: %r = nn.relu %x
// CHECK-NEXT: func.return %a, %r
func.func @main(%x : tensor<1x1xf32>) -> (tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>) {
  %w = qint.constant dense<1> : tensor<1x1xi8> -> tensor<1x1x!qint.int<1, 1>>
  %r = nn.relu %x : (tensor<1x1xf32>) -> tensor<1x1xf32> loc("Relu_0")
  %q = qint.quantize %r {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x1xf32>) -> tensor<1x1x!qint.int<0, 1>>
  %a = qint.matmul %q, %w : (tensor<1x1x!qint.int<0, 1>>, tensor<1x1x!qint.int<1, 1>>) -> tensor<1x1x!qint.int<0, 1>>
  func.return %a, %r : tensor<1x1x!qint.int<0, 1>>, tensor<1x1xf32>
}
