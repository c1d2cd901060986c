// RUN: xdsl-opt %s | xdsl-opt | filecheck %s
// RUN: xdsl-opt %s --print-op-generic | xdsl-opt | filecheck %s

// CHECK-LABEL: func.func @joins
func.func @joins(%a : tensor<1x4x!qint.int<0, 3>>, %b : tensor<1x4x!qint.int<-1, 1>>) -> tensor<1x8x!qint.int<-3, 4>> {
  // CHECK-NEXT: %s = qint.add %a, %b : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<-1, 1>>) -> tensor<1x4x!qint.int<-1, 4>>
  %s = qint.add %a, %b : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<-1, 1>>) -> tensor<1x4x!qint.int<-1, 4>>
  // CHECK-NEXT: %p = qint.mul %a, %b : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<-1, 1>>) -> tensor<1x4x!qint.int<-3, 3>>
  %p = qint.mul %a, %b : (tensor<1x4x!qint.int<0, 3>>, tensor<1x4x!qint.int<-1, 1>>) -> tensor<1x4x!qint.int<-3, 3>>
  // CHECK-NEXT: %c = qint.concat %s, %p axis 1 : (tensor<1x4x!qint.int<-1, 4>>, tensor<1x4x!qint.int<-3, 3>>) -> tensor<1x8x!qint.int<-3, 4>>
  %c = qint.concat %s, %p axis 1 : (tensor<1x4x!qint.int<-1, 4>>, tensor<1x4x!qint.int<-3, 3>>) -> tensor<1x8x!qint.int<-3, 4>>
  func.return %c : tensor<1x8x!qint.int<-3, 4>>
}
