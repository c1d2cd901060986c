// RUN: xdsl-opt %s | xdsl-opt --print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: xdsl-opt %s --print-op-generic --print-debuginfo | xdsl-opt --print-debuginfo | filecheck %s

// CHECK-LABEL: func.func @boundary
func.func @boundary(%x : tensor<1x2xf32>, %s : f32) {
  // CHECK-NEXT: %q = qint.quantize %x {scale = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>, zero_point = dense<[1, -1]> : tensor<2xi8>, axis = 1 : i64, rounding = "floor"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
  // GENERIC: %q = "qint.quantize"(%x) <{scale = dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>, zero_point = dense<[1, -1]> : tensor<2xi8>, axis = 1 : i64, rounding = "floor"}> : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
  %q = qint.quantize %x {scale = dense<[0.5, 0.25]> : tensor<2xf32>, zero_point = dense<[1, -1]> : tensor<2xi8>, axis = 1 : i64, rounding = "floor"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<-8, 7>>
  // CHECK-NEXT: %d = qint.dequantize %q {scale = 5.000000e-01 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-8, 7>>) -> tensor<1x2xf32>
  // GENERIC: %d = "qint.dequantize"(%q) <{scale = 5.000000e-01 : f32, zero_point = 0 : i64}> : (tensor<1x2x!qint.int<-8, 7>>) -> tensor<1x2xf32>
  %d = qint.dequantize %q {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x2x!qint.int<-8, 7>>) -> tensor<1x2xf32>
  // CHECK-NEXT: %e = qint.quantize %s {scale = 5.000000e-01 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 3>
  // GENERIC: %e = "qint.quantize"(%s) <{scale = 5.000000e-01 : f32, zero_point = 0 : i64, rounding = "half_even"}> : (f32) -> !qint.int<0, 3>
  %e = qint.quantize %s {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 3>
  func.return
}
// CHECK-LABEL: func.func @linear
func.func @linear(%x : tensor<1x2x!qint.int<0, 3>>) {
  // CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1, -1], [0, 1{{\]\]}}> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
  // GENERIC: %w = "qint.constant"() <{value = dense<{{\[\[}}1, -1], [0, 1{{\]\]}}> : tensor<2x2xi8>}> : () -> tensor<2x2x!qint.int<-1, 1>>
  %w = qint.constant dense<[[1, -1], [0, 1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 1>>
  // CHECK-NEXT: %m = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-3, 3>>
  // GENERIC: %m = "qint.matmul"(%x, %w) : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-3, 3>>
  %m = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 1>>) -> tensor<1x2x!qint.int<-3, 3>>
  // CHECK-NEXT: %a = qint.affine %x {multiplier = 2 : i64, offset = dense<[-1, 0]> : tensor<2xi8>, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 6>>
  // GENERIC: %a = "qint.affine"(%x) <{multiplier = 2 : i64, offset = dense<[-1, 0]> : tensor<2xi8>, axis = 1 : i64}> : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 6>>
  %a = qint.affine %x {multiplier = 2 : i64, offset = dense<[-1, 0]> : tensor<2xi8>, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 6>>
  // CHECK-NEXT: %r = qint.reshape %x : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<0, 3>>
  // GENERIC: %r = "qint.reshape"(%x) : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<0, 3>>
  %r = qint.reshape %x : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<0, 3>>
  // CHECK-NEXT: %t = qint.transpose %x permutation [1, 0] : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<0, 3>>
  // GENERIC: %t = "qint.transpose"(%x) <{permutation = array<i64: 1, 0>}> : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<0, 3>>
  %t = qint.transpose %x permutation [1, 0] : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<0, 3>>
  func.return
}
// CHECK-LABEL: func.func @requantizers
func.func @requantizers(%x : !qint.int<-8, 7>) {
  // CHECK-NEXT: %s = qint.shift %x {shift = 1 : i64, bias = 1 : i64, sign = -1 : i64, tie_parity = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<-4, 4>
  // GENERIC: %s = "qint.shift"(%x) <{shift = 1 : i64, bias = 1 : i64, sign = -1 : i64, tie_parity = 0 : i64}> : (!qint.int<-8, 7>) -> !qint.int<-4, 4>
  %s = qint.shift %x {shift = 1 : i64, bias = 1 : i64, sign = -1 : i64, tie_parity = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<-4, 4>
  // CHECK-NEXT: %m = qint.mul_shift %x {multiplier = dense<[13, -3]> : tensor<2xi8>, bias = 32 : i64, shift = 6 : i64, axis = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<-2, 2>
  // GENERIC: %m = "qint.mul_shift"(%x) <{multiplier = dense<[13, -3]> : tensor<2xi8>, bias = 32 : i64, shift = 6 : i64, axis = 0 : i64}> : (!qint.int<-8, 7>) -> !qint.int<-2, 2>
  %m = qint.mul_shift %x {multiplier = dense<[13, -3]> : tensor<2xi8>, bias = 32 : i64, shift = 6 : i64, axis = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<-2, 2>
  // CHECK-NEXT: %h = qint.threshold %x {thresholds = dense<{{\[\[}}-1, 4{{\]\]}}> : tensor<1x2xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<0, 2>
  // GENERIC: %h = "qint.threshold"(%x) <{thresholds = dense<{{\[\[}}-1, 4{{\]\]}}> : tensor<1x2xi8>, sign = 1 : i64, lo = 0 : i64}> : (!qint.int<-8, 7>) -> !qint.int<0, 2>
  %h = qint.threshold %x {thresholds = dense<[[-1, 4]]> : tensor<1x2xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<-8, 7>) -> !qint.int<0, 2>
  // CHECK-NEXT: %t = qint.table %x {entries = dense<1> : tensor<1x16xi8>, x_lo = -8 : i64} : (!qint.int<-8, 7>) -> !qint.int<0, 3>
  // GENERIC: %t = "qint.table"(%x) <{entries = dense<1> : tensor<1x16xi8>, x_lo = -8 : i64}> : (!qint.int<-8, 7>) -> !qint.int<0, 3>
  %t = qint.table %x {entries = dense<1> : tensor<1x16xi8>, x_lo = -8 : i64} : (!qint.int<-8, 7>) -> !qint.int<0, 3>
  func.return
}
// CHECK-LABEL: func.func @region
func.func @region(%x : tensor<1x2x!qint.int<-9, 9>>) {
  // CHECK-NEXT: %y = qint.requantize %x axis 1 {
  // GENERIC: %y = "qint.requantize"(%x) <{axis = 1 : i64}> ({
  %y = qint.requantize %x axis 1 {
  // CHECK-NEXT: ^bb0(%e: !qint.int<-9, 9> loc(unknown)):
  // GENERIC: ^bb0(%e: !qint.int<-9, 9>):
  ^bb0(%e : !qint.int<-9, 9>):
    // CHECK-NEXT: %q = qint.affine %e {multiplier = 1 : i64, offset = 9 : i64} : (!qint.int<-9, 9>) -> !qint.int<0, 18>
    // GENERIC: %q = "qint.affine"(%e) <{multiplier = 1 : i64, offset = 9 : i64}> : (!qint.int<-9, 9>) -> !qint.int<0, 18>
    %q = qint.affine %e {multiplier = 1 : i64, offset = 9 : i64} : (!qint.int<-9, 9>) -> !qint.int<0, 18>
    // CHECK-NEXT: qint.yield %q : !qint.int<0, 18>
    // GENERIC: "qint.yield"(%q) : (!qint.int<0, 18>) -> ()
    qint.yield %q : !qint.int<0, 18>
  // CHECK-NEXT: } : (tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2x!qint.int<0, 18>>
  // GENERIC: }) : (tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2x!qint.int<0, 18>>
  } : (tensor<1x2x!qint.int<-9, 9>>) -> tensor<1x2x!qint.int<0, 18>>
  func.return
}
// CHECK-LABEL: func.func @source_node
func.func @source_node(%x : !qint.int<0, 1>) {
  // CHECK-NEXT: %y = qint.affine %x {multiplier = 1 : i64, offset = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1> loc("fc1/Quant_0")
  // GENERIC: %y = "qint.affine"(%x) <{multiplier = 1 : i64, offset = 0 : i64}> : (!qint.int<0, 1>) -> !qint.int<0, 1>
  %y = qint.affine %x {multiplier = 1 : i64, offset = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1> loc("fc1/Quant_0")
  func.return
}
