"""What is printed is read back as the same module; every operation can be written."""

import pytest
from language import ROOT, every_operation

from qcompiler.assembly import print_module
from qcompiler.dialects.nn import NN
from qcompiler.dialects.qint import QINT
from qcompiler.frontends.onnx import import_onnx
from qcompiler.frontends.text import import_text
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.printer import print_network

EXAMPLES = sorted(ROOT.glob("examples/*/*.onnx"))


def back(module, folder, **options):
    printed = print_network(module, "printed.npz", **options)
    printed.write(folder / "printed.qnn")
    assert formatted(printed.text) == printed.text
    return import_text(folder / "printed.qnn")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_models_come_back(path, tmp_path):
    module = import_onnx(path)
    assert print_module(back(module, tmp_path)) == print_module(module)


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("inline", [0, 10_000])
def test_every_operation_comes_back(inline, tmp_path):
    module = import_text(every_operation(tmp_path))
    again = back(module, tmp_path, inline=inline, types=inline > 0)
    assert print_module(again) == print_module(module)


def test_every_operation_is_there(tmp_path):
    used = {type(op) for op in import_text(every_operation(tmp_path)).walk()}
    missing = {op.name for op in (*NN.operations, *QINT.operations) if op not in used}
    assert not missing


def test_names_of_a_model_survive(tmp_path):
    text = 'network "a b"(x as "in/é:0": uint2[1, 2] scale 1) {\n  y = relu(x) @ "n/\\u0001"\n'
    text += '  q = quantize(y, uint1, scale: 1)\n  return q as "out\\"put"\n}\n'
    path = tmp_path / "n.qnn"
    path.write_text(text, encoding="utf-8")
    module = import_text(path)
    assert print_module(back(module, tmp_path)) == print_module(module)


def test_hints_that_look_like_suffixes_survive(tmp_path):
    path = tmp_path / "n.qnn"
    path.write_text(
        "network n(x: uint2[1] scale 1) {\n  y_7_1 = relu(x)\n"
        "  return quantize(y_7_1, uint1, scale: 1)\n}\n"
    )
    module = import_text(path)
    assert print_module(back(module, tmp_path)) == print_module(module)


def test_the_text_names_its_weights():
    printed = print_network(import_onnx(EXAMPLES[0]), "w.npz")
    assert printed.arrays
    words = printed.text.split()
    assert all(any(f'"{key}"' in word for word in words) for key in printed.arrays)


def test_a_zero_point_outside_its_codes_comes_back(tmp_path):
    """QONNX and passes make them; a type written with its bounds allows them."""
    path = tmp_path / "n.qnn"
    written = "quantize(x, int<0, 255>, scale: 0.5, zero_point: 300)"
    path.write_text(f"network n(x: float32[1, 4]) {{\n  return {written}\n}}\n")
    module = import_text(path)
    assert written in print_network(module, "printed.npz").text
    assert print_module(back(module, tmp_path)) == print_module(module)
