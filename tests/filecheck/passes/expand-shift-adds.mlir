// RUN: xdsl-opt %s -p expand-shift-adds --split-input-file | filecheck %s

// Three terms, one of which is cut off at the width of the sum: modulo 2**width that is no change.
// CHECK-LABEL: hw.module @three
// CHECK-NEXT: %0 = hw.constant 0 : i2
// CHECK-NEXT: %1 = comb.concat %0, %a : i2, i4
// CHECK-NEXT: %2 = hw.constant false
// CHECK-NEXT: %3 = comb.concat %b, %2 : i6, i1
// CHECK-NEXT: %4 = comb.extract %3 from 0 : (i7) -> i6
// CHECK-NEXT: %5 = comb.add %1, %4 : i6
// CHECK-NEXT: %6 = comb.extract %c from 3 : (i4) -> i1
// CHECK-NEXT: %7 = comb.replicate %6 : (i1) -> i2
// CHECK-NEXT: %8 = comb.concat %7, %c : i2, i4
// CHECK-NEXT: %s = comb.sub %5, %8 : i6
// CHECK-NEXT: hw.output %s : i6
hw.module @three(in %a: i4, in %b: i6, in %c: i4, out y: i6) {
  %s = rtl.shift_add %a, %b, %c {shifts = array<i64: 0, 1, 0>, signs = array<i64: 1, 1, -1>, signed = array<i64: 0, 0, 1>} : (i4, i6, i4) -> i6
  hw.output %s : i6
}

// -----

// Nothing is added: from zero. What is added comes first otherwise, so that nothing need be negated.
// CHECK-LABEL: hw.module @negated
// CHECK-NEXT: %0 = comb.extract %a from 3 : (i4) -> i1
// CHECK-NEXT: %1 = comb.concat %0, %a : i1, i4
// CHECK-NEXT: %2 = hw.constant 0 : i5
// CHECK-NEXT: %s = comb.sub %2, %1 : i5
// CHECK-NEXT: hw.output %s : i5
hw.module @negated(in %a: i4, out y: i5) {
  %s = rtl.shift_add %a {shifts = array<i64: 0>, signs = array<i64: -1>, signed = array<i64: 1>} : (i4) -> i5
  hw.output %s : i5
}

// -----

// Left alone: sums of comb.
// CHECK-LABEL: hw.module @plain
// CHECK-NEXT: %s = comb.add %a, %b : i4
// CHECK-NEXT: hw.output %s : i4
hw.module @plain(in %a: i4, in %b: i4, out y: i4) {
  %s = comb.add %a, %b : i4
  hw.output %s : i4
}
