"""A design has one name: in design.json, the top module, its file, the test bench, and reports."""

import json

import numpy as np
import pytest
from cli_runner import qcc, small_mlp

import qcompiler
from qcompiler.rtl.names import RESERVED_WORDS, top_name


def _written(name, folder):
    path = folder / f"{name}.onnx"
    path.write_bytes(small_mlp().SerializeToString())
    design = qcompiler.compile(path, cycles=4)
    return design, design.write(folder / "out")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("switch", "switch_"),
        ("Module", "Module_"),
        ("entity", "entity_"),
        ("class", "class_"),
        ("2nd", "network2nd"),
        ("x" * 200, "x" * 40),
        ("a b; $finish", "a_b_finish"),
        ("größe", "gr_xf6_xdfe"),
    ],
)
def test_one_name_in_every_file(tmp_path, file, name):
    design, out = _written(file, tmp_path)
    manifest = json.loads((out / "design.json").read_text())
    assert manifest["top"] == design.name == name
    assert f"rtl/{name}.v" in manifest["sources"]
    assert f"module {name} " in (out / "rtl" / f"{name}.v").read_text()
    assert qcompiler.load(out).name == name
    for level in design.levels.values():
        assert top_name(level) == name


def test_a_keyword_is_simulated_and_verified(capfd, tmp_path):
    """`switch` is a word of C++, which Verilator makes of a design."""
    design, out = _written("switch", tmp_path)
    result = qcc(capfd, "verify", out, "--vectors", 5)
    assert (result.status, "0 mismatches" in result.out) == (0, True)
    assert qcc(capfd, "synth", out, "--project", "vivado", "--device", "zynq-7020").status == 0
    np.testing.assert_array_equal(
        design.predict(np.zeros((1, 4))), qcompiler.load(out).predict(np.zeros((1, 4)))
    )


def test_all_words_are_lower_case():
    assert all(word == word.lower() for word in RESERVED_WORDS)
