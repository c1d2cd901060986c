// What Yosys has no simulation model of, as far as it and absorb.py use it: of the multiplier's
// registers those of the operands, by CLK0 and RST0; no cascades.
// Source: Lattice FPGA-TN-02205, "ECP5 and ECP5-5G sysDSP Usage Guide".
module MULT18X18D (
    input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
    input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
    input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
    input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    input CLK3, CLK2, CLK1, CLK0, CE3, CE2, CE1, CE0, RST3, RST2, RST1, RST0,
    output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    output P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
    parameter REG_INPUTA_CLK = "NONE";
    parameter REG_INPUTA_CE = "CE0";
    parameter REG_INPUTA_RST = "RST0";
    parameter REG_INPUTB_CLK = "NONE";
    parameter REG_INPUTB_CE = "CE0";
    parameter REG_INPUTB_RST = "RST0";
    parameter REG_PIPELINE_CLK = "NONE";
    parameter REG_OUTPUT_CLK = "NONE";
    parameter GSR = "ENABLED";

    wire [17:0] in_a = {A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1,
                A0};
    wire [17:0] in_b = {B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1,
                B0};
    reg [17:0] kept_a = 18'd0;
    reg [17:0] kept_b = 18'd0;
    wire take_a = REG_INPUTA_CE == "CE0" ? CE0 : REG_INPUTA_CE == "CE1" ? CE1 :
                  REG_INPUTA_CE == "CE2" ? CE2 : CE3;
    wire take_b = REG_INPUTB_CE == "CE0" ? CE0 : REG_INPUTB_CE == "CE1" ? CE1 :
                  REG_INPUTB_CE == "CE2" ? CE2 : CE3;
    always @(posedge CLK0) begin
        if (RST0) kept_a <= 18'd0;
        else if (take_a) kept_a <= in_a;
        if (RST0) kept_b <= 18'd0;
        else if (take_b) kept_b <= in_b;
    end
    wire [17:0] now_a = REG_INPUTA_CLK == "CLK0" ? kept_a : in_a;
    wire [17:0] now_b = REG_INPUTB_CLK == "CLK0" ? kept_b : in_b;
    wire signed [18:0] a = {SIGNEDA & now_a[17], now_a};
    wire signed [18:0] b = {SIGNEDB & now_b[17], now_b};
    wire signed [37:0] p = a * b;
    assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19,
            P18, P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1,
            P0} = p[35:0];
endmodule

// Two ports on 1024 words of 18 bits. A narrower port sees a byte of 9 bits, or parts of its lower
// 8; a port of 18 bits has byte enables in its address. With words of 36 bits port A writes and port
// B reads; the lower half stands at the pins of A. No inverted clock.
// Source: Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory User Guide".
module DP16KD (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5,
    DIA4, DIA3, DIA2, DIA1, DIA0,
    input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
    DOA4, DOA3, DOA2, DOA1, DOA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5,
    DIB4, DIB3, DIB2, DIB1, DIB0,
    input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
    DOB4, DOB3, DOB2, DOB1, DOB0
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter REGMODE_A = "NOREG";
    parameter REGMODE_B = "NOREG";
    parameter RESETMODE = "SYNC";
    parameter ASYNC_RESET_RELEASE = "SYNC";
    parameter CSDECODE_A = "0b000";
    parameter CSDECODE_B = "0b000";
    parameter CLKAMUX = "CLKA";
    parameter CLKBMUX = "CLKB";
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter GSR = "AUTO";
    parameter [319:0]
        INITVAL_00 = 320'd0, INITVAL_01 = 320'd0, INITVAL_02 = 320'd0, INITVAL_03 = 320'd0,
        INITVAL_04 = 320'd0, INITVAL_05 = 320'd0, INITVAL_06 = 320'd0, INITVAL_07 = 320'd0,
        INITVAL_08 = 320'd0, INITVAL_09 = 320'd0, INITVAL_0A = 320'd0, INITVAL_0B = 320'd0,
        INITVAL_0C = 320'd0, INITVAL_0D = 320'd0, INITVAL_0E = 320'd0, INITVAL_0F = 320'd0,
        INITVAL_10 = 320'd0, INITVAL_11 = 320'd0, INITVAL_12 = 320'd0, INITVAL_13 = 320'd0,
        INITVAL_14 = 320'd0, INITVAL_15 = 320'd0, INITVAL_16 = 320'd0, INITVAL_17 = 320'd0,
        INITVAL_18 = 320'd0, INITVAL_19 = 320'd0, INITVAL_1A = 320'd0, INITVAL_1B = 320'd0,
        INITVAL_1C = 320'd0, INITVAL_1D = 320'd0, INITVAL_1E = 320'd0, INITVAL_1F = 320'd0,
        INITVAL_20 = 320'd0, INITVAL_21 = 320'd0, INITVAL_22 = 320'd0, INITVAL_23 = 320'd0,
        INITVAL_24 = 320'd0, INITVAL_25 = 320'd0, INITVAL_26 = 320'd0, INITVAL_27 = 320'd0,
        INITVAL_28 = 320'd0, INITVAL_29 = 320'd0, INITVAL_2A = 320'd0, INITVAL_2B = 320'd0,
        INITVAL_2C = 320'd0, INITVAL_2D = 320'd0, INITVAL_2E = 320'd0, INITVAL_2F = 320'd0,
        INITVAL_30 = 320'd0, INITVAL_31 = 320'd0, INITVAL_32 = 320'd0, INITVAL_33 = 320'd0,
        INITVAL_34 = 320'd0, INITVAL_35 = 320'd0, INITVAL_36 = 320'd0, INITVAL_37 = 320'd0,
        INITVAL_38 = 320'd0, INITVAL_39 = 320'd0, INITVAL_3A = 320'd0, INITVAL_3B = 320'd0,
        INITVAL_3C = 320'd0, INITVAL_3D = 320'd0, INITVAL_3E = 320'd0, INITVAL_3F = 320'd0;

    // Word i stands in bits 20 * i + 17 to 20 * i.
    wire [20479:0] contents = {
        INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39,
        INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32,
        INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B,
        INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
        INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D,
        INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16,
        INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F,
        INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
        INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01,
        INITVAL_00};
    reg [17:0] memory [0:1023];
    integer i;
    initial for (i = 0; i < 1024; i = i + 1) memory[i] = contents[20*i +: 18];

    localparam WIDE = DATA_WIDTH_A == 36;

    // First bit of what a port of `width` sees.
    function integer first(input integer width, input [13:0] at);
        case (width)
            18: first = 0;
            9: first = 9 * at[3];
            4: first = 9 * at[3] + 4 * at[2];
            2: first = 9 * at[3] + 2 * at[2:1];
            default: first = 9 * at[3] + at[2:0];
        endcase
    endfunction

    // Bits that a port writes, before they are moved to their place.
    function [17:0] written(input integer width, input [13:0] at);
        written = width == 18 ? {{9{at[1]}}, {9{at[0]}}} : (18'd1 << width) - 18'd1;
    endfunction

    function [17:0] place(input [17:0] data, input integer width, input [13:0] at);
        place = data << first(width, at);
    endfunction

    function [17:0] fetch(input [17:0] word, input integer width, input [13:0] at);
        fetch = (word >> first(width, at)) & (width == 18 ? 18'h3FFFF : (18'd1 << width) - 18'd1);
    endfunction

    wire [17:0] in_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7,
                DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [13:0] at_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3,
                ADA2, ADA1, ADA0};
    reg [17:0] out_a;
    wire [17:0] word_a = memory[at_a[13:4]];
    wire [17:0] mask_a = place(written(DATA_WIDTH_A, at_a), DATA_WIDTH_A, at_a);
    wire [17:0] next_a = (word_a & ~mask_a) | (place(in_a, DATA_WIDTH_A, at_a) & mask_a);
    wire [17:0] seen_a = WRITEMODE_A == "WRITETHROUGH" && WEA ? next_a : word_a;
    always @(posedge CLKA) begin
        if (CEA && WEA && !WIDE) memory[at_a[13:4]] <= next_a;
        if (CEA && WEA && WIDE) begin
            if (at_a[0]) memory[{at_a[13:5], 1'b0}][8:0] <= in_a[8:0];
            if (at_a[1]) memory[{at_a[13:5], 1'b0}][17:9] <= in_a[17:9];
            if (at_a[2]) memory[{at_a[13:5], 1'b1}][8:0] <= in_b[8:0];
            if (at_a[3]) memory[{at_a[13:5], 1'b1}][17:9] <= in_b[17:9];
        end
        if (RSTA) out_a <= 18'd0;
        else if (CEA && !(WEA && WRITEMODE_A == "NORMAL")) out_a <= fetch(seen_a, DATA_WIDTH_A,
                at_a);
    end

    wire [17:0] in_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7,
                DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    wire [13:0] at_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3,
                ADB2, ADB1, ADB0};
    reg [17:0] out_b;
    wire [17:0] word_b = memory[at_b[13:4]];
    wire [17:0] mask_b = place(written(DATA_WIDTH_B, at_b), DATA_WIDTH_B, at_b);
    wire [17:0] next_b = (word_b & ~mask_b) | (place(in_b, DATA_WIDTH_B, at_b) & mask_b);
    wire [17:0] seen_b = WRITEMODE_B == "WRITETHROUGH" && WEB ? next_b : word_b;
    always @(posedge CLKB) begin
        if (CEB && WEB && !WIDE) memory[at_b[13:4]] <= next_b;
        if (RSTB) out_b <= 18'd0;
        else if (CEB && !(WEB && WRITEMODE_B == "NORMAL")) out_b <= fetch(seen_b, DATA_WIDTH_B,
                at_b);
    end

    reg [35:0] out_wide;
    always @(posedge CLKB)
        if (RSTB) out_wide <= 36'd0;
        else if (CEB) out_wide <= {memory[{at_b[13:5], 1'b1}], memory[{at_b[13:5], 1'b0}]};

    // Output registers.
    reg [17:0] kept_a = 18'd0;
    reg [35:0] kept_b = 36'd0;
    wire [17:0] half_a = WIDE ? out_wide[17:0] : out_a;
    wire [17:0] half_b = WIDE ? out_wide[35:18] : out_b;
    always @(posedge CLKA)
        if (RSTA) kept_a <= 18'd0;
        else if (OCEA) kept_a <= out_a;
    always @(posedge CLKB)
        if (RSTB) kept_b <= 36'd0;
        else if (OCEB) kept_b <= {half_b, out_wide[17:0]};
    wire [17:0] kept_half_a = WIDE ? kept_b[17:0] : kept_a;
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5,
                DOA4, DOA3, DOA2, DOA1, DOA0} = REGMODE_A == "OUTREG" ? kept_half_a : half_a;
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5,
                DOB4, DOB3, DOB2, DOB1, DOB0} = REGMODE_B == "OUTREG" ? kept_b[35:18] : half_b;
endmodule
