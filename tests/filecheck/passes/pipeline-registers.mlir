// RUN: xdsl-opt %s -p 'pipeline-registers{mhz=100.0}' --split-input-file | filecheck %s --check-prefix=FAST
// RUN: xdsl-opt %s -p 'pipeline-registers{mhz=12.0 device=ice40-up5k}' --split-input-file | filecheck %s --check-prefix=SLOW

// A product, 72 of which are added: both ends of multipliers, and a level of the tree. None at 12 MHz.
// FAST: %y = stream.mvau %x weights @w pe 1 simd 72 {stream.registers = {operands = 1 : i64, products = 2 : i64, sum = 1 : i64}} :
// SLOW: %y = stream.mvau %x weights @w pe 1 simd 72 :
stream.weights @w dense<127> : tensor<72x2xi8>
func.func @core(%x : !stream.channel<!qint.int<-128, 127>, frame = [72], lanes = 72>) -> !stream.channel<!qint.int<-1170432, 1161288>, frame = [2], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 72 : (!stream.channel<!qint.int<-128, 127>, frame = [72], lanes = 72>) -> !stream.channel<!qint.int<-1170432, 1161288>, frame = [2], lanes = 1>
  func.return %y : !stream.channel<!qint.int<-1170432, 1161288>, frame = [2], lanes = 1>
}

// -----

// Registers of an earlier run are replaced, here by none; processes without cuts are left alone.
// FAST: %a = stream.fifo %x depth 2 :
// FAST-NEXT: %y = stream.pool %a kind "max" :
// SLOW: %a = stream.fifo %x depth 2 :
// SLOW-NEXT: %y = stream.pool %a kind "max" :
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4, 4, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 2> {
  %a = stream.fifo %x depth 2 : (!stream.channel<!qint.int<0, 3>, frame = [4, 4, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 8], lanes = 2>
  %y = stream.pool %a kind "max" {stream.registers = {taps = 3 : i64}} : (!stream.channel<!qint.int<0, 3>, frame = [4, 4, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 2>
  func.return %y : !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2], lanes = 2>
}

// -----

// FAST: %a = arith.constant 1 : i32
// SLOW: %a = arith.constant 1 : i32
%a = arith.constant 1 : i32
