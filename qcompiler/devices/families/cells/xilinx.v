// What Yosys has no simulation model of, as far as it uses it: a signed product, no registers.
// Source: AMD UG579, "UltraScale Architecture DSP Slice User Guide".
module DSP48E2 (
    input [29:0] A, ACIN,
    input [17:0] B, BCIN,
    input [47:0] C, PCIN,
    input [26:0] D,
    input [3:0] ALUMODE,
    input [4:0] INMODE,
    input [8:0] OPMODE,
    input [2:0] CARRYINSEL,
    input CARRYIN,
    output [47:0] P
);
    parameter ACASCREG = 0;
    parameter ADREG = 0;
    parameter ALUMODEREG = 0;
    parameter AMULTSEL = "A";
    parameter AREG = 0;
    parameter A_INPUT = "DIRECT";
    parameter BCASCREG = 0;
    parameter BMULTSEL = "B";
    parameter BREG = 0;
    parameter B_INPUT = "DIRECT";
    parameter CARRYINREG = 0;
    parameter CARRYINSELREG = 0;
    parameter CREG = 0;
    parameter DREG = 0;
    parameter INMODEREG = 0;
    parameter MREG = 0;
    parameter OPMODEREG = 0;
    parameter PREG = 0;
    parameter USE_MULT = "MULTIPLY";
    parameter USE_SIMD = "ONE48";

    wire signed [26:0] a = A[26:0];
    wire signed [17:0] b = B;
    wire signed [44:0] p = a * b;
    // The only operation that Yosys (0.70) asks for; anything else is made visible.
    assign P = OPMODE == 9'h005 && ALUMODE == 4'h0 ? {{3{p[44]}}, p} : 48'hDEAD_DEAD_DEAD;
endmodule

// Block memories with one clock, as far as Yosys uses them: no registers behind what is read, no
// cascades, no error correction. What AMD leaves undefined, a byte that one port writes while the
// other reads it, comes out inverted, so that it is noticed; after a reset likewise.
// Sources: AMD UG573, "UltraScale Architecture Memory Resources"; UG473 for 7 series.
module qcompiler_block_ram #(
    parameter PLACES = 14,  // bits of an address; it counts bits without parity
    parameter [(1 << PLACES)-1:0] DATA = 0,
    parameter [(1 << (PLACES-3))-1:0] PARITY = 0,
    parameter [63:0] READ_WIDTHS = 0,  // of port B, of port A
    parameter [63:0] WRITE_WIDTHS = 0,
    parameter [1:0] WRITE_FIRST = 0,
    parameter [1:0] NO_CHANGE = 0
) (
    input clk,
    input [1:0] enable, reset,
    input [2*PLACES-1:0] at,
    input [15:0] write,  // by byte
    input [127:0] data,
    input [15:0] parity,
    output reg [127:0] read,
    output reg [15:0] read_parity
);
    reg [8:0] memory [0:(1 << (PLACES-3))-1];
    integer i;
    initial for (i = 0; i < (1 << (PLACES-3)); i = i + 1) memory[i] = {PARITY[i], DATA[8*i +: 8]};

    // First byte of a word; words of 1, 2, 4 bits stand inside one.
    function [PLACES-4:0] first(input [31:0] width, input [PLACES-1:0] place);
        first = width <= 9 ? place[PLACES-1:3]
            : place[PLACES-1:3] & ~((width[PLACES-4:0] / 9) - 1'b1);
    endfunction

    function has(input [31:0] width, input integer k);
        has = width != 0 && (k == 0 || 9 * k < width);
    endfunction

    integer p, k, j;
    reg [31:0] width, other;
    reg [PLACES-1:0] place;
    reg [PLACES-4:0] row;
    reg [8:0] mask, byte_;
    always @(posedge clk) begin
        for (p = 0; p < 2; p = p + 1) begin
            width = WRITE_WIDTHS[32*p +: 32];
            place = at[PLACES*p +: PLACES];
            for (k = 0; k < 8; k = k + 1) begin
                if (enable[p] && has(width, k) && write[8*p+k]) begin
                    row = first(width, place) + k[PLACES-4:0];
                    mask = width < 9 ? ((9'd1 << width) - 9'd1) << place[2:0] : 9'h1FF;
                    byte_ = {parity[8*p+k], data[64*p+8*k +: 8]};
                    if (width < 9) byte_ = byte_ << place[2:0];
                    memory[row] <= (memory[row] & ~mask) | (byte_ & mask);
                end
            end
        end
        for (p = 0; p < 2; p = p + 1) begin
            width = READ_WIDTHS[32*p +: 32];
            place = at[PLACES*p +: PLACES];
            if (enable[p] && !(NO_CHANGE[p] && |write[8*p +: 8])) begin
                for (k = 0; k < 8; k = k + 1) begin
                    row = first(width, place) + k[PLACES-4:0];
                    byte_ = memory[row];
                    if (WRITE_FIRST[p] && write[8*p+k])
                        byte_ = {parity[8*p+k], data[64*p+8*k +: 8]};
                    else if (width < 9) byte_ = byte_ >> place[2:0];
                    other = WRITE_WIDTHS[32*(1-p) +: 32];
                    for (j = 0; j < 8; j = j + 1)
                        if ((WRITE_FIRST[1-p] || NO_CHANGE[1-p]) && enable[1-p] && has(other, j)
                            && write[8*(1-p)+j]
                            && first(other, at[PLACES*(1-p) +: PLACES]) + j[PLACES-4:0] == row)
                            byte_ = ~byte_;
                    if (reset[p]) byte_ = ~byte_;
                    if (width < 9) byte_ = byte_ & ((9'd1 << width) - 9'd1);
                    if (has(width, k)) begin
                        read[64*p+8*k +: 8] <= byte_[7:0];
                        read_parity[8*p+k] <= byte_[8];
                    end
                end
            end
        end
    end
endmodule

// What cells of both generations hold.
`define QCOMPILER_DATA_18 \
    INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38, INIT_37, INIT_36, \
    INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30, INIT_2F, INIT_2E, INIT_2D, INIT_2C, \
    INIT_2B, INIT_2A, INIT_29, INIT_28, INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, \
    INIT_21, INIT_20, INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18, \
    INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10, INIT_0F, INIT_0E, \
    INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08, INIT_07, INIT_06, INIT_05, INIT_04, \
    INIT_03, INIT_02, INIT_01, INIT_00
`define QCOMPILER_PARITY_18 \
    INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
`define QCOMPILER_CONTENTS_18 \
    INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0, INIT_06 = 0, \
    INIT_07 = 0, INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0, INIT_0C = 0, INIT_0D = 0, \
    INIT_0E = 0, INIT_0F = 0, INIT_10 = 0, INIT_11 = 0, INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, \
    INIT_15 = 0, INIT_16 = 0, INIT_17 = 0, INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, \
    INIT_1C = 0, INIT_1D = 0, INIT_1E = 0, INIT_1F = 0, INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, \
    INIT_23 = 0, INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0, INIT_28 = 0, INIT_29 = 0, \
    INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0, INIT_30 = 0, \
    INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0, INIT_36 = 0, INIT_37 = 0, \
    INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0, INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, \
    INIT_3F = 0, INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, \
    INITP_05 = 0, INITP_06 = 0, INITP_07 = 0
`define QCOMPILER_DATA_36 \
    INIT_7F, INIT_7E, INIT_7D, INIT_7C, INIT_7B, INIT_7A, INIT_79, INIT_78, INIT_77, INIT_76, \
    INIT_75, INIT_74, INIT_73, INIT_72, INIT_71, INIT_70, INIT_6F, INIT_6E, INIT_6D, INIT_6C, \
    INIT_6B, INIT_6A, INIT_69, INIT_68, INIT_67, INIT_66, INIT_65, INIT_64, INIT_63, INIT_62, \
    INIT_61, INIT_60, INIT_5F, INIT_5E, INIT_5D, INIT_5C, INIT_5B, INIT_5A, INIT_59, INIT_58, \
    INIT_57, INIT_56, INIT_55, INIT_54, INIT_53, INIT_52, INIT_51, INIT_50, INIT_4F, INIT_4E, \
    INIT_4D, INIT_4C, INIT_4B, INIT_4A, INIT_49, INIT_48, INIT_47, INIT_46, INIT_45, INIT_44, \
    INIT_43, INIT_42, INIT_41, INIT_40, INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, \
    INIT_39, INIT_38, INIT_37, INIT_36, INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30, \
    INIT_2F, INIT_2E, INIT_2D, INIT_2C, INIT_2B, INIT_2A, INIT_29, INIT_28, INIT_27, INIT_26, \
    INIT_25, INIT_24, INIT_23, INIT_22, INIT_21, INIT_20, INIT_1F, INIT_1E, INIT_1D, INIT_1C, \
    INIT_1B, INIT_1A, INIT_19, INIT_18, INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, \
    INIT_11, INIT_10, INIT_0F, INIT_0E, INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08, \
    INIT_07, INIT_06, INIT_05, INIT_04, INIT_03, INIT_02, INIT_01, INIT_00
`define QCOMPILER_PARITY_36 \
    INITP_0F, INITP_0E, INITP_0D, INITP_0C, INITP_0B, INITP_0A, INITP_09, INITP_08, INITP_07, \
    INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
`define QCOMPILER_CONTENTS_36 \
    INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0, INIT_06 = 0, \
    INIT_07 = 0, INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0, INIT_0C = 0, INIT_0D = 0, \
    INIT_0E = 0, INIT_0F = 0, INIT_10 = 0, INIT_11 = 0, INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, \
    INIT_15 = 0, INIT_16 = 0, INIT_17 = 0, INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, \
    INIT_1C = 0, INIT_1D = 0, INIT_1E = 0, INIT_1F = 0, INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, \
    INIT_23 = 0, INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0, INIT_28 = 0, INIT_29 = 0, \
    INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0, INIT_30 = 0, \
    INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0, INIT_36 = 0, INIT_37 = 0, \
    INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0, INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, \
    INIT_3F = 0, INIT_40 = 0, INIT_41 = 0, INIT_42 = 0, INIT_43 = 0, INIT_44 = 0, INIT_45 = 0, \
    INIT_46 = 0, INIT_47 = 0, INIT_48 = 0, INIT_49 = 0, INIT_4A = 0, INIT_4B = 0, INIT_4C = 0, \
    INIT_4D = 0, INIT_4E = 0, INIT_4F = 0, INIT_50 = 0, INIT_51 = 0, INIT_52 = 0, INIT_53 = 0, \
    INIT_54 = 0, INIT_55 = 0, INIT_56 = 0, INIT_57 = 0, INIT_58 = 0, INIT_59 = 0, INIT_5A = 0, \
    INIT_5B = 0, INIT_5C = 0, INIT_5D = 0, INIT_5E = 0, INIT_5F = 0, INIT_60 = 0, INIT_61 = 0, \
    INIT_62 = 0, INIT_63 = 0, INIT_64 = 0, INIT_65 = 0, INIT_66 = 0, INIT_67 = 0, INIT_68 = 0, \
    INIT_69 = 0, INIT_6A = 0, INIT_6B = 0, INIT_6C = 0, INIT_6D = 0, INIT_6E = 0, INIT_6F = 0, \
    INIT_70 = 0, INIT_71 = 0, INIT_72 = 0, INIT_73 = 0, INIT_74 = 0, INIT_75 = 0, INIT_76 = 0, \
    INIT_77 = 0, INIT_78 = 0, INIT_79 = 0, INIT_7A = 0, INIT_7B = 0, INIT_7C = 0, INIT_7D = 0, \
    INIT_7E = 0, INIT_7F = 0, INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, \
    INITP_05 = 0, INITP_06 = 0, INITP_07 = 0, INITP_08 = 0, INITP_09 = 0, INITP_0A = 0, \
    INITP_0B = 0, INITP_0C = 0, INITP_0D = 0, INITP_0E = 0, INITP_0F = 0

module RAMB18E2 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, ADDRENA, ADDRENB, SLEEP, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [13:0] ADDRARDADDR, ADDRBWRADDR,
    input [1:0] WEA,
    input [3:0] WEBWE,
    input [15:0] DINADIN, DINBDIN,
    input [1:0] DINPADINP, DINPBDINP,
    output [15:0] DOUTADOUT, DOUTBDOUT,
    output [1:0] DOUTPADOUTP, DOUTPBDOUTP
);
    parameter DOA_REG = 0, DOB_REG = 0;
    parameter [31:0] READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter WRITE_MODE_A = "NO_CHANGE", WRITE_MODE_B = "NO_CHANGE";
    parameter [71:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter [255:0] `QCOMPILER_CONTENTS_18;

    wire wide_write = WRITE_WIDTH_B == 36;  // the data of both ports
    wire wide_read = READ_WIDTH_A == 36;
    wire [127:0] read;
    wire [15:0] read_parity;
    qcompiler_block_ram #(
        .PLACES(14),
        .DATA({`QCOMPILER_DATA_18}),
        .PARITY({`QCOMPILER_PARITY_18}),
        .READ_WIDTHS({READ_WIDTH_B, READ_WIDTH_A}),
        .WRITE_WIDTHS({WRITE_WIDTH_B, WRITE_WIDTH_A}),
        .WRITE_FIRST({WRITE_MODE_B == "WRITE_FIRST", WRITE_MODE_A == "WRITE_FIRST"}),
        .NO_CHANGE({WRITE_MODE_B == "NO_CHANGE", WRITE_MODE_A == "NO_CHANGE"})
    ) ram (
        .clk(CLKARDCLK),
        .enable({ENBWREN, ENARDEN}),
        .reset({RSTRAMB, RSTRAMARSTRAM}),
        .at({ADDRBWRADDR[13:0], ADDRARDADDR[13:0]}),
        .write({4'd0, WEBWE, 6'd0, WEA}),
        .data({wide_write ? {32'd0, DINBDIN, DINADIN} : {48'd0, DINBDIN}, 48'd0, DINADIN}),
        .parity({wide_write ? {4'd0, DINPBDINP, DINPADINP} : {6'd0, DINPBDINP}, 6'd0, DINPADINP}),
        .read(read),
        .read_parity(read_parity)
    );
    assign DOUTADOUT = read[15:0];
    assign DOUTBDOUT = wide_read ? read[31:16] : read[79:64];
    assign DOUTPADOUTP = read_parity[1:0];
    assign DOUTPBDOUTP = wide_read ? read_parity[3:2] : read_parity[9:8];
endmodule

module RAMB36E2 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, ADDRENA, ADDRENB, SLEEP, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [14:0] ADDRARDADDR, ADDRBWRADDR,
    input [3:0] WEA,
    input [7:0] WEBWE,
    input [31:0] DINADIN, DINBDIN,
    input [3:0] DINPADINP, DINPBDINP,
    output [31:0] DOUTADOUT, DOUTBDOUT,
    output [3:0] DOUTPADOUTP, DOUTPBDOUTP
);
    parameter DOA_REG = 0, DOB_REG = 0;
    parameter [31:0] READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter WRITE_MODE_A = "NO_CHANGE", WRITE_MODE_B = "NO_CHANGE";
    parameter [71:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter [255:0] `QCOMPILER_CONTENTS_36;

    wire wide_write = WRITE_WIDTH_B == 72;  // the data of both ports
    wire wide_read = READ_WIDTH_A == 72;
    wire [127:0] read;
    wire [15:0] read_parity;
    qcompiler_block_ram #(
        .PLACES(15),
        .DATA({`QCOMPILER_DATA_36}),
        .PARITY({`QCOMPILER_PARITY_36}),
        .READ_WIDTHS({READ_WIDTH_B, READ_WIDTH_A}),
        .WRITE_WIDTHS({WRITE_WIDTH_B, WRITE_WIDTH_A}),
        .WRITE_FIRST({WRITE_MODE_B == "WRITE_FIRST", WRITE_MODE_A == "WRITE_FIRST"}),
        .NO_CHANGE({WRITE_MODE_B == "NO_CHANGE", WRITE_MODE_A == "NO_CHANGE"})
    ) ram (
        .clk(CLKARDCLK),
        .enable({ENBWREN, ENARDEN}),
        .reset({RSTRAMB, RSTRAMARSTRAM}),
        .at({ADDRBWRADDR[14:0], ADDRARDADDR[14:0]}),
        .write({WEBWE, 4'd0, WEA}),
        .data({wide_write ? {DINBDIN, DINADIN} : {32'd0, DINBDIN}, 32'd0, DINADIN}),
        .parity({wide_write ? {DINPBDINP, DINPADINP} : {4'd0, DINPBDINP}, 4'd0, DINPADINP}),
        .read(read),
        .read_parity(read_parity)
    );
    assign DOUTADOUT = read[31:0];
    assign DOUTBDOUT = wide_read ? read[63:32] : read[95:64];
    assign DOUTPADOUTP = read_parity[3:0];
    assign DOUTPBDOUTP = wide_read ? read_parity[7:4] : read_parity[11:8];
endmodule

module RAMB18E1 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [13:0] ADDRARDADDR, ADDRBWRADDR,
    input [1:0] WEA,
    input [3:0] WEBWE,
    input [15:0] DIADI, DIBDI,
    input [1:0] DIPADIP, DIPBDIP,
    output [15:0] DOADO, DOBDO,
    output [1:0] DOPADOP, DOPBDOP
);
    parameter DOA_REG = 0, DOB_REG = 0;
    parameter [31:0] READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter WRITE_MODE_A = "NO_CHANGE", WRITE_MODE_B = "NO_CHANGE";
    parameter [71:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter RAM_MODE = "TDP", SIM_DEVICE = "7SERIES";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE";
    parameter [255:0] `QCOMPILER_CONTENTS_18;

    wire wide_write = WRITE_WIDTH_B == 36;  // the data of both ports
    wire wide_read = READ_WIDTH_A == 36;
    wire [127:0] read;
    wire [15:0] read_parity;
    qcompiler_block_ram #(
        .PLACES(14),
        .DATA({`QCOMPILER_DATA_18}),
        .PARITY({`QCOMPILER_PARITY_18}),
        .READ_WIDTHS({READ_WIDTH_B, READ_WIDTH_A}),
        .WRITE_WIDTHS({WRITE_WIDTH_B, WRITE_WIDTH_A}),
        .WRITE_FIRST({WRITE_MODE_B == "WRITE_FIRST", WRITE_MODE_A == "WRITE_FIRST"}),
        .NO_CHANGE({WRITE_MODE_B == "NO_CHANGE", WRITE_MODE_A == "NO_CHANGE"})
    ) ram (
        .clk(CLKARDCLK),
        .enable({ENBWREN, ENARDEN}),
        .reset({RSTRAMB, RSTRAMARSTRAM}),
        .at({ADDRBWRADDR[13:0], ADDRARDADDR[13:0]}),
        .write({4'd0, WEBWE, 6'd0, WEA}),
        .data({wide_write ? {32'd0, DIBDI, DIADI} : {48'd0, DIBDI}, 48'd0, DIADI}),
        .parity({wide_write ? {4'd0, DIPBDIP, DIPADIP} : {6'd0, DIPBDIP}, 6'd0, DIPADIP}),
        .read(read),
        .read_parity(read_parity)
    );
    assign DOADO = read[15:0];
    assign DOBDO = wide_read ? read[31:16] : read[79:64];
    assign DOPADOP = read_parity[1:0];
    assign DOPBDOP = wide_read ? read_parity[3:2] : read_parity[9:8];
endmodule

module RAMB36E1 (
    input CLKARDCLK, CLKBWRCLK, ENARDEN, ENBWREN, REGCEAREGCE, REGCEB,
    input RSTRAMARSTRAM, RSTRAMB, RSTREGARSTREG, RSTREGB,
    input [15:0] ADDRARDADDR, ADDRBWRADDR,
    input [3:0] WEA,
    input [7:0] WEBWE,
    input [31:0] DIADI, DIBDI,
    input [3:0] DIPADIP, DIPBDIP,
    output [31:0] DOADO, DOBDO,
    output [3:0] DOPADOP, DOPBDOP
);
    parameter DOA_REG = 0, DOB_REG = 0;
    parameter [31:0] READ_WIDTH_A = 0, READ_WIDTH_B = 0, WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0;
    parameter WRITE_MODE_A = "NO_CHANGE", WRITE_MODE_B = "NO_CHANGE";
    parameter [71:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
    parameter RAM_MODE = "TDP", SIM_DEVICE = "7SERIES";
    parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE";
    parameter [255:0] `QCOMPILER_CONTENTS_36;

    wire wide_write = WRITE_WIDTH_B == 72;  // the data of both ports
    wire wide_read = READ_WIDTH_A == 72;
    wire [127:0] read;
    wire [15:0] read_parity;
    qcompiler_block_ram #(
        .PLACES(15),
        .DATA({`QCOMPILER_DATA_36}),
        .PARITY({`QCOMPILER_PARITY_36}),
        .READ_WIDTHS({READ_WIDTH_B, READ_WIDTH_A}),
        .WRITE_WIDTHS({WRITE_WIDTH_B, WRITE_WIDTH_A}),
        .WRITE_FIRST({WRITE_MODE_B == "WRITE_FIRST", WRITE_MODE_A == "WRITE_FIRST"}),
        .NO_CHANGE({WRITE_MODE_B == "NO_CHANGE", WRITE_MODE_A == "NO_CHANGE"})
    ) ram (
        .clk(CLKARDCLK),
        .enable({ENBWREN, ENARDEN}),
        .reset({RSTRAMB, RSTRAMARSTRAM}),
        .at({ADDRBWRADDR[14:0], ADDRARDADDR[14:0]}),
        .write({WEBWE, 4'd0, WEA}),
        .data({wide_write ? {DIBDI, DIADI} : {32'd0, DIBDI}, 32'd0, DIADI}),
        .parity({wide_write ? {DIPBDIP, DIPADIP} : {4'd0, DIPBDIP}, 4'd0, DIPADIP}),
        .read(read),
        .read_parity(read_parity)
    );
    assign DOADO = read[31:0];
    assign DOBDO = wide_read ? read[63:32] : read[95:64];
    assign DOPADOP = read_parity[3:0];
    assign DOPBDOP = wide_read ? read_parity[7:4] : read_parity[11:8];
endmodule
