// RUN: xdsl-opt %s -p "select-folding{target-cycles=4}" --split-input-file --verify-diagnostics | filecheck %s

// CHECK: stream.weights @w dense<1> : tensor<16x8xi8>
stream.weights @w dense<1> : tensor<16x8xi8>
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 8>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 4>
// CHECK-NEXT: %a = stream.mvau %x weights @w pe 4 simd 8 : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 8>) -> !stream.channel<!qint.int<0, 48>, frame = [8], lanes = 4>
// CHECK-NEXT: %y = stream.requantize %a {
// CHECK-NEXT: ^bb0(%e: !qint.int<0, 48>):
// CHECK-NEXT: %c = qint.shift %e {shift = 6 : i64, bias = 32 : i64, sign = 1 : i64} : (!qint.int<0, 48>) -> !qint.int<0, 1>
// CHECK-NEXT: qint.yield %c : !qint.int<0, 1>
// CHECK-NEXT: } : (!stream.channel<!qint.int<0, 48>, frame = [8], lanes = 4>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 4>
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 4>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [16], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 1> {
  %a = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 1>) -> !stream.channel<!qint.int<0, 48>, frame = [8], lanes = 1>
  %y = stream.requantize %a {
  ^bb0(%e : !qint.int<0, 48>):
    %c = qint.shift %e {shift = 6 : i64, bias = 32 : i64, sign = 1 : i64} : (!qint.int<0, 48>) -> !qint.int<0, 1>
    qint.yield %c : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<0, 48>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 1>, frame = [8], lanes = 1>
}

// -----

// CHECK-LABEL: func.func @core(%x: tensor<1x!qint.int<0, 3>>) -> tensor<1x!qint.int<0, 3>>
// CHECK-NEXT: func.return %x : tensor<1x!qint.int<0, 3>>
func.func @core(%x : tensor<1x!qint.int<0, 3>>) -> tensor<1x!qint.int<0, 3>> {
  func.return %x : tensor<1x!qint.int<0, 3>>
}
