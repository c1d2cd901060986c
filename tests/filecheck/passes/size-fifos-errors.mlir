// RUN: xdsl-opt %s -p size-fifos --verify-diagnostics | filecheck %s

// CHECK: fc1_mvau: takes 4 lanes, its input 0 has 2; run insert-width-adapters before size-fifos
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 4 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1> loc("fc1")
  func.return %y : !stream.channel<!qint.int<0, 12>, frame = [2], lanes = 1>
}
