"""Everything wrong with a text is told at once: place, reason, remedy."""

from pathlib import Path

import pytest
from language import network, problems

from qcompiler.frontends.text import LanguageError, Source, analyse, import_text
from qcompiler.frontends.text.diagnostics import MAX_DIAGNOSTICS

ONE = [
    ("y = conv2d(x)", "no operation is called 'conv2d'", "write conv(x, w, pads: same)"),
    ("y = relu(xx)", "nothing is called 'xx' here", "did you mean x?"),
    ("y = softmax(x, axes: 1)", "softmax has no argument 'axes'", "write axis: 1"),
    ("y = softmax(x)", "softmax needs axis: an integer", "add axis: 1"),
    ("y = softmax(x, axis: 2)", "axis must be in [0, 1], got 2", "write axis: 1"),
    ("y = softmax(x, axis: 1.5)", "axis must be an integer, got a number", "write axis: 1"),
    ("y = softmax(x, 1, axis: 1)", "argument 'axis' is given twice", "leave one out"),
    ("y = relu(x, 1)", "relu takes 1 arguments, got more", "it takes x"),
    (
        "y = matmul(x, [[1, 2]])",
        "inner dimensions of [1, 4] and [1, 2] differ: 4 and 1",
        "[4, 2]",
    ),
    ("y: float32[1, 5] = relu(x)", "the value has shape [1, 4], not [1, 5]", "write float32[1, 4]"),
    ("y: int4 = relu(x)", "the value must be int4, got float32[1, 4]", "write quantize(..."),
    ("y: int4 = [8]", "numbers from 8 to 8 exceed int4", "write uint4"),
    ("y: int4 = [0.5]", "int4 needs integers, got numbers of shape [1]", "that the scale"),
    ("y: int8[2] scale = [1]", "scale needs its number", "write scale 0.5 = ..."),
    ("y: int8 scle 1 = [1]", "a type has no 'scle'", "did you mean scale?"),
    ("y: int8 zero_point 1 = [1]", "int8 needs a scale", "add scale 1"),
    ("y: float32 scale 1 = [1.5]", "a scale belongs to integers, got float32", "leave it out"),
    ("y: uint8 scale 1 = relu(x)", "only inputs and constants take a scale", "write requantize"),
    ("y: int99 = [1]", "integers may have at most 64 bits, got int99", "int1 to"),
    ("y: int = [1]", "int needs a width", "write int4"),
    ("y: intt4 = [1]", "nothing is called 'intt4' here", "give it a value above"),
    (
        "y = quantize(x, int4, scale: 0)",
        "scale must be positive and finite, got 0",
        "above 0",
    ),
    ("y = quantize(x, float32, scale: 1)", "type must be a type of integers", "write a type"),
    ("y = quantize(x, int4, 1, rounding: nearest)", "rounding must be one of", "it is one of"),
    (
        "y = relu(quantize(x, int4, scale: 1))",
        "relu takes reals, got a tensor of integers",
        "deq",
    ),
    ("y = dequantize(x, scale: 1)", "dequantize takes integers, got a tensor of reals", "write"),
    ("y = conv(x, x)", "input must have rank 3 or more, got shape [1, 4]", "reshape(x, [1, 1, 4])"),
    ("y = parameter([1])", "parameter stands in scalar functions only", "write the numbers"),
    ("y = [[1, 2], [3]]", "rows differ", "write as many"),
    ("y = 1e999", "number has more than 400 digits", "round it"),
    ("y = 1/0", "is not a finite fraction", "divide numbers"),
    ("y = 99999999999999999999", "integers must fit 64 bits", "use a smaller number"),
    ("y = 1e39", "number is too large for float32", "use a smaller number"),
    ("y = add(x, inf)", "parameters of a network must be finite", "leave inf out"),
    ('y = load("../x.npy")', "file must be named relative to this one", "put it into the"),
    ('y = load("/x.npy")', "file must be named relative to this one", "put it into the"),
    ('y = load("x.npy")', "there is no file 'x.npy' beside this one", "put it there"),
    (
        "y = requantize(quantize(x, int4, 1), axis: 1)",
        "requantize takes reals",
        "write dequantize(",
    ),
    ("int8 = relu(x)", "a value cannot be called 'int8'", "write int8_1"),
    ("y = relu(x) with (a) { return a }", "relu takes no function", "only requantize"),
    ("a, b = relu(x)", "2 names for 1 value", "write one name"),
    ('y = relu(x) @ "\\q"', "text has an escape that is none", "write"),
    ("y = relu(x);", "unexpected character ';'", "remove it"),
    ('y = relu("x)', "unexpected character", "close the text"),
]


@pytest.mark.parametrize(("statement", "what", "remedy"), ONE, ids=[case[0] for case in ONE])
def test_one_problem(statement, what, remedy):
    found = problems(network(statement))
    line, column, said, helps = found[0]
    assert line == 2
    assert column >= 3
    assert what in said
    assert remedy in helps


def test_places_and_no_echoes():
    text = network("a = nothing(x)", "b = relu(a)", "c = add(b, a)", "d = relu(  yy)")
    assert [(line, column) for line, column, *_ in problems(text)] == [(2, 7), (5, 14)]


def test_syntax_errors_do_not_hide_others():
    text = network("a = = 1", "b = relu(", "c = nothing(x)", "d = relu(x", "e = rleu(x)")
    assert [line for line, *_ in problems(text)] == [2, 3, 4, 5, 6]


def test_errors_in_one_item_do_not_hide_another():
    text = "block k(x) {\n  return relu(x\n}\nnetwrk a() { }\n" + network("y = relu(z)")
    assert [line for line, *_ in problems(text)] == [2, 4, 6]


def test_a_bracket_left_open_is_one_problem():
    text = network("a = matmul(x, [[1], [2], [3], [4]]", "b = relu(x)", "c = rleu(b)")
    assert [(line, what) for line, _, what, _ in problems(text)] == [
        (2, "'(' is not closed"),
        (4, "no operation is called 'rleu'"),
    ]


def test_lines_are_counted_as_editors_do(tmp_path):
    text = network("# \f form feed, \x85 and \u2028 end no line", "y = relu(xx)")
    shown = str(analyse(Source(tmp_path / "n.qnn", text.replace("\n", "\r\n"))).diagnostics[0])
    assert shown.splitlines()[1:3] == [" 3 |   y = relu(xx)", "   |            ^^"]


def test_the_message_shows_line_and_mark(tmp_path):
    path = tmp_path / "n.qnn"
    path.write_text(network("y = conv2d(x)"))
    with pytest.raises(LanguageError) as caught:
        import_text(path)
    assert str(caught.value) == (
        f"{path}:2:7: no operation is called 'conv2d'\n"
        " 2 |   y = conv2d(x)\n"
        "   |       ^^^^^^\n"
        "   = write conv(x, w, pads: same), with group: for depthwise"
    )
    assert caught.value.problems[0].where == f"{path}:2:7"


def test_there_are_not_too_many():
    assert len(problems(network(*["y = 1 1"] * 500))) == MAX_DIAGNOSTICS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "network",
        "network n",
        "network n(",
        "network n()",
        "network n() {",
        "block",
        "}",
        "{",
        "network n(x: uint8[0] scale 1) { return x }",
        "network n(x) { return x }",
        'import "n.qnn"',
        "network n(x: float32[1]) { return relu(x) }",
        "network n(x: uint8[1]) { }",
        "@",
        "\0",
        '"',
        "network n(x: uint8[1] scale 1) { return x, x }",
        'import "../a.qnn"',
        "network n(x: uint8) {}",
        "network n(x: uint8[99999999999] scale 1) { return x }",
        "x = 3",
        "network n(x: int8[1]) { return x x }",
    ],
)
def test_fragments_are_refused(text):
    found = problems(text)
    assert found or "network" not in text


def test_nesting_is_bounded():
    found = problems(network(f"y = {'relu(' * 2_000}x{')' * 2_000}"))
    assert found == [(2, 206, "brackets are nested deeper than 40", found[0][3])]


def test_blocks_cannot_explode(monkeypatch):
    monkeypatch.setattr("qcompiler.frontends.text.scope.MAX_OPERATIONS", 500)
    blocks = "".join(
        f"block b{k}(x) {{\n  return b{k - 1}(b{k - 1}(x))\n}}\n" for k in range(1, 19)
    )
    text = f"block b0(x) {{\n  return relu(x)\n}}\n{blocks}{network('y = b18(x)')}"
    assert "more than 500 operations" in problems(text)[0][2]


def test_blocks_without_operations_end_too():
    blocks = "".join(
        f"block b{k}(x) {{\n  a = b{k - 1}(x)\n  return b{k - 1}(a)\n}}\n" for k in range(1, 19)
    )
    text = f"block b0(x) {{\n  return x\n}}\n{blocks}{network('y = b18(x)')}"
    (problem,) = problems(text)
    assert "more than 1048576 values" in problem[2]


def test_lists_of_lists_cannot_explode():
    names = [f"w{k} = [{', '.join([f'w{k - 1}'] * 64)}]" for k in range(1, 9)]
    (problem,) = problems(network("w0 = [1, 2]", *names))
    assert problem[0] == 6
    assert "more than 1048576 values" in problem[2]


def test_blocks_cannot_use_themselves():
    text = "block a(x) {\n  return b(x)\n}\nblock b(x) {\n  return a(x)\n}\n" + network("y = a(x)")
    assert "uses itself" in problems(text)[0][2]


def test_a_file_without_network(tmp_path):
    path = tmp_path / "b.qnn"
    path.write_text("block a(x) {\n  return relu(x)\n}\n")
    with pytest.raises(Exception, match="defines no network"):
        import_text(path)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "b.qnn"
    path.write_bytes(b"\xff\xfe\x00")
    for file in (path, Path("nowhere.qnn"), tmp_path):
        with pytest.raises(Exception, match="cannot be read"):
            import_text(file)
