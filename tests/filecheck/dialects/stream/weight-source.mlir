// RUN: xdsl-opt %s | xdsl-opt --print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

stream.weights @w dense<[[1, -1], [0, 1]]> : tensor<2x2xi8>
// CHECK-LABEL: func.func @sources
func.func @sources(%x : !stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>) {
  // CHECK-NEXT: %v = stream.weight_source @w "external" : !stream.channel<!qint.int<-1, 1>, frame = [3, 4], lanes = 2>
  // GENERIC: %v = "stream.weight_source"() <{weights = @w, place = "external", bus = 64 : i64}> : () -> !stream.channel<!qint.int<-1, 1>, frame = [3, 4], lanes = 2>
  %v = stream.weight_source @w "external" : !stream.channel<!qint.int<-1, 1>, frame = [3, 4], lanes = 2>
  // CHECK-NEXT: %y = stream.mvau %x weights @w from %v pe 2 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>, !stream.channel<!qint.int<-1, 1>, frame = [3, 4], lanes = 2>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 2>
  // GENERIC: %y = "stream.mvau"(%x, %v) <{weights = @w, pe = 2 : i64, simd = 1 : i64, groups = 1 : i64}> : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>, !stream.channel<!qint.int<-1, 1>, frame = [3, 4], lanes = 2>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 2>
  %y = stream.mvau %x weights @w from %v pe 2 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [3, 2], lanes = 1>, !stream.channel<!qint.int<-1, 1>, frame = [3, 4], lanes = 2>) -> !stream.channel<!qint.int<-3, 3>, frame = [3, 2], lanes = 2>
  // CHECK-NEXT: %u = stream.weight_source @w "writable" bus 32 : !stream.channel<!qint.int<-8, 7>, frame = [1, 4], lanes = 1>
  %u = stream.weight_source @w "writable" bus 32 : !stream.channel<!qint.int<-8, 7>, frame = [1, 4], lanes = 1>
  func.return
}
