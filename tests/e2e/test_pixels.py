"""Several pixels of a line a clock: the same integers, a beat a clock, whatever stalls."""

import json
import re

import numpy as np
import pytest
from cli_runner import qcc
from refusals import INTERNAL

import qcompiler
from qcompiler.dialects import stream

RANDOM = np.random.default_rng(16)


def kernel(*shape):
    return RANDOM.integers(-3, 4, shape).tolist()


RESIDUAL = f"""\
network residual(x: uint4[1, 1, 32] scale 1) {{
  w: int3[4, 1, 5] scale 1 = {kernel(4, 1, 5)}
  d: int3[4, 1, 3] scale 1 = {kernel(4, 1, 3)}
  v: int3[2, 4, 1] scale 1 = {kernel(2, 4, 1)}
  h = requantize(relu(conv(x, w, pads: same)), uint4, scale: 4)
  g = requantize(relu(conv(h, d, pads: same, group: 4)), uint4, scale: 4)
  r = requantize(add(g, h), uint4, scale: 2)
  return quantize(conv(r, v), int8, scale: 1)
}}
"""
BRANCHES = f"""\
network branches(x: int4[1, 2, 32] scale 1) {{
  w: int3[3, 2, 3] scale 1 = {kernel(3, 2, 3)}
  u: int3[2, 2, 5] scale 1 = {kernel(2, 2, 5)}
  v: int3[2, 5, 4] scale 1 = {kernel(2, 5, 4)}
  a = requantize(relu(conv(x, w, pads: [2, 2], dilations: [2])), uint3, scale: 4)
  b = requantize(conv(x, u, pads: same), int3, scale: 8)
  m = max_pool(a, kernel: [3], pads: [1, 1])
  c = requantize(concat(m, b, axis: 1), int4, scale: 1)
  return quantize(conv(c, v, strides: [2], pads: [1, 1]), int6, scale: 2)
}}
"""
LONG = f"""\
network long(x: uint3[1, 1, 16] scale 1) {{
  w: int3[1, 1, 9] scale 1 = {kernel(1, 1, 9)}
  v: int3[2, 1, 7] scale 1 = {kernel(2, 1, 7)}
  h = requantize(conv(x, w, pads: [4, 4]), int4, scale: 8)
  return quantize(conv(h, v, pads: [9, 9], dilations: [3]), int6, scale: 2)
}}
"""
IMAGE = f"""\
network image(x: uint4[1, 1, 3, 8] scale 1) {{
  w: int3[2, 1, 1, 3] scale 1 = {kernel(2, 1, 1, 3)}
  v: int3[1, 2, 1, 3] scale 1 = {kernel(1, 2, 1, 3)}
  h = requantize(conv(x, w, pads: same), int4, scale: 4)
  return quantize(conv(h, v, pads: same), int6, scale: 2)
}}
"""
GROUPED = f"""\
network grouped(x: uint4[1, 4, 16] scale 1) {{
  w: int3[6, 2, 3] scale 1 = {kernel(6, 2, 3)}
  v: int3[6, 2, 1] scale 1 = {kernel(6, 2, 1)}
  u: int3[4, 3, 4] scale 1 = {kernel(4, 3, 4)}
  h = requantize(relu(conv(x, w, pads: same, group: 2)), uint4, scale: 4)
  g = requantize(conv(h, v, group: 3), int4, scale: 4)
  return quantize(conv(g, u, group: 2, strides: [2], pads: [1, 1]), int6, scale: 2)
}}
"""
LINES = f"""\
network lines(x: uint4[1, 2, 32] scale 1, z: uint3[1, 2, 32] scale 1) {{
  w: int3[3, 4, 3] scale 1 = {kernel(3, 4, 3)}
  v: int3[2, 3, 1] scale 1 = {kernel(2, 3, 1)}
  u: int3[2, 2, 5] scale 1 = {kernel(2, 2, 5)}
  c = requantize(conv(concat(x, z, axis: 1), w, pads: same), uint4, scale: 8)
  s = requantize(add(x, z), uint4, scale: 2)
  t = requantize(add(conv(s, u, pads: same), s), uint4, scale: 4)
  return quantize(add(conv(c, v), t), int6, scale: 2)
}}
"""
"""Of two inputs, which meet as they come."""
FINE = """\
network fine(x: uint4[1, 1, 16] scale 1) {
  w: int4[2, 1, 3] scale 1 = [[[1, 1, 5]], [[-1, 4, -6]]]
  v: int3[1, 2, 1] scale 1 = [[[0], [-2]]]
  h = requantize(relu(conv(x, w, pads: same)), uint8, scale: 0.37)
  return quantize(conv(h, v), int12, scale: 1)
}
"""
"""Whose requantizer is a table where one pixel enters a clock."""
TEXTS = {
    "fine": FINE,
    "grouped": GROUPED,
    "lines": LINES,
    "residual": RESIDUAL,
    "branches": BRANCHES,
    "long": LONG,
    "image": IMAGE,
}
INPUTS = {
    "fine": (0, 15, (1, 16)),
    "grouped": (0, 15, (4, 16)),
    "lines": (0, 7, (2, 32)),
    "residual": (0, 15, (1, 32)),
    "branches": (-8, 7, (2, 32)),
    "long": (0, 7, (1, 16)),
    "image": (0, 15, (1, 3, 8)),
}
"""Lowest integer, highest, shape without the batch."""


def written(folder, name, text=""):
    path = folder / f"{name}.qnn"
    path.write_text(text or TEXTS[name], encoding="ascii")
    return path


@pytest.mark.parametrize(
    ("name", "pixels"),
    [
        ("fine", 4),
        ("grouped", 4),
        ("lines", 8),
        ("residual", 1),
        ("branches", 2),
        ("branches", 8),
        ("long", 2),
        ("image", 8),
    ],
)
def test_every_pass_keeps_the_integers(tmp_path, name, pixels):
    path = written(tmp_path, name)
    one = qcompiler.compile(path)
    design = qcompiler.compile(path, pixels_per_clock=pixels, validate=pixels == 8)
    low, high, shape = INPUTS[name]
    inputs = 1 + (name == "lines")
    x = [RANDOM.integers(low, high + 1, (20, *shape)) for _ in range(inputs)]
    np.testing.assert_array_equal(design.predict(x), one.predict(x))
    assert design.timing.cycles_per_frame == int(np.prod(shape[1:])) // pixels
    assert "reorder" not in {layer.kind for layer in one.report().layers}, "no layout in the way"


@pytest.mark.parametrize(
    ("name", "pixels", "kept"),
    [("fine", 1, 0), ("fine", 4, 3)],  # the layer of one tap shares nothing
)
def test_each_pixel_has_registers_of_its_own_for_what_others_read(tmp_path, name, pixels, kept):
    design = qcompiler.compile(written(tmp_path, name), pixels_per_clock=pixels)
    design.write(tmp_path / "out")
    texts = [file.read_text() for file in (tmp_path / "out" / "rtl").glob("*.v")]
    assert sum(len(re.findall(r"keep \*\) reg .*x\d+_s1;", text)) for text in texts) == kept


def test_each_part_that_is_kept_has_a_valid_bit_of_its_own(tmp_path):
    design = qcompiler.compile(written(tmp_path, "residual"), pixels_per_clock=16)
    design.write(tmp_path / "out")
    last = design.network.processes[-1]
    assert isinstance(last, stream.PipelineOp)
    assert last.kept_parts == 2
    texts = [file.read_text() for file in (tmp_path / "out" / "rtl").glob("*_pipeline.v")]
    valid = rf"keep \*\) reg valid{last.stages}(?:_\d+)?;"
    assert max(len(re.findall(valid, text)) for text in texts) == 2


@pytest.mark.parametrize(
    ("name", "rate", "cycles"),
    [
        ("residual", {"cycles": 5}, 4),  # a power of two
        ("image", {"fps": 20e6, "mhz": 100.0}, 3),
        ("grouped", {"cycles": 8, "device": "ecp5-85k"}, 8),
        ("long", {"cycles": 16}, 16),  # one is enough
    ],
)
def test_a_rate_says_how_many_pixels(tmp_path, name, rate, cycles):
    path = written(tmp_path, name)
    design = qcompiler.compile(path, **rate)
    assert design.timing.cycles_per_frame == cycles
    low, high, shape = INPUTS[name]
    x = RANDOM.integers(low, high + 1, (20, *shape))
    np.testing.assert_array_equal(design.predict(x), qcompiler.compile(path).predict(x))


@pytest.mark.parametrize(
    ("changed", "to"), [("x, w, pads: same", "x, w"), ("conv(r, v)", "conv(r, v, strides: [4])")]
)
def test_a_rate_that_pixels_cannot_keep_folds_as_ever(tmp_path, changed, to):
    text = RESIDUAL.replace(changed, to)
    if to == "x, w":  # lines get shorter
        text = text.replace("[1, 1, 32]", "[1, 1, 36]")
    path = written(tmp_path, "residual", text)
    x = RANDOM.integers(0, 16, (20, 1, 36 if to == "x, w" else 32))
    design = qcompiler.compile(path, cycles=18)
    np.testing.assert_array_equal(design.predict(x), qcompiler.compile(path).predict(x))


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("name", "pixels"), [("residual", 4), ("branches", 8), ("long", 1), ("grouped", 8)]
)
def test_the_verilog_makes_as_many_pixels_a_clock(tmp_path, capfd, name, pixels):
    """Back to back, then with stalls: no beat is lost, and none is waited for."""
    path = written(tmp_path, name)
    made = qcc(capfd, "compile", path, "--pixels-per-clock", str(pixels), "-o", tmp_path / name)
    assert made.status == 0, made.words
    checked = qcc(capfd, "verify", tmp_path / name, "--vectors", "100", "--json")
    assert checked.status == 0, checked.words
    said = json.loads(checked.out)
    beats = int(np.prod(INPUTS[name][2][1:])) // pixels
    assert said["passed"]
    assert said["predicted_cycles_per_frame"] == beats
    assert said["runs"][0]["cycles_per_frame"] == beats
    assert said["runs"][0]["latency_cycles"] == said["predicted_latency_cycles"]


@pytest.mark.parametrize(
    ("changed", "to", "said"),
    [
        ("uint4[1, 1, 32]", "uint4[1, 1, 36]", "whole beats of 8; ask for 4"),
        ("x, w, pads: same", "x, w, pads: [2, 1]", "makes 31 pixels of 32"),
        ("conv(r, v)", "reduce_mean(r, axes: [2])", "a window of all 32 pixels of a line"),
    ],
)  # fmt: skip
def test_what_cannot_work_on_several_pixels_is_named(tmp_path, changed, to, said):
    assert changed in RESIDUAL
    text = RESIDUAL.replace(changed, to)
    with pytest.raises(qcompiler.ModelError) as caught:
        qcompiler.compile(written(tmp_path, "residual", text), pixels_per_clock=8)
    assert said in str(caught.value)
    assert INTERNAL.search(str(caught.value)) is None


def test_weights_from_elsewhere_are_refused(tmp_path):
    """The remedy works."""
    path = written(tmp_path, "residual", RESIDUAL)
    with pytest.raises(qcompiler.ModelError) as caught:
        qcompiler.compile(path, pixels_per_clock=8, weights="external")
    assert str(caught.value).count("they cannot come from elsewhere") == 3
    assert str(caught.value).count("leave out --pixels-per-clock") == 3
    qcompiler.compile(path, weights="external")


def test_a_device_that_is_too_small_is_told(tmp_path, capfd):
    path = written(tmp_path, "residual", RESIDUAL)
    compiled = qcc(
        capfd, "compile", path, "--pixels-per-clock", "8", "--device", "ice40-up5k",
        "-o", tmp_path / "d",
    )  # fmt: skip
    assert re.search(r"it does not fit: \d+ FF too few", compiled.out)
