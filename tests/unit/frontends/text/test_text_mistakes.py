"""Typical mistakes: each is told at its place, and what the message says to write compiles.

A row is a network, what stands there, the mistake, its line and column, parts of the message and of
the remedy, and what the remedy says to write instead of the mistake (None for what stood there).
"""

import pytest
from mistakes import NETWORKS, edited, save_weights, told

IN = "uint8[1, 8] scale 1/255"
W1 = "int4[8, 6] scale 0.125"
LOAD = 'load("mlp.npz", "w1")'
CALL = "h = dense(x, w1, b1, s: 0.05)"
GRID = "requantize(relu(h), type, scale: s)"
BIAS = "[0.1, -0.1, 0.3]"
END = 'return quantize(y, int8, scale: 0.02) as "scores"'
CONV = "conv(x, w, pads: same, group: group)"
DEPTHWISE = "h = conv_bn(x, wd, gamma, beta, group: 4)"
MEAN = "reduce_mean(sum, axes: [2, 3], keepdims: false)"
DENSE = "y = matmul(f, wf)"
GATE = "sigmoid(matmul(x, wg))"

MISTAKES = [
    # types and shapes of inputs
    ("mlp", IN, "uint8[1, 8]", "3:18", "matmul takes reals, got a tensor of integers, in block",
     "a scale behind the type of the input", None),
    ("mlp", IN, "uint8[8] scale 1/255", "3:11", "matmul needs operands of rank 2", "[1, 8]", None),
    ("mlp", IN, "uint8[1, 9] scale 1/255", "3:11", "inner dimensions of [1, 9] and [8, 6] differ",
     "give w the shape [9, 6]", None),
    ("mlp", IN, "uint8 scale 1/255", "7:16", "type of an input needs a shape", "[1, 16]", None),
    ("mlp", IN, "uint8[1, 8] scale=1/255", "7:33", "scale stands before its value without '='",
     "write scale 1/255", None),
    ("mlp", IN, "uint8[1, 8] scale: 1/255", "7:33", "without ':'", "write scale 1/255", None),
    ("mlp", IN, "uint8[1, 8], scale 1/255", "7:27", "belongs to the type before", "remove this ,",
     None),
    ("mlp", IN, "uint8(1, 8) scale 1/255", "7:21", "a shape stands in [ ]", "write uint8[", None),
    ("mlp", IN, "uint8[1 8] scale 1/255", "7:24", "unexpected '8'", "write , before 8", None),
    ("mlp", IN, "uint8[1, n] scale 1/255", "7:25", "extents of a shape are numbers, got 'n'",
     "how many", None),
    ("mlp", IN, "uint8[1, -1] scale 1/255", "7:16", "extents must be positive", "from 1", None),
    ("mlp", IN, "uint8[1, 8] zero_point 3", "7:16", "needs a scale", "add scale 1",
     "uint8[1, 8] scale 1 zero_point 3"),
    ("mlp", IN, "uint8[1, 8] scale 1/255 zero_point 300", "7:51",
     "zero_point must be uint8, 0 to 255, got 300", "int<0, 255>",
     "int<0, 255>[1, 8] scale 1/255 zero_point 300"),
    ("mlp", W1, f"{W1} zero_point -9", "8:41", "zero_point must be int4, -8 to 7, got -9",
     "a number from -8 to 7", f"{W1} zero_point -8"),
    ("mlp", "int8, scale: 0.02)", "int8, scale: 0.02, zero_point: 200)", "13:53",
     "zero_point must be int8, -128 to 127, got 200", "a number from -128 to 127",
     "int8, scale: 0.02, zero_point: 100)"),
    ("mlp", "type, scale: s)", "type, scale: s, zero_point: 99)", "4:58",
     "zero_point must be uint4, 0 to 15, got 99", "a number from 0 to 15",
     "type, scale: s, zero_point: 9)"),
    ("mlp", IN, "u8[1, 8] scale 1/255", "7:16", "there is no type 'u8'", "write uint8", None),
    ("mlp", IN, "float16[1, 8]", "7:16", "there is no type 'float16'", "write float32", None),
    ("mlp", "(x: uint8", "(x uint8", "7:15", "'x' needs a ':'", "write x: uint8", None),
    ("mlp", "(x: uint8", "(x = uint8", "7:15", "'x' gets its type behind ':'", "x: uint8", None),
    ("mlp", f"(x: {IN})", f"(x: {IN}, x: {IN})", "7:41", "'x' is defined twice", "rename", None),
    ("mlp", "1/255) {", "1/255)", "8:3", "the body has no '{'", "write {", None),
    ("mlp", "1/255) {", "1/255):", "7:40", "the body has no '{'", "write { instead of :", None),
    ("mlp", "1/255) {", "1/255) -> int8 {", "7:41", "no type of its result", "remove ->", None),
    # words around networks
    ("mlp", "network mlp", "def mlp", "7:1", "unexpected 'def'", "write network", None),
    ("mlp", "network mlp", "Network mlp", "7:1", "unexpected 'Network'", "network?", None),
    ("mlp", "network mlp", "network", "7:1", "the network has no name", "network name", None),
    ("mlp", "network mlp", "network my-net", "7:9", "'my-net' is no name", "my_net",
     "network my_net"),
    ("mlp", "# Two", 'import "nowhere.qnn"\n#', "1:8", "there is no file 'nowhere.qnn'",
     "", None),
    ("mlp", "# Two", "import blocks.qnn\n#", "1:8", "stands in quotes", 'write "blocks.qnn"', None),
    ("mlp", "# Two", 'include "a.qnn"\n#', "1:1", "unexpected 'include'", "import", None),
    ("mlp", "# Two", "// Two", "1:1", "unexpected '/'", "comments begin with #", None),
    ("mlp", "# Two", "x = 3\n#", "1:1", "a statement stands outside a network", "network", None),
    ("mlp", "x, w, b,", "x, w, w,", "2:19", "two parameters called 'w'", "rename one", None),
    ("mlp", "}\n\nnetwork", "\n\nnetwork", "7:1", "the '{' of line 2 is not closed", "add }", None),
    ("mlp", 'as "scores"\n}', 'as "scores"', "13:52", "'{' of line 7 is not closed", "add }", None),
    ("mlp", 'as "scores"\n}', 'as "scores"\n}\n}', "15:1", "'}' closes nothing", "remove", None),
    # calls and statements
    ("mlp", CALL, "h = dense(x, w1, s: 0.05)", "11:7", "dense needs b", "dense(x, w, b", None),
    ("mlp", CALL, "h = Dense(x, w1, b1)", "11:7", "no operation is called 'Dense'",
     "write dense(x, w1, b1)", "h = dense(x, w1, b1)"),
    ("mlp", CALL, "h = dense x, w1", "11:7", "'dense' is a block", "write dense(", None),
    ("mlp", CALL, "dense(x, w1, b1)", "11:3", "a value needs a name", "write y = dense", None),
    ("mlp", CALL, "h = dense(x, w1, b1", "11:12", "'(' is not closed", "add ) behind b1", None),
    ("mlp", CALL, "h = dense(x, w1, b1]", "11:22", "']' does not close the '('", "write )", None),
    ("mlp", CALL, "h = dense(x, w1, b1))", "11:23", "')' closes nothing", "remove it", None),
    ("mlp", CALL, "h = dense(x w1, b1)", "11:15", "unexpected 'w1'", "write , before w1", None),
    ("mlp", CALL, "h = dense(x, w1, b1, s=0.05)", "11:25", "named with ':'", "s: 0.05", None),
    ("mlp", CALL, "h := dense(x, w1, b1)", "11:6", "with one '='", "write h = ...", None),
    ("mlp", CALL, "let h = dense(x, w1, b1)", "11:3", "without 'let'", "write h = ...", None),
    ("mlp", CALL, "block = dense(x, w1, b1)", "11:3", "'block' is a word of the language",
     "another name", None),
    ("mlp", CALL, "return = dense(x, w1, b1)", "11:3", "'return' is a word of the language",
     "another name", None),
    ("mlp", CALL, "h = dense(x, w1, b1)\n  gr\xf6\xdfe = h", "12:3", "'gr\xf6\xdfe' is no name",
     "write grosse", "h = dense(x, w1, b1)\n  grosse = h"),
    ("mlp", CALL, "h = dense(x, w1, b1);", "11:23", "unexpected character ';'", "remove it", None),
    ("mlp", CALL, "h = dense(x - 1, w1, b1)", "11:15", "no operator -",
     "write dense(sub(x, 1), w1, b1)", "h = dense(sub(x, 1), w1, b1)"),
    ("mlp", CALL, "h = dense(-x, w1, b1)", "11:13", "no operator -", "neg(x)", None),
    ("mlp", CALL, "h = relu(x @ w1 + b1) / 2", "11:14", "no operator @",
     "write div(relu(add(matmul(x, w1), b1)), 2)", None),
    ("mlp", CALL, "h = dense(x[0], w1, b1)", "11:13", "'x' is a tensor of reals",
     "write slice(x, starts: [0, 0], ends: [1, 8])",
     "h = dense(slice(x, starts: [0, 0], ends: [1, 8]), w1, b1)"),
    ("mlp", CALL, "for i in range(3) {\n h = dense(x, w1, b1)\n }", "11:3", "has no for", "", None),
    ("mlp", CALL, "a, h = dense(x, w1, b1)", "11:3", "2 names for 1 value", "one name", None),
    ("mlp", CALL, "h = dense(h, w1, b1)", "11:13", "nothing is called 'h' here", "above", None),
    ("mlp", CALL, "h = dense(w1, x, b1)", "3:11", "inner dimensions", "matmul(w, x)", None),
    ("mlp", CALL, "h = dense(x, w1, [1, 2, 3])", "3:7", "[3] do not broadcast", "[1, 6]", None),
    ("mlp", CALL, "h = dense(x, w1, b1, uint4, 1, 3)", "11:34", "takes 5 arguments", "s", None),
    ("mlp", GRID, "dense(h, w, b)", "4:10", "block 'dense' uses itself", "one after", None),
    ("mlp", GRID, "requantize(relu(w2), type, s)", "4:26", "nothing is called 'w2'", "w?", None),
    ("mlp", END, "return", "13:3", "return needs a value", "write return y", None),
    ("mlp", END, "z = y", "14:1", "nothing is returned", "write return z before it", None),
    ("mlp", END, "return y\n  z = y", "14:3", "nothing may follow return", "remove it", None),
    ("mlp", END, "return 3", "13:10", "returns an integer", "computed from inputs", None),
    ("mlp", END, "return y as scores", "13:15", "in quotes", 'write "scores"', None),
    # numbers
    ("mlp", "0.05)", "1e400)", "11:27", "number is too large for float32", "smaller", None),
    ("mlp", "0.05)", "1e4000)", "11:27", "more than 400 digits", "round it", None),
    ("mlp", "0.05)", "nan)", "11:27", "nothing is called 'nan'", "finite", None),
    ("mlp", "0.05)", "0x10)", "11:27", "'0x10' is no number", "write 16", "16)"),
    ("mlp", "0.05)", "1_000)", "11:27", "'1_000' is no number", "write 1000", "1000)"),
    ("mlp", "0.05)", "+0.5)", "11:27", "no operator +", "s: 0.5", "0.5)"),
    ("mlp", "0.05)", "0,05)", "11:29", "an argument without a name", "a point in numbers", None),
    ("mlp", "0.05)", '"0.05")', "4:43", "got the text '0.05'", "write 0.05 without quotes", None),
    ("mlp", "0.05)", "-0.1)", "4:43", "must be positive and finite, got -0.1, in block",
     "above 0", None),
    ("mlp", BIAS, "[0.1, -0.1, [0.3]]", "12:38", "rows differ", "in each row", None),
    ("mlp", BIAS, "(0.1, -0.1, 0.3)", "12:26", "cannot begin with '('", "[ ]", None),
    ("mlp", BIAS, "[0.1, \u22120.1, 0.3]", "12:32", "unexpected character", "plain sign -", None),
    ("mlp", BIAS, "[0.1,\xa0-0.1, 0.3]", "12:31", "unexpected character", "plain space", None),
    ("mlp", BIAS, "[0.1, -0.1, x]", "12:38", "a list holds numbers", "without [ ]", None),
    ("mlp", BIAS, "[]", "12:26", "extents of a tensor must be positive", "1 or more", None),
    # types, scales and files of constants
    ("mlp", W1, "int4[6, 8] scale 0.125", "8:32", "the value has shape [8, 6], not [6, 8]",
     "write int4[8, 6]", None),
    ("mlp", W1, "int3[8, 6] scale 0.125", "8:32", "exceed int3[8, 6], which holds -4 to 3",
     "write int4", None),
    ("mlp", W1, "uint9999[8, 6] scale 1", "8:7", "no type 'uint9999'", "uint1 to uint63", None),
    ("mlp", W1, "int4[8, 6 scale 0.125", "8:11", "'[' is not closed", "write ]", None),
    ("mlp", W1, "int4[8; 6] scale 0.125", "8:13", "unexpected character ';'", "write ,", None),
    ("mlp", W1, "int[8, 6] scale 0.125", "8:7", "int needs a width", "int4", None),
    ("mlp", W1, "int<7, -7>[8, 6] scale 1", "8:7", "in order", "lower bound first", None),
    ("mlp", W1, "fixed<8, 4>[8, 6]", "8:7", "no type 'fixed'", "with a scale", None),
    ("mlp", W1, "int4[8, 6] scale 0", "8:24", "positive and finite, got 0", "above 0", None),
    ("mlp", W1, "int4[8, 6] scale [1, 2, 3, 4, 5, 6]", "8:24", "needs an axis", "add axis 1",
     "int4[8, 6] scale [1, 2, 3, 4, 5, 6] axis 1"),
    ("mlp", W1, "int4[8, 6] scale 0.1 axis 7", "8:33", "axis must be in [0, 1], got 7", "axis 1",
     "int4[8, 6] scale 0.1 axis 1"),
    ("mlp", W1, "int4[8, 6] sclae 1", "8:18", "a type has no 'sclae'", "scale?", None),
    ("mlp", W1, "float32[8, 6] scale 1", "8:7", "a scale belongs to integers", "leave", None),
    ("mlp", LOAD, "load('mlp.npz', \"w1\")", "8:37", "straight double quotes", '"mlp.npz"', None),
    ("mlp", LOAD, 'load("mlp.npz", "w1)', "8:48", "unexpected character '\"'", "second \"", None),
    ("mlp", LOAD, 'load("mlp.npz")', "8:37", "several entries: w1", '"w1")', None),
    ("mlp", LOAD, 'load("mlp.npz", "W1")', "8:37", "no entry 'W1'", "did you mean w1?", None),
    ("mlp", LOAD, 'load("mpl.npz", "w1")', "8:37", "no file 'mpl.npz'", "mlp.npz?", None),
    ("mlp", LOAD, 'load(mlp.npz, "w1")', "8:37", "nothing is called 'mlp.npz'", '"mlp.npz"', None),
    ("mlp", LOAD, 'open("mlp.npz", "w1")', "8:32", "no operation is called 'open'", "load(", None),
    ("mlp", LOAD, 'load("mlp.npz", "b1")', "8:32", "needs integers", "that the scale", None),
    # what other frameworks call otherwise
    ("residual", CONV, "conv(x, w, padding: 1, group: group)", "3:18", "no argument 'padding'",
     "write pads: [1, 1, 1, 1]", "conv(x, w, pads: [1, 1, 1, 1], group: group)"),
    ("residual", CONV, "conv(x, w, pads: 1, group: group)", "3:24", "pads must be a list",
     "write pads: [1, 1, 1, 1]", "conv(x, w, pads: [1, 1, 1, 1], group: group)"),
    ("residual", CONV, 'conv(x, w, pads: "SAME_UPPER", group: group)', "3:24", "pads must be",
     "write pads: same", None),
    ("residual", CONV, "conv(x, w, bias: beta, pads: same, group: group)", "3:18",
     "no argument 'bias'", "write add(conv(...), beta)",
     "add(conv(x, w, pads: same, group: group), beta)"),
    ("residual", CONV, "Conv2d(x, w)", "3:7", "no operation is called 'Conv2d'",
     "write conv(x, w, pads: same), with group", None),
    ("residual", "relu(y)", "relu6(y)", "5:21", "called 'relu6'", "clip(y, 0, 6)", "clip(y, 0, 6)"),
    ("residual", "relu(y)", "nn.ReLU(y)", "5:21", "called 'nn.ReLU'", "write relu(y)", None),
    ("residual", "relu(y)", "y.relu()", "5:21", "called 'y.relu'", "write relu(y)", None),
    ("residual", "relu(y)", "clip(y, 6, 0)", "5:29", "lo must not exceed hi, got lo 6 and hi 0",
     "the smaller number first", "clip(y, 0, 6)"),
    ("residual", "add(mul(y, gamma), beta)", "y * gamma + beta", "4:9", "no operator *",
     "write add(mul(y, gamma), beta)", None),
    ("residual", "add(x, p)", "concat([x, p], axis: 1)", "17:33", "a list holds", "[ ]", None),
    ("residual", MEAN, "GlobalAveragePool(sum)", "18:7", "called 'GlobalAveragePool'",
     "write reduce_mean(sum, axes: [2, 3])", None),
    ("residual", MEAN, "reduce_mean(sum, axes: [2, 3], keepdims: 0)", "18:48", "true or false",
     "write keepdims: false", None),
    ("residual", MEAN, "reduce_mean(sum, axes: [2, 3])", "21:7", "inner dimensions",
     "matmul(reshape(f, [1, 4]), wf)", None),
    ("residual", MEAN, "flatten(sum)", "18:7", "'flatten'", "reshape(sum, [1, 256])", None),
    ("residual", MEAN, "reshape(sum, [1, -1])", "18:7", "must be positive", "[1, 256]", None),
    ("residual", MEAN, "max_pool(sum, kernel_size: 8)", "18:21", "no argument 'kernel_size'",
     "write kernel: [8, 8]", None),
    ("residual", DENSE, "y = Gemm(f, wf, 0.5)", "21:7", "called 'Gemm'",
     "write add(matmul(f, wf), 0.5)", "y = add(matmul(f, wf), 0.5)"),
    ("residual", DENSE, "y = linear(f, wf)", "21:7", "called 'linear'", "matmul(f, wf)", None),
    ("residual", DENSE, "y: int8 scale 0.1 = matmul(f, wf)", "21:11", "only inputs and constants",
     "write requantize(..., int8, scale: 0.1)", "y = requantize(matmul(f, wf), int8, scale: 0.1)"),
    ("residual", DENSE, "y: int8 = matmul(f, wf)", "21:6", "must be int8, got float32[1, 10]",
     "write quantize(..., int8, scale: 0.1)", None),
    ("residual", "uint8[1, 3, 8, 8]", "uint8[1, 8, 8, 3]", "3:15", "weights see 3", "", None),
    ("residual", DEPTHWISE, "h = conv_bn(x, wd, gamma, beta)", "3:15", "weights see 1 channels",
     "write group: 4", None),
    ("residual", DEPTHWISE, "h = conv_bn(x, wd, [1, 1, 1, 1], beta, group: 4)", "4:11",
     "do not broadcast", "write reshape(gamma, [4, 1, 1])", None),
    ("residual", "uint8, scale: 0.01", "uint8, scale: 0.01, zeropoint: 0", "20:41",
     "no argument 'zeropoint'", "write zero_point: 0", "uint8, scale: 0.01, zero_point: 0"),
    ("residual", "requantize(g, uint8", "requantize(g, 8", "20:21", "type must be a type",
     "write int8 or uint8", None),
    ("residual", "requantize(g, uint8", 'requantize(g, "uint8"', "20:21", "got the text 'uint8'",
     "write uint8 without quotes", None),
    ("residual", ", scale: 0.01)", ")", "20:7", "requantize needs scale", "add scale: 0.1",
     ", scale: 0.1)"),
    ("gate", GATE, "sigmiod(matmul(x, wg))", "6:18", "called 'sigmiod'", "sigmoid", None),
    ("gate", GATE, "silu(matmul(x, wg))", "6:18", "called 'silu'", "mul(matmul(x, wg), sigmoid(",
     None),
    ("gate", GATE, "softmax(matmul(x, wg))", "6:18", "softmax needs axis", "add axis: 1", None),
    ("gate", "mul(v, g)", "v * g", "7:9", "no operator *", "write mul(v, g)", None),
    ("gate", "mul(v, g)", f"{'relu(' * 50}v{')' * 50}", "7:206", "nested deeper than 40", "", None),
    # what only the passes find
    ("mlp", IN, "float32[1, 8]", "7:13", "reaches h/h (matmul) without a quantizer",
     "give it a type of integers and a scale", None),
    ("mlp", GRID, "relu(h)", "4:10", "without a quantizer, in block dense put in at line 11",
     "write requantize(..., int8, scale: 0.1) around it", "requantize(relu(h), int8, scale: 0.1)"),
    ("residual", "requantize(g, uint8, scale: 0.01)", "sigmoid(g)", "20:7", "without a quantizer",
     "write requantize(..., int8", "requantize(sigmoid(g), int8, scale: 0.1)"),
    ("gate", "requantize(sigmoid(matmul(x, wg)), uint8, scale: 1/256)", GATE, "6:7", "",
     "write requantize(..., int8, scale: 0.1) around", None),
    ("gate", "return quantize(y, int8, scale: 0.0625)", "return x", "2:9", "no operation works on",
     "multiply by constants", None),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("mistakes")
    save_weights(made)
    return made


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_compile(name, folder):
    assert told(folder / "n.qnn", NETWORKS[name].read_text()) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "place", "what", "remedy", "mended"), MISTAKES,
    ids=[f"{row[0]}-{row[2][:30]}" for row in MISTAKES],
)  # fmt: skip
def test_a_mistake(name, old, new, place, what, remedy, mended, folder):
    found = told(folder / "n.qnn", edited(name, old, new))
    line, column, said, helps = found[0]
    assert f"{line}:{column}" == place
    assert what in said
    assert remedy in helps
    for _, _, said, helps in found:
        spoken = f"{said} {helps}"
        assert not [w for w in ("ONNX", "--input", "export", "qint.", "tensor<") if w in spoken]
    if mended is not None:
        assert told(folder / "n.qnn", edited(name, old, mended)) == []


def test_there_are_many():
    assert len(MISTAKES) >= 40
