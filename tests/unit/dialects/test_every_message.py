"""Each message of a verifier: an operation's example with one thing wrong is refused for that."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import Block, Region
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.test_value import create_ssa_value

import qcompiler
from qcompiler.assembly import parse_module
from qcompiler.assembly.reader import LocatedError
from qcompiler.dialects import nn, qint, stream
from qcompiler.dialects.rtl import RTL
from qcompiler.passes.pipeline import make_context

TESTS = Path(__file__).parents[2]
DIALECTS = Path(qcompiler.__file__).parent / "dialects"
OPERATIONS = {
    op.name: op for dialect in (nn.NN, qint.QINT, stream.STREAM, RTL) for op in dialect.operations
}
CHANNEL = "!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>"


def example(name):
    """The example in an operation's docstring, on one line."""
    text = inspect.getdoc(OPERATIONS[name]) or ""
    found = re.search(r"Example: `(.*?)`", text, re.DOTALL)
    assert found, f"{name} has no example"
    return re.sub(r"\s+", " ", found[1])


def module(line):
    """A function that holds the operation, with what it reads as arguments."""
    start = line.rindex(" : (", 0, line.rindex(") -> ")) + 4
    depth, parts, begin = 0, [], start
    for at in range(start, len(line)):
        depth += (line[at] in "(<[") - (line[at] in ")>]")
        if depth < 0 or (line[at] == "," and depth == 0):
            parts.append(line[begin:at].strip())
            begin = at + 1
        if depth < 0:
            break
    read = re.findall(r"%\w+", line.partition("= ")[2] if line.startswith("%") else line)
    read = read[: len(parts)]
    arguments = ", ".join(f"{name}: {type_}" for name, type_ in zip(read, parts, strict=True))
    return f"func.func @f({arguments}) {{\n{line}\nfunc.return\n}}"


CASES = [
    ("nn.gelu", '"none"', '"cubic"', "approximate must be one of none, tanh, got cubic"),
    ("nn.round_to", "float16", "float7", "format must be one of "),
    ("nn.concat", "tensor<1x3xf32>", "tensor<2x3xf32>", "differ in more than axis 1"),
    ("nn.tensor_scatter", "tensor<1x1x2xf32>", "tensor<1x1x3xf32>",
     "update of shape [1, 1, 3] does not fit [1, 5, 2] along axis 1"),
    ("nn.tensor_scatter", "tensor<1x1x2xf32>", "tensor<1x6x2xf32>",
     "update has 6 rows along axis 1, the input only 5"),
    ("nn.tensor_scatter", "tensor<1xf32>", "tensor<2xf32>",
     "position must be one number, got tensor<2xf32>"),
    ("nn.sample", "kernel = array<i64: 3, 3>", "kernel = array<i64: 3>",
     "kernel, strides, dilations and pads must have two entries"),
    ("nn.sample", "strides = array<i64: 1, 1>", "strides = array<i64: 0, 1>",
     "kernel, strides and dilations must be positive"),
    ("nn.sample", '"offsets"', '"places"',
     "positions must be one of offsets, grid, grid_corners, got places"),
    ("nn.sample", '"bilinear"', '"cubic"', "mode must be one of bilinear, nearest, got cubic"),
    ("nn.sample", "tensor<1x18x4x4xf32>", "tensor<2x18x4x4xf32>",
     "input and offsets must have rank 4 and one batch, got [1, 2, 4, 4], [2, 18, 4, 4]"),
    ("nn.sample", "offset_groups = 1", "offset_groups = 3",
     "offset_groups must divide 2 channels, got 3"),
    ("nn.sample", "tensor<1x18x4x4xf32>", "tensor<1x9x4x4xf32>",
     "offsets must have 18 channels, a pair for each of 9 taps of 1 groups, got 9"),
    ("nn.sample", "%offsets {|tensor<1x18x4x4xf32>)",
     "%offsets mask %m {|tensor<1x18x4x4xf32>, tensor<1x8x4x4xf32>)",
     "mask must have shape [1, 9, 4, 4], got [1, 8, 4, 4]"),
    ("nn.sample", "tensor<1x2x12x12xf32>", "tensor<1x2x4x4xf32>",
     "result must have shape [1, 2, 12, 12]"),
    ("qint.sample", '"bilinear"', '"cubic"', "mode must be bilinear or nearest, got cubic"),
    ("qint.sample", "steps = array<i64: 1, 0>", "steps = array<i64: 1>",
     "steps, origins and sources must have 2 entries, got [1, 2, 2]"),
    ("qint.sample", "tensor<1x4x4x1x!qint.int<-2, 2>>", "tensor<2x4x4x1x!qint.int<-2, 2>>",
     "input and offsets must have rank 4 and one batch, got [1, 4, 4, 2], [2, 4, 4, 1]"),
    ("qint.sample", "steps = array<i64: 1, 0>|origins = array<i64: 0, 0>|"
     "sources = array<i64: 0, 0>|offset_groups = 1",
     "steps = array<i64: 1, 0, 1, 0, 1, 0>|origins = array<i64: 0, 0, 0, 0, 0, 0>|"
     "sources = array<i64: 0, 0, 0, 0, 0, 0>|offset_groups = 3",
     "offset_groups must divide 2 channels, got 3"),
    ("qint.sample", "sources = array<i64: 0, 0>", "sources = array<i64: 0, 1>",
     "sources must be channels of 1 codes, got 1"),
    ("qint.sample", "%d {|tensor<1x4x4x1x!qint.int<-2, 2>>)",
     "%d mask %m {|tensor<1x4x4x1x!qint.int<-2, 2>>, tensor<1x4x4x2x!qint.int<0, 1>>)",
     "mask must have shape [1, 4, 4, 1], got [1, 4, 4, 2]"),
    ("qint.sample", "-> tensor<1x4x4x2x", "-> tensor<1x4x4x4x",
     "result must have shape [1, 4, 4, 2]"),
    ("stream.sample", "frame = [4, 4, 1], lanes = 1", "frame = [16, 1], lanes = 1",
     "frames must be [H, W, C], got"),
    ("stream.sample", "groups = 1 : i64}", "groups = 3 : i64}",
     "groups must divide 2 channels, got 3"),
    ("stream.sample", "sources = array<i64: 0, 0>", "sources = array<i64: 0, 1>",
     "sources must be channels of"),
    ("stream.sample", "-> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 2]",
     "-> !stream.channel<!qint.int<0, 3>, frame = [4, 4, 4]",
     "result must have frame [4, 4, 2]"),
    ("stream.sample", "%d {|frame = [4, 4, 1], lanes = 1>)",
     "%d mask %m {|frame = [4, 4, 1], lanes = 1>, "
     "!stream.channel<!qint.int<0, 1>, frame = [4, 4, 2], lanes = 1>)",
     "mask must have frame [4, 4, 1]"),
    ("stream.sample", "groups = 1 : i64}|frame = [4, 4, 2], lanes = 1>, ",
     "groups = 2 : i64, buffer_rows = 3 : i64}|frame = [4, 4, 2], lanes = 1>, ",
     "buffer_rows must be at least 4, even for samples between elements, got 3"),
    ("nn.pad", "begin = array<i64: 0, 1>", "begin = array<i64: 1>",
     "pads of [1, 5] need 2 begins and ends"),
    ("nn.pad", "begin = array<i64: 0, 1>", "begin = array<i64: 0, -1>",
     "pads must not be negative, got [0, -1] before and [0, 2] after"),
    ("nn.slice", "starts = array<i64: 0, 1>", "starts = array<i64: 0>",
     "a slice of [1, 5] needs 2 starts, ends and steps"),
    ("nn.depth_to_space", "tensor<1x4x2x2xf32>", "tensor<1x4x2xf32>",
     "input must have rank 4, got shape"),
    ("nn.depth_to_space", "block = 2", "block = 3",
     "block squared must divide 4 channels, got block 3"),
    ("nn.conv", "tensor<4x2x3xf32>", "tensor<4x1x3xf32>",
     "weights see 1 channels in each of 1 groups, but the input has 2"),
    ("nn.max_pool", "(tensor<1x2x8xf32>)", "(tensor<1x2x8x1xf32>)",
     "window has 1 dimensions, but the input has shape"),
    ("nn.conv_transpose", "output_padding = array<i64: 0>", "output_padding = array<i64: -1>",
     "output_padding must be 1 integers of 0 or more, got"),
    ("nn.conv_transpose", "pads = array<i64: 0, 0>", "pads = array<i64: 4, 4>",
     "pads leave nothing of the result, its space is"),
    ("nn.average_pool", "overhang = array<i64: 0>", "overhang = array<i64: -1>",
     "overhang must be 1 integers of 0 or more, got"),
    ("qint.conv", "tensor<1x2x5x", "tensor<2x2x5x", "weights must start with the kernel (1,), got"),
    ("qint.conv", "tensor<1x2x5x", "tensor<1x1x5x",
     "weights see 1 channels in each of 1 groups, input has 2"),
    ("qint.pool", '"max"', '"min"', "kind must be max or sum, got min"),
    ("qint.pad", "begin = array<i64: 0, 1>", "begin = array<i64: 0, -1>",
     "pads of [1, 5] need 2 begins and ends of 0 or more, got [0, -1] and [0, 2]"),
    ("qint.float_scale", "shift = 6", "shift = 63", "shift must be in [1, 62], got 63"),
    ("qint.float_scale", "multiplier = 13", "multiplier = -13",
     "multiplier must be positive, got -13"),
    ("qint.float_scale", "multiplier = 13", "multiplier = 33554433",
     "multiplier must have at most 24 significant bits, as float32 factors have, got 33554433"),
    ("qint.float_scale", "offset = -3", "offset = 16777216",
     "input plus offset must be at most 2**24 in magnitude, got 16777295"),
    ("qint.arg_max", "tensor<1x10x!qint.int<-128, 127>>", "tensor<1x0x!qint.int<-128, 127>>",
     "input needs an innermost axis with elements, got [1, 0]"),
    ("qint.lookup", "dense<[[2, 0]]> : tensor<1x2xi8>", "dense<[2, 0]> : tensor<2xi8>",
     "sources must be a matrix [neurons, inputs of one], got tensor<2xi8>"),
    ("qint.lookup", "bits = 1", "bits = 9",
     "2 inputs of 9 bits are an address of 18 bits; a table has 1 to 16"),
    ("qint.lookup", "dense<[[0, 1, 1, 0]]> : tensor<1x4xi8>", "dense<[[0, 1, 1]]> : tensor<1x3xi8>",
     "entries must have shape [1, 4], a row for each neuron and a word for each address of 2 bits"),
    ("qint.lookup", "dense<[[2, 0]]>", "dense<[[3, 0]]>",
     "sources must be places along the innermost axis of [1, 3], got 0 to 3"),
    ("qint.lookup", "1x3x!qint.int<0, 1>", "1x3x!qint.int<0, 2>",
     "1 bits from 0 on are 0 to 1, but the input is"),
    ("qint.lookup", "1x1x!qint.int<0, 1>", "1x2x!qint.int<0, 1>",
     "result must have shape [1, 1], got"),
    ("stream.gather", "order = array<i64: 4,", "order = array<i64: 8,",
     "order must list places in the block of 8 elements, got"),
    ("nn.layer_norm", "tensor<4xf32>, tensor<4xf32>", "tensor<4xf32>, tensor<3xf32>",
     "scale and bias must have shape [4], got tensor<3xf32>"),
    ("qint.row_reduce", '"sum"', '"mean"', "kind must be one of max, min, sum, got mean"),
    ("qint.row_reduce", "-> tensor<1x3x1x", "-> tensor<1x3x2x",
     "rows of [1, 3, 4] do not reduce to"),
    ("stream.row_reduce", '"sum"', '"mean"', "kind must be one of max, min, sum, got mean"),
    ("stream.row_reduce", "frame = [3, 1]", "frame = [4, 1]", "do not reduce to"),
    ("qint.formula", "tensor<1x3x1x", "tensor<1x3x2x",
     "operands must be rows of equal length or of one element, got [[1, 3, 4], [1, 3, 2]]"),
    ("qint.formula", "-> tensor<1x3x4x", "-> tensor<1x3x1x", "result must have shape [1, 3, 4]"),
    ("qint.formula", "t[max(b - a, 0)]", "t[b - a]",
     "formula: table 't' of 4 values is read at -3 to 3"),
    ("qint.formula", "t[max(b - a, 0)]", "a // b",
     "formula: divisors must be positive, got 0 to 3"),
    ("qint.formula", "t[max(b - a, 0)]", "sqrt(a - b)",
     "formula: square roots need numbers that are not negative, got -3"),
    ("qint.formula", "t[max(b - a, 0)]", "a << b",
     "formula: shifts must be by a constant that is not negative"),
    ("qint.formula", "t[max(b - a, 0)]", "__import__('os')",
     "formula: \"__import__('os')\" means nothing here"),
    ("qint.formula", "t[max(b - a, 0)]", "a +", "formula: cannot be read: 'a +'"),
    ("qint.formula", "t[max(b - a, 0)]", "x = a", "formula: the last part must be the result"),
    ("qint.formula", "t[max(b - a, 0)]", "a += b; a", "formula: parts must be of the form name ="),
    ("qint.formula", "t[max(b - a, 0)]", "b = a; b", "formula: 'b' has a meaning already"),
    ("qint.formula", "t[max(b - a, 0)]", "a << 5000 << 1",
     "formula: shifts must be by a constant that is not negative"),
    ("stream.formula", "frame = [3, 4], lanes = 2>, ", "frame = [4, 4], lanes = 2>, ",
     "operands must be rows of equal length or of one element, got"),
    ("stream.matmul", "frame = [2, 6, 8]", "frame = [2, 8, 4]",
     "vectors of 8 elements do not fit the matrices of"),
    ("stream.matmul", "frame = [2, 6, 8]", "frame = [4, 6, 8]",
     "4 matrices must divide the vectors of [2, 3, 8]"),
    ("stream.matmul", "pe 2", "pe 4", "pe must divide 6, got 4; legal: [1, 2, 3, 6]"),
    ("stream.matmul", "frame = [2, 3, 6]", "frame = [2, 3, 8]",
     "result must have frame [2, 3, 6] and 2 lanes (pe), got"),
    ("stream.duplicate",
     "%a, %b = |-> (!stream.channel<!qint.int<0, 3>, frame = [16], lanes = 2>, ", "|-> (",
     "a duplicate needs at least two outputs, got 1"),
    ("stream.duplicate", "-> (!stream.channel<!qint.int<0, 3>",
     "-> (!stream.channel<!qint.int<0, 4>",
     "all outputs must have the input's type"),
    ("stream.mul", "frame = [16], lanes = 2>, ", "frame = [8], lanes = 2>, ",
     "must have equal frames"),
    ("stream.add", "[3, 1]", "[3, 1, 1]", "an addition has two multipliers, got"),
    ("stream.concat", "frame = [2, 2, 8]", "frame = [2, 2, 6]",
     "frames [[2, 2, 4], [2, 2, 4]] do not join along axis 2 to"),
    ("stream.concat", "frame = [2, 2, 4]|frame = [2, 2, 8], lanes = 2",
     "frame = [2, 2, 6]|frame = [2, 2, 10], lanes = 5",
     "must divide the channels of every input"),
    ("stream.butterfly", "-> !stream.channel<!qint.int<-32, 32>, frame = [4]",
     "-> !stream.channel<!qint.int<-32, 32>, frame = [8]", "result must have the frame of"),
    ("stream.butterfly", "frame = [4]|frame = [4]", "frame = [6]|frame = [6]",
     "channels must be a power of two from 2 on, got 6"),
    ("stream.butterfly", "1, -1, 1, 1", "1, -1, 2, 1",
     "before must have 4 entries of 1 and -1, or none, got [1, -1, 2, 1]"),
    ("stream.butterfly", "1, -1, 1, 1", "1, -1",
     "before must have 4 entries of 1 and -1, or none, got [1, -1]"),
    ("stream.label_select", "frame = [1]", "frame = [2]",
     "result must have one position per row of"),
    ("stream.label_select", "<0, 9>", "<0, 8>", "result must hold 0 to 9, got"),
    ("stream.reorder", "block = 4", "block = 5",
     "block must divide the 16 elements of a frame, got 5"),
    ("stream.reorder", "frame = [32], lanes = 4", "frame = [32], lanes = 8",
     "lanes must divide the run of 4, got 8"),
    ("stream.reorder", "strides = array<i64: 0, 1>", "strides = array<i64: 0>",
     "counts and strides must have one entry per loop, at least one"),
    ("stream.reorder", "strides = array<i64: 0, 1>", "strides = array<i64: 1, 1>",
     "loops must stay within the block of 4 elements, got"),
    ("stream.slice", "frame = [2], lanes = 1", "frame = [2], lanes = 2",
     "lanes must divide 1, where channels begin and end, got 2"),
    ("stream.pool", "frame = [4, 4, 2]", "frame = [4, 2, 2]", "cannot reduce"),
    ("stream.pool", '"max"', '"min"', "kind must be max or sum, got min"),
    ("stream.requantize", "} : (!stream", "} {stream.turns = 2 : i64} : (!stream",
     "turns need a multiplier that is not negative, got None"),
    ("stream.requantize", "} : (!stream",
     "} {stream.turns = 3 : i64, stream.number_pieces = 2 : i64} : (!stream",
     "turns must be a multiple of the pieces of the accumulator, got 3 and 2"),
    ("stream.line_window", "frame = [1, 8, 2], lanes = 8", "frame = [1, 8, 2], lanes = 1",
     "beats must be whole pixels of [H, W, C], got"),
    ("stream.gather", "array<i64: 4, 5, 0, 1, 0, 1>", "array<i64: 4, 5, 0, 1, 0, 8>",
     "order must list places in the block of 8 elements, got [4, 5, 0, 1, 0, 8]"),
    ("stream.adder_graph", "dense<[[0, 3, 0], [0, 3, 0]]> : tensor<2x3xi8>",
     "dense<[[0, 3, 0], [0, 3, 0], [0, 3, 0]]> : tensor<3x3xi8>",
     "inputs have 2 elements, but the graph takes 3"),
    ("stream.pipeline", "frame = [2], lanes = 2>)", "frame = [4], lanes = 2>)",
     "every input must have the 1 beats of the result"),
    ("stream.pipeline", "frame = [1], lanes = 1>", "frame = [2], lanes = 2>",
     "body must hold a beat of"),
    ("stream.pipeline", "-> !stream.channel<!qint.int<-3, 3>",
     "-> !stream.channel<!qint.int<-2, 3>", "body must hold integers of"),
    ("rtl.shift_add", "shifts = array<i64: 0, 2>", "shifts = array<i64: 0>",
     "shifts must have a number for each operand, got"),
    ("rtl.shift_add", "i64: 0, 2>", "i64: 0, -2>", "shifts must not be negative, got"),
    ("rtl.shift_add", "i64: 1, -1>", "i64: 1, 2>", "signs must be 1 or -1, got"),
]  # fmt: skip


def integers():
    """A value of one integer."""
    return create_ssa_value(TensorType(qint.IntType(0, 3), [1]))


MADE_IN_PYTHON = [
    (lambda: nn.ConcatOp([], 0), "concat needs at least one operand, got 0"),
    (lambda: qint.int_type_of(f32), "expected integers of qint, got f32"),
    (lambda: stream.channel_of(create_ssa_value(f32)), "expected a channel, got f32"),
    (
        lambda: nn.SampleOp(
            create_ssa_value(TensorType(f32, [2])),
            create_ssa_value(TensorType(f32, [2])),
            None,
            nn.SampleGeometry(),
        ),
        "input and offsets must have rank 4, got [2] and [2]",
    ),
    (
        lambda: qint.JoinOp([integers()], 0, Region(Block()), qint.IntRange(0, 3)).verify_(),
        "a join needs at least two operands, got 1",
    ),
]


@pytest.mark.parametrize(("make", "message"), MADE_IN_PYTHON, ids=lambda value: str(value)[:20])
def test_refused_where_operations_are_made(make, message):
    with pytest.raises(VerifyException) as refused:
        make()
    assert str(refused.value) == message


@pytest.mark.parametrize("name", sorted({name for name, *_ in CASES}))
def test_the_examples_verify(name):
    parse_module(make_context(), module(example(name))).verify()


@pytest.mark.parametrize(("name", "right", "wrong", "message"), CASES)
def test_refused(name, right, wrong, message):
    line = example(name)
    for old, new in zip(right.split("|"), wrong.split("|"), strict=True):
        assert old in line
        line = line.replace(old, new, 1)
    with pytest.raises(LocatedError) as refused:
        parse_module(make_context(), module(line))
    assert f"{name}: " in str(refused.value)
    assert message in str(refused.value)


def test_there_is_a_test_for_every_message():
    """By the longest part of each that is not computed; a few words of it will do."""
    texts = [
        p.read_text(encoding="utf-8") for p in TESTS.rglob("*") if p.suffix in (".py", ".mlir")
    ]
    tested = re.sub(r"\s+", " ", "".join(texts).replace("\\", ""))
    missing = [
        message
        for path in sorted(DIALECTS.rglob("*.py"))
        for message in messages(ast.parse(path.read_text(encoding="utf-8")))
        if not any(part in tested for part in (message, message[:28], message[-28:]))
    ]
    assert missing == []


def messages(tree):
    """The longest part of each message of a VerifyException that stands there as it is."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Raise) or not isinstance(node.exc, ast.Call):
            continue
        if getattr(node.exc.func, "id", "") != "VerifyException":
            continue
        (said,) = node.exc.args
        parts = said.values if isinstance(said, ast.JoinedStr) else [said]
        fixed = [part.value.strip() for part in parts if isinstance(part, ast.Constant)]
        if fixed:
            yield max(fixed, key=len)
