// RUN: xdsl-opt %s | xdsl-opt | filecheck %s
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

// CHECK-LABEL: func.func @core
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [8], lanes = 2> {
  // CHECK-NEXT: %a, %b = stream.duplicate %x : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>)
  %a, %b = stream.duplicate %x : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>)
  // CHECK-NEXT: %c, %d = stream.duplicate
  %c, %d = stream.duplicate %a : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>)
  // CHECK-NEXT: %s = stream.add %b, %c multipliers [3, 1] : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [4], lanes = 2>
  %s = stream.add %b, %c multipliers [3, 1] : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [4], lanes = 2>
  // CHECK-NEXT: %y = stream.concat %s, %d axis 0 : (!stream.channel<!qint.int<0, 12>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [8], lanes = 2>
  %y = stream.concat %s, %d axis 0 : (!stream.channel<!qint.int<0, 12>, frame = [4], lanes = 2>, !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>) -> !stream.channel<!qint.int<0, 12>, frame = [8], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 12>, frame = [8], lanes = 2>
}
