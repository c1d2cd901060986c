// RUN: xdsl-opt %s -p 'select-ram-style{max_brams=2}' | filecheck %s

// Each FIFO takes two block memories: the shallow one takes fewest tables in their place.
// CHECK: func.func @core
// CHECK-NEXT: %a = stream.fifo %x depth 200 : (!stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
// CHECK-NEXT: %y = stream.fifo %a depth 100 {stream.ram_style = "distributed"} : (!stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
func.func @core(%x : !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16> {
  %a = stream.fifo %x depth 200 : (!stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
  %y = stream.fifo %a depth 100 : (!stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>) -> !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
  func.return %y : !stream.channel<!qint.int<0, 15>, frame = [3200], lanes = 16>
}
