"""MatMul of two activations: runtimes, integers and Verilog agree."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from onnx_models import model, node, quant, save
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

import qcompiler

U8, F32 = np.uint8, np.float32
CONSTANTS = {
    "s1": F32(0.05), "z1": U8(120), "s2": F32(0.03), "z2": U8(7), "s3": F32(0.5), "z3": U8(100),
    "s20": F32(20),
}  # fmt: skip


def qdq(x, y, scale, zero):
    return [
        node("QuantizeLinear", [x, scale, zero], [f"{y}_q"]),
        node("DequantizeLinear", [f"{y}_q", scale, zero], [y]),
    ]


def finished(nodes, inputs, constants=None):
    proto = model(nodes, CONSTANTS | (constants or {}), inputs=inputs)
    proto.ir_version = 10  # the runtime refuses newer ones
    return proto


def product(a, b, perm=None):
    """Two inputs, quantized; the second one is transposed if asked, between quantizers."""
    nodes = [*qdq("a", "ar", "s1", "z1"), *qdq("b", "br", "s2", "z2")]
    if perm:
        nodes += [node("Transpose", ["br"], ["bt"], perm=perm), *qdq("bt", "bq", "s2", "z2")]
    nodes += [node("MatMul", ["ar", "bq" if perm else "br"], ["m"]), *qdq("m", "y", "s3", "z3")]
    return finished(nodes, {"a": a, "b": b})


def frames(shapes, count=6, seed=0):
    rng = np.random.default_rng(seed)
    return {n: rng.normal(size=(count, *s)).astype(F32) * 3 for n, s in shapes.items()}


def compared(proto, tmp_path, cycles, x):
    """Compiles; compares with onnxruntime frame by frame."""
    path = save(proto, tmp_path)
    session = onnxruntime.InferenceSession(path)
    design = qcompiler.compile(path, cycles=cycles, validate=True)
    count = len(next(iter(x.values())))
    wanted = np.stack(
        [session.run(None, {name: v[n] for name, v in x.items()})[0] for n in range(count)]
    )
    assert len(np.unique(wanted)) > 10
    np.testing.assert_array_equal(np.reshape(design.predict(x), wanted.shape), wanted)
    return design


def simulated(design, tmp_path, x):
    integers = design.quantize(x)
    rtl = design.rtl_design(tmp_path / "rtl")
    for chance in (0.0, 0.4):
        stalls = {"stall_probability_in": chance, "stall_probability_out": chance}
        got, result = design.simulate_rtl(rtl, integers, tool="verilator", **stalls)
        for want, have in zip(design.core(integers), got, strict=True):
            np.testing.assert_array_equal(want.reshape(have.shape), have)
        if not chance:
            assert result.cycles_per_frame == pytest.approx(
                design.timing.cycles_per_frame, rel=0.05
            )


def processes(design):
    return [process.name for process in design.network.processes]


@pytest.mark.parametrize(
    ("a", "b", "perm"),
    [
        ([1, 4, 8], [1, 6, 8], [0, 2, 1]),
        ([1, 4, 8], [8, 6], None),
        ([1, 1, 4, 8], [1, 3, 8, 6], None),
        ([1, 2, 4, 8], [1, 1, 8, 6], None),
        ([1, 4, 8], [1, 3, 2, 8, 6], None),
        ([1, 1, 8], [1, 8, 6], None),
    ],
    ids=str,
)
def test_shapes_broadcast_as_numpy_has_it(a, b, perm, tmp_path):
    compared(product(a, b, perm), tmp_path, 100, frames({"a": a, "b": b}))


def heads(tokens=4, channels=4):
    """Scores of two heads, [tokens, heads, channels], transposed between quantizers."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-7, 8, (channels, 2 * channels)).astype(np.int8)
    nodes = [*qdq("x", "xr", "s1", "z1")]
    for name in "ab":
        last = f"{name}t"
        perm = [0, 2, 1, 3] if name == "a" else [0, 2, 3, 1]
        nodes += [
            node("DequantizeLinear", [f"w{name}", "s2", "zw"], [f"w{name}r"]),
            node("MatMul", ["xr", f"w{name}r"], [f"{name}m"]),
            *qdq(f"{name}m", f"{name}q", "s1", "z3"),
            node("Reshape", [f"{name}q", "shape"], [f"{name}s"]),
            *qdq(f"{name}s", f"{name}sq", "s1", "z3"),
            node("Transpose", [f"{name}sq"], [last], perm=perm),
            *qdq(last, f"{name}r", "s1", "z3"),
        ]
    nodes += [node("MatMul", ["ar", "br"], ["m"]), *qdq("m", "y", "s3", "z3")]
    shape = np.array([1, tokens, 2, channels])
    constants = {"wa": weights, "wb": weights[:, ::-1].copy(), "shape": shape, "zw": np.int8(0)}
    return finished(nodes, {"x": [1, tokens, channels]}, constants)


@pytest.mark.simulation
def test_heads_that_are_transposed_are_kept_so(tmp_path):
    """The channels of a token stay side by side."""
    x = frames({"x": [1, 4, 4]})
    design = compared(heads(), tmp_path, 128, x)
    (kept,) = (p for p in design.network.processes if p.name == "stream.matmul")
    assert kept.is_transposed
    orders = [p for p in design.network.processes if p.name == "stream.reorder"]
    assert [order.largest_lanes for order in orders] == [4, 4]
    simulated(design, tmp_path, x)


def attention():
    """`(x @ x.T) @ x` with a quantizer between: three ways part and meet."""
    nodes = [
        *qdq("x", "xr", "s1", "z1"),
        node("Transpose", ["xr"], ["xt"], perm=[0, 2, 1]),
        node("MatMul", ["xr", "xt"], ["scores"]),
        *qdq("scores", "sr", "s3", "z3"),
        node("MatMul", ["sr", "xr"], ["mixed"]),
        *qdq("mixed", "y", "s20", "z1"),
    ]
    return finished(nodes, {"x": [1, 6, 8]})


@pytest.mark.simulation
@pytest.mark.parametrize("cycles", [288, 24])
def test_three_ways_that_meet_need_no_more_time(cycles, tmp_path):
    x = frames({"x": [1, 6, 8]}, 8)
    design = compared(attention(), tmp_path, cycles, x)
    assert design.timing.cycles_per_frame <= cycles
    assert processes(design).count("stream.matmul") == 2
    simulated(design, tmp_path, x)


def test_operators_on_integers(tmp_path):
    nodes = [
        node("QuantizeLinear", ["a", "s1", "z1"], ["aq"]),
        node("QuantizeLinear", ["b", "s2", "z2"], ["bq"]),
        node("QLinearMatMul", ["aq", "s1", "z1", "bq", "s2", "z2", "s3", "z3"], ["m"]),
        node("DequantizeLinear", ["m", "s3", "z3"], ["y"]),
    ]
    x = frames({"a": [1, 2, 3, 8], "b": [1, 2, 8, 4]})
    design = compared(finished(nodes, {n: v.shape[1:] for n, v in x.items()}), tmp_path, 50, x)
    assert "stream.matmul" in processes(design)


def test_integers_without_scales(tmp_path):
    nodes = [
        node("QuantizeLinear", ["a", "s1", "z1"], ["aq"]),
        node("QuantizeLinear", ["b", "s2", "z2"], ["bq"]),
        node("MatMulInteger", ["aq", "bq", "z1", "z2"], ["m"]),
        node("Cast", ["m"], ["real"], to=TensorProto.FLOAT),
        *qdq("real", "y", "s20", "z1"),
    ]
    x = frames({"a": [1, 3, 8], "b": [1, 8, 4]})
    design = compared(finished(nodes, {n: v.shape[1:] for n, v in x.items()}), tmp_path, 50, x)
    assert "stream.matmul" in processes(design)


def test_qonnx(tmp_path):
    parameters = {"q_scale": F32(0.5), "q_zero": F32(0), "q_bits": F32(4), "q_wide": F32(6)}
    nodes = [
        quant("x", "q"),
        node("Transpose", ["q"], ["t"], perm=[0, 2, 1]),
        node("MatMul", ["q", "t"], ["m"]),
        node("Quant", ["m", "q_scale", "q_zero", "q_wide"], ["y"],
             domain="qonnx.custom_op.general", signed=1, narrow=0, rounding_mode="ROUND"),
    ]  # fmt: skip
    proto = model(nodes, parameters, inputs={"x": [1, 5, 4]})
    path = save(proto, tmp_path)
    x = np.random.default_rng(0).normal(size=(1, 5, 4)).astype(F32) * 2
    design = qcompiler.compile(path, cycles=50, validate=True)
    wrapped = ModelWrapper(str(path)).transform(InferShapes())
    wanted = execute_onnx(wrapped, {"x": x})["y"]
    np.testing.assert_array_equal(np.reshape(design.predict({"x": x[None]}), wanted.shape), wanted)
