// RUN: xdsl-opt %s -p fold-zero-points | filecheck %s

// CHECK-LABEL: func.func @before_a_reshape(%x: tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<-1, 2>>
// CHECK-NEXT: %y = qint.reshape %x : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<0, 3>>
// CHECK-NEXT: %y_1 = qint.affine %y {multiplier = 1 : i64, offset = -1 : i64} : (tensor<2x!qint.int<0, 3>>) -> tensor<2x!qint.int<-1, 2>>
// CHECK-NEXT: func.return %y_1 : tensor<2x!qint.int<-1, 2>>
func.func @before_a_reshape(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<-1, 2>> {
  %a = qint.affine %x {multiplier = 1 : i64, offset = -1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 2>>
  %y = qint.reshape %a : (tensor<1x2x!qint.int<-1, 2>>) -> tensor<2x!qint.int<-1, 2>>
  func.return %y : tensor<2x!qint.int<-1, 2>>
}
// CHECK-LABEL: func.func @before_a_transposition(%x: tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<-1, 2>>
// CHECK-NEXT: %y = qint.transpose %x permutation [1, 0] : (tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<0, 3>>
// CHECK-NEXT: %y_1 = qint.affine %y {multiplier = 1 : i64, offset = -1 : i64} : (tensor<2x1x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<-1, 2>>
// CHECK-NEXT: func.return %y_1 : tensor<2x1x!qint.int<-1, 2>>
func.func @before_a_transposition(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<2x1x!qint.int<-1, 2>> {
  %a = qint.affine %x {multiplier = 1 : i64, offset = -1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 2>>
  %y = qint.transpose %a permutation [1, 0] : (tensor<1x2x!qint.int<-1, 2>>) -> tensor<2x1x!qint.int<-1, 2>>
  func.return %y : tensor<2x1x!qint.int<-1, 2>>
}
// CHECK-LABEL: func.func @two_maps_are_one(%x: tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-5, 7>>
// CHECK-NEXT: %y = qint.affine %x {multiplier = dense<[-2, 2]> : tensor<2xi8>, offset = 1 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-5, 7>>
// CHECK-NEXT: func.return %y : tensor<1x2x!qint.int<-5, 7>>
func.func @two_maps_are_one(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-5, 7>> {
  %a = qint.affine %x {multiplier = dense<[2, -2]> : tensor<2xi8>, offset = 1 : i64, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-5, 7>>
  %y = qint.affine %a {multiplier = -1 : i64, offset = 2 : i64} : (tensor<1x2x!qint.int<-5, 7>>) -> tensor<1x2x!qint.int<-5, 7>>
  func.return %y : tensor<1x2x!qint.int<-5, 7>>
}
// CHECK-LABEL: func.func @offsets_along_the_summed_axis(%x: tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-9, 9>>
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1], [-1{{\]\]}}> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
// CHECK-NEXT: %a = qint.affine %x {multiplier = 1 : i64, offset = dense<[1, 2]> : tensor<2xi8>, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<1, 5>>
// CHECK-NEXT: %y = qint.matmul %a, %w : (tensor<1x2x!qint.int<1, 5>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-9, 9>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<-9, 9>>
func.func @offsets_along_the_summed_axis(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-9, 9>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %a = qint.affine %x {multiplier = 1 : i64, offset = dense<[1, 2]> : tensor<2xi8>, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<1, 5>>
  %y = qint.matmul %a, %w : (tensor<1x2x!qint.int<1, 5>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-9, 9>>
  func.return %y : tensor<1x1x!qint.int<-9, 9>>
}
// CHECK-LABEL: func.func @offsets_along_a_regrouped_axis(%x: tensor<2x2x!qint.int<0, 3>>) -> tensor<4x!qint.int<1, 5>>
// CHECK-NEXT: %a = qint.affine %x {multiplier = 1 : i64, offset = dense<[1, 2]> : tensor<2xi8>, axis = 1 : i64} : (tensor<2x2x!qint.int<0, 3>>) -> tensor<2x2x!qint.int<1, 5>>
// CHECK-NEXT: %y = qint.reshape %a : (tensor<2x2x!qint.int<1, 5>>) -> tensor<4x!qint.int<1, 5>>
// CHECK-NEXT: func.return %y : tensor<4x!qint.int<1, 5>>
func.func @offsets_along_a_regrouped_axis(%x : tensor<2x2x!qint.int<0, 3>>) -> tensor<4x!qint.int<1, 5>> {
  %a = qint.affine %x {multiplier = 1 : i64, offset = dense<[1, 2]> : tensor<2xi8>, axis = 1 : i64} : (tensor<2x2x!qint.int<0, 3>>) -> tensor<2x2x!qint.int<1, 5>>
  %y = qint.reshape %a : (tensor<2x2x!qint.int<1, 5>>) -> tensor<4x!qint.int<1, 5>>
  func.return %y : tensor<4x!qint.int<1, 5>>
}
// CHECK-LABEL: func.func @products_of_two_activations(%x: tensor<1x1x!qint.int<0, 3>>, %z: tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 6>>
// CHECK-NEXT: %a = qint.affine %x {multiplier = 1 : i64, offset = -1 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-1, 2>>
// CHECK-NEXT: %y = qint.matmul %a, %z : (tensor<1x1x!qint.int<-1, 2>>, tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 6>>
// CHECK-NEXT: func.return %y : tensor<1x1x!qint.int<-3, 6>>
func.func @products_of_two_activations(%x : tensor<1x1x!qint.int<0, 3>>, %z : tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 6>> {
  %a = qint.affine %x {multiplier = 1 : i64, offset = -1 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-1, 2>>
  %y = qint.matmul %a, %z : (tensor<1x1x!qint.int<-1, 2>>, tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 6>>
  func.return %y : tensor<1x1x!qint.int<-3, 6>>
}
// CHECK-LABEL: func.func @types_follow_what_is_known_of_the_offset(%x: tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<-2, 5>>
// CHECK-NEXT: %w = qint.constant dense<{{\[\[}}1, 2], [0, 0{{\]\]}}> : tensor<2x2xi8> -> tensor<2x2x!qint.int<0, 2>>
// CHECK-NEXT: %m = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x2x!qint.int<0, 2>>) -> tensor<1x2x!qint.int<0, 6>>
// CHECK-NEXT: %m_1 = qint.affine %m {multiplier = 1 : i64, offset = dense<[-1, -2]> : tensor<2xi8>, axis = 1 : i64} : (tensor<1x2x!qint.int<0, 6>>) -> tensor<1x2x!qint.int<-2, 5>>
// CHECK-NEXT: %y = qint.reshape %m_1 : (tensor<1x2x!qint.int<-2, 5>>) -> tensor<2x!qint.int<-2, 5>>
// CHECK-NEXT: func.return %y : tensor<2x!qint.int<-2, 5>>
func.func @types_follow_what_is_known_of_the_offset(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<2x!qint.int<-2, 4>> {
  %w = qint.constant dense<[[1, 2], [0, 0]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<0, 2>>
  %a = qint.affine %x {multiplier = 1 : i64, offset = -1 : i64} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x2x!qint.int<-1, 2>>
  %m = qint.matmul %a, %w : (tensor<1x2x!qint.int<-1, 2>>, tensor<2x2x!qint.int<0, 2>>) -> tensor<1x2x!qint.int<-2, 4>>
  %y = qint.reshape %m : (tensor<1x2x!qint.int<-2, 4>>) -> tensor<2x!qint.int<-2, 4>>
  func.return %y : tensor<2x!qint.int<-2, 4>>
}
