// RUN: xdsl-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s --match-full-lines

// CHECK: input tensor<1x2x!qint.int<0, 1>> and result tensor<2x!qint.int<0, 1>> differ in shape
func.func @shapes_differ(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.requantize %x axis 1 {
  ^bb0(%e : !qint.int<0, 1>):
    qint.yield %e : !qint.int<0, 1>
  } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: axis must be in [0, 1], got 2
func.func @axis_above(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.requantize %x axis 2 {
  ^bb0(%e : !qint.int<0, 1>):
    qint.yield %e : !qint.int<0, 1>
  } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: axis must be in [0, 1], got -1
func.func @axis_below(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.requantize %x axis -1 {
  ^bb0(%e : !qint.int<0, 1>):
    qint.yield %e : !qint.int<0, 1>
  } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: body must take one !qint.int<0, 1>
func.func @body_takes_another_type(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.requantize %x axis 1 {
  ^bb0(%e : !qint.int<0, 3>):
    qint.yield %e : !qint.int<0, 3>
  } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>>
  func.return
}

// -----

// CHECK: body must end with qint.yield
func.func @body_without_yield(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.requantize %x axis 1 {
  ^bb0(%e : !qint.int<0, 1>):
    "test.termop"() : () -> ()
  } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: body must yield !qint.int<0, 3>, got !qint.int<0, 1>
func.func @body_yields_another_type(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.requantize %x axis 1 {
  ^bb0(%e : !qint.int<0, 1>):
    qint.yield %e : !qint.int<0, 1>
  } : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 3>>
  func.return
}

// -----

// CHECK: input tensor<1x2x!qint.int<0, 1>> and result tensor<2x!qint.int<0, 1>> differ in shape
func.func @form_shapes_differ(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.shift %x {shift = 0 : i64, bias = 0 : i64, sign = 1 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: bias has 3 values, but axis 1 of the tensor has extent 2
func.func @form_rows(%x : tensor<1x2x!qint.int<0, 1>>) {
  %y = qint.shift %x {shift = 0 : i64, bias = dense<0> : tensor<3xi8>, sign = 1 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 1>>) -> tensor<1x2x!qint.int<0, 1>>
  func.return
}

// -----

// CHECK: tie_parity must be 0 or 1, got 2
func.func @tie_parity_above(%x : !qint.int<0, 1>) {
  %y = qint.shift %x {shift = 0 : i64, bias = 0 : i64, sign = 1 : i64, tie_parity = 2 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: tie_parity must be 0 or 1, got -1
func.func @tie_parity_negative(%x : !qint.int<0, 1>) {
  %y = qint.mul_shift %x {multiplier = 1 : i64, bias = 0 : i64, shift = 0 : i64, tie_parity = -1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: tie_width must be at least 0 and below the shift, beside tie_parity, got 3
func.func @tie_width_above(%x : !qint.int<0, 1>) {
  %y = qint.mul_shift %x {multiplier = 1 : i64, bias = 0 : i64, shift = 3 : i64, tie_parity = 0 : i64, tie_width = 3 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: tie_width must be at least 0 and below the shift, beside tie_parity, got -1
func.func @tie_width_negative(%x : !qint.int<0, 1>) {
  %y = qint.shift %x {shift = 3 : i64, bias = 0 : i64, sign = 1 : i64, tie_parity = 0 : i64, tie_width = -1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: tie_width must be at least 0 and below the shift, beside tie_parity, got 1
func.func @tie_width_alone(%x : !qint.int<0, 1>) {
  %y = qint.shift %x {shift = 3 : i64, bias = 0 : i64, sign = 1 : i64, tie_width = 1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: sign must be 1 or -1, got [0]
func.func @sign_of_shift(%x : !qint.int<0, 1>) {
  %y = qint.shift %x {shift = 0 : i64, bias = 0 : i64, sign = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: shift must be at most 192 in magnitude, got 193
func.func @shift_above(%x : !qint.int<0, 1>) {
  %y = qint.shift %x {shift = 193 : i64, bias = 0 : i64, sign = 1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: shift must be at most 192 in magnitude, got -193
func.func @shift_below(%x : !qint.int<0, 1>) {
  %y = qint.shift %x {shift = -193 : i64, bias = 0 : i64, sign = 1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: shifted input and bias need 198 bits, at most 192 allowed
func.func @left_shift_needs_too_many_bits(%x : !qint.int<0, 255>) {
  %y = qint.shift %x {shift = -190 : i64, bias = 0 : i64, sign = 1 : i64} : (!qint.int<0, 255>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: shift must be in [0, 192], got 193
func.func @mul_shift_above(%x : !qint.int<0, 1>) {
  %y = qint.mul_shift %x {multiplier = 1 : i64, bias = 0 : i64, shift = 193 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: shift must be in [0, 192], got -1
func.func @mul_shift_below(%x : !qint.int<0, 1>) {
  %y = qint.mul_shift %x {multiplier = 1 : i64, bias = 0 : i64, shift = -1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: product and bias need 222 bits, at most 192 allowed
func.func @product_needs_too_many_bits(%x : !qint.int<0, 4294967295>) {
  %y = qint.mul_shift %x {multiplier = 1569275433846670190958947355801916604025588861116008628224 : i256, bias = 0 : i64, shift = 0 : i64} : (!qint.int<0, 4294967295>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: thresholds must be a matrix, got tensor<1xi8>
func.func @thresholds_are_a_vector(%x : !qint.int<0, 1>) {
  %y = qint.threshold %x {thresholds = dense<1> : tensor<1xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: thresholds of a channel must not decrease
func.func @thresholds_decrease(%x : !qint.int<0, 3>) {
  %y = qint.threshold %x {thresholds = dense<[[2, 1]]> : tensor<1x2xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<0, 3>) -> !qint.int<0, 2>
  func.return
}

// -----

// CHECK: sign must be 1 or -1, got [-2]
func.func @sign_of_threshold(%x : !qint.int<0, 1>) {
  %y = qint.threshold %x {thresholds = dense<1> : tensor<1x1xi8>, sign = -2 : i64, lo = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: codes 0 to 2 exceed the range of !qint.int<0, 1>
func.func @codes_above(%x : !qint.int<0, 1>) {
  %y = qint.threshold %x {thresholds = dense<1> : tensor<1x2xi8>, sign = 1 : i64, lo = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: codes -1 to 0 exceed the range of !qint.int<0, 1>
func.func @codes_below(%x : !qint.int<0, 1>) {
  %y = qint.threshold %x {thresholds = dense<1> : tensor<1x1xi8>, sign = 1 : i64, lo = -1 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: entries must be a matrix, not empty, got tensor<2xi8>
func.func @entries_are_a_vector(%x : !qint.int<0, 1>) {
  %y = qint.table %x {entries = dense<1> : tensor<2xi8>, x_lo = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: entries cover 0 to 2, but the input is !qint.int<0, 3>
func.func @entries_end_early(%x : !qint.int<0, 3>) {
  %y = qint.table %x {entries = dense<1> : tensor<1x3xi8>, x_lo = 0 : i64} : (!qint.int<0, 3>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: entries cover 0 to 2, but the input is !qint.int<-1, 1>
func.func @entries_start_late(%x : !qint.int<-1, 1>) {
  %y = qint.table %x {entries = dense<1> : tensor<1x3xi8>, x_lo = 0 : i64} : (!qint.int<-1, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: entries exceed the range of !qint.int<0, 1>
func.func @entries_exceed_the_range(%x : !qint.int<0, 1>) {
  %y = qint.table %x {entries = dense<[[0, -1]]> : tensor<1x2xi8>, x_lo = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}

// -----

// CHECK: entries must be a matrix, not empty, got tensor<1x0xi8>
func.func @entries_are_missing(%x : !qint.int<0, 1>) {
  %y = qint.table %x {entries = dense<> : tensor<1x0xi8>, x_lo = 0 : i64} : (!qint.int<0, 1>) -> !qint.int<0, 1>
  func.return
}
