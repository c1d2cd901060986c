// RUN: xdsl-opt %s -p settle-numerics --split-input-file | filecheck %s

// 16-bit codes enter: no integer kernel.

builtin.module attributes {qint.numerics = "onnxruntime"} {
  func.func @wide_codes(%a : tensor<1x2x!qint.int<0, 65535>>, %v : tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 255>> {
    %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x2xf32>
    %y = nn.relu %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
    %q = qint.quantize %y {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 255>>
    func.return %q : tensor<1x2x!qint.int<0, 255>>
  }
}
// CHECK: qcompiler.notes = ["numerics onnxruntime has no integer kernel for 16-bit codes at %y (nn.relu); the exact real result is rounded there instead"]
// CHECK: nn.relu %x {qint.numerics = "exact"}

// -----

// Left alone: codes of 8 bits, and a quantizer of the model's own input.

builtin.module attributes {qint.numerics = "onnxruntime"} {
  func.func @kernels(%a : tensor<1x2x!qint.int<0, 255>>, %r : tensor<1x2xf32>) -> (tensor<1x2x!qint.int<0, 255>>, tensor<1x2x!qint.int<0, 65535>>) {
    %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 255>>) -> tensor<1x2xf32>
    %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 255>>
    %i = qint.quantize %r {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 65535>>
    func.return %q, %i : tensor<1x2x!qint.int<0, 255>>, tensor<1x2x!qint.int<0, 65535>>
  }
}
// CHECK: builtin.module attributes {qint.numerics = "onnxruntime"}
// CHECK-NOT: exact

// -----

// Left alone: modules with exact numerics.

func.func @exact(%a : tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x2x!qint.int<0, 255>> {
  %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 65535>>) -> tensor<1x2xf32>
  %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 255>>
  func.return %q : tensor<1x2x!qint.int<0, 255>>
}
// CHECK-LABEL: func.func @exact
// CHECK-NEXT: %x = qint.dequantize %a {scale

// -----

// A weight of another type than int8, told by the front end; both uses of an operand are apart.

builtin.module attributes {qint.numerics = "onnxruntime"} {
  func.func @shared_operand(%a : tensor<1x2x!qint.int<0, 255>>) -> (tensor<1x1x!qint.int<0, 255>>, tensor<1x2x!qint.int<0, 255>>) {
    %v = qint.constant dense<[[1], [2]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 2>>
    %x = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<0, 255>>) -> tensor<1x2xf32>
    %w = qint.dequantize %v {qint.numerics = "exact", scale = 0.25 : f32, zero_point = 0 : i64} : (tensor<2x1x!qint.int<1, 2>>) -> tensor<2x1xf32>
    %y = nn.matmul %x, %w : (tensor<1x2xf32>, tensor<2x1xf32>) -> tensor<1x1xf32>
    %q = qint.quantize %y {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x1xf32>) -> tensor<1x1x!qint.int<0, 255>>
    %r = nn.relu %x : (tensor<1x2xf32>) -> tensor<1x2xf32>
    %p = qint.quantize %r {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 255>>
    func.return %q, %p : tensor<1x1x!qint.int<0, 255>>, tensor<1x2x!qint.int<0, 255>>
  }
}
// CHECK-LABEL: func.func @shared_operand
// CHECK: %[[X:.*]] = qint.dequantize %a {scale
// CHECK-NEXT: %[[OWN:.*]] = qint.dequantize %a {qint.numerics = "exact"
// CHECK: nn.matmul %[[OWN]], %w {qint.numerics = "exact"}
// CHECK: nn.relu %[[X]] : (
