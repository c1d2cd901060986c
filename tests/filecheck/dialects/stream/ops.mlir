// RUN: xdsl-opt %s | xdsl-opt --print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: xdsl-opt %s --print-op-generic --print-debuginfo | xdsl-opt --print-debuginfo | filecheck %s

// CHECK: stream.weights @w dense<{{\[\[}}1, -1], [0, 1{{\]\]}}> : tensor<2x2xi8>
// GENERIC: "stream.weights"() <{sym_name = "w", value = dense<{{\[\[}}1, -1], [0, 1{{\]\]}}> : tensor<2x2xi8>}> : () -> ()
stream.weights @w dense<[[1, -1], [0, 1]]> : tensor<2x2xi8>
// CHECK: stream.weights @g
stream.weights @g dense<[[1, -1]]> : tensor<1x2xi8>
// CHECK-LABEL: func.func @processes
func.func @processes(%x : !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) {
  // CHECK-NEXT: %m = stream.mvau %x weights @w pe 2 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 2>
  // GENERIC: %m = "stream.mvau"(%x) <{weights = @w, pe = 2 : i64, simd = 1 : i64, groups = 1 : i64}> : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 2>
  %m = stream.mvau %x weights @w pe 2 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 2>
  // CHECK-NEXT: %g = stream.mvau %x weights @g pe 1 simd 1 groups 2 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 1>
  // GENERIC: %g = "stream.mvau"(%x) <{weights = @g, pe = 1 : i64, simd = 1 : i64, groups = 2 : i64}> : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 1>
  %g = stream.mvau %x weights @g pe 1 simd 1 groups 2 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 1>
  // CHECK-NEXT: %a = stream.width_adapter %x : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 2>
  // GENERIC: %a = "stream.width_adapter"(%x) : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 2>
  %a = stream.width_adapter %x : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 2>
  // CHECK-NEXT: %f = stream.fifo %x depth 16 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>
  // GENERIC: %f = "stream.fifo"(%x) <{depth = 16 : i64}> : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>
  %f = stream.fifo %x depth 16 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>
  func.return
}
// CHECK-LABEL: func.func @region
func.func @region(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) {
  // CHECK-NEXT: %r = stream.requantize %x {
  // GENERIC: %r = "stream.requantize"(%x) ({
  %r = stream.requantize %x {
  // CHECK-NEXT: ^bb0(%e: !qint.int<0, 3> loc(unknown)):
  // GENERIC: ^bb0(%e: !qint.int<0, 3>):
  ^bb0(%e : !qint.int<0, 3>):
    // CHECK-NEXT: %c = qint.shift %e {shift = 1 : i64, bias = 0 : i64, sign = 1 : i64} : (!qint.int<0, 3>) -> !qint.int<0, 1>
    // GENERIC: %c = "qint.shift"(%e) <{shift = 1 : i64, bias = 0 : i64, sign = 1 : i64}> : (!qint.int<0, 3>) -> !qint.int<0, 1>
    %c = qint.shift %e {shift = 1 : i64, bias = 0 : i64, sign = 1 : i64} : (!qint.int<0, 3>) -> !qint.int<0, 1>
    // CHECK-NEXT: qint.yield %c : !qint.int<0, 1>
    // GENERIC: "qint.yield"(%c) : (!qint.int<0, 1>) -> ()
    qint.yield %c : !qint.int<0, 1>
  // CHECK-NEXT: } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
  // GENERIC: }) : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
  } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 1>
  func.return
}
// CHECK-LABEL: func.func @source_node
func.func @source_node(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) {
  // CHECK-NEXT: %f = stream.fifo %x depth 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1> loc("fc1/MatMul_0")
  // GENERIC: %f = "stream.fifo"(%x) <{depth = 1 : i64}> : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>
  %f = stream.fifo %x depth 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1> loc("fc1/MatMul_0")
  func.return
}
