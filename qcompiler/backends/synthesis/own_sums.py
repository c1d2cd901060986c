"""How sums that are modules of their own are made: `rtl.sums.own_sum` says which.

Where cells of a carry chain have two places, the top bit is a table beside a chain that is a place
shorter. The carry into the top place follows from the place below it: if both operands have the
same bit there, it is that, else what the sum does not have.

On AMD's parts a table has two outputs, and one a place adds three numbers. Yosys makes two chains
of such a sum. Here each place is one `LUT6_2`: its upper output is the sum of three bits and of the
carry that the table below it passes on, its lower output the carry of its own three. The chain adds
both. Vivado makes the same of `a + b + c` by itself.
"""

from collections.abc import Iterable

from qcompiler.devices.family import Family
from qcompiler.rtl.sums import signs_and_width

SUMS_FILE = "_sums.v"
_PLACES = {"CARRY4": 4, "CARRY8": 8}
_THREE = 3


def sums_file(modules: Iterable[str], family: Family, command: str) -> str:
    """Returns the map of modules that are sums; empty if Yosys needs none.

    Args:
        modules: names of a design's modules.
        family: of the device.
        command: that synthesizes, with the kind of part.
    """
    found = [(name, *made) for name in modules if (made := signs_and_width(name))]
    if family.adds_three:
        three = [one for one in found if len(one[1]) == _THREE]
        carry = "CARRY8" if "xcu" in command else "CARRY4"
        sums = [_three(signs, carry) for signs in sorted({signs for _, signs, _ in three})]
        return "".join([*sums, *(_trimmed(*one) for one in three)])
    if family.chain == "pair":
        return "".join(_topped(*one) for one in found if len(one[1]) < _THREE)
    return ""


def _topped(name: str, signs: str, width: int) -> str:
    """Returns a sum of one or two numbers whose top bit is a table."""
    ports = "ab"[: len(signs)]
    low = width - 2
    terms = "".join(f" {'+-'[s == 'n']} {p}[{low}:0]" for p, s in zip(ports, signs, strict=True))
    below, top = (
        [f"{'~' * (s == 'n')}{p}[{at}]" for p, s in zip(ports, signs, strict=True)]
        for at in (low, width - 1)
    )
    one, other = (*below, "1'b0")[:2]
    return f"""
(* techmap_celltype = "{name}" *)
module _{name} (input [{width - 1}:0] {", ".join(ports)}, output [{width - 1}:0] y);
    wire [{low}:0] low = {low + 1}'d0{terms};
    wire carry = ({one} & {other}) | (~low[{low}] & ({one} | {other}));
    assign y = {{{" ^ ".join(top)} ^ carry, low}};
endmodule
"""


def _trimmed(name: str, signs: str, width: int) -> str:
    """Returns a sum of three, made of tables from the place on where two of them have bits."""
    known = "\n".join(
        f"    parameter [{width - 1}:0] _TECHMAP_CONSTMSK_{port}_ = 0;\n"
        f"    parameter [{width - 1}:0] _TECHMAP_CONSTVAL_{port}_ = 0;\n"
        f"    localparam [{width - 1}:0] ZERO_{port} ="
        f" _TECHMAP_CONSTMSK_{port}_ & ~_TECHMAP_CONSTVAL_{port}_;"
        for port in "abc"
    )
    alone = [
        " & ".join(f"ZERO_{other}" for other in "abc" if other != port)
        for port, sign in zip("abc", signs, strict=True)
        if sign == "p"
    ]
    return f"""
(* techmap_celltype = "{name}" *)
module _{name} (input [{width - 1}:0] a, b, c, output [{width - 1}:0] y);
{known}
    localparam [{width - 1}:0] ALONE = {" | ".join(f"({one})" for one in alone)};
    function integer passing(input [{width - 1}:0] alone);
        integer i;
        begin
            passing = 0;
            for (i = 0; i < {width - 1}; i = i + 1)
                if (alone[i] && passing == i)
                    passing = i + 1;
        end
    endfunction
    localparam START = passing(ALONE);
    _three_{signs} #(.WIDTH({width} - START)) upper (
        .a(a[{width - 1}:START]), .b(b[{width - 1}:START]), .c(c[{width - 1}:START]),
        .y(y[{width - 1}:START])
    );
    genvar i;
    generate
        for (i = 0; i < START; i = i + 1) begin : low
            assign y[i] = a[i] | b[i] | c[i];
        end
    endgenerate
endmodule
"""


def _three(signs: str, carry: str) -> str:
    """Returns the module that adds numbers of these signs.

    Each number that is subtracted is inverted, and one more: a carry that enters for the first, and
    one from below the lowest table for the second.
    """
    negative = [sign == "n" for sign in signs]
    upper = lower = 0
    for inputs in range(16):
        bits = [(inputs >> at & 1) ^ negative[at] for at in range(_THREE)]
        upper |= (sum(bits) + (inputs >> _THREE) & 1) << inputs
        lower |= (sum(bits) > 1) << inputs
    each = _PLACES[carry]
    extra = ".CI(carries[i]), .CI_TOP(1'b0)"
    if carry == "CARRY4":
        extra = ".CI(i ? carries[i] : 1'b0), .CYINIT(i ? 1'b0 : carries[i])"
    return f"""
module _three_{signs} (a, b, c, y);
    parameter WIDTH = 1;
    localparam PLACES = (WIDTH + {each - 1}) / {each} * {each};
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
            LUT6_2 #(.INIT(64'h{upper:04x}{upper:04x}{lower:04x}{lower:04x})) adder (
                .I0(a[i]), .I1(b[i]), .I2(c[i]), .I3(below[i]), .I4(1'b0), .I5(1'b1),
                .O6(made[i]), .O5(below[i + 1])
            );
            assign passed[i] = below[i];
        end
        for (i = WIDTH; i < PLACES; i = i + 1) begin : rest
            assign made[i] = 1'b0;
            assign passed[i] = 1'b0;
        end
        for (i = 0; i < PLACES; i = i + {each}) begin : chain
            wire [{each - 1}:0] out;
            assign carries[i + {each}] = out[{each - 1}];
            {carry} cells (
                {extra}, .DI(passed[i +: {each}]), .S(made[i +: {each}]),
                .O(sum[i +: {each}]), .CO(out)
            );
        end
    endgenerate
endmodule
"""
