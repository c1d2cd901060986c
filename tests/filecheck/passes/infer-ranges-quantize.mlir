// RUN: xdsl-opt %s -p infer-ranges | filecheck %s

// What a Clip lets through bounds a quantizer's codes; a tie may go either way.
func.func @clipped(%x : tensor<1x4xf32>) -> tensor<1x4x!qint.int<-128, 127>> {
  %c = nn.clip %x {lo = -1.0 : f32, hi = 2.0 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %q = qint.quantize %c {scale = 0.25 : f32, zero_point = 3 : i64, rounding = "half_even"} : (tensor<1x4xf32>) -> tensor<1x4x!qint.int<-128, 127>>
  func.return %q : tensor<1x4x!qint.int<-128, 127>>
}

func.func @tie(%x : tensor<1x4xf32>) -> tensor<1x4x!qint.int<-128, 127>> {
  %c = nn.clip %x {lo = -2.5 : f32, hi = 2.5 : f32} : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %q = qint.quantize %c {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x4xf32>) -> tensor<1x4x!qint.int<-128, 127>>
  func.return %q : tensor<1x4x!qint.int<-128, 127>>
}

func.func @positive(%x : tensor<1x4xf32>) -> tensor<1x4x!qint.int<-8, 7>> {
  %c = nn.relu %x : (tensor<1x4xf32>) -> tensor<1x4xf32>
  %q = qint.quantize %c {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x4xf32>) -> tensor<1x4x!qint.int<-8, 7>>
  func.return %q : tensor<1x4x!qint.int<-8, 7>>
}

// CHECK-LABEL: @clipped
// CHECK: qint.quantize {{.*}} -> tensor<1x4x!qint.int<-1, 11>>
// CHECK-LABEL: @tie
// CHECK: qint.quantize {{.*}} -> tensor<1x4x!qint.int<-3, 3>>
// CHECK-LABEL: @positive
// CHECK: qint.quantize {{.*}} -> tensor<1x4x!qint.int<0, 7>>
