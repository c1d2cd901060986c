"""Pipelines in whole networks: behind windows, around joins, beside folded layers."""

import json

import numpy as np
import pytest
from cli_runner import qcc

import qcompiler
from qcompiler.dialects import stream

RANDOM = np.random.default_rng(3)


def matrix(*shape):
    return RANDOM.integers(-3, 4, shape).tolist()


IMAGE = f"""\
network image(x: uint3[1, 2, 6, 6] scale 1) {{
  d: int3[2, 1, 3, 3] scale 1 = {matrix(2, 1, 3, 3)}
  p: int3[4, 2, 1, 1] scale 1 = {matrix(4, 2, 1, 1)}
  h = requantize(relu(conv(x, d, pads: same, group: 2)), uint4, scale: 4)
  y = requantize(relu(conv(h, p)), uint4, scale: 8)
  return quantize(max_pool(y, kernel: [2, 2], strides: [2, 2]), uint4, scale: 8)
}}
"""
RESIDUAL = f"""\
network residual(x: int4[1, 6] scale 1) {{
  w: int3[6, 6] scale 1 = {matrix(6, 6)}
  v: int3[6, 6] scale 1 = {matrix(6, 6)}
  h = requantize(relu(matmul(x, w)), uint4, scale: 4)
  g = requantize(matmul(h, v), int4, scale: 8)
  r = requantize(add(g, x), int5, scale: 1)
  return quantize(matmul(r, w), int8, scale: 4)
}}
"""
GATE = f"""\
network gate(x: int4[1, 5] scale 1) {{
  w: int3[5, 4] scale 1 = {matrix(5, 4)}
  v: int3[5, 4] scale 1 = {matrix(5, 4)}
  a = requantize(matmul(x, w), int4, scale: 4)
  b = requantize(matmul(x, v), uint3, scale: 4)
  return quantize(mul(a, b), int8, scale: 1)
}}
"""
SIDES = f"""\
network sides(x: int4[1, 5] scale 1) {{
  w: int3[5, 4] scale 1 = {matrix(5, 4)}
  v: int3[5, 3] scale 1 = {matrix(5, 3)}
  u: int3[7, 2] scale 1 = {matrix(7, 2)}
  a = requantize(matmul(x, w), int4, scale: 4)
  b = requantize(matmul(x, v), int4, scale: 4)
  return quantize(matmul(concat(a, b, axis: 1), u), int8, scale: 2)
}}
"""
BESIDE = f"""\
network beside(x: int4[1, 6] scale 1) {{
  w: int3[6, 6] scale 1 = {matrix(6, 6)}
  v: int3[6, 4] scale 1 = {matrix(6, 4)}
  h = requantize(relu(matmul(x, w)), uint4, scale: 4) @ "first"
  return quantize(matmul(h, v), int8, scale: 4)
}}
"""


def compiled(tmp_path, text, capfd, *options):
    name = text.split()[1].split("(")[0]
    (tmp_path / f"{name}.qnn").write_text(text, encoding="ascii")
    made = qcc(capfd, "compile", tmp_path / f"{name}.qnn", *options, "-o", tmp_path / name)
    assert made.status == 0, made.words
    return tmp_path / name


def kinds(folder):
    layers = json.loads((folder / "report" / "estimate_layer_cycles.json").read_text())
    return [name.rsplit("_", 1)[-1] for name in layers]


def equal(folder, capfd, *more):
    checked = qcc(capfd, "verify", folder, "--vectors", "200", *more)
    assert checked.status == 0, checked.words
    assert "0 mismatches in 400 frames" in checked.out


@pytest.mark.simulation
@pytest.mark.parametrize("text", [RESIDUAL, GATE, SIDES], ids=["residual", "gate", "sides"])
def test_joins_are_within_one_pipeline(tmp_path, capfd, text):
    folder = compiled(tmp_path, text, capfd, "--cycles", "1")
    assert kinds(folder) == ["pipeline"]
    equal(folder, capfd)


WIDE = """\
network wide(x: int16[1, 1] scale 0.01) {
  w: int16[1, 1] scale 0.0001 = [[30001]]
  v: int4[1, 1] scale 1 = [[3]]
  h = requantize(relu(matmul(x, w)), uint15, scale: 0.37)
  return requantize(matmul(h, v), int16, scale: 0.74)
}
"""


@pytest.mark.simulation
def test_requantizers_whose_factors_are_too_wide_for_sums_stand_alone(tmp_path, capfd):
    folder = compiled(tmp_path, WIDE, capfd, "--cycles", "1", "--validate")
    assert kinds(folder) == ["pipeline", "requantize", "pipeline"]
    equal(folder, capfd)


@pytest.mark.simulation
def test_depthwise_and_pool_behind_windows(tmp_path, capfd):
    folder = compiled(tmp_path, IMAGE, capfd, "--cycles", "36", "--mhz", "60")
    found = kinds(folder)
    assert found.count("pipeline") >= 1
    assert "vvau" not in found
    equal(folder, capfd)


@pytest.mark.simulation
def test_a_folded_layer_beside_a_pipeline(tmp_path, capfd):
    design = qcompiler.compile(_written(tmp_path, BESIDE), cycles=36)
    first, second = (name for name, p in design.network.named() if isinstance(p, stream.MvauOp))
    folding = {first: {"PE": 6, "SIMD": 6}, second: {"PE": 1, "SIMD": 2}}
    (tmp_path / "folding.json").write_text(json.dumps(folding))
    folder = compiled(tmp_path, BESIDE, capfd, "--folding", tmp_path / "folding.json")
    found = kinds(folder)
    assert "pipeline" in found
    assert "mvau" in found
    equal(folder, capfd)


def _written(tmp_path, text):
    path = tmp_path / "model.qnn"
    path.write_text(text, encoding="ascii")
    return path
