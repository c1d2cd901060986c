// RUN: xdsl-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s --match-full-lines

// CHECK: ram_style must be one of auto, block, distributed, got "fast"
func.func @style(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width 4 style "fast" : i1 -> i4
  func.return
}

// -----

// CHECK: lane_width must be 1 to 8, got 0
func.func @lane_width_zero(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width 0 style "auto" : i1 -> i4
  func.return
}

// -----

// CHECK: lane_width must be 1 to 8, got 9
func.func @lane_width_above(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width 9 style "auto" : i1 -> i9
  func.return
}

// -----

// CHECK: lane_width must be 1 to 8, got -1
func.func @lane_width_negative(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width -1 style "auto" : i1 -> i4
  func.return
}

// -----

// CHECK: contents must fit in lane_width 4 bits, got values 16 to 16
func.func @contents_above(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<16> : tensor<2x1xi8> lane_width 4 style "auto" : i1 -> i4
  func.return
}

// -----

// CHECK: contents must fit in lane_width 4 bits, got values -9 to -9
func.func @contents_below(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<-9> : tensor<2x1xi8> lane_width 4 style "auto" : i1 -> i4
  func.return
}

// -----

// CHECK: contents must be i8, i16, i32 or i64, got i4
func.func @storage(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi4> lane_width 4 style "auto" : i1 -> i4
  func.return
}

// -----

// CHECK: contents must have shape (depth, lanes), both at least 1, got tensor<2xi8>
func.func @contents_are_a_vector(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2xi8> lane_width 4 style "auto" : i1 -> i4
  func.return
}

// -----

// CHECK: address must be i1 (2 words), got i2
func.func @rom_address(%clk : !seq.clock, %en : i1, %a : i2) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width 4 style "auto" : i2 -> i4
  func.return
}

// -----

// CHECK: data must be i4 (1 lanes of 4 bits), got i5
func.func @rom_data(%clk : !seq.clock, %en : i1, %a : i1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width 4 style "auto" : i1 -> i5
  func.return
}

// -----

// CHECK: address must be a signless integer, got si1
func.func @rom_address_signed(%clk : !seq.clock, %en : i1, %a : si1) {
  %d = rtl.rom %clk, %en, %a, dense<1> : tensor<2x1xi8> lane_width 4 style "auto" : si1 -> i4
  func.return
}

// -----

// CHECK: ram_style must be one of auto, block, distributed, got ""
func.func @ram_style(%clk : !seq.clock, %en : i1, %a : i1, %d : i4) {
  %y = rtl.ram %clk write %en, %a, %d read %en, %a depth 2 style "" : i1, i4
  func.return
}

// -----

// CHECK: depth must be at least 1, got 0
func.func @depth_zero(%clk : !seq.clock, %en : i1, %a : i1, %d : i4) {
  %y = rtl.ram %clk write %en, %a, %d read %en, %a depth 0 style "auto" : i1, i4
  func.return
}

// -----

// CHECK: depth must be at least 1, got -1
func.func @depth_negative(%clk : !seq.clock, %en : i1, %a : i1, %d : i4) {
  %y = rtl.ram %clk write %en, %a, %d read %en, %a depth -1 style "auto" : i1, i4
  func.return
}

// -----

// CHECK: address must be i2 (3 words), got i1
func.func @ram_address(%clk : !seq.clock, %en : i1, %a : i1, %d : i4) {
  %y = rtl.ram %clk write %en, %a, %d read %en, %a depth 3 style "auto" : i1, i4
  func.return
}

// -----

// CHECK: data must be a signless integer, got si4
func.func @ram_data_signed(%clk : !seq.clock, %en : i1, %a : i1, %d : si4) {
  %y = rtl.ram %clk write %en, %a, %d read %en, %a depth 2 style "auto" : i1, si4
  func.return
}
