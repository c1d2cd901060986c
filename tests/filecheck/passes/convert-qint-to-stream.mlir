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

// A product of two activations keeps the right one, transposed where that leaves its last axis.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %t = stream.reshape %z {{.*}} -> !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>
// CHECK-NEXT: %p = stream.matmul %x, %t transposed pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [1, 4, 2], lanes = 1>, !stream.channel<!qint.int<0, 1>, frame = [1, 3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [1, 4, 3], lanes = 1>
func.func @core(%x : tensor<1x4x2x!qint.int<0, 1>>, %z : tensor<1x3x2x!qint.int<0, 1>>) -> tensor<1x4x3x!qint.int<0, 2>> {
  %t = qint.transpose %z permutation [0, 2, 1] : (tensor<1x3x2x!qint.int<0, 1>>) -> tensor<1x2x3x!qint.int<0, 1>>
  %p = qint.matmul %x, %t : (tensor<1x4x2x!qint.int<0, 1>>, tensor<1x2x3x!qint.int<0, 1>>) -> tensor<1x4x3x!qint.int<0, 2>>
  func.return %p : tensor<1x4x3x!qint.int<0, 2>>
}

// -----

// One matrix of two is repeated for both.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %p = stream.reorder %x {block = 8 : i64, counts = array<i64: 2, 8>, strides = array<i64: 0, 1>}
// CHECK-NEXT: %p_1 = stream.matmul %p, %z pe 1 simd 1
func.func @core(%x : tensor<1x1x4x2x!qint.int<0, 1>>, %z : tensor<1x2x2x3x!qint.int<0, 1>>) -> tensor<1x2x4x3x!qint.int<0, 2>> {
  %p = qint.matmul %x, %z : (tensor<1x1x4x2x!qint.int<0, 1>>, tensor<1x2x2x3x!qint.int<0, 1>>) -> tensor<1x2x4x3x!qint.int<0, 2>>
  func.return %p : tensor<1x2x4x3x!qint.int<0, 2>>
}

// -----

// Parameters along an axis that is not innermost: one for each element of the rows.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %x_1 = stream.reshape %x {{.*}} -> !stream.channel<!qint.int<0, 1>, frame = [1, 1, 4], lanes = 1>
// CHECK-NEXT: %s = stream.requantize %x_1 {
// CHECK-NEXT: ^{{.*}}
// CHECK-NEXT: %{{.*}} = qint.shift %{{.*}} {shift = 0 : i64, bias = dense<[0, 0, 1, 1]> : tensor<4xi8>
func.func @core(%x : tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 9>> {
  %s = qint.shift %x {shift = 0 : i64, bias = dense<[0, 1]> : tensor<2xi8>, sign = 1 : i64, axis = 0 : i64} : (tensor<2x2x!qint.int<0, 1>>) -> tensor<2x2x!qint.int<0, 9>>
  func.return %s : tensor<2x2x!qint.int<0, 9>>
}

// -----

// CHECK-LABEL: func.func @core
// CHECK-NEXT: %t = stream.reorder %x {block = 6 : i64, counts = array<i64: 2, 3>, strides = array<i64: 1, 2>}
// CHECK-NEXT: %a = stream.requantize %t {
// CHECK-NEXT: ^bb0(%{{.*}}: !qint.int<0, 1>):
// CHECK-NEXT: %{{.*}} = qint.mul_shift %{{.*}} {multiplier = 2 : i64, bias = -1 : i64, shift = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<-1, 1>
// CHECK-NEXT: qint.yield
// CHECK-NEXT: }
// CHECK-NEXT: %{{.*}}, %{{.*}} = stream.duplicate %a
// CHECK-NEXT: %y = stream.add %{{.*}}, %{{.*}} multipliers [1, 1]
func.func @core(%x : tensor<1x3x2x!qint.int<0, 1>>) -> tensor<1x2x3x!qint.int<-2, 2>> {
  %t = qint.transpose %x permutation [0, 2, 1] : (tensor<1x3x2x!qint.int<0, 1>>) -> tensor<1x2x3x!qint.int<0, 1>>
  %a = qint.affine %t {multiplier = 2 : i64, offset = -1 : i64} : (tensor<1x2x3x!qint.int<0, 1>>) -> tensor<1x2x3x!qint.int<-1, 1>>
  %y = qint.add %a, %a : (tensor<1x2x3x!qint.int<-1, 1>>, tensor<1x2x3x!qint.int<-1, 1>>) -> tensor<1x2x3x!qint.int<-2, 2>>
  func.return %y : tensor<1x2x3x!qint.int<-2, 2>>
}

// -----

// CHECK: stream.weights @w dense<1> : tensor<6x6xi8>
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %x_1 = stream.sliding_window %x {kernel = array<i64: 1, 3>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 2 : i64} : (!stream.channel<!qint.int<0, 3>, frame = [1, 5, 4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [1, 3, 12], lanes = 1>
// CHECK-NEXT: %y = stream.mvau %x_1 weights @w pe 1 simd 1 groups 2 : (!stream.channel<!qint.int<0, 3>, frame = [1, 3, 12], lanes = 1>) -> !stream.channel<!qint.int<0, 18>, frame = [1, 3, 6], lanes = 1>
func.func @core(%x : tensor<1x5x4x!qint.int<0, 3>>) -> tensor<1x3x6x!qint.int<0, 18>> {
  %w = qint.constant dense<1> : tensor<3x2x6xi8> -> tensor<3x2x6x!qint.int<1, 1>>
  %y = qint.conv %x, %w {kernel = array<i64: 3>, strides = array<i64: 1>, dilations = array<i64: 1>, pads_begin = array<i64: 0>, pads_end = array<i64: 0>, pad_value = 0 : i64, group = 2 : i64} : (tensor<1x5x4x!qint.int<0, 3>>, tensor<3x2x6x!qint.int<1, 1>>) -> tensor<1x3x6x!qint.int<0, 18>>
  func.return %y : tensor<1x3x6x!qint.int<0, 18>>
}

// -----

// A constant matrix that is Sylvester's but for signs is a butterfly.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.butterfly %x {before = array<i64: 1, -1>, after = array<i64>} : (!stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<-1, 1>, frame = [2], lanes = 1>
func.func @core(%x : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<-1, 1>> {
  %w = qint.constant dense<[[1, 1], [-1, 1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 1>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-1, 1>>
  func.return %y : tensor<1x2x!qint.int<-1, 1>>
}

// -----

// Other ones and minus ones are not.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.mvau %x weights @w pe 1 simd 1
func.func @core(%x : tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<-1, 1>> {
  %w = qint.constant dense<[[1, 1], [-1, -1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 1>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-1, 1>>
  func.return %y : tensor<1x2x!qint.int<-1, 1>>
}
