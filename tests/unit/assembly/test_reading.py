"""Errors of syntax and of types say line and column, and show the text there."""

import tracemalloc
import zipfile

import numpy as np
import pytest
from cli_runner import qcc
from numpy.lib import format as npy
from xdsl.utils.exceptions import ParseError

from qcompiler.assembly import (
    LocatedError,
    WeightFile,
    describe,
    parse_module,
    print_module,
    read_module,
    reader,
)
from qcompiler.passes.pipeline import make_context

GOOD = """func.func @main(%x : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 3>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %y = qint.matmul %x, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  func.return %y : tensor<1x1x!qint.int<-3, 3>>
}
"""  # noqa: E501


def said(text, **options):
    with pytest.raises((ParseError, LocatedError)) as caught:
        parse_module(make_context(), text, "net.mlir", **options)
    return describe(caught.value) if isinstance(caught.value, ParseError) else str(caught.value)


def lines(message):
    first, shown, mark = message.splitlines()
    return first, shown[mark.index("^") : mark.rindex("^") + 1]


@pytest.mark.parametrize(
    ("old", "new", "place", "words", "marked"),
    [
        ("qint.matmul", "qint.matmull", "3:8", "qint.matmull is not registered", "qint.matmull"),
        ("%y : tensor<1x1x!qint.int<-3, 3>>\n", "%z : tensor<1x1xf32>\n", "4:15", "%z", "%z"),
        ("!qint.int<0, 3>>) ->", "!qint.int<5, 3>>) ->", "1:33", "lower bound 5 must not", "!qint"),
        ("return %y :", "return %y", "4:18", "Expected ':'", "tensor"),
        ("[-1]]>", "[-1, 2]]>", "2:", "", ">"),
        ("[-1]]>", "[-2]]>", "2:3", "qint.constant: values in [-2, 1] exceed the range", "%w"),
        ("func.return", '"qint.transpose"() : () -> ()\n  func.return', "4:3", "Expected 1 operand",
         '"qint'),
        ("qint.matmul", "quint.matmul", "3:8", "did you mean 'qint'?", "quint.matmul"),
        ("qint.int<-3", "qint.inte<-3", "1:66", "did you mean 'qint.int'?", "qint.inte"),
        ("%w = qint", "%w = ?qint", "2:8", "operation name expected", "?"),
        ("%w = qint", '%w = "qint', "2:8", "this string does not end on its line", '"'),
        ("}\n", "", "1:83", "this '{' is never closed", "{"),
        ("}\n", "}\n}\n", "6:1", "an operation was expected, found '}'", "}"),
        ("[-1]]>", "[-1, 1]]>", "2:42", "inconsistent ranks", ">"),
        ("%y = qint", "\0%y = qint", "3:3", "Unexpected character", "\0"),
        ("func.func", "func.func @main() {\n func.return\n}\nfunc.func", "4:1",
         'Redefinition of symbol "main"', "func.func"),
    ],
)  # fmt: skip
def test_place_and_text(old, new, place, words, marked):
    first, shown = lines(said(GOOD.replace(old, new)))
    assert first.startswith(f"net.mlir:{place}"), first
    assert words in first
    assert marked[0] == shown[0]


QUANTIZE = """func.func @main(%x : tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>> {
  %q = qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %q : tensor<1x2x!qint.int<0, 3>>
}
"""  # noqa: E501


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("0.5 : f32", '"big"', "2:34", '"big" is not the kind of attribute'),
        ("0.5", "-0.5", "2:3", "qint.quantize: scale must be positive and finite, got -0.5"),
        (', rounding = "half_even"', "", "2:3", "property 'rounding' expected"),
        ("half_even", "half_odd", "2:3", "rounding must be one of half_even"),
    ],
)
def test_attributes(old, new, place, words):
    first = said(QUANTIZE.replace(old, new)).splitlines()[0]
    assert first.startswith(f"net.mlir:{place}: "), first
    assert words in first


def test_every_line_of_a_reason_is_said():
    text = '"builtin.module"() ({\n  "qint.constant"() : () -> tensor<2xi8>\n}) : () -> ()'
    assert "does not verify: i8 should be of base attribute qint.int" in said(text)


def test_nothing():
    assert said(" \n").startswith("net.mlir:2:1: the text is empty")


@pytest.mark.parametrize("read", ["opt", "reduce"])
def test_bytes_that_are_no_text(capfd, tmp_path, read):
    path = tmp_path / "net.mlir"
    path.write_bytes(GOOD.encode().replace(b"%y =", b"// caf\xe9\n %y =", 1))
    more = ("--test", "true") if read == "reduce" else ()
    result = qcc(capfd, read, path, *more)
    assert result.status == 1
    assert "net.mlir:3:9: the byte 0xe9 is not UTF-8 text" in result.words


def test_a_long_line_is_cut_around_the_place():
    values = ", ".join("[1]" for _ in range(5000))
    text = GOOD.replace("[1], [-1]", values).replace("dense<", "dense_<")
    message = said(text)
    assert "dense_" in message
    assert max(map(len, message.splitlines())) < 200


def test_lines_are_counted_from_the_start_of_the_file():
    assert said("\n\nfoo.bar", offset=10).startswith("net.mlir:13:1")


def write(tmp_path, **options):
    module = parse_module(make_context(), GOOD)
    weights = WeightFile("w.npz", least=2, **options)
    path = tmp_path / "net.mlir"
    path.write_text(print_module(module, weights=weights))
    weights.save(tmp_path)
    return module, path


def test_constants_in_a_file(tmp_path):
    module, path = write(tmp_path)
    assert 'dense_resource<"w.npz:c0"> : tensor<2x1xi8>' in path.read_text()
    assert read_module(path, make_context()).is_structurally_equivalent(module)


def test_elided_constants_are_for_people(tmp_path):
    module = parse_module(make_context(), GOOD)
    text = print_module(module, elide=1)
    assert "dense_resource<__elided__>" in text
    assert "constants were left out of this text" in said(text, folder=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("w.npz", "../w.npz", "beside the text, not in '../w.npz'"),
        ("w.npz", "/etc/w.npz", "beside the text"),
        ("w.npz", "v.npz", "cannot read v.npz"),
        (":c0", ":c7", "w.npz has no entry 'c7'"),
        (
            'c0"> : tensor<2x1xi8>',
            'c0"> : tensor<2x2xi8>',
            "it is of i8 [2, 1], not tensor<2x2xi8>",
        ),
        (
            'c0"> : tensor<2x1xi8>',
            'c0"> : tensor<2x1xi16>',
            "it is of i8 [2, 1], not tensor<2x1xi16>",
        ),
    ],
)
def test_constants_that_cannot_be_read(tmp_path, old, new, words):
    _, path = write(tmp_path)
    (tmp_path.parent / "w.npz").write_bytes((tmp_path / "w.npz").read_bytes())
    assert words in said(path.read_text().replace(old, new), folder=tmp_path)


def test_objects_are_never_unpickled(tmp_path):
    _, path = write(tmp_path)
    np.savez(tmp_path / "w.npz", c0=np.array([{}], dtype=object))
    assert "entry 'c0' of w.npz: it holds object, not numbers" in said(
        path.read_text(), folder=tmp_path
    )


@pytest.mark.parametrize("contents", [b"PK\x03\x04 broken", b"", b"\x93NUMPY\x01\x00"])
def test_files_that_are_no_npz(tmp_path, contents):
    _, path = write(tmp_path)
    (tmp_path / "w.npz").write_bytes(contents)
    assert "cannot read w.npz" in said(path.read_text(), folder=tmp_path)


def test_one_array_is_no_npz(tmp_path):
    _, path = write(tmp_path)
    with (tmp_path / "w.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    assert "cannot read w.npz: it is no .npz file" in said(path.read_text(), folder=tmp_path)


@pytest.mark.parametrize("name", ["../w.npz", "a/w.npz", "w.bin", ".npz", "..npz/w.npz"])
def test_names_of_weight_files(name):
    with pytest.raises(ValueError, match="beside the text"):
        WeightFile(name)


def bomb(path, header, size):
    """Writes an .npz whose entry c0 unpacks to `size` zeros behind the header of an array."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("c0.npy", "w", force_zip64=True) as file,
    ):
        npy.write_array_header_1_0(file, header)
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))


@pytest.mark.parametrize(
    ("shape", "size", "words"),
    [
        ((1 << 26,), 64 << 20, "it is of i8 [67108864], not tensor<2x1xi8>"),
        ((2, 1), 64 << 20, None),  # what follows the array is not read
        ((2, 1), 0, "ends too early"),
        ((1 << 40,), 0, "it is of i8 [1099511627776], not tensor<2x1xi8>"),
    ],
)
def test_no_more_is_read_than_the_text_declares(tmp_path, shape, size, words):
    _, path = write(tmp_path)
    bomb(tmp_path / "w.npz", {"shape": shape, "fortran_order": False, "descr": "|i1"}, size)
    tracemalloc.start()
    try:
        if words is None:
            read_module(path, make_context())
        else:
            assert words in said(path.read_text(), folder=tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


def test_a_declared_shape_does_not_unpack_a_small_file(tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "_MOST_BYTES", 1 << 20)
    header = {"shape": (1 << 22,), "fortran_order": False, "descr": "|i1"}
    bomb(tmp_path / "w.npz", header, 1 << 22)
    text = f'"qint.constant"() {{value = dense_resource<"w.npz:c0"> : tensor<{1 << 22}xi8>}}'
    words = said(f"{text} : () -> tensor<{1 << 22}x!qint.int<0, 1>>", folder=tmp_path)
    assert "constants of more than 1 MiB beyond the file" in words
