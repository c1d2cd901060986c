// RUN: xdsl-opt %s -p place-weights{places=external} --split-input-file | filecheck %s --check-prefix=EXTERNAL
// RUN: xdsl-opt %s -p 'place-weights{places="a=writable:-4:3"}' | filecheck %s

// Two products of the same weights: only one has them elsewhere.
// CHECK-LABEL: func.func @shared
// CHECK-NEXT: %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
// CHECK-NEXT: %w_1 = qint.constant {qint.place = "writable"} dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-4, 3>>
// CHECK-NEXT: %a = qint.matmul %x, %w_1 : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-4, 3>>) -> tensor<1x1x!qint.int<-24, 18>>
// CHECK-NEXT: %b = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
// EXTERNAL-LABEL: func.func @shared
// EXTERNAL-NEXT: %w = qint.constant {qint.place = "external"} dense
// EXTERNAL-NEXT: %w_1 = qint.constant {qint.place = "external"} dense
// EXTERNAL-NEXT: %a = qint.matmul %x, %w_1 : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
func.func @shared(%x : tensor<1x2x!qint.int<0, 3>>) -> (tensor<1x1x!qint.int<-3, 3>>, tensor<1x1x!qint.int<-3, 3>>) {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  %b = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  func.return %a, %b : tensor<1x1x!qint.int<-3, 3>>, tensor<1x1x!qint.int<-3, 3>>
}

// -----

// Products of two activations, and with several matrices, are left alone.
// EXTERNAL-LABEL: func.func @alone
// EXTERNAL-NEXT: %w = qint.constant dense
// EXTERNAL-NEXT: %a = qint.matmul %x, %x
// EXTERNAL-NEXT: %b = qint.matmul %x, %w
func.func @alone(%x : tensor<2x1x1x!qint.int<0, 3>>) {
  %w = qint.constant dense<1> : tensor<2x1x1xi8> -> tensor<2x1x1x!qint.int<1, 1>>
  %a = qint.matmul %x, %x : (tensor<2x1x1x!qint.int<0, 3>>, tensor<2x1x1x!qint.int<0, 3>>) -> tensor<2x1x1x!qint.int<0, 9>>
  %b = qint.matmul %x, %w : (tensor<2x1x1x!qint.int<0, 3>>, tensor<2x1x1x!qint.int<1, 1>>) -> tensor<2x1x1x!qint.int<0, 3>>
  func.return
}
