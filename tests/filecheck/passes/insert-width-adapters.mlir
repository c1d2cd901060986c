// RUN: xdsl-opt %s -p insert-width-adapters --split-input-file --verify-diagnostics | filecheck %s

// CHECK: stream.weights @w dense<1> : tensor<6x1xi8>
stream.weights @w dense<1> : tensor<6x1xi8>
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
// CHECK-NEXT: %x_1 = stream.width_adapter %x : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 6>
// CHECK-NEXT: %x_2 = stream.width_adapter %x_1 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 6>) -> !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 3>
// CHECK-NEXT: %y = stream.mvau %x_2 weights @w pe 1 simd 3 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 3>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 3 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
}

// -----

// CHECK: stream.weights @w dense<1> : tensor<6x1xi8>
stream.weights @w dense<1> : tensor<6x1xi8>
// CHECK-LABEL: func.func @core(%x: !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 3>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
// CHECK-NEXT: %y = stream.mvau %x weights @w pe 1 simd 3 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 3>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 3>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 3 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 3>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
}
