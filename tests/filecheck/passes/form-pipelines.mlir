// RUN: xdsl-opt %s -p form-pipelines --split-input-file | filecheck %s

// One beat holds a window of two channels and four taps: their maximum, a layer, two things side by side.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.pipeline %x {
// CHECK-NEXT: ^bb0(%x_1: tensor<1x4x!qint.int<0, 3>>):
// CHECK-NEXT: %0 = qint.slice %x_1 {starts = array<i64: 0, 0>, ends = array<i64: 1, 2>, steps = array<i64: 1, 1>}
// CHECK-NEXT: %1 = qint.slice %x_1 {starts = array<i64: 0, 2>, ends = array<i64: 1, 4>, steps = array<i64: 1, 1>}
// CHECK-NEXT: %m = stream.maximum %0, %1
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1, 2], [0, 1{{\]\]}}> : tensor<2x2xi8> -> tensor<2x2x!qint.int<0, 2>>
// CHECK-NEXT: %y_1 = qint.matmul %m, %w
// CHECK-NEXT: qint.yield %y_1 : tensor<1x2x!qint.int<0, 9>>
// CHECK-NEXT: }
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 9>, frame = [3, 1, 2], lanes = 2>
stream.weights @w dense<[[1, 2], [0, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [3, 1, 4], lanes = 4>) -> !stream.channel<!qint.int<0, 9>, frame = [3, 1, 2], lanes = 2> {
  %m = stream.pool %x kind "max" simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [3, 1, 4], lanes = 4>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 1, 2], lanes = 2>
  %y = stream.mvau %m weights @w pe 2 simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [3, 1, 2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [3, 1, 2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [3, 1, 2], lanes = 2>
}

// -----

// Depthwise products are a matrix with zeros.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.pipeline %x {
// CHECK-NEXT: ^bb0(%x_1: tensor<1x4x!qint.int<0, 3>>):
// CHECK-NEXT: %d = qint.constant dense<{{\[\[}}1, 0], [0, 2], [3, 0], [0, -1{{\]\]}}> : tensor<4x2xi8> -> tensor<4x2x!qint.int<-1, 3>>
// CHECK-NEXT: %y_1 = qint.matmul %x_1, %d
// CHECK-NEXT: qint.yield %y_1 : tensor<1x2x!qint.int<-3, 12>>
// CHECK-NEXT: }
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<-3, 12>, frame = [2], lanes = 2>
stream.weights @d dense<[[1, 2], [3, -1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<-3, 12>, frame = [2], lanes = 2> {
  %y = stream.vvau %x weights @d simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<-3, 12>, frame = [2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<-3, 12>, frame = [2], lanes = 2>
}

// -----

// What parts and meets again within a stretch is part of it; what is folded stays beside it.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %s = stream.pipeline %x {
// CHECK-NEXT: ^bb0(%x_1: tensor<1x2x!qint.int<0, 3>>):
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1, 2], [0, 1{{\]\]}}> : tensor<2x2xi8> -> tensor<2x2x!qint.int<0, 2>>
// CHECK-NEXT: %h = qint.matmul %x_1, %w
// CHECK-NEXT: %0 = qint.affine %h {multiplier = 1 : i64, offset = 0 : i64}
// CHECK-NEXT: %1 = qint.affine %x_1 {multiplier = 1 : i64, offset = 0 : i64}
// CHECK-NEXT: %s_1 = qint.add %0, %1
// CHECK-NEXT: qint.yield %s_1 : tensor<1x2x!qint.int<0, 12>>
// CHECK-NEXT: }
// CHECK-NEXT: %y = stream.mvau %s weights @w pe 1 simd 2
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 36>, frame = [2], lanes = 1>
stream.weights @w dense<[[1, 2], [0, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 36>, frame = [2], lanes = 1> {
  %a, %b = stream.duplicate %x : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>)
  %h = stream.mvau %a weights @w pe 2 simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>
  %s = stream.add %h, %b multipliers [1, 1] : (!stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 2>
  %y = stream.mvau %s weights @w pe 1 simd 2 : (!stream.channel<!qint.int<0, 12>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 36>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 36>, frame = [2], lanes = 1>
}

// -----

// Nothing multiplies by constants: left alone.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.pool %x kind "max" simd 2
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2> {
  %y = stream.pool %x kind "max" simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 4>) -> !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>
}

// -----

// A style asks for hardware of its own.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.mvau %x weights @w pe 2 simd 2 {stream.style = "pairs"}
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>
stream.weights @w dense<[[1, 2], [0, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2> {
  %y = stream.mvau %x weights @w pe 2 simd 2 {stream.style = "pairs"} : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>
}

// -----

// Rounding as float32 does: with 8 steps it is part of the pipeline, with 17 it is not.
// CHECK-LABEL: func.func @core
// CHECK: stream.pipeline
// CHECK: qint.float_scale
// CHECK: stream.pipeline
// CHECK-NOT: qint.float_scale
// CHECK: stream.requantize
// CHECK: qint.float_scale
stream.weights @w dense<[[1, 2], [0, 1]]> : tensor<2x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>, %y : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> (!stream.channel<!qint.int<0, 8>, frame = [2], lanes = 2>, !stream.channel<!qint.int<0, 17>, frame = [2], lanes = 2>) {
  %a = stream.mvau %x weights @w pe 2 simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>
  %b = stream.requantize %a {
  ^bb0(%e : !qint.int<0, 9>):
    %c = qint.float_scale %e {multiplier = 8388609 : i64, offset = 0 : i64, shift = 23 : i64, zero_point = 0 : i64} : (!qint.int<0, 9>) -> !qint.int<0, 8>
    qint.yield %c : !qint.int<0, 8>
  } : (!stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 8>, frame = [2], lanes = 2>
  %d = stream.mvau %y weights @w pe 2 simd 2 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>
  %f = stream.requantize %d {
  ^bb0(%g : !qint.int<0, 9>):
    %h = qint.float_scale %g {multiplier = 16777214 : i64, offset = 0 : i64, shift = 23 : i64, zero_point = 0 : i64} : (!qint.int<0, 9>) -> !qint.int<0, 17>
    qint.yield %h : !qint.int<0, 17>
  } : (!stream.channel<!qint.int<0, 9>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 17>, frame = [2], lanes = 2>
  func.return %b, %f : !stream.channel<!qint.int<0, 8>, frame = [2], lanes = 2>, !stream.channel<!qint.int<0, 17>, frame = [2], lanes = 2>
}
