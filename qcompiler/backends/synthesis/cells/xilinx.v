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
