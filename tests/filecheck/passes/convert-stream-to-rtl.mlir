// RUN: xdsl-opt %s -p convert-stream-to-rtl --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @main(%x: tensor<1xf32>) -> tensor<1xf32>
// CHECK-NEXT: func.return %x : tensor<1xf32>
func.func @main(%x : tensor<1xf32>) -> tensor<1xf32> {
  func.return %x : tensor<1xf32>
}

// -----

// CHECK: y_mvau: takes 3 lanes, but its channel has 2; run insert-width-adapters first
stream.weights @w dense<1> : tensor<6x1xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 3 : (!stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 18>, frame = [1], lanes = 1>
}

// -----

// CHECK: core: it has no process; compile a network with a layer
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2> {
  func.return %x : !stream.channel<!qint.int<0, 3>, frame = [6], lanes = 2>
}

// -----

// One module for each process, the register slice that they share, and the top.
// CHECK: hw.module @network_register_slice_w2(
// CHECK: hw.module @network_y_fifo(in %ap_clk: !seq.clock, in %ap_rst_n: i1, in %in_data: i2, in %in_valid: i1, in %out_ready: i1, out in_ready: i1, out out_data: i2, out out_valid: i1)
// CHECK: hw.module @network(in %ap_clk: !seq.clock, in %ap_rst_n: i1, in %s_axis_0_tdata: i8, in %s_axis_0_tvalid: i1, in %s_axis_0_tlast: i1, in %m_axis_0_tready: i1, out s_axis_0_tready: i1, out m_axis_0_tdata: i8, out m_axis_0_tvalid: i1, out m_axis_0_tlast: i1)
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1> {
  %y = stream.fifo %x depth 2 : (!stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
}
