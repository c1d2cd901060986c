// RUN: xdsl-opt %s -p build-adder-graphs --split-input-file | filecheck %s

// Of equal neurons one is left, of constant ones a number, of dead ones nothing.
// CHECK-LABEL: func.func @core
// CHECK-NEXT: %y = stream.pipeline %x {
// CHECK-NEXT: ^bb0(%e: tensor<1x2x!qint.int<0, 3>>):
// CHECK-NEXT: %a = stream.adder_graph %e {{.*}}nodes = dense<{{\[\[}}0, 0, 1, 1, 0, -1, -1, 0, 0{{\]\]}}> : tensor<1x9xi8>{{.*}}-> tensor<1x1x!qint.int<-3, 3>>
// CHECK-NEXT: %c = qint.{{.*}} %a {elements = dense<0> : tensor<1xi8>{{.*}}-> tensor<1x1x!qint.int<0, 3>>
// CHECK-NEXT: %s = stream.adder_graph %c {{.*}}outputs = dense<{{\[\[}}0, 1, 1{{\]\]}}> : tensor<1x3xi8>{{.*}}-> tensor<1x1x!qint.int<0, 4>>
// CHECK-NEXT: qint.yield %s : tensor<1x1x!qint.int<0, 4>>
// CHECK-NEXT: }
// CHECK-NEXT: func.return %y : !stream.channel<!qint.int<0, 21>, frame = [1], lanes = 1>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 21>, frame = [1], lanes = 1> {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 3>>):
    %w = qint.constant dense<[[1, 1, 0, 3], [-1, -1, 0, 1]]> : tensor<2x4xi8> -> tensor<2x4x!qint.int<-1, 3>>
    %a = qint.matmul %e, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x4x!qint.int<-1, 3>>) -> tensor<1x4x!qint.int<-3, 12>>
    %c = qint.shift %a {bias = dense<1> : tensor<1xi8>, sign = dense<1> : tensor<1xi8>, shift = 1 : i64, axis = 1 : i64} : (tensor<1x4x!qint.int<-3, 12>>) -> tensor<1x4x!qint.int<0, 3>>
    %v = qint.constant dense<[[1], [1], [5], [0]]> : tensor<4x1xi8> -> tensor<4x1x!qint.int<0, 5>>
    %s = qint.matmul %c, %v : (tensor<1x4x!qint.int<0, 3>>, tensor<4x1x!qint.int<0, 5>>) -> tensor<1x1x!qint.int<0, 21>>
    qint.yield %s : tensor<1x1x!qint.int<0, 21>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 21>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 21>, frame = [1], lanes = 1>
}

// -----

// The larger of two things that are not linear takes linear forms; what is built is left alone.
// CHECK-LABEL: func.func @core
// CHECK: %m = stream.maximum %a, %b : (tensor<1x1x!qint.int<0, 9>>, tensor<1x1x!qint.int<-3, 3>>) -> tensor<1x1x!qint.int<0, 9>>
// CHECK-NEXT: qint.yield %m
// CHECK: %z = stream.pipeline %y {
// CHECK-NEXT: ^bb0(%f: tensor<1x1x!qint.int<-3, 9>>):
// CHECK-NEXT: %g = stream.adder_graph %f {ranges = dense<{{\[\[}}-3, 9, 0{{\]\]}}> : tensor<1x3xi8>, constants = dense<> : tensor<0xi8>, nodes = dense<{{\[\[}}0, 0, 1, 0, 2, 1, -1, 0, 0{{\]\]}}> : tensor<1x9xi8>, outputs = dense<{{\[\[}}1, 0, 1{{\]\]}}> : tensor<1x3xi8>}
// CHECK-NEXT: qint.yield %g
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<-15, 45>, frame = [1], lanes = 1> {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 3>>):
    %w = qint.constant dense<[[1, 1], [2, -1]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-1, 2>>
    %s = qint.matmul %e, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<-1, 2>>) -> tensor<1x2x!qint.int<-3, 9>>
    %a = qint.slice %s {starts = array<i64: 0, 0>, ends = array<i64: 1, 1>, steps = array<i64: 1, 1>} : (tensor<1x2x!qint.int<-3, 9>>) -> tensor<1x1x!qint.int<-3, 9>>
    %b = qint.slice %s {starts = array<i64: 0, 1>, ends = array<i64: 1, 2>, steps = array<i64: 1, 1>} : (tensor<1x2x!qint.int<-3, 9>>) -> tensor<1x1x!qint.int<-3, 9>>
    %m = stream.maximum %a, %b : (tensor<1x1x!qint.int<-3, 9>>, tensor<1x1x!qint.int<-3, 9>>) -> tensor<1x1x!qint.int<-3, 9>>
    qint.yield %m : tensor<1x1x!qint.int<-3, 9>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<-3, 9>, frame = [1], lanes = 1>
  %z = stream.pipeline %y {
  ^bb0(%f : tensor<1x1x!qint.int<-3, 9>>):
    %g = stream.adder_graph %f {ranges = dense<[[-3, 9, 0]]> : tensor<1x3xi8>, constants = dense<> : tensor<0xi8>, nodes = dense<[[0, 0, 1, 0, 2, 1, -1, 0, 0]]> : tensor<1x9xi8>, outputs = dense<[[1, 0, 1]]> : tensor<1x3xi8>} : (tensor<1x1x!qint.int<-3, 9>>) -> tensor<1x1x!qint.int<-15, 45>>
    qint.yield %g : tensor<1x1x!qint.int<-15, 45>>
  } : (!stream.channel<!qint.int<-3, 9>, frame = [1], lanes = 1>) -> !stream.channel<!qint.int<-15, 45>, frame = [1], lanes = 1>
  func.return %z : !stream.channel<!qint.int<-15, 45>, frame = [1], lanes = 1>
}
