// RUN: xdsl-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s --match-full-lines

// CHECK: frame must have positive extents, got ()
func.func @frame_empty(%x : !stream.channel<!qint.int<0, 1>, frame = [], lanes = 1>) {
  func.return
}

// -----

// CHECK: frame must have positive extents, got (0, 2)
func.func @extent_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [0, 2], lanes = 1>) {
  func.return
}

// -----

// CHECK: frame must have positive extents, got (-1,)
func.func @extent_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [-1], lanes = 1>) {
  func.return
}

// -----

// CHECK: lanes must divide the 2 channels of a frame, got 0
func.func @lanes_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [2], lanes = 0>) {
  func.return
}

// -----

// CHECK: lanes must divide the 2 channels of a frame, got -1
func.func @lanes_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [2], lanes = -1>) {
  func.return
}

// -----

// CHECK: lanes must divide the 4 channels of a frame, got 3
func.func @lanes_do_not_divide(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 3>) {
  func.return
}

// -----

// CHECK: weights must be a matrix, got tensor<2xi8>
stream.weights @vector dense<1> : tensor<2xi8>

// -----

// CHECK: pe must divide 2, got 3; legal: [1, 2]
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @pe_does_not_divide(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 3 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: pe must divide 2, got 0; legal: [1, 2]
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @pe_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 0 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: simd must divide 4, got -1; legal: [1, 2, 4]
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @simd_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd -1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: output must have pe = 1 lanes, got !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 2>
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @lanes_are_not_pe(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 2>
  func.return
}

// -----

// CHECK: weights @w not found
func.func @weights_missing(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: weights must have shape [4, 2], got tensor<2x4xi8>
stream.weights @w dense<1> : tensor<2x4xi8>
func.func @weights_transposed(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: input has vectors [3] and result []; must be equal
stream.weights @w dense<1> : tensor<4x2xi8>
func.func @vectors_differ(%x : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 1>) -> !stream.channel<!qint.int<0, 4>, frame = [2], lanes = 1>
  func.return
}

// -----

// CHECK: input !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1> and result !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 2> must differ in element only
func.func @requantize_lanes(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.requantize %x {
  ^bb0(%e : !qint.int<0, 1>):
    qint.yield %e : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 2>
  func.return
}

// -----

// CHECK: body must yield !qint.int<0, 3>, got !qint.int<0, 1>
func.func @requantize_body(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.requantize %x {
  ^bb0(%e : !qint.int<0, 1>):
    qint.yield %e : !qint.int<0, 1>
  } : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 1>
  func.return
}

// -----

// CHECK: input !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1> and result !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2> must differ in lanes only
func.func @adapter_changes_elements(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.width_adapter %x : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [4], lanes = 2>
  func.return
}

// -----

// CHECK: lanes 3 must be a multiple of, and differ from, lanes 2
func.func @adapter_ratio(%x : !stream.channel<!qint.int<0, 1>, frame = [6], lanes = 2>) {
  %y = stream.width_adapter %x : (!stream.channel<!qint.int<0, 1>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [6], lanes = 3>
  func.return
}

// -----

// CHECK: lanes 2 must be a multiple of, and differ from, lanes 2
func.func @adapter_without_effect(%x : !stream.channel<!qint.int<0, 1>, frame = [6], lanes = 2>) {
  %y = stream.width_adapter %x : (!stream.channel<!qint.int<0, 1>, frame = [6], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [6], lanes = 2>
  func.return
}

// -----

// CHECK: depth must be positive, got 0
func.func @depth_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.fifo %x depth 0 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>
  func.return
}

// -----

// CHECK: depth must be positive, got -1
func.func @depth_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.fifo %x depth -1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>
  func.return
}

// -----

// CHECK: input !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1> and result !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 2> must be equal
func.func @fifo_changes_lanes(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.fifo %x depth 1 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 2>
  func.return
}

// -----

// CHECK: groups must divide 4 inputs and 6 outputs, got 0
stream.weights @w dense<1> : tensor<2x6xi8>
func.func @groups_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 groups 0 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 1>
  func.return
}

// -----

// CHECK: groups must divide 4 inputs and 6 outputs, got -2
stream.weights @w dense<1> : tensor<2x6xi8>
func.func @groups_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 groups -2 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 1>
  func.return
}

// -----

// CHECK: groups must divide 4 inputs and 6 outputs, got 4
stream.weights @w dense<1> : tensor<2x6xi8>
func.func @groups_of_outputs(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 groups 4 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 1>
  func.return
}

// -----

// CHECK: groups must divide 4 inputs and 6 outputs, got 3
stream.weights @w dense<1> : tensor<2x6xi8>
func.func @groups_of_inputs(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 groups 3 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 1>
  func.return
}

// -----

// CHECK: pe must divide 3, got 2; legal: [1, 3]
stream.weights @w dense<1> : tensor<2x6xi8>
func.func @pe_beyond_a_group(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 2 simd 1 groups 2 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 2>
  func.return
}

// -----

// CHECK: simd must divide 2, got 4; legal: [1, 2]
stream.weights @w dense<1> : tensor<2x6xi8>
func.func @simd_beyond_a_group(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 4 groups 2 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 1>
  func.return
}

// -----

// CHECK: weights must have shape [2, 6], got tensor<4x6xi8>
stream.weights @w dense<1> : tensor<4x6xi8>
func.func @weights_of_one_group(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.mvau %x weights @w pe 1 simd 1 groups 2 : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 2>, frame = [6], lanes = 1>
  func.return
}

// -----

// CHECK: groups must divide 4 channels, got 0
func.func @window_groups_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 0 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  func.return
}

// -----

// CHECK: groups must divide 4 channels, got 3
func.func @window_groups_not_dividing(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 3 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  func.return
}

// -----

// CHECK: groups must divide 4 channels, got -1
func.func @window_groups_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = -1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  func.return
}

// -----

// CHECK: result must have channels of one tap or of a block of taps as lanes, got 6; legal: [1, 2, 4, 12]
func.func @window_lanes_are_no_block(%x : !stream.channel<!qint.int<0, 1>, frame = [3, 3, 2], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 3, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 3, 2], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 12], lanes = 6>
  func.return
}

// -----

// CHECK: result must have frame [1, 2, 16], got !stream.channel<!qint.int<0, 1>, frame = [1, 3, 16], lanes = 2>
func.func @window_frame(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 3, 16], lanes = 2>
  func.return
}

// -----

// CHECK: frame must be [H, W, C], got !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>
func.func @window_rank(%x : !stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  func.return
}

// -----

// CHECK: sends 1 groups, but stream.pool takes 2
func.func @window_of_other_groups(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  %y = stream.pool %w kind "max" : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 4], lanes = 2>
  func.return
}

// -----

// CHECK: sends 1 groups, but stream.mvau takes 2
stream.weights @w dense<1> : tensor<8x4xi8>
func.func @window_of_one_group(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  %y = stream.mvau %w weights @w pe 1 simd 2 groups 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>) -> !stream.channel<!qint.int<0, 8>, frame = [1, 2, 4], lanes = 1>
  func.return
}

// -----

// CHECK: simd must divide 4, got 0; legal: [1, 2, 4]
func.func @taps_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) {
  %y = stream.pool %x kind "max" simd 0 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
  func.return
}

// -----

// CHECK: simd must divide 4, got -1; legal: [1, 2, 4]
func.func @taps_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) {
  %y = stream.pool %x kind "max" simd -1 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
  func.return
}

// -----

// CHECK: simd must divide 4, got 3; legal: [1, 2, 4]
func.func @taps_not_dividing(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) {
  %y = stream.pool %x kind "max" simd 3 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 2], lanes = 1>
  func.return
}

// -----

// CHECK: weights must have shape [4, 2], got tensor<2x4xi8>
stream.weights @w dense<1> : tensor<2x4xi8>
func.func @vvau_weights_transposed(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) {
  %y = stream.vvau %x weights @w simd 2 : (!stream.channel<!qint.int<0, 1>, frame = [1, 2, 8], lanes = 2>) -> !stream.channel<!qint.int<0, 4>, frame = [1, 2, 2], lanes = 1>
  func.return
}

// -----

// CHECK: input !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1> and result !stream.channel<!qint.int<0, 1>, frame = [2, 1], lanes = 1> must hold the same elements
func.func @reshape_elements(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.reshape %x : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 1>, frame = [2, 1], lanes = 1>
  func.return
}

// -----

// CHECK: input !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1> and result !stream.channel<!qint.int<0, 3>, frame = [2, 2], lanes = 1> must hold the same elements
func.func @reshape_range(%x : !stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) {
  %y = stream.reshape %x : (!stream.channel<!qint.int<0, 1>, frame = [4], lanes = 1>) -> !stream.channel<!qint.int<0, 3>, frame = [2, 2], lanes = 1>
  func.return
}

// -----

// CHECK: buffer_rows must be at least 3, got 2
func.func @buffer_rows_few(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64, buffer_rows = 2 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  func.return
}

// -----

// CHECK: buffer_rows must be at least 3, got -1
func.func @buffer_rows_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) {
  %w = stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, dilations = array<i64: 1, 1>, pads_begin = array<i64: 0, 0>, pads_end = array<i64: 0, 0>, pad_value = 0 : i64, groups = 1 : i64, buffer_rows = -1 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [2, 3, 4], lanes = 2>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 16], lanes = 2>
  func.return
}

// -----

// CHECK: kernel must be positive, got -1
func.func @line_kernel_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) {
  %y = stream.line_window %x {kernel = -1 : i64, stride = 1 : i64, dilation = 1 : i64, pad = 0 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 12], lanes = 12>
  func.return
}

// -----

// CHECK: stride must divide the 4 pixels of a beat, got 3
func.func @line_stride_not_dividing(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) {
  %y = stream.line_window %x {kernel = 3 : i64, stride = 3 : i64, dilation = 1 : i64, pad = 0 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 12], lanes = 12>
  func.return
}

// -----

// CHECK: pad must not be negative, got -1
func.func @line_pad_negative(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) {
  %y = stream.line_window %x {kernel = 3 : i64, stride = 1 : i64, dilation = 1 : i64, pad = -1 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 12], lanes = 12>
  func.return
}

// -----

// CHECK: result must have frame [1, 2, 12] and 12 lanes, got !stream.channel<!qint.int<0, 1>, frame = [1, 2, 10], lanes = 10>
func.func @line_of_another_span(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) {
  %y = stream.line_window %x {kernel = 3 : i64, stride = 1 : i64, dilation = 1 : i64, pad = 1 : i64, pad_value = 0 : i64} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 8>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 2, 10], lanes = 10>
  func.return
}

// -----

// CHECK: lanes beyond the 2 channels of a frame must be those of a part of its 8 pixels, got 5
func.func @pixels_in_part(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 5>) {
  func.return
}

// -----

// CHECK: lanes beyond the 2 channels of a frame must be those of a part of its 8 pixels, got 6
func.func @pixels_that_do_not_divide(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 6>) {
  func.return
}

// -----

// CHECK: takes no beats of 2 pixels, got !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>
func.func @pixels_of_others(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) {
  %y = stream.add %x, %x multipliers [1, 1] : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>, !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) -> !stream.channel<!qint.int<0, 2>, frame = [1, 8, 2], lanes = 4>
  func.return
}

// -----

// CHECK: views must be a positive step, number of blocks and skip for each of 1 inputs, got [1, 1]
func.func @views_in_part(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 1>>):
    qint.yield %e : tensor<1x2x!qint.int<0, 1>>
  } {copies = 2 : i64, views = array<i64: 1, 1>} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>
  func.return
}

// -----

// CHECK: blocks must divide 2 elements, got 3
func.func @views_of_uneven_blocks(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 1>>):
    qint.yield %e : tensor<1x2x!qint.int<0, 1>>
  } {copies = 2 : i64, views = array<i64: 2, 3, 1>} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>
  func.return
}

// -----

// CHECK: copies must be positive, got 0
func.func @copies_zero(%x : !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 1>>):
    qint.yield %e : tensor<1x2x!qint.int<0, 1>>
  } {copies = 0 : i64, views = array<i64: 2, 1, 1>} : (!stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>) -> !stream.channel<!qint.int<0, 1>, frame = [1, 8, 2], lanes = 4>
  func.return
}
