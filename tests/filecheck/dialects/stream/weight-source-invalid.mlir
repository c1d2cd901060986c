// RUN: xdsl-opt %s --verify-diagnostics --split-input-file | filecheck %s

// CHECK: place must be external or writable, got internal
stream.weights @w dense<1> : tensor<2x2xi8>
func.func @place() {
  %v = stream.weight_source @w "internal" : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>
  func.return
}

// -----

// CHECK: bus must have 32, 64, 128, 256 or 512 bits, got 48
stream.weights @w dense<1> : tensor<2x2xi8>
func.func @bus() {
  %v = stream.weight_source @w "external" bus 48 : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>
  func.return
}

// -----

// CHECK: must bring frames of [uses, weights], got !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 2>
stream.weights @w dense<1> : tensor<2x2xi8>
func.func @frame() {
  %v = stream.weight_source @w "external" : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 2>
  func.return
}

// -----

// CHECK: weights must go to a unit that multiplies by them
stream.weights @w dense<1> : tensor<2x2xi8>
func.func @reader() -> !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2> {
  %v = stream.weight_source @w "external" : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>
  func.return %v : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>
}

// -----

// CHECK: weights must come as [1, 4] (uses, weights), got !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 1>
stream.weights @w dense<1> : tensor<2x2xi8>
func.func @uses(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) {
  %v = stream.weight_source @w "external" : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 1>
  %y = stream.mvau %x weights @w from %v pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>, !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 1>) -> !stream.channel<!qint.int<0, 6>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: weights lie in [1, 1], beyond what comes, !stream.channel<!qint.int<-1, 0>, frame = [1, 4], lanes = 1>
stream.weights @w dense<1> : tensor<2x2xi8>
func.func @range(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) {
  %v = stream.weight_source @w "external" : !stream.channel<!qint.int<-1, 0>, frame = [1, 4], lanes = 1>
  %y = stream.mvau %x weights @w from %v pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>, !stream.channel<!qint.int<-1, 0>, frame = [1, 4], lanes = 1>) -> !stream.channel<!qint.int<0, 6>, frame = [2], lanes = 1>
  func.return
}
