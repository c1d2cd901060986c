// RUN: xdsl-opt %s -p convert-qint-to-stream --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @head(%x: tensor<1x2xf32>) -> tensor<1x2xf32>
// CHECK-NEXT: func.return %x : tensor<1x2xf32>
func.func @head(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  func.return %x : tensor<1x2xf32>
}
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>
// CHECK-NEXT: %z = stream.requantize %x {
// CHECK-NEXT: ^bb0(%0: !qint.int<0, 1>):
// CHECK-NEXT: %1 = qint.shift %0 {shift = 0 : i64, bias = dense<[0, 1]> : tensor<2xi8>, sign = 1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
// CHECK-NEXT: qint.yield %1 : !qint.int<0, 1>
// CHECK-NEXT: } : (!stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>
// CHECK-NEXT: func.return %z : !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>
func.func @core(%x : tensor<1x3x2x!qint.int<0, 1>>) -> tensor<3x2x!qint.int<0, 1>> {
  %y = qint.reshape %x : (tensor<1x3x2x!qint.int<0, 1>>) -> tensor<3x2x!qint.int<0, 1>>
  %z = qint.shift %y {shift = 0 : i64, bias = dense<[0, 1]> : tensor<2xi8>, sign = 1 : i64, axis = 1 : i64} : (tensor<3x2x!qint.int<0, 1>>) -> tensor<3x2x!qint.int<0, 1>>
  func.return %z : tensor<3x2x!qint.int<0, 1>>
}

// -----

// CHECK: MatMul_0 (qint.matmul): a product of two activations has no process yet; compute it outside the model
// CHECK-NEXT: Transpose_1 (qint.transpose): reorders elements within a frame; remove the transposition
// CHECK-NEXT: Affine_3 (qint.affine): qint.affine has no process; compute it outside the model
// CHECK-NEXT: Quant_4 (qint.shift): its channels lie along axis 0, not innermost; transpose first
func.func @core(%x : tensor<2x2x!qint.int<0, 1>>, %z : tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 9>> {
  %p = qint.matmul %x, %z : (tensor<2x2x!qint.int<0, 1>>, tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 2>> loc("MatMul_0")
  %t = qint.transpose %x permutation [1, 0] : (tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 1>> loc("Transpose_1")
  %a = qint.affine %x {multiplier = 1 : i64, offset = 0 : i64} : (tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 1>> loc("Affine_3")
  %s = qint.shift %x {shift = 0 : i64, bias = dense<[0, 1]> : tensor<2xi8>, sign = 1 : i64, axis = 0 : i64} : (tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 9>> loc("Quant_4")
  func.return %s : tensor<2x2x!qint.int<0, 9>>
}
