"""Transformer blocks: products of activations, softmax, normalizations and GELU, in integers."""

import numpy as np
import onnxruntime
import pytest
from onnx_models import model, node, save
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

import qcompiler
from qcompiler.analysis.even_flows import estimated_timing
from qcompiler.backends.model_check import check_model
from qcompiler.quantization.quantize import quantize

TOKENS, WIDTH, HEADS = 4, 8, 2


def block(norm):
    """An encoder block with a classifier behind it, of float32."""
    rng = np.random.default_rng(0)
    each = WIDTH // HEADS
    constants = {name: rng.normal(size=(WIDTH, WIDTH)) / 3 for name in ("wq", "wk", "wv", "wo")}
    constants |= {"w1": rng.normal(size=(WIDTH, 16)) / 3, "b1": rng.normal(size=16) / 4}
    constants |= {"w2": rng.normal(size=(16, WIDTH)) / 4, "wc": rng.normal(size=(WIDTH, 3)) / 3}
    constants |= {"gain": rng.uniform(0.5, 1.5, WIDTH), "moved": rng.normal(size=WIDTH) / 4}
    constants |= {"root": np.sqrt(each)}
    whole = {"split": [1, TOKENS, HEADS, each], "joined": [1, TOKENS, WIDTH], "axes": [1]}

    def normalized(x, y):
        more = {"axis": -1, "epsilon": 1e-5}
        given = [x, "gain", "moved"][: 3 if norm == "LayerNormalization" else 2]
        return node(norm, given, [y], **more)

    nodes = []
    for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
        nodes += [
            node("MatMul", ["x", f"w{name}"], [f"{name}_sums"]),
            node("Reshape", [f"{name}_sums", "split"], [f"{name}_split"]),
            node("Transpose", [f"{name}_split"], [name], perm=order),
        ]
    nodes += [
        node("MatMul", ["q", "k"], ["scores"]),
        node("Div", ["scores", "root"], ["scaled"]),
        node("Softmax", ["scaled"], ["shares"], axis=-1),
        node("MatMul", ["shares", "v"], ["mixed"]),
        node("Transpose", ["mixed"], ["turned"], perm=[0, 2, 1, 3]),
        node("Reshape", ["turned", "joined"], ["heads"]),
        node("MatMul", ["heads", "wo"], ["attention"]),
        node("Add", ["x", "attention"], ["sum1"]),
        normalized("sum1", "norm1"),
        node("MatMul", ["norm1", "w1"], ["wide"]),
        node("Add", ["wide", "b1"], ["biased"]),
        node("Gelu", ["biased"], ["active"]),
        node("MatMul", ["active", "w2"], ["narrow"]),
        node("Add", ["norm1", "narrow"], ["sum2"]),
        normalized("sum2", "norm2"),
        node("ReduceMean", ["norm2", "axes"], ["pooled"], keepdims=0),
        node("MatMul", ["pooled", "wc"], ["y"]),
    ]
    arrays = {name: np.float32(array) for name, array in constants.items()}
    arrays |= {name: np.array(array, np.int64) for name, array in whole.items()}
    proto = model(nodes, arrays, inputs={"x": [1, TOKENS, WIDTH]}, opset=23)
    proto.ir_version = 10
    return proto


@pytest.mark.parametrize("norm", ["LayerNormalization", "RMSNormalization"])
def test_a_block_is_quantized_and_compiled(norm, tmp_path):
    frames = np.random.default_rng(1).normal(size=(40, TOKENS, WIDTH)).astype(np.float32)
    made = quantize(
        save(block(norm), tmp_path), {"x": frames}, weight_bits=8, activation_bits=8, format="qdq"
    )
    path = save(made.model, tmp_path, "q.onnx")
    design = qcompiler.compile(path)
    ours = design.predict(frames)
    # The optimizer's own kernels round scores and GELU otherwise; the model as written does not.
    assert np.abs(ours - run(made.model, frames, optimized=False)).max() < 1e-5
    if norm == "LayerNormalization":  # the other is of a set of operators that it breaks
        assert np.abs(ours - run(made.model, frames, optimized=True)).max() < 0.1
    assert np.abs(ours - run(block(norm), frames, optimized=True)).max() < 0.1


class Calibration(CalibrationDataReader):
    """Frames, one at a time."""

    def __init__(self, frames):
        self.frames = iter(frames)

    def get_next(self):
        return next(({"x": frame[None]} for frame in self.frames), None)


def test_a_block_by_quantize_static(tmp_path):
    frames = np.random.default_rng(2).normal(size=(20, TOKENS, WIDTH)).astype(np.float32)
    path = tmp_path / "q.onnx"
    quantize_static(
        save(block("LayerNormalization"), tmp_path), path, Calibration(frames),
        quant_format=QuantFormat.QDQ, activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        op_types_to_quantize=[*QLinearOpsRegistry.keys() | QDQRegistry.keys()],
    )  # fmt: skip
    design = qcompiler.compile(path, cycles=1024)
    found = check_model(design, path, {"x": frames[:, None]})
    assert found.passed
    assert len(found.quantizers) > 15
    estimated = estimated_timing(design.network)
    assert estimated.latency_cycles == pytest.approx(design.timing.latency_cycles, rel=0.05)


def run(proto, frames, *, optimized):
    options = onnxruntime.SessionOptions()
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return np.concatenate([session.run(None, {"x": frame[None]})[0] for frame in frames])
