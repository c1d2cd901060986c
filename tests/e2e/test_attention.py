"""Attention with a real softmax between quantizers, one head and two."""

from fractions import Fraction

import numpy as np
import pytest
from onnx_models import model, node, save
from transformer_models import CONSTANTS, F32, U8, attention, qdq, runtime

import qcompiler
from qcompiler.arith.softmax import Softmax
from qcompiler.dialects import stream


@pytest.mark.simulation
@pytest.mark.parametrize(("heads", "cycles"), [(2, 64)])
def test_codes_are_those_of_the_runtime(heads, cycles, tmp_path):
    rng = np.random.default_rng(heads)
    path = save(attention(8, 8, heads, rng), tmp_path)
    x = rng.normal(size=(40, 1, 8, 8)).astype(F32)
    design = qcompiler.compile(path, cycles=cycles, validate=True)
    wanted = runtime(path, x)
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)
    names = [process.name for process in design.network.processes]
    assert names.count("stream.matmul") == names.count("stream.row_reduce") == 2
    integers = design.quantize({"x": x[:6]})
    rtl = design.rtl_design(tmp_path / "rtl")
    for chance in (0.0, 0.4):
        stalls = {"stall_probability_in": chance, "stall_probability_out": chance}
        got, result = design.simulate_rtl(rtl, integers, tool="verilator", **stalls)
        for want, have in zip(design.core(integers), got, strict=True):
            np.testing.assert_array_equal(want.reshape(have.shape), have)
        if not chance:
            period = design.timing.cycles_per_frame
            assert period <= cycles
            assert result.cycles_per_frame == pytest.approx(period, rel=0.05)


def test_the_table_is_as_wide_as_the_bound_takes(tmp_path):
    path = save(attention(8, 8, 1, np.random.default_rng(0)), tmp_path)
    design = qcompiler.compile(path, cycles=256)
    tables = [
        process.tables["t"]
        for process in design.network.processes
        if isinstance(process, stream.FormulaOp) and process.tables
    ]
    wanted = Softmax.within(Fraction(1, 16), Fraction(1, 256), 255, 8)
    assert [table.tolist() for table in tables] == [wanted.table.tolist()]


def packed(tokens, channels, unbound):
    """x -> one product for q, k and v -> split -> softmax(q k^T) v; how torch's own layers have it.

    Args:
        tokens, channels: sizes.
        unbound: whether the three are an axis of their own, the first behind a transposition.
    """
    weights = np.random.default_rng(5).integers(-60, 60, (channels, 3 * channels)).astype(np.int8)
    parts = ["q", "k", "v"]
    if unbound:
        split = [
            node("Reshape", ["pr", "three"], ["r"]),
            node("Transpose", ["r"], ["t"], perm=[2, 0, 1, 3]),
            node("Split", ["t"], [f"{p}1" for p in parts], axis=0, num_outputs=3),
            *(node("Squeeze", [f"{p}1", "first"], [p]) for p in parts),
        ]
    else:
        split = [node("Split", ["pr"], parts, axis=-1, num_outputs=3)]
    nodes = [
        *qdq("x", "xr", "s1", "z1"),
        node("DequantizeLinear", ["w", "s2", "zw"], ["wr"]),
        node("MatMul", ["xr", "wr"], ["p"]),
        *qdq("p", "pr", "s3", "z3"),
        *split,
        node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
        node("MatMul", ["q", "kt"], ["scores"]),
        *qdq("scores", "sr", "s3", "z3"),
        node("Softmax", ["sr"], ["soft"], axis=-1),
        *qdq("soft", "softr", "s4", "z4"),
        node("MatMul", ["softr", "v"], ["mixed"]),
        *qdq("mixed", "y", "s3", "z3"),
    ]
    shapes = {"three": np.array([1, tokens, 3, channels]), "first": np.array([0])}
    proto = model(nodes, CONSTANTS | shapes | {"w": weights}, inputs={"x": [1, tokens, channels]},
                  opset=18)  # fmt: skip
    proto.ir_version = 10
    return proto


@pytest.mark.simulation
@pytest.mark.parametrize("unbound", [False, True])
def test_packed_queries_keys_and_values_are_cut_as_they_come(unbound, tmp_path):
    """No frame is transposed for that, so neither rate nor memories are lost."""
    path = save(packed(8, 16, unbound), tmp_path)
    x = np.random.default_rng(6).normal(size=(20, 1, 8, 16)).astype(F32)
    design = qcompiler.compile(path, cycles=128, validate=True)
    wanted = runtime(path, x)
    assert len(np.unique(wanted)) > 20
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)
    assert design.timing.cycles_per_frame == 128
    names = [process.name for process in design.network.processes]
    assert names.count("stream.slice") == 3
    assert "stream.reorder" not in names
    integers = design.quantize({"x": x[:5]})
    stalls = {"stall_probability_in": 0.3, "stall_probability_out": 0.3}
    rtl = design.rtl_design(tmp_path / "rtl")
    (got,), _ = design.simulate_rtl(rtl, integers, tool="verilator", **stalls)
    (want,) = design.core(integers)
    np.testing.assert_array_equal(want.reshape(got.shape), got)


def normalized(kind, scale, rng):
    """x -> normalization -> product, between quantizers of a scale."""
    weights = {"w_q": rng.integers(-9, 9, (8, 3)).astype(np.int8)}
    numbers = {
        "gain": rng.uniform(0.5, 2, 8).astype(F32) if scale else np.full(8, 1.5, F32),
        "shift": rng.normal(size=8).astype(F32) if scale else np.full(8, 0.25, F32),
        "s": F32(scale or 2**-4),
        "z": U8(100),
    }
    inputs = ["xr", "gain"] + ["shift"] * (kind == "LayerNormalization")
    nodes = [
        *qdq("x", "xr", "s", "z"),
        node(kind, inputs, ["n"], axis=-1),
        *qdq("n", "nr", "s", "z"),
        node("DequantizeLinear", ["w_q", "s2", "zw"], ["w"]),
        node("MatMul", ["nr", "w"], ["m"]),
        *qdq("m", "y", "s3", "z3"),
    ]
    proto = model(nodes, CONSTANTS | weights | numbers, inputs={"x": [1, 4, 8]}, opset=23)
    proto.ir_version = 10
    return proto


@pytest.mark.simulation
@pytest.mark.parametrize("kind", ["LayerNormalization", "RMSNormalization"])
@pytest.mark.parametrize("scale", [0.0, 0.037])
def test_normalizations(kind, scale, tmp_path):
    rng = np.random.default_rng(3)
    path = save(normalized(kind, scale, rng), tmp_path)
    x = rng.normal(size=(30, 1, 4, 8)).astype(F32)
    design = qcompiler.compile(path, cycles=96)
    wanted = runtime(path, x)
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x}), wanted.shape), wanted)
    if not scale and kind == "LayerNormalization":
        integers = design.quantize({"x": x[:8]})
        stalls = {"stall_probability_in": 0.3, "stall_probability_out": 0.3}
        rtl = design.rtl_design(tmp_path / "rtl")
        (got,), _ = design.simulate_rtl(rtl, integers, tool="verilator", **stalls)
        (want,) = design.core(integers)
        np.testing.assert_array_equal(want.reshape(got.shape), got)
