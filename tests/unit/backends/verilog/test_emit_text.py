"""How emitted Verilog reads."""

import io
from pathlib import Path

import pytest
from rtl_testing import lint, parse
from xdsl.context import Context
from xdsl.dialects.func import FuncOp

from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.backends.verilog.target import VerilogTarget

DOT = """
hw.module @dot(in %ap_clk : !seq.clock, in %ap_rst_n : i1, in %x : i6, in %y : i6, in %u : i4,
               in %en : i1, out row : i14, out count : i8, out hit : i1)
    attributes {rtl.comment = ["A row of a matrix."]} {
  %true = hw.constant true
  %reset = comb.xor %ap_rst_n, %true : i1
  %xs = comb.extract %x from 5 : (i6) -> i1
  %xr = comb.replicate %xs : (i1) -> i8
  %x_ext = comb.concat %xr, %x : i8, i6
  %ys = comb.extract %y from 5 : (i6) -> i1
  %yr = comb.replicate %ys : (i1) -> i8
  %y_ext = comb.concat %yr, %y : i8, i6
  %z10 = hw.constant 0 : i10
  %u_ext = comb.concat %z10, %u : i10, i4
  %c3 = hw.constant 3 : i14
  %cm5 = hw.constant -5 : i14
  %cm7 = hw.constant -7 : i14
  %p0 = comb.mul %x_ext, %c3 : i14
  %p1 = comb.mul %y_ext, %cm5 : i14
  %p2 = comb.mul %u_ext, %y_ext : i14
  %s0 = comb.add %p0, %p1, %cm7 : i14
  %s1 = comb.sub %s0, %p2 : i14
  %row = seq.compreg %s1, %ap_clk {rtl.comment = "the sum"} : i14
  %one = hw.constant 1 : i8
  %zero = hw.constant 0 : i8
  %limit = hw.constant -3 : i8
  %next = comb.add %count, %one : i8
  %at_end = comb.icmp slt %count, %limit : i8
  %wrapped = comb.mux %at_end, %zero, %next : i8
  %d = comb.mux %en, %wrapped, %count : i8
  %count = seq.compreg %d, %ap_clk reset %reset, %zero : i8
  %no = hw.constant false
  %dh = comb.mux %en, %at_end, %hit : i1
  %hit = seq.compreg %dh, %ap_clk reset %reset, %no : i1
  hw.output %row, %count, %hit : i14, i8, i1
}
"""

DOT_VERILOG = """\
// A row of a matrix.
module dot (
    input  wire        ap_clk,
    input  wire        ap_rst_n,
    input  wire [5:0]  x,
    input  wire [5:0]  y,
    input  wire [3:0]  u,
    input  wire        en,
    output reg  [13:0] row,
    output reg  [7:0]  count,
    output reg         hit
);

    wire signed [13:0] x_ext = {{8{x[5]}}, x};
    wire signed [13:0] y_ext = {{8{y[5]}}, y};
    wire signed [13:0] u_ext = {10'd0, u};
    wire at_end = $signed(count) < -8'sd3;

    // the sum
    always @(posedge ap_clk) begin
        row <= x_ext * 14'sd3 - y_ext * 14'sd5 - 14'sd7 - u_ext * y_ext;
    end

    always @(posedge ap_clk) begin
        if (!ap_rst_n) begin
            count <= 8'd0;
            hit <= 1'b0;
        end else if (en) begin
            count <= at_end ? 8'd0 : count + 8'd1;
            hit <= at_end;
        end
    end
endmodule
"""


def _module(body: str, inputs: str = "in %a : i8, in %b : i8, in %c : i1", out: str = "i8") -> str:
    return f"hw.module @m(in %clk : !seq.clock, {inputs}, out y : {out}) {{ {body} }}"


def _emit(body: str, **options: str) -> str:
    return emit_verilog(parse(_module(body, **options))).files["m.v"]


def test_a_module_reads_as_a_person_would_write_it(tmp_path: Path) -> None:
    design = emit_verilog(parse(DOT))
    assert design.files["dot.v"] == DOT_VERILOG
    assert lint(design, "dot", tmp_path) == ""


def test_output_is_the_same_every_time() -> None:
    assert emit_verilog(parse(DOT)).files == emit_verilog(parse(DOT)).files


def test_target_prints_the_modules_one_after_the_other() -> None:
    output = io.StringIO()
    VerilogTarget().emit(Context(), parse(DOT + DOT.replace("@dot", "@dot2")), output)
    assert output.getvalue() == DOT_VERILOG + "\n" + DOT_VERILOG.replace("dot", "dot2")


def test_values_used_twice_get_a_wire_and_unused_bits_a_sink(tmp_path: Path) -> None:
    text = """
      %s = comb.add %a, %b : i8
      %lo = comb.extract %s from 0 : (i8) -> i4
      %hi = comb.extract %a from 4 : (i8) -> i4
      %dead = comb.mul %a, %b : i8
      %n = comb.sub %lo, %hi : i4
      %p = comb.xor %n, %n : i4
      %y = comb.concat %p, %n : i4, i4
      hw.output %y : i8"""
    design = emit_verilog(parse(_module(text)))
    verilog = design.files["m.v"]
    assert "    wire [7:0] s = a + b;\n    wire [3:0] n = s[3:0] - a[7:4];\n" in verilog
    assert "assign y = {n ^ n, n};" in verilog
    assert "wire _unused_ok = &{1'b0, clk, c, s[7:4]};" in verilog
    assert lint(design, "m", tmp_path) == ""


def test_unsigned_comparison_of_signed_wires_is_not_made_signed() -> None:
    verilog = _emit(
        """
      %s = comb.extract %a from 7 : (i8) -> i1
      %r = comb.replicate %s : (i1) -> i8
      %e = comb.concat %r, %a : i8, i8
      %p = comb.mul %e, %e : i16
      %y = comb.icmp ult %e, %p : i16
      hw.output %y : i1""",
        out="i1",
    )
    assert "wire signed [15:0] p = e * e;" in verilog
    assert "assign y = $unsigned(e) < p;" in verilog


def test_arithmetic_shift_is_kept_out_of_unsigned_expressions() -> None:
    verilog = _emit("%s = comb.shrs %a, %b : i8 %y = comb.add %s, %b : i8 hw.output %y : i8")
    assert "wire [7:0] s = $signed(a) >>> b;" in verilog
    assert "assign y = s + b;" in verilog


def test_parity_and_arrays(tmp_path: Path) -> None:
    # xDSL's own syntax of comb.parity has room for i1 only, hence the generic form.
    text = """
      %p = "comb.parity"(%a) : (i8) -> i1
      %q = comb.xor %p, %c : i1
      %i = comb.extract %b from 0 : (i8) -> i1
      %l = hw.array_create %a, %b : i8
      %e = hw.array_get %l[%i] : !hw.array<2xi8>, i1
      %s = hw.bitcast %l : (!hw.array<2xi8>) -> i16
      %y = comb.concat %q, %e, %s : i1, i8, i16
      hw.output %y : i25"""
    design = emit_verilog(parse(_module(text, out="i25")))
    assert "wire [15:0] l = {a, b};" in design.files["m.v"]
    assert "assign y = {(^a) ^ c, l[{b[0], 3'd0} +: 8], l};" in design.files["m.v"]
    assert lint(design, "m", tmp_path) == ""


def test_a_held_register_is_an_if_without_else() -> None:
    verilog = _emit(
        """
      %k = comb.mux %c, %q, %b : i8
      %d = comb.mux %e, %a, %k : i8
      %e = comb.icmp eq %a, %b : i8
      %q = seq.compreg %d, %clk : i8
      hw.output %q : i8"""
    )
    expected = """
    always @(posedge clk) begin
        if (a == b) begin
            y <= a;
        end else if (!c) begin
            y <= b;
        end
    end
"""
    assert expected in verilog


def test_pipeline_stages_stay_with_their_logic() -> None:
    verilog = _emit(
        """
      %s0 = comb.add %a, %b : i8
      %q0 = seq.compreg %s0, %clk : i8
      %s1 = comb.sub %q0, %b {rtl.comment = "second stage"} : i8
      %q1 = seq.compreg %s1, %clk : i8
      hw.output %q1 : i8"""
    )
    first, second = verilog.index("q0 <= a + b;"), verilog.index("// second stage")
    assert verilog.index("reg [7:0] q0;") < first < second < verilog.index("y <= s1;")


def test_instances_connect_ports_by_name_one_per_line(tmp_path: Path) -> None:
    text = """
hw.module @inner(in %clk : !seq.clock, in %in : i8, out out : i8, out more : i2) {
  %q = seq.compreg %in, %clk : i8
  %m = comb.extract %q from 3 : (i8) -> i2
  hw.output %q, %m : i8, i2
}
hw.module @outer(in %clk : !seq.clock, in %a : i8, out y : i8) {
  %o:2 = hw.instance "u 1" @inner(clk: %clk: !seq.clock, in: %a: i8) -> (out: i8, more: i2)
  hw.output %o#0 : i8
}"""
    design = emit_verilog(parse(text))
    assert design.interfaces["inner"].ports["in"] == "in_"
    expected = """
    wire [1:0] u_1_more;

    inner u_1 (
        .clk(clk),
        .in_(a),
        .out_(y),
        .more(u_1_more)
    );
"""
    assert expected in design.files["outer.v"]
    assert lint(design, "outer", tmp_path) == ""


def test_register_with_power_on_value_and_long_lines(tmp_path: Path) -> None:
    terms = " ".join(
        f"%t{i} = comb.add {'%a' if i == 0 else f'%t{i - 1}'}, %b : i8" for i in range(60)
    )
    text = _module(f"""{terms} %p = hw.constant 7 : i8
      %q = seq.compreg %t59, %clk powerOn %p : i8 %n = comb.xor %q, %b : i8 hw.output %n : i8""")
    design = emit_verilog(parse(text))
    assert "initial q = 8'd7;" in design.files["m.v"]
    assert max(len(line) for line in design.files["m.v"].splitlines()) <= 100
    assert lint(design, "m", tmp_path) == ""


def test_every_problem_is_reported_at_once() -> None:
    text = """
hw.module @bad(in %a : !hw.array<2xi4>, in %c : i8, out y : i8) {
  %e = comb.extract %c from 1 : (i8) -> i8
  %z = "comb.extract"(%c) <{lowBit = 2 : i32}> : (i8) -> i0
  hw.output %e : i8
}
"""
    module = parse(text)
    module.body.block.add_op(FuncOp.external("f", [], []))
    with pytest.raises(ValueError, match="cannot emit Verilog") as error:
        emit_verilog(module)
    lines = str(error.value).splitlines()
    assert lines == [
        "cannot emit Verilog:",
        '  hw.module @bad: port "a": type must be a signless integer, at least i1, '
        "got !hw.array<2xi4>",
        "  hw.module @bad: op 0 (comb.extract %e): bits 1 to 8 reach outside of the 8-bit input",
        "  hw.module @bad: op 1 (comb.extract %z): type i0 has no Verilog; "
        "use a signless integer of 1 or more bits",
        "  func.func is not a hardware module; lower it to hw.module first",
    ]


def test_a_combinational_loop_is_an_error() -> None:
    body = "%s = comb.add %a, %t : i8 %t = comb.sub %s, %b : i8 hw.output %s : i8"
    with pytest.raises(ValueError, match=r"hw\.module @m: combinational loop through comb\.add %s"):
        emit_verilog(parse(_module(body)))
