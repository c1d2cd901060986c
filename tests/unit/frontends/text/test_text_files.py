"""Files that are no texts, or hold no network; what seems unused; blocks that are wrong."""

import pytest
from language import network
from mistakes import told

from qcompiler.cli.main import main
from qcompiler.frontends.text import Source, analyse

GOOD = network("w: int4[4, 2] scale 0.5 = [[1, 2], [3, 4], [5, 6], [7, 0]]", "y = matmul(x, w)",
               result="quantize(y, int8, scale: 1)")  # fmt: skip

FILES = [
    (b"", "1:1", "defines no network", "write network name("),
    (b"# nothing\n", "1:1", "defines no network", "write network name("),
    (b"block a(x) {\n  return x\n}\n", "1:1", "defines no network", "files of blocks alone"),
    (b"\xff\xfen\x00e\x00", "1:1", "the text is in UTF-16", "as UTF-8"),
    (b"# caf\xe9\n", "1:6", "byte 0xe9 is no UTF-8", "as UTF-8"),
    (b"\x08\x08\x12\x00pytorch\x00", "1:4", "zero byte", "binary"),
]


@pytest.mark.parametrize(("data", "place", "what", "remedy"), FILES)
def test_files_that_hold_no_network(data, place, what, remedy, tmp_path):
    ((line, column, said, helps),) = told(tmp_path / "n.qnn", data)
    assert f"{line}:{column}" == place
    assert what in said
    assert remedy in helps


@pytest.mark.parametrize("text", [GOOD, GOOD.replace("\n", "\r\n"), "\ufeff" + GOOD,
                                  GOOD.replace("  ", "\t")])  # fmt: skip
def test_line_ends_marks_and_tabs_mean_nothing(text, tmp_path):
    assert told(tmp_path / "n.qnn", text) == []


def test_a_file_that_is_not_there(tmp_path, capsys):
    (tmp_path / "net.qnn").write_text(GOOD)
    assert main(["check", str(tmp_path / "nett.qnn")]) == 1
    said = capsys.readouterr().err
    assert "No such file" in said
    assert "did you mean net.qnn?" in said


def warnings(text, folder):
    found = analyse(Source(folder / "n.qnn", text)).warnings
    return [(d.span.line, d.span.column, d.what) for d in found]


def test_what_is_not_used_is_a_warning(tmp_path, capsys):
    text = "block k(x) {\n  a = relu(x)\n  return x\n}\n" + network(
        "a = relu(x)", "a = neg(x)", "_kept = relu(x)", "c = relu(a)",
        inputs="x: uint8[1, 4] scale 1/255, z: uint8[1, 4] scale 1")  # fmt: skip
    assert warnings(text, tmp_path) == [
        (1, 7, "block 'k' is not used"),
        (2, 3, "'a' is not used"),
        (5, 39, "input 'z' is not used"),
        (6, 3, "'a' is not used before line 7 gives the name anew"),
        (9, 3, "'c' is not used"),
    ]
    path = tmp_path / "n.qnn"
    path.write_text(GOOD.replace("  return", "  z = relu(y)\n  return"))
    assert main(["check", str(path)]) == 0
    said = capsys.readouterr()
    assert "compiles" in said.out
    assert "warning:" in said.err
    assert "n.qnn:4:3: 'z' is not used" in said.err


def test_what_is_used_in_scalar_functions_is_used(tmp_path):
    text = network("s = [1, 2, 3, 4]", "c = quantize(x, int4, scale: 1)",
                   "y = requantize(c, axis: 1) with (a) {",
                   "r = mul(dequantize(a, scale: 0.5), parameter(s))",
                   "return quantize(r, uint3, scale: 0.75)", "}", result="y")  # fmt: skip
    assert warnings(text, tmp_path) == []


def test_a_block_with_a_wrong_head_is_one_problem(tmp_path):
    text = "block k(x y) {\n  return relu(x)\n}\n" + network("y = k(x)")
    assert [(line, what) for line, _, what, _ in told(tmp_path / "n.qnn", text)] == [
        (1, "'x' needs a ':' before its type")
    ]


def test_a_file_that_is_missing_is_one_problem(tmp_path):
    text = network('a = load("w.npz", "a")', 'b = load("w.npz", "b")', "y = add(a, b)")
    assert [line for line, *_ in told(tmp_path / "n.qnn", text)] == [2]


def test_calls_lead_to_the_place_in_a_block(tmp_path):
    (tmp_path / "k.qnn").write_text("block k(x, w) {\n  return matmul(x, w)\n}\n")
    text = 'import "k.qnn"\n' + network("y = k(x, [[1]])")
    ((line, column, what, _),) = told(tmp_path / "n.qnn", text)
    assert (line, column) == (2, 10)
    assert what.endswith("in block k put in at n.qnn:3")
