// What Yosys has no simulation model of, as far as it uses it.
// Source: Lattice FPGA-TN-02094, "Memory User Guide for Nexus Platform".
`include "block_memory.v"

`define QCOMPILER_INIT \
    INITVAL_00 = "0x0", INITVAL_01 = "0x0", INITVAL_02 = "0x0", INITVAL_03 = "0x0", \
    INITVAL_04 = "0x0", INITVAL_05 = "0x0", INITVAL_06 = "0x0", INITVAL_07 = "0x0", \
    INITVAL_08 = "0x0", INITVAL_09 = "0x0", INITVAL_0A = "0x0", INITVAL_0B = "0x0", \
    INITVAL_0C = "0x0", INITVAL_0D = "0x0", INITVAL_0E = "0x0", INITVAL_0F = "0x0", \
    INITVAL_10 = "0x0", INITVAL_11 = "0x0", INITVAL_12 = "0x0", INITVAL_13 = "0x0", \
    INITVAL_14 = "0x0", INITVAL_15 = "0x0", INITVAL_16 = "0x0", INITVAL_17 = "0x0", \
    INITVAL_18 = "0x0", INITVAL_19 = "0x0", INITVAL_1A = "0x0", INITVAL_1B = "0x0", \
    INITVAL_1C = "0x0", INITVAL_1D = "0x0", INITVAL_1E = "0x0", INITVAL_1F = "0x0", \
    INITVAL_20 = "0x0", INITVAL_21 = "0x0", INITVAL_22 = "0x0", INITVAL_23 = "0x0", \
    INITVAL_24 = "0x0", INITVAL_25 = "0x0", INITVAL_26 = "0x0", INITVAL_27 = "0x0", \
    INITVAL_28 = "0x0", INITVAL_29 = "0x0", INITVAL_2A = "0x0", INITVAL_2B = "0x0", \
    INITVAL_2C = "0x0", INITVAL_2D = "0x0", INITVAL_2E = "0x0", INITVAL_2F = "0x0", \
    INITVAL_30 = "0x0", INITVAL_31 = "0x0", INITVAL_32 = "0x0", INITVAL_33 = "0x0", \
    INITVAL_34 = "0x0", INITVAL_35 = "0x0", INITVAL_36 = "0x0", INITVAL_37 = "0x0", \
    INITVAL_38 = "0x0", INITVAL_39 = "0x0", INITVAL_3A = "0x0", INITVAL_3B = "0x0", \
    INITVAL_3C = "0x0", INITVAL_3D = "0x0", INITVAL_3E = "0x0", INITVAL_3F = "0x0"
`define QCOMPILER_CONTENTS \
    part(INITVAL_3F), part(INITVAL_3E), part(INITVAL_3D), part(INITVAL_3C), \
    part(INITVAL_3B), part(INITVAL_3A), part(INITVAL_39), part(INITVAL_38), \
    part(INITVAL_37), part(INITVAL_36), part(INITVAL_35), part(INITVAL_34), \
    part(INITVAL_33), part(INITVAL_32), part(INITVAL_31), part(INITVAL_30), \
    part(INITVAL_2F), part(INITVAL_2E), part(INITVAL_2D), part(INITVAL_2C), \
    part(INITVAL_2B), part(INITVAL_2A), part(INITVAL_29), part(INITVAL_28), \
    part(INITVAL_27), part(INITVAL_26), part(INITVAL_25), part(INITVAL_24), \
    part(INITVAL_23), part(INITVAL_22), part(INITVAL_21), part(INITVAL_20), \
    part(INITVAL_1F), part(INITVAL_1E), part(INITVAL_1D), part(INITVAL_1C), \
    part(INITVAL_1B), part(INITVAL_1A), part(INITVAL_19), part(INITVAL_18), \
    part(INITVAL_17), part(INITVAL_16), part(INITVAL_15), part(INITVAL_14), \
    part(INITVAL_13), part(INITVAL_12), part(INITVAL_11), part(INITVAL_10), \
    part(INITVAL_0F), part(INITVAL_0E), part(INITVAL_0D), part(INITVAL_0C), \
    part(INITVAL_0B), part(INITVAL_0A), part(INITVAL_09), part(INITVAL_08), \
    part(INITVAL_07), part(INITVAL_06), part(INITVAL_05), part(INITVAL_04), \
    part(INITVAL_03), part(INITVAL_02), part(INITVAL_01), part(INITVAL_00)

// A width in words, such as "X36", and contents: 32 bytes of 9 bits, each in the lower bits of ten, in
// hexadecimal digits behind "0x".
`define QCOMPILER_FUNCTIONS \
    function [2:0] low(input [23:0] name, input [13:0] at); \
        low = name == "X4" ? {at[2], 2'd0} : name == "X2" ? {at[2:1], 1'd0} \
            : name == "X1" ? at[2:0] : 3'd0; \
    endfunction \
    function [31:0] bits(input [23:0] name); \
        bits = name == "X36" ? 36 : name == "X18" ? 18 : name == "X9" ? 9 \
            : name == "X4" ? 4 : name == "X2" ? 2 : 1; \
    endfunction \
    function [287:0] part(input [655:0] text); \
        reg [319:0] slice; \
        reg [7:0] digit; \
        integer i; \
        begin \
            for (i = 0; i < 80; i = i + 1) begin \
                digit = text[8*i +: 8]; \
                slice[4*i +: 4] = digit >= "a" ? digit - "a" + 10 \
                    : digit >= "A" && digit <= "F" ? digit - "A" + 10 \
                    : digit >= "0" && digit <= "9" ? digit - "0" : 0; \
            end \
            for (i = 0; i < 32; i = i + 1) part[9*i +: 9] = slice[10*i +: 9]; \
        end \
    endfunction

module PDPSC16K (
    input [35:0] DI,
    input [13:0] ADW, ADR,
    input CLK, CEW, CER, RST,
    input [2:0] CSW, CSR,
    output [35:0] DO,
    output ONEBITERR, TWOBITERR
);
    parameter DATA_WIDTH_W = "X36", DATA_WIDTH_R = "X36";
    parameter OUTREG = "BYPASSED", RESETMODE = "SYNC", ASYNC_RST_RELEASE = "SYNC";
    parameter GSR = "ENABLED", ECC = "DISABLED", INIT_DATA = "STATIC";
    parameter CSDECODE_W = "000", CSDECODE_R = "000";
    parameter [655:0] `QCOMPILER_INIT;
    `QCOMPILER_FUNCTIONS

    qcompiler_bytes #(
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .STEADY(1),
        .WIDTH_0(bits(DATA_WIDTH_W)),
        .WIDTH_1(bits(DATA_WIDTH_R))
    ) bytes (
        .clk_0(CLK),
        .enable_0(CEW && &CSW),
        .write_0(1'b1),
        .reset_0(1'b0),
        .at_0(DATA_WIDTH_W == "X36" || DATA_WIDTH_W == "X18" ? ADW : {ADW[13:3], low(DATA_WIDTH_W, ADW)}),
        .data_0(DI),
        .read_0(),
        .clk_1(CLK),
        .enable_1(CER && &CSR),
        .write_1(1'b0),
        .reset_1(RST),
        .at_1({ADR[13:3], low(DATA_WIDTH_R, ADR)}),
        .data_1(36'd0),
        .read_1(DO)
    );
    assign ONEBITERR = 1'b0;
    assign TWOBITERR = 1'b0;
endmodule

module PDP16K (
    input [35:0] DI,
    input [13:0] ADW, ADR,
    input CLKW, CLKR, CEW, CER, RST,
    input [2:0] CSW, CSR,
    output [35:0] DO,
    output ONEBITERR, TWOBITERR
);
    parameter DATA_WIDTH_W = "X36", DATA_WIDTH_R = "X36";
    parameter OUTREG = "BYPASSED", RESETMODE = "SYNC", ASYNC_RST_RELEASE = "SYNC";
    parameter GSR = "ENABLED", ECC = "DISABLED", INIT_DATA = "STATIC";
    parameter CSDECODE_W = "000", CSDECODE_R = "000";
    parameter [655:0] `QCOMPILER_INIT;
    `QCOMPILER_FUNCTIONS

    qcompiler_bytes #(
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .STEADY(0),
        .WIDTH_0(bits(DATA_WIDTH_W)),
        .WIDTH_1(bits(DATA_WIDTH_R))
    ) bytes (
        .clk_0(CLKW),
        .enable_0(CEW && &CSW),
        .write_0(1'b1),
        .reset_0(1'b0),
        .at_0(DATA_WIDTH_W == "X36" || DATA_WIDTH_W == "X18" ? ADW : {ADW[13:3], low(DATA_WIDTH_W, ADW)}),
        .data_0(DI),
        .read_0(),
        .clk_1(CLKR),
        .enable_1(CER && &CSR),
        .write_1(1'b0),
        .reset_1(RST),
        .at_1({ADR[13:3], low(DATA_WIDTH_R, ADR)}),
        .data_1(36'd0),
        .read_1(DO)
    );
    assign ONEBITERR = 1'b0;
    assign TWOBITERR = 1'b0;
endmodule

module DP16K (
    input [17:0] DIA, DIB,
    input [13:0] ADA, ADB,
    input CLKA, CLKB, CEA, CEB, WEA, WEB, RSTA, RSTB,
    input [2:0] CSA, CSB,
    output [17:0] DOA, DOB
);
    parameter DATA_WIDTH_A = "X18", DATA_WIDTH_B = "X18";
    parameter OUTREG_A = "BYPASSED", OUTREG_B = "BYPASSED";
    parameter RESETMODE_A = "SYNC", RESETMODE_B = "SYNC";
    parameter ASYNC_RST_RELEASE_A = "SYNC", ASYNC_RST_RELEASE_B = "SYNC";
    parameter GSR = "ENABLED", INIT_DATA = "STATIC";
    parameter CSDECODE_A = "000", CSDECODE_B = "000";
    parameter [655:0] `QCOMPILER_INIT;
    `QCOMPILER_FUNCTIONS

    wire [35:0] read_a, read_b;
    qcompiler_bytes #(
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(bits(DATA_WIDTH_A)),
        .WIDTH_1(bits(DATA_WIDTH_B))
    ) bytes (
        .clk_0(CLKA),
        .enable_0(CEA && &CSA),
        .write_0(WEA),
        .reset_0(RSTA),
        .at_0(DATA_WIDTH_A == "X18" ? ADA : {ADA[13:3], low(DATA_WIDTH_A, ADA)}),
        .data_0({18'd0, DIA}),
        .read_0(read_a),
        .clk_1(CLKB),
        .enable_1(CEB && &CSB),
        .write_1(WEB),
        .reset_1(RSTB),
        .at_1(DATA_WIDTH_B == "X18" ? ADB : {ADB[13:3], low(DATA_WIDTH_B, ADB)}),
        .data_1({18'd0, DIB}),
        .read_1(read_b)
    );
    assign DOA = read_a[17:0];
    assign DOB = read_b[17:0];
endmodule
