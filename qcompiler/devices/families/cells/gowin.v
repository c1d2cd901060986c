// What Yosys has no simulation model of, as far as it uses it: no registers inside, no cascades.
// Source: Gowin UG287, "Gowin DSP User Guide".
module MULT9X9 (
    input [8:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [17:0] DOUT,
    output [8:0] SOA, SOB
);
    parameter AREG = 1'b0;
    parameter BREG = 1'b0;
    parameter OUT_REG = 1'b0;
    parameter PIPE_REG = 1'b0;
    parameter ASIGN_REG = 1'b0;
    parameter BSIGN_REG = 1'b0;
    parameter SOA_REG = 1'b0;
    parameter MULT_RESET_MODE = "SYNC";

    wire signed [9:0] a = {ASIGN & A[8], A};
    wire signed [9:0] b = {BSIGN & B[8], B};
    wire signed [19:0] p = a * b;
    assign DOUT = p[17:0];
endmodule

module MULT18X18 (
    input [17:0] A, SIA, B, SIB,
    input ASIGN, BSIGN, ASEL, BSEL, CE, CLK, RESET,
    output [35:0] DOUT,
    output [17:0] SOA, SOB
);
    parameter AREG = 1'b0;
    parameter BREG = 1'b0;
    parameter OUT_REG = 1'b0;
    parameter PIPE_REG = 1'b0;
    parameter ASIGN_REG = 1'b0;
    parameter BSIGN_REG = 1'b0;
    parameter SOA_REG = 1'b0;
    parameter MULT_RESET_MODE = "SYNC";

    wire signed [18:0] a = {ASIGN & A[17], A};
    wire signed [18:0] b = {BSIGN & B[17], B};
    wire signed [37:0] p = a * b;
    assign DOUT = p[35:0];
endmodule

module MULT36X36 (
    input [35:0] A, B,
    input ASIGN, BSIGN, CE, CLK, RESET,
    output [71:0] DOUT
);
    parameter AREG = 1'b0;
    parameter BREG = 1'b0;
    parameter OUT0_REG = 1'b0;
    parameter OUT1_REG = 1'b0;
    parameter PIPE_REG = 1'b0;
    parameter ASIGN_REG = 1'b0;
    parameter BSIGN_REG = 1'b0;
    parameter MULT_RESET_MODE = "SYNC";

    wire signed [36:0] a = {ASIGN & A[35], A};
    wire signed [36:0] b = {BSIGN & B[35], B};
    wire signed [73:0] p = a * b;
    assign DOUT = p[71:0];
endmodule

// Block memories. Source: Gowin UG285, "Gowin BSRAM and SSRAM User Guide".
`include "block_memory.v"

`define QCOMPILER_INIT \
    INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, \
    INIT_RAM_04 = 0, INIT_RAM_05 = 0, INIT_RAM_06 = 0, INIT_RAM_07 = 0, \
    INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, \
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0, \
    INIT_RAM_10 = 0, INIT_RAM_11 = 0, INIT_RAM_12 = 0, INIT_RAM_13 = 0, \
    INIT_RAM_14 = 0, INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, \
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0, \
    INIT_RAM_1C = 0, INIT_RAM_1D = 0, INIT_RAM_1E = 0, INIT_RAM_1F = 0, \
    INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0, \
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, \
    INIT_RAM_28 = 0, INIT_RAM_29 = 0, INIT_RAM_2A = 0, INIT_RAM_2B = 0, \
    INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, \
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, \
    INIT_RAM_34 = 0, INIT_RAM_35 = 0, INIT_RAM_36 = 0, INIT_RAM_37 = 0, \
    INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, \
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0
`define QCOMPILER_CONTENTS \
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, \
    INIT_RAM_39, INIT_RAM_38, INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, \
    INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, INIT_RAM_2F, INIT_RAM_2E, \
    INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, \
    INIT_RAM_21, INIT_RAM_20, INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, \
    INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, INIT_RAM_17, INIT_RAM_16, \
    INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, \
    INIT_RAM_09, INIT_RAM_08, INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, \
    INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00

module SP (
    input CLK, CE, WRE, OCE, RESET,
    input [2:0] BLKSEL,
    input [13:0] AD,
    input [31:0] DI,
    output [31:0] DO
);
    parameter READ_MODE = 1'b0;
    parameter [1:0] WRITE_MODE = 2'b00;
    parameter [31:0] BIT_WIDTH = 32;
    parameter [2:0] BLK_SEL = 3'b000;
    parameter RESET_MODE = "SYNC";
    parameter [255:0] `QCOMPILER_INIT;

    wire [35:0] read;
    qcompiler_bytes #(
        .BYTE(8),
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(BIT_WIDTH),
        .MODE_0(WRITE_MODE)
    ) bytes (
        .clk_0(CLK),
        .enable_0(CE && BLKSEL == BLK_SEL),
        .write_0(WRE),
        .reset_0(RESET),
        .at_0(AD),
        .data_0({4'd0, DI}),
        .read_0(read),
        .clk_1(1'b0),
        .enable_1(1'b0),
        .write_1(1'b0),
        .reset_1(1'b0),
        .at_1(14'd0),
        .data_1(36'd0),
        .read_1()
    );
    assign DO = read[31:0];
endmodule

module SPX9 (
    input CLK, CE, WRE, OCE, RESET,
    input [2:0] BLKSEL,
    input [13:0] AD,
    input [35:0] DI,
    output [35:0] DO
);
    parameter READ_MODE = 1'b0;
    parameter [1:0] WRITE_MODE = 2'b00;
    parameter [31:0] BIT_WIDTH = 36;
    parameter [2:0] BLK_SEL = 3'b000;
    parameter RESET_MODE = "SYNC";
    parameter [287:0] `QCOMPILER_INIT;

    wire [35:0] read;
    qcompiler_bytes #(
        .BYTE(9),
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(BIT_WIDTH),
        .MODE_0(WRITE_MODE)
    ) bytes (
        .clk_0(CLK),
        .enable_0(CE && BLKSEL == BLK_SEL),
        .write_0(WRE),
        .reset_0(RESET),
        .at_0(AD),
        .data_0(DI),
        .read_0(read),
        .clk_1(1'b0),
        .enable_1(1'b0),
        .write_1(1'b0),
        .reset_1(1'b0),
        .at_1(14'd0),
        .data_1(36'd0),
        .read_1()
    );
    assign DO = read[35:0];
endmodule

module SDPB (
    input CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB,
    input [2:0] BLKSELA, BLKSELB,
    input [13:0] ADA, ADB,
    input [31:0] DI,
    output [31:0] DO
);
    parameter READ_MODE = 1'b0;
    parameter [31:0] BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32;
    parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    parameter [255:0] `QCOMPILER_INIT;

    wire [35:0] read;
    qcompiler_bytes #(
        .BYTE(8),
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(BIT_WIDTH_0),
        .WIDTH_1(BIT_WIDTH_1)
    ) bytes (
        .clk_0(CLKA),
        .enable_0(CEA && BLKSELA == BLK_SEL_0),
        .write_0(1'b1),
        .reset_0(RESETA),
        .at_0(ADA),
        .data_0({4'd0, DI}),
        .read_0(),
        .clk_1(CLKB),
        .enable_1(CEB && BLKSELB == BLK_SEL_1),
        .write_1(1'b0),
        .reset_1(RESETB),
        .at_1(ADB),
        .data_1(36'd0),
        .read_1(read)
    );
    assign DO = read[31:0];
endmodule

module SDPX9B (
    input CLKA, CEA, CLKB, CEB, OCE, RESETA, RESETB,
    input [2:0] BLKSELA, BLKSELB,
    input [13:0] ADA, ADB,
    input [35:0] DI,
    output [35:0] DO
);
    parameter READ_MODE = 1'b0;
    parameter [31:0] BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36;
    parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    parameter [287:0] `QCOMPILER_INIT;

    wire [35:0] read;
    qcompiler_bytes #(
        .BYTE(9),
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(BIT_WIDTH_0),
        .WIDTH_1(BIT_WIDTH_1)
    ) bytes (
        .clk_0(CLKA),
        .enable_0(CEA && BLKSELA == BLK_SEL_0),
        .write_0(1'b1),
        .reset_0(RESETA),
        .at_0(ADA),
        .data_0(DI),
        .read_0(),
        .clk_1(CLKB),
        .enable_1(CEB && BLKSELB == BLK_SEL_1),
        .write_1(1'b0),
        .reset_1(RESETB),
        .at_1(ADB),
        .data_1(36'd0),
        .read_1(read)
    );
    assign DO = read[35:0];
endmodule

module DPB (
    input CLKA, CEA, WREA, OCEA, RESETA, CLKB, CEB, WREB, OCEB, RESETB,
    input [2:0] BLKSELA, BLKSELB,
    input [13:0] ADA, ADB,
    input [15:0] DIA, DIB,
    output [15:0] DOA, DOB
);
    parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0;
    parameter [1:0] WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00;
    parameter [31:0] BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16;
    parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    parameter [255:0] `QCOMPILER_INIT;

    wire [35:0] read_a, read_b;
    qcompiler_bytes #(
        .BYTE(8),
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(BIT_WIDTH_0),
        .WIDTH_1(BIT_WIDTH_1),
        .MODE_0(WRITE_MODE0),
        .MODE_1(WRITE_MODE1)
    ) bytes (
        .clk_0(CLKA),
        .enable_0(CEA && BLKSELA == BLK_SEL_0),
        .write_0(WREA),
        .reset_0(RESETA),
        .at_0(ADA),
        .data_0({20'd0, DIA}),
        .read_0(read_a),
        .clk_1(CLKB),
        .enable_1(CEB && BLKSELB == BLK_SEL_1),
        .write_1(WREB),
        .reset_1(RESETB),
        .at_1(ADB),
        .data_1({20'd0, DIB}),
        .read_1(read_b)
    );
    assign DOA = read_a[15:0];
    assign DOB = read_b[15:0];
endmodule

module DPX9B (
    input CLKA, CEA, WREA, OCEA, RESETA, CLKB, CEB, WREB, OCEB, RESETB,
    input [2:0] BLKSELA, BLKSELB,
    input [13:0] ADA, ADB,
    input [17:0] DIA, DIB,
    output [17:0] DOA, DOB
);
    parameter READ_MODE0 = 1'b0, READ_MODE1 = 1'b0;
    parameter [1:0] WRITE_MODE0 = 2'b00, WRITE_MODE1 = 2'b00;
    parameter [31:0] BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18;
    parameter [2:0] BLK_SEL_0 = 3'b000, BLK_SEL_1 = 3'b000;
    parameter RESET_MODE = "SYNC";
    parameter [287:0] `QCOMPILER_INIT;

    wire [35:0] read_a, read_b;
    qcompiler_bytes #(
        .BYTE(9),
        .CONTENTS({`QCOMPILER_CONTENTS}),
        .WIDTH_0(BIT_WIDTH_0),
        .WIDTH_1(BIT_WIDTH_1),
        .MODE_0(WRITE_MODE0),
        .MODE_1(WRITE_MODE1)
    ) bytes (
        .clk_0(CLKA),
        .enable_0(CEA && BLKSELA == BLK_SEL_0),
        .write_0(WREA),
        .reset_0(RESETA),
        .at_0(ADA),
        .data_0({18'd0, DIA}),
        .read_0(read_a),
        .clk_1(CLKB),
        .enable_1(CEB && BLKSELB == BLK_SEL_1),
        .write_1(WREB),
        .reset_1(RESETB),
        .at_1(ADB),
        .data_1({18'd0, DIB}),
        .read_1(read_b)
    );
    assign DOA = read_a[17:0];
    assign DOB = read_b[17:0];
endmodule
