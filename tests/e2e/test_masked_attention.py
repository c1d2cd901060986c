"""Masks, embeddings, softmax that mixes rows without a quantizer: runtimes and Verilog agree."""

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from onnx_models import model, node, save
from transformer_models import F32, attention, decoder, in_one_node, rotated, runtime

import qcompiler
from qcompiler.analysis.validation import ValidationError
from qcompiler.arith.softmax import Softmax
from qcompiler.dialects import stream
from qcompiler.errors import ModelError

LATER = np.triu(np.ones((8, 8), np.bool_), 1)
MASKS = {
    "added": (
        [node("Add", ["sr", "mask"], ["masked"])],
        {"mask": np.where(LATER, F32(-np.inf), F32(0))},
    ),
    "added, finite": (
        [node("Add", ["mask", "sr"], ["masked"])],
        {"mask": np.where(LATER, F32(-1e4), F32(0))},
    ),
    "put in place": (
        [node("Where", ["mask", "never", "sr"], ["masked"])],
        {"mask": LATER, "never": F32(-np.inf)},
    ),
    "of a head": (
        [node("Add", ["sr", "mask"], ["masked"])],
        {"mask": np.where(np.stack([LATER, LATER.T])[None], F32(-1e9), F32(0))},
    ),
    "of places": (
        [node("Where", ["mask", "sr", "never"], ["masked"])],
        {"mask": np.array([1, 1, 0, 1, 1, 0, 0, 1], np.bool_), "never": F32(-1e9)},
    ),
}


def simulated(design, folder, integers):
    rtl = design.rtl_design(folder)
    stalls = {"stall_probability_in": 0.3, "stall_probability_out": 0.3}
    got, _ = design.simulate_rtl(rtl, integers, tool="verilator", **stalls)
    for want, have in zip(design.core(integers), got, strict=True):
        np.testing.assert_array_equal(want.reshape(have.shape), have)


@pytest.mark.parametrize("kind", MASKS)
def test_masks(kind, tmp_path):
    rng = np.random.default_rng(1)
    path = save(attention(8, 8, 2, rng, MASKS[kind]), tmp_path)
    x = rng.normal(size=(20, 1, 8, 8)).astype(F32)
    design = qcompiler.compile(path, cycles=128)
    wanted = runtime(path, x)
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)


@pytest.mark.simulation
def test_a_decoder(tmp_path):
    rng = np.random.default_rng(2)
    path = save(decoder(12, 6, 8, rng), tmp_path)
    tokens = rng.integers(0, 12, (30, 1, 6))
    design = qcompiler.compile(path, cycles=96)
    wanted = runtime(path, tokens, "tokens")
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(
        np.reshape(design.predict({"tokens": tokens}), wanted.shape), wanted
    )
    simulated(design, tmp_path / "rtl", design.quantize({"tokens": tokens[:5]}))
    with pytest.raises(ValueError, match="integers from 0 to 11"):
        design.predict({"tokens": tokens + 1})


@pytest.mark.simulation
def test_softmax_that_no_quantizer_follows(tmp_path):
    rng = np.random.default_rng(3)
    path = save(attention(8, 8, 2, rng, MASKS["added"], inner=False), tmp_path)
    x = rng.normal(size=(20, 1, 8, 8)).astype(F32)
    design = qcompiler.compile(path, cycles=128)
    wanted = runtime(path, x)
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)
    simulated(design, tmp_path / "rtl", design.quantize({"x": x[:4]}))


@pytest.mark.parametrize(
    ("shapes", "attributes"),
    [
        ({"q": [1, 2, 4, 8], "k": [1, 2, 6, 8], "v": [1, 2, 6, 8]}, {"is_causal": 1}),
        (
            {"q": [1, 4, 16], "k": [1, 4, 8], "v": [1, 4, 8]},
            {"q_num_heads": 4, "kv_num_heads": 2, "scale": 0.5},
        ),
    ],
)
def test_attention_in_one_node(shapes, attributes, tmp_path):
    rng = np.random.default_rng(4)
    proto = in_one_node(23, shapes, **attributes)
    design = qcompiler.compile(save(proto, tmp_path), cycles=256)
    x = {name: rng.normal(size=(12, *shape)).astype(F32) for name, shape in shapes.items()}
    reference = ReferenceEvaluator(proto)
    wanted = np.stack([reference.run(None, {n: v[i] for n, v in x.items()})[0] for i in range(12)])
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)


def test_a_row_of_which_nothing_is_left(tmp_path):
    mask = np.where(LATER, F32(-np.inf), F32(0))
    mask[3] = -np.inf
    proto = attention(8, 8, 1, np.random.default_rng(0), (MASKS["added"][0], {"mask": mask}))
    with pytest.raises(ModelError, match="a mask leaves out every element of a row"):
        qcompiler.compile(save(proto, tmp_path))


def test_rotary_positions(tmp_path):
    rng = np.random.default_rng(5)
    path = save(rotated(6, 8, rng), tmp_path)
    x = rng.normal(size=(20, 1, 6, 8)).astype(F32)
    design = qcompiler.compile(path, cycles=512)
    wanted = runtime(path, x)
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)


SHAPE = [1, 2, 4, 8]


def two_tables():
    """Scores of 20 bits: their exponentials are products of two tables' entries."""
    return model(
        [node("Attention", ["q", "k", "v"], ["y"], is_causal=1)],
        inputs=dict.fromkeys("qkv", SHAPE),
        outputs=("y",),
        opset=23,
    )


def test_what_counts_though_it_is_left_out_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(Softmax, "vanishing", property(lambda softmax: softmax.span + 1))
    proto = two_tables()
    inputs = dict.fromkeys("qkv", "uint8:0.00390625")
    with pytest.raises(ValidationError, match="fold-scales: this pass changed output 0"):
        qcompiler.compile(save(proto, tmp_path), inputs=inputs, validate=True)


@pytest.mark.parametrize("small", [1, 4, 20, 255])
def test_scores_of_two_tables_are_left_out_wherever_the_row_lies(small, tmp_path):
    """The table of a distance's high bits is 0 for whole blocks of them only."""
    proto = two_tables()
    inputs = dict.fromkeys("qkv", "uint8:0.00390625")
    design = qcompiler.compile(save(proto, tmp_path), inputs=inputs, validate=True)
    tables = [op.tables for op in design.network.processes if isinstance(op, stream.FormulaOp)]
    assert any("u" in table for table in tables), "a product of two tables is what is tested"
    rng = np.random.default_rng(small)
    codes = {name: rng.integers(0, small + 1, (12, *SHAPE)) for name in "qkv"}
    q, k, v = (codes[name].astype(np.float64) / 256 for name in "qkv")
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(8)
    weights = np.exp(np.where(np.tri(4, dtype=bool), scores, -np.inf))
    wanted = weights / weights.sum(axis=-1, keepdims=True) @ v
    found = design.predict(codes)
    np.testing.assert_allclose(np.reshape(found, wanted.shape), wanted, rtol=0, atol=1e-6)
