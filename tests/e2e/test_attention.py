"""Attention with a real softmax between quantizers, one head and two.

Scales are powers of two: float32 is exact in the runtime's products, and no tie is its noise.
"""

from fractions import Fraction

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save

import qcompiler
from qcompiler.arith.softmax import Softmax
from qcompiler.dialects import stream

U8, F32 = np.uint8, np.float32
CONSTANTS = {
    "s1": F32(2**-6), "z1": U8(128), "s2": F32(2**-7), "zw": np.int8(0), "s3": F32(2**-4),
    "z3": U8(120), "s4": F32(1 / 256), "z4": U8(0), "root": F32(2.0),
}  # fmt: skip


def qdq(x, y, scale, zero):
    return [
        node("QuantizeLinear", [x, scale, zero], [f"{y}_q"]),
        node("DequantizeLinear", [f"{y}_q", scale, zero], [y]),
    ]


def attention(tokens, channels, heads, rng):
    """x -> q, k, v -> softmax(q k^T / 2) v, as a quantizer of onnxruntime writes it."""
    each = channels // heads
    weights = {f"w{n}": rng.integers(-60, 60, (channels, channels)).astype(np.int8) for n in "qkv"}
    shapes = {
        "split": np.array([1, tokens, heads, each]), "joined": np.array([1, tokens, channels])
    }  # fmt: skip
    nodes = qdq("x", "xr", "s1", "z1")
    for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("DequantizeLinear", [f"w{name}", "s2", "zw"], [f"w{name}r"]),
            node("MatMul", ["xr", f"w{name}r"], [f"{name}m"]),
            *qdq(f"{name}m", f"{name}r", "s3", "z3"),
            node("Reshape", [f"{name}r", "split"], [f"{name}s"]),
            node("Transpose", [f"{name}s"], [f"{name}t"], perm=perm),
        ]
    nodes += [
        node("MatMul", ["qt", "kt"], ["scores"]),
        node("Div", ["scores", "root"], ["scaled"]),
        *qdq("scaled", "sr", "s3", "z3"),
        node("Softmax", ["sr"], ["p"], axis=-1),
        *qdq("p", "pr", "s4", "z4"),
        node("MatMul", ["pr", "vt"], ["mixed"]),
        *qdq("mixed", "mr", "s3", "z3"),
        node("Transpose", ["mr"], ["back"], perm=[0, 2, 1, 3]),
        node("Reshape", ["back", "joined"], ["y"]),
    ]
    proto = model(nodes, CONSTANTS | weights | shapes, inputs={"x": [1, tokens, channels]})
    proto.ir_version = 10
    return proto


def runtime(path, x):
    """Codes as onnxruntime computes them node by node, without fusing any."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options)
    return np.stack([session.run(None, {"x": frame})[0] for frame in x])


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
