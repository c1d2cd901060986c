// RUN: xdsl-opt %s -p fold-batchnorm --split-input-file --verify-diagnostics | filecheck %s

// CHECK-LABEL: func.func @an_irrational_deviation_stays_a_root(%x: tensor<1x1x2xf32>) -> tensor<1x1x2xf32>
// CHECK-NEXT: %y = nn.constant dense<-2.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_1 = nn.constant dense<5.000000e-01> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_2 = nn.constant dense<5.000000e-01> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_3 = nn.constant dense<2.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_4 = nn.sqrt %y_3 : (tensor<f32>) -> tensor<f32>
// CHECK-NEXT: %y_5 = nn.sub %x, %y_2 : (tensor<1x1x2xf32>, tensor<f32>) -> tensor<1x1x2xf32>
// CHECK-NEXT: %y_6 = nn.mul %y_5, %y : (tensor<1x1x2xf32>, tensor<f32>) -> tensor<1x1x2xf32>
// CHECK-NEXT: %y_7 = nn.div %y_6, %y_4 : (tensor<1x1x2xf32>, tensor<f32>) -> tensor<1x1x2xf32>
// CHECK-NEXT: %y_8 = nn.add %y_7, %y_1 : (tensor<1x1x2xf32>, tensor<f32>) -> tensor<1x1x2xf32>
// CHECK-NEXT: func.return %y_8 : tensor<1x1x2xf32>
func.func @an_irrational_deviation_stays_a_root(%x : tensor<1x1x2xf32>) -> tensor<1x1x2xf32> {
  %s = nn.constant dense<[-2.0]> : tensor<1xf32> -> tensor<1xf32>
  %b = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %v = nn.constant dense<[2.0]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.batch_norm %x, %s, %b, %b, %v epsilon 0.0 : (tensor<1x1x2xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1x2xf32>
  func.return %y : tensor<1x1x2xf32>
}
// CHECK-LABEL: func.func @parameters_that_are_not_constant(%x: tensor<1x1xf32>, %v: tensor<1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT: %s = nn.constant dense<-2.000000e+00> : tensor<1xf32> -> tensor<1xf32>
// CHECK-NEXT: %y = nn.batch_norm %x, %s, %s, %s, %v epsilon 0.000000e+00 : (tensor<1x1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y : tensor<1x1xf32>
func.func @parameters_that_are_not_constant(%x : tensor<1x1xf32>, %v : tensor<1xf32>) -> tensor<1x1xf32> {
  %s = nn.constant dense<[-2.0]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.batch_norm %x, %s, %s, %s, %v epsilon 0.0 : (tensor<1x1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}

// -----

// CHECK-LABEL: func.func @onnxruntime_multiplies_and_adds(%x: tensor<1x1xf32>) -> tensor<1x1xf32>
// CHECK-NEXT: %y = nn.constant dense<1.500000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_1 = nn.mul %x, %y : (tensor<1x1xf32>, tensor<f32>) -> tensor<1x1xf32>
// CHECK-NEXT: %y_2 = nn.constant dense<-1.000000e+00> : tensor<f32> -> tensor<f32>
// CHECK-NEXT: %y_3 = nn.add %y_1, %y_2 : (tensor<1x1xf32>, tensor<f32>) -> tensor<1x1xf32>
// CHECK-NEXT: func.return %y_3 : tensor<1x1xf32>
builtin.module attributes {qint.numerics = "onnxruntime"} {
func.func @onnxruntime_multiplies_and_adds(%x : tensor<1x1xf32>) -> tensor<1x1xf32> {
  %s = nn.constant dense<[3.0]> : tensor<1xf32> -> tensor<1xf32>
  %b = nn.constant dense<[0.5]> : tensor<1xf32> -> tensor<1xf32>
  %m = nn.constant dense<[1.0]> : tensor<1xf32> -> tensor<1xf32>
  %v = nn.constant dense<[4.0]> : tensor<1xf32> -> tensor<1xf32>
  %y = nn.batch_norm %x, %s, %b, %m, %v epsilon 0.0 : (tensor<1x1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
}
