// RUN: xdsl-opt %s -p "select-requantizer{form=shift}" --verify-diagnostics | filecheck %s
// RUN: xdsl-opt %s -p "select-requantizer{form=line}" --verify-diagnostics | filecheck %s --check-prefix=FORM

// Every function without a feasible form is named, not only the first.
// CHECK: fc1 (qint.requantize): no requantizer is feasible (shift: the switch points are no power of two apart
// CHECK-NEXT: fc2 (qint.requantize): no requantizer is feasible (shift: the function is not monotone); allow another form; leave --requantizer out
// FORM: select-requantizer: form must be auto or one of shift, mul_shift, float_scale, threshold, table, got line; choose one of them
func.func @no_power_of_two(%a : tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<-128, 127>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-5000, 5000>):
    %x = qint.dequantize %e {scale = 0.03 : f32, zero_point = 0 : i64} : (!qint.int<-5000, 5000>) -> f32
    %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<-128, 127>
    qint.yield %q : !qint.int<-128, 127>
  } : (tensor<1x1x!qint.int<-5000, 5000>>) -> tensor<1x1x!qint.int<-128, 127>> loc("fc1")
  func.return %y : tensor<1x1x!qint.int<-128, 127>>
}
func.func @not_monotone(%a : tensor<1x1x!qint.int<-2, 2>>) -> tensor<1x1x!qint.int<0, 4>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-2, 2>):
    %x = qint.dequantize %e {scale = 1.0 : f32, zero_point = 0 : i64} : (!qint.int<-2, 2>) -> f32
    %s = nn.mul %x, %x : (f32, f32) -> f32
    %q = qint.quantize %s {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<0, 4>
    qint.yield %q : !qint.int<0, 4>
  } : (tensor<1x1x!qint.int<-2, 2>>) -> tensor<1x1x!qint.int<0, 4>> loc("fc2")
  func.return %y : tensor<1x1x!qint.int<0, 4>>
}
