"""Adds three numbers with a table a place on AMD's parts, whose tables have two outputs.

Yosys makes two chains of a sum of three. Here each place is one `LUT6_2`: its upper output is the
sum of three bits and of the carry that the table below it passes on, its lower output the carry of
its own three. The chain adds the sum and that carry from below. Vivado does the same of `a + b + c`
by itself. Which modules of a design add three numbers their names say (`rtl.sums.SUM_OF_THREE`).
"""

import re
from collections.abc import Iterable

from qcompiler.rtl.sums import SUM_OF_THREE

THREE_FILE = "_three.v"
_NAME = re.compile(rf"\w*{SUM_OF_THREE}_(p+n*)_w(\d+)")
_PLACES = {"CARRY4": 4, "CARRY8": 8}


def three_file(modules: Iterable[str], command: str) -> str:
    """Returns the map of modules that add three numbers; empty if none of these does.

    Args:
        modules: names of a design's modules.
        command: that synthesizes, with its family.
    """
    found = [(name, match) for name in modules if (match := _NAME.fullmatch(name))]
    carry = "CARRY8" if "xcu" in command else "CARRY4"
    signs = sorted({match[1] for _, match in found})
    mapped = [_mapped(name, match[1], int(match[2])) for name, match in found]
    return "".join([*(_sum(one, carry) for one in signs), *mapped])


def _mapped(name: str, signs: str, width: int) -> str:
    return f"""
(* techmap_celltype = "{name}" *)
module _{name} (input [{width - 1}:0] a, b, c, output [{width - 1}:0] y);
    _three_{signs} #(.WIDTH({width})) _TECHMAP_REPLACE_ (.a(a), .b(b), .c(c), .y(y));
endmodule
"""


def _sum(signs: str, carry: str) -> str:
    """Returns the module that adds numbers of these signs.

    Each number that is subtracted is inverted, and one more: a carry that enters for the first, and
    one from below the lowest table for the second.
    """
    negative = [sign == "n" for sign in signs]
    upper = lower = 0
    for inputs in range(16):
        bits = [(inputs >> at & 1) ^ negative[at] for at in range(3)]
        upper |= (sum(bits) + (inputs >> 3) & 1) << inputs
        lower |= (sum(bits) > 1) << inputs
    places = _PLACES[carry]
    first = ".CI(1'b0), .CYINIT(carries[i])" if carry == "CARRY4" else ".CI(carries[i])"
    later = ".CI(carries[i]), .CYINIT(1'b0)" if carry == "CARRY4" else first
    extra = "" if carry == "CARRY4" else ", .CI_TOP(1'b0)"
    return f"""
module _three_{signs} (a, b, c, y);
    parameter WIDTH = 1;
    localparam CELLS = (WIDTH + {places - 1}) / {places};
    localparam PLACES = CELLS * {places};
    input [WIDTH-1:0] a, b, c;
    output [WIDTH-1:0] y;
    wire [WIDTH:0] below;
    wire [PLACES-1:0] made, passed, sum;
    wire [PLACES:0] carries;
    assign below[0] = 1'b{int(sum(negative) > 1)};
    assign carries[0] = 1'b{int(any(negative))};
    assign y = sum[WIDTH-1:0];
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : place
            LUT6_2 #(.INIT(64'h{upper:04x}{upper:04x}{lower:04x}{lower:04x})) table_ (
                .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(below[i]), .I4(1'b0), .I5(1'b1),
                .O6(made[i]), .O5(below[i + 1])
            );
            assign passed[i] = below[i];
        end
        for (i = WIDTH; i < PLACES; i = i + 1) begin : rest
            assign made[i] = 1'b0;
            assign passed[i] = 1'b0;
        end
        for (i = 0; i < PLACES; i = i + {places}) begin : cell_
            wire [{places - 1}:0] out;
            assign carries[i + {places}] = out[{places - 1}];
            if (i == 0)
                {carry} first (
                    {first}{extra}, .DI(passed[i +: {places}]), .S(made[i +: {places}]),
                    .O(sum[i +: {places}]), .CO(out)
                );
            else
                {carry} later (
                    {later}{extra}, .DI(passed[i +: {places}]), .S(made[i +: {places}]),
                    .O(sum[i +: {places}]), .CO(out)
                );
        end
    endgenerate
endmodule
"""
