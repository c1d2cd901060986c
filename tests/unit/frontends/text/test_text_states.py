"""States in the language: inputs with a value, and what a return leaves to them."""

import numpy as np
import pytest
from onnx_models import save
from recurrent_models import gru
from tflite_layers import streaming

from qcompiler import compile as compile_network
from qcompiler.assembly import print_module
from qcompiler.compiler import import_model
from qcompiler.errors import ModelError
from qcompiler.frontends.text import import_text
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.printer import print_network
from qcompiler.options import Options

CELL = """\
network cell(x: int4[1, 2] scale 0.5, h as "hidden": int4[1, 2] scale 0.5 = [[1, -2]]) {
  w: int3[2, 2] scale 0.5 = [[1, -2], [3, 1]]
  total = add(matmul(x, w), h)
  next = requantize(total, int4, scale: 0.5)
  return total_of(next) as "y", h = next
}

block total_of(x) {
  return quantize(relu(x), uint3, scale: 0.5)
}
"""


def text(tmp_path, written):
    path = tmp_path / "n.qnn"
    path.write_text(written, encoding="utf-8")
    return path


def by_hand(codes, h):
    made = []
    for x in codes:
        h = np.clip(np.rint((x @ [[1, -2], [3, 1]] / 4 + h / 2) / 0.5), -8, 7)
        made.append(np.clip(h, 0, 7))
    return np.array(made)


def test_frames_follow_one_another(tmp_path):
    assert formatted(CELL) == CELL
    design = compile_network(text(tmp_path, CELL), validate=True)
    assert (design.names("inputs"), design.names("outputs")) == (["x"], ["y"])
    assert design.names("states") == ["hidden"]
    codes = np.random.default_rng(0).integers(-8, 8, (50, 2))
    np.testing.assert_array_equal(design.predict(codes), by_hand(codes, np.array([1, -2])))


def printed(module, folder, **options):
    network = print_network(module, "printed.npz", **options)
    network.write(folder / "printed.qnn")
    assert formatted(network.text) == network.text
    return network.text, import_text(folder / "printed.qnn")


@pytest.mark.parametrize("inline", [0, 16])
def test_they_come_back(tmp_path, inline):
    cell = import_text(text(tmp_path, CELL))
    said, again = printed(cell, tmp_path, inline=inline)
    assert print_module(again) == print_module(cell)
    assert ("[[1, -2]]" in said) == (inline > 0)


def test_those_of_a_model_come_back(tmp_path):
    rng = np.random.default_rng(3)
    path = save(gru(rng.integers(-7, 8, (4, 9)), rng.integers(-7, 8, (3, 9))), tmp_path)
    module = import_model(path, Options(states={"h": "h_out"}))
    said, again = printed(module, tmp_path)
    assert print_module(again) == print_module(module)
    assert "h: int8[1, 3] = 0" in said


def test_variables_of_tensorflow_lite_come_back(tmp_path):
    model = streaming(np.random.default_rng(4))
    module = import_model(model.write(tmp_path / "m.tflite"), Options())
    said, again = printed(module, tmp_path)
    assert print_module(again) == print_module(module)
    assert 'a as "/a": int8[1, 3, 1, 4] = [' in said


WRONG = [
    ("= [[1, -2]]", "= x", "a state begins as numbers"),
    ("= [[1, -2]]", "= [1, 2, 3]", "the state has shape [1, 2], its value [3]"),
    ("= [[1, -2]]", "= 9", "numbers from 9 to 9 exceed int4"),
    ("int4[1, 2] scale 0.5 = [[1, -2]]", "float32[1, 2] = 0", "a state holds integers"),
    (", h = next", "", "nothing is left to the state 'h'"),
    ("h = next", "g = next", "there is no state 'g'"),
    ("h = next", "h = next, h = next", "'h' is left twice"),
    ('total_of(next) as "y", ', "", "all that is returned are states"),
    ("h = next", "h = total", "reals that are not on their grid"),
    ("next = requantize(total, int4", "next = requantize(total, int5", "'h' holds -8 to 7, and"),
    ("h = next", "h = concat(next, next, axis: 1)", "reals that are not on their grid"),
    ("return quantize(relu", "return h = quantize(relu", "a block has none"),
]


@pytest.mark.parametrize(("old", "new", "what"), WRONG, ids=[case[2] for case in WRONG])
def test_what_is_wrong(tmp_path, old, new, what):
    assert old in CELL
    with pytest.raises(ModelError) as caught:
        import_text(text(tmp_path, CELL.replace(old, new)))
    assert what in str(caught.value)


def test_a_text_says_itself_which_states_it_has(tmp_path):
    with pytest.raises(ModelError, match="says itself which states it has"):
        import_model(text(tmp_path, CELL), Options(states={"x": "y"}))
