"""IR that is read: values are made before they are used, and types hold what is computed."""

from pathlib import Path

import pytest

import qcompiler
from qcompiler.assembly import LocatedError, parse_module
from qcompiler.passes.pipeline import make_context
from qcompiler.passes.range_check import false_ranges
from qcompiler.pipelines import DEFAULT

EXAMPLES = Path(__file__).parents[3] / "examples"


def read(text):
    return parse_module(make_context(), text, "f.mlir", checks=[false_ranges])


def refused(text):
    with pytest.raises(LocatedError) as caught:
        read(text)
    return str(caught.value)


T = "tensor<1x4xf32>"
ORDER = {
    "later": (
        f"func.func @main(%x: {T}) -> {T} {{\n"
        f"  %b = nn.relu %a : ({T}) -> {T}\n"
        f"  %a = nn.relu %x : ({T}) -> {T}\n"
        f"  func.return %b : {T}\n}}",
        "f.mlir:2:16: nn.relu: %a is used before it is defined",
    ),
    "itself": (
        f"func.func @main(%x: {T}) -> {T} {{\n"
        f"  %h_3 = nn.relu %h_3 : ({T}) -> {T}\n  func.return %h_3 : {T}\n}}",
        "f.mlir:2:18: nn.relu: %h_3 is made of itself",
    ),
    "without a name": (
        f"func.func @main(%x: {T}) -> {T} {{\n"
        f"  %0 = nn.add %x, %1 : ({T}, {T}) -> {T}\n"
        f"  %1 = nn.relu %x : ({T}) -> {T}\n"
        f"  func.return %0 : {T}\n}}",
        "f.mlir:2:19: nn.add: %1 is used before",
    ),
    "a circle": (
        f"func.func @main(%x: {T}) -> {T} {{\n"
        f"  %a = nn.relu %b : ({T}) -> {T}\n"
        f"  %b = nn.relu %a : ({T}) -> {T}\n"
        f"  func.return %b : {T}\n}}",
        "f.mlir:2:16: nn.relu: %b is used before it is defined",
    ),
    "generic form": (
        '"func.func"() <{sym_name = "f", function_type = () -> ()}> ({\n'
        '  "test.op"(%a) : (i1) -> ()\n  %a = "test.op"() : () -> i1\n'
        '  "func.return"() : () -> ()\n}) : () -> ()',
        "f.mlir:2:13: test.op: %a is used before",
    ),
    "from within": (
        "func.func @f() {\n"
        '  %a = "test.op"() ({\n    "test.op"(%a) : (i1) -> ()\n    "test.termop"() : () -> ()\n'
        "  }) : () -> i1\n  func.return\n}",
        "f.mlir:3:15: test.op: %a is used before",
    ),
    "out of a region": (
        "func.func @f() {\n"
        '  "test.op"() ({\n    %a = "test.op"() : () -> i1\n    "test.termop"() : () -> ()\n'
        '  }) : () -> ()\n  "test.op"(%a) : (i1) -> ()\n  func.return\n}',
        "f.mlir:",
    ),
    "another block": (
        "func.func @f(%c: i1) {\n  cf.cond_br %c, ^a, ^b\n^a:\n"
        '  %v = "test.op"() : () -> i1\n  cf.br ^b\n^b:\n  "test.op"(%v) : (i1) -> ()\n'
        "  func.return\n}",
        "f.mlir:7:13: test.op: %v is used before",
    ),
}


@pytest.mark.parametrize(("text", "words"), ORDER.values(), ids=ORDER)
def test_used_before_it_is_made(text, words):
    with pytest.raises(Exception, match=r"used|itself|defined") as caught:
        read(text)
    said = str(getattr(caught.value, "msg", caught.value))
    if isinstance(caught.value, LocatedError):
        assert words in said
    else:  # xDSL's parser knows scopes, and places them
        assert "%a" in said


def test_several_at_once():
    text = f"func.func @main(%x: {T}) -> {T} {{\n" + "".join(
        f"  %v{i} = nn.relu %v{i + 1} : ({T}) -> {T}\n" for i in range(20)
    )
    text += f"  %v20 = nn.relu %x : ({T}) -> {T}\n  func.return %v0 : {T}\n}}"
    said = refused(text)
    assert said.count("is used before") == 10
    assert said.endswith("and 10 more")


def test_order_means_nothing_in_hardware():
    """Registers feed back."""
    read(
        "hw.module @m(in %clk: !seq.clock, out y: i1) {\n"
        "  %next = comb.xor %state, %one : i1\n"
        "  %one = hw.constant true\n"
        "  %state = seq.compreg %next, %clk : i1\n"
        "  hw.output %state : i1\n}"
    )


I3 = "tensor<1x2x!qint.int<0, 3>>"
W = "%w = qint.constant dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8> -> tensor<2x2x!qint.int<-3, 4>>"
WT = "tensor<2x2x!qint.int<-3, 4>>"


def _function(line, result, before=W):
    return (
        f"func.func @main(%x: {I3}, %y: {I3}) -> {result} {{\n  {before}\n  {line} -> {result}\n"
        f"  func.return %r : {result}\n}}"
    )


def _int(lo, hi, shape="1x2"):
    return f"tensor<{shape}x!qint.int<{lo}, {hi}>>"


WINDOW = (
    "kernel = array<i64: 2>, strides = array<i64: 1>, dilations = array<i64: 1>, "
    "pads_begin = array<i64: 0>, pads_end = array<i64: 0>, pad_value = 0 : i64"
)
FRAME = "tensor<1x2x1x!qint.int<0, 3>>"
QINT = {
    "matmul": ((-9, 18), f"%r = qint.matmul %x, %w : ({I3}, {WT})", "1x2"),
    "add": ((0, 6), f"%r = qint.add %x, %y : ({I3}, {I3})", "1x2"),
    "mul": ((0, 9), f"%r = qint.mul %x, %y : ({I3}, {I3})", "1x2"),
    "affine": (
        (-6, 0),
        f"%r = qint.affine %x {{multiplier = -2 : i64, offset = 0 : i64}} : ({I3})",
        "1x2",
    ),
    "reshape": ((0, 3), f"%r = qint.reshape %x : ({I3})", "2"),
    "transpose": (
        (0, 3),
        f"%r = qint.transpose %x permutation [1, 0] : ({I3})",
        "2x1",
    ),
    "concat": ((0, 3), f"%r = qint.concat %x, %y axis 1 : ({I3}, {I3})", "1x4"),
    "pad": (
        (-1, 3),
        "%r = qint.pad %x {begin = array<i64: 0, 1>, end = array<i64: 0, 0>, value = -1 : i64} : "
        f"({I3})",
        "1x3",
    ),
    "arg_max": ((0, 1), f"%r = qint.arg_max %x {{last = false}} : ({I3})", "1x1"),
    "lookup": (
        (-1, 2),
        "%r = qint.lookup %x {sources = dense<[[1, 0]]> : tensor<1x2xi8>, entries = dense<"
        "[[0, -1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]> : tensor<1x16xi8>, bits = 2 : i64, "
        f"x_lo = 0 : i64}} : ({I3})",
        "1x1",
    ),
}


@pytest.mark.parametrize("name", QINT)
def test_ranges_of_integers(name):
    (lo, hi), line, shape = QINT[name]
    read(_function(line, _int(lo, hi, shape)))
    read(_function(line, _int(lo - 1, hi + 1, shape)))
    for false in ((lo + 1, hi), (lo, hi - 1)):
        said = refused(_function(line, _int(*false, shape)))
        assert said.startswith(f"f.mlir:3:3: qint.{name}: its type says {false[0]} to {false[1]}")
        assert f"it computes {lo} to {hi}; write !qint.int<{lo}, {hi}>" in said


def test_quantizers_clamp_to_their_type():
    """Their range is no claim: narrow codes are what infer-ranges makes of them."""
    read(
        f"func.func @main(%x: {T}) -> tensor<1x4x!qint.int<1, 2>> {{\n"
        '  %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : '
        f"({T}) -> tensor<1x4x!qint.int<1, 2>>\n"
        "  func.return %q : tensor<1x4x!qint.int<1, 2>>\n}"
    )


def test_a_sum_beyond_127_bits_is_placed():
    wide = f"tensor<1x2x!qint.int<0, {2**126 - 1}>>"
    said = refused(
        f"func.func @main(%x: {wide}) -> {_int(0, 9)} {{\n  {W}\n"
        f"  %r = qint.matmul %x, %w : ({wide}, {WT}) -> {_int(0, 9)}\n"
        f"  func.return %r : {_int(0, 9)}\n}}"
    )
    assert said.startswith("f.mlir:3:3: qint.matmul: dot product must fit 127 bits")


def _channel(lo, hi, frame="2", lanes=1):
    return f"!stream.channel<!qint.int<{lo}, {hi}>, frame = [{frame}], lanes = {lanes}>"


C = _channel(0, 3)
IMAGE = _channel(0, 3, "2, 2, 1")
STREAM = {
    "mvau": ((-9, 18), "stream.mvau %x weights @w pe 1 simd 1", (C,), "2"),
    "add": ((-3, 6), "stream.add %x, %y multipliers [2, -1]", (C, C), "2"),
    "mul": ((0, 9), "stream.mul %x, %y", (C, C), "2"),
    "concat": ((0, 3), "stream.concat %x, %y axis 0", (C, C), "4"),
    "pool": ((0, 12), 'stream.pool %x kind "sum"', (_channel(0, 3, "1, 1, 4"),), "1, 1, 1"),
    "vvau": ((-9, 3), "stream.vvau %x weights @v", (_channel(0, 3, "1, 1, 2"),), "1, 1, 1"),
    "sliding_window": (
        (-7, 3),
        "stream.sliding_window %x {kernel = array<i64: 2, 2>, strides = array<i64: 1, 1>, "
        "dilations = array<i64: 1, 1>, pads_begin = array<i64: 1, 1>, pads_end = array<i64: 0, 0>, "
        "pad_value = -7 : i64, groups = 1 : i64}",
        (IMAGE,),
        "2, 2, 4",
    ),
}


@pytest.mark.parametrize("name", STREAM)
def test_ranges_of_processes(name):
    (lo, hi), op, inputs, frame = STREAM[name]

    def text(low, high):
        made = _channel(low, high, frame)
        names = ", ".join(f"%{n}: {t}" for n, t in zip("xy", inputs, strict=False))
        return (
            "stream.weights @w dense<[[1, 2], [-3, 4]]> : tensor<2x2xi8>\n"
            "stream.weights @v dense<[[1], [-3]]> : tensor<2x1xi8>\n"
            f"func.func @core({names}) -> {made} {{\n"
            f"  %r = {op} : ({', '.join(inputs)}) -> {made}\n  func.return %r : {made}\n}}"
        )

    read(text(lo, hi))
    for false in ((lo + 1, hi), (lo, hi - 1)):
        said = refused(text(*false))
        assert said.startswith(f"f.mlir:4:3: stream.{name}: its type says {false[0]} to {false[1]}")


@pytest.mark.parametrize(("giver", "taker"), [("head", "core"), ("core", "tail")])
def test_what_one_function_hands_to_the_next(giver, taker):
    narrow = "tensor<1x2x!qint.int<0, 2>>"
    text = (
        f"func.func @{giver}(%x: {I3}) -> {I3} {{\n  func.return %x : {I3}\n}}\n"
        f"func.func @{taker}(%x: {narrow}) -> {narrow} {{\n  func.return %x : {narrow}\n}}"
    )
    said = refused(text)
    assert f"f.mlir:4:1: func.func: argument 0 holds 0 to 2, but @{giver} gives 0 to 3" in said


@pytest.mark.parametrize("model", ["digits_mlp/digits_mlp.onnx", "digits_cnn/digits_cnn_qdq.onnx"])
def test_no_pass_writes_what_is_refused(model):
    """As `--print-ir-after all` writes it; types stay true at every step of the pipeline."""
    module = qcompiler.compile(EXAMPLES / model, passes=[]).level("nn")
    for name in DEFAULT[:-1]:
        module = qcompiler.compile(module, passes=[name]).level("last")
        assert not list(false_ranges(module)), name
