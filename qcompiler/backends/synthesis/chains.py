"""Keeps a carry chain for each addition.

Yosys' `alumacc` merges sums that have one reader into one of many terms, which `maccmap` then makes
of full adders, two tables for each bit of each term. In modules that say so, with an attribute,
each addition becomes an `$alu` before, which keeps its chain: one table a bit. docs/synthesis.md
has figures.
"""

CHAINS_FILE = "_chains.v"
CHAINS = r"""
(* techmap_celltype = "$add $sub" *)
module _chain (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;
    parameter _TECHMAP_CELLTYPE_ = "";
    localparam SUB = _TECHMAP_CELLTYPE_ == "$sub";
    input [A_WIDTH-1:0] A;
    input [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;
    wire [Y_WIDTH-1:0] X, CO;
    \$alu #(
        .A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED),
        .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH), .Y_WIDTH(Y_WIDTH)
    ) _TECHMAP_REPLACE_ (.A(A), .B(B), .BI(SUB), .CI(SUB), .X(X), .CO(CO), .Y(Y));
endmodule
"""
