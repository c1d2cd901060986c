"""`qcc verify --model`: a design against its model in another runtime, difference by difference."""

import json

import numpy as np
import pytest
from cli_runner import qcc, small_mlp
from onnx_models import F32, model, node, save
from transformer_models import attention

import qcompiler
from qcompiler.backends.model_check import check_model, random_inputs
from qcompiler.errors import ModelError


def compared(design, path, frames=64):
    return check_model(design, path, random_inputs(design, frames, 0))


def test_all_integers_are_those_of_qonnx(tmp_path):
    path = save(small_mlp(), tmp_path)
    found = compared(qcompiler.compile(path), path)
    assert (found.runtime, found.passed, found.frames) == ("qonnx", True, 64)
    assert [(c.name, c.integers, c.equal) for c in found.quantizers] == [
        ("xq", 256, 256),
        ("rq", 256, 256),
    ]
    assert [(c.name, c.integers, c.equal) for c in found.outputs] == [("y", 128, 128)]


def test_a_design_of_other_weights_is_found_out(tmp_path):
    path = save(small_mlp(), tmp_path)
    other = save(small_mlp(w1=np.ones((4, 4), F32)), tmp_path, "other.onnx")
    found = compared(qcompiler.compile(other), path)
    first, second = found.quantizers
    assert first.other == 0
    assert second.other > 0
    assert found.outputs[0].other > 0
    assert not found.passed


def test_a_difference_shows_where_it_arises_only(tmp_path):
    path = save(small_mlp(), tmp_path)
    other = save(small_mlp(w2=np.ones((4, 2), F32)), tmp_path, "other.onnx")
    found = compared(qcompiler.compile(other), path)
    assert [c.other for c in found.quantizers] == [0, 0]
    assert found.outputs[0].other > 0


def gate():
    """Products of codes that float32 takes for ties, and exact arithmetic does not."""
    constants = {name: F32(v) for name, v in {"as": 0.02, "bs": 0.03, "ys": 0.06}.items()}
    constants |= {name: np.int8(0) for name in ("az", "bz", "yz")}
    nodes = [
        *(node("QuantizeLinear", [n, f"{n}s", f"{n}z"], [f"{n}q"]) for n in "ab"),
        *(node("DequantizeLinear", [f"{n}q", f"{n}s", f"{n}z"], [f"{n}d"]) for n in "ab"),
        node("Mul", ["ad", "bd"], ["m"]),
        node("QuantizeLinear", ["m", "ys", "yz"], ["q"]),
        node("DequantizeLinear", ["q", "ys", "yz"], ["y"]),
    ]
    return model(nodes, constants, inputs={"a": [1, 256], "b": [1, 256]})


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
def test_float_noise_is_told_apart(tmp_path, numerics):
    proto = gate()
    proto.ir_version = 10
    path = save(proto, tmp_path)
    found = compared(qcompiler.compile(path, numerics=numerics), path)
    assert (found.runtime, found.passed) == ("onnxruntime", True)
    a, b, product = found.quantizers
    assert a.integers == a.equal == b.equal
    differ = product.integers - product.equal
    assert product.noise == differ
    assert found.outputs[0].noise == differ
    if numerics == "exact":
        assert differ > 0
        assert product.farthest < 1e-5


def test_codes_that_a_softmax_does_not_decide_are_counted(tmp_path):
    proto = attention(8, 8, 2, np.random.default_rng(1))
    proto.ir_version = 10
    path = save(proto, tmp_path)
    found = compared(qcompiler.compile(path, cycles=512), path, 48)
    assert found.passed
    (softmax,) = (one for one in found.quantizers if one.undecided)
    # Two of 2^12 positions between two codes are that near a border.
    assert 0 < softmax.rows <= softmax.undecided < softmax.integers / 2**8
    assert softmax.integers == 48 * 2 * 8 * 8
    assert 0 < softmax.bound <= 2.0**-12


def test_another_model_is_refused(tmp_path):
    path = save(small_mlp(), tmp_path)
    proto = small_mlp()
    proto.graph.node[4].name = "other"
    other = save(proto, tmp_path, "other.onnx")
    with pytest.raises(ModelError, match="has no node rq, which the design was made of"):
        compared(qcompiler.compile(path), other)


def test_a_missing_runtime_is_named(tmp_path, monkeypatch):
    path = save(small_mlp(), tmp_path)
    design = qcompiler.compile(path)
    monkeypatch.setattr("qcompiler.backends.runtimes.find_spec", lambda name: None)
    with pytest.raises(ModelError, match="is run by qonnx, which is not installed"):
        compared(design, path)


@pytest.mark.simulation
def test_the_command_tells_both(tmp_path, capfd):
    path = save(small_mlp(), tmp_path)
    assert qcc(capfd, "compile", path, "-o", tmp_path / "d").status == 0
    options = ("--vectors", "6", "--stalls", "0", "--json")
    found = qcc(capfd, "verify", tmp_path / "d", "--model", path, *options)
    assert found.status == 0, found.words
    data = json.loads(found.out)
    assert data["model"]["passed"]
    assert data["model"]["frames"] == data["runs"][0]["frames"] == 6
