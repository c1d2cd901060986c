// RUN: xdsl-opt %s -p size-fifos | filecheck %s

// CHECK: stream.weights @w dense<1> : tensor<8x8xi8>
stream.weights @w dense<1> : tensor<8x8xi8>
// CHECK: stream.weights @v dense<1> : tensor<8x2xi8>
stream.weights @v dense<1> : tensor<8x2xi8>
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
// CHECK-NEXT: %a = stream.mvau %x weights @w pe 8 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>
// CHECK-NEXT: %n = stream.width_adapter %a : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>
// CHECK-NEXT: %y = stream.mvau %n weights @v pe 1 simd 1 : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1> {
  %a = stream.mvau %x weights @w pe 8 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>
  %n = stream.width_adapter %a : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 8>) -> !stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>
  %y = stream.mvau %n weights @v pe 1 simd 1 : (!stream.channel<!qint.int<0, 24>, frame = [8], lanes = 1>) -> !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 192>, frame = [2], lanes = 1>
}
