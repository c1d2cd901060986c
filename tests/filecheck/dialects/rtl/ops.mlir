// RUN: xdsl-opt %s | xdsl-opt --print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: xdsl-opt %s --print-op-generic --print-debuginfo | xdsl-opt --print-debuginfo | filecheck %s

// CHECK-LABEL: func.func @memories
func.func @memories(%clk : !seq.clock, %en : i1, %a : i3, %d : i9) {
  // CHECK-NEXT: %rom = rtl.rom %clk, %en, %a, dense<{{\[\[}}1], [-2], [3], [4], [5{{\]\]}}> : tensor<5x1xi8> lane_width 4 style "auto" : i3 -> i4
  // GENERIC: %rom = "rtl.rom"(%clk, %en, %a) <{contents = dense<{{\[\[}}1], [-2], [3], [4], [5{{\]\]}}> : tensor<5x1xi8>, lane_width = 4 : i64, ram_style = "auto"}> : (!seq.clock, i1, i3) -> i4
  %rom = rtl.rom %clk, %en, %a, dense<[[1], [-2], [3], [4], [5]]> : tensor<5x1xi8> lane_width 4 style "auto" : i3 -> i4
  // CHECK-NEXT: %ram = rtl.ram %clk write %en, %a, %d read %en, %a depth 5 style "block" : i3, i9 loc("fc1/fifo")
  // GENERIC: %ram = "rtl.ram"(%clk, %en, %a, %d, %en, %a) <{depth = 5 : i64, ram_style = "block"}> : (!seq.clock, i1, i3, i9, i1, i3) -> i9
  %ram = rtl.ram %clk write %en, %a, %d read %en, %a depth 5 style "block" : i3, i9 loc("fc1/fifo")
  func.return
}
