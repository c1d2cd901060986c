"""ArgMax and TopK(1) behind integers are found by the hardware."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qcompiler
from qcompiler.dialects import stream

X_SCALE, Y_SCALE, Y_ZERO = np.float32(0.05), np.float32(0.3), np.uint8(120)


def classifier(path, weight_scale, quantized=True):
    """A dense layer of ten classes, its label, and its largest logit with the position."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (16, 10), dtype=np.int8)
    constants = {
        "s": X_SCALE, "z": np.uint8(128), "w": weights, "ws": weight_scale,
        "wz": np.zeros(weight_scale.shape, np.int8), "ys": Y_SCALE, "yz": Y_ZERO,
        "k": np.array([1], np.int64),
    }  # fmt: skip
    logits = "yd" if quantized else "y"
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=1),
        helper.make_node("MatMul", ["xd", "wd"], ["y"], "dense"),
        helper.make_node("QuantizeLinear", ["y", "ys", "yz"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "ys", "yz"], ["yd"]),
        helper.make_node("ArgMax", [logits], ["first"], "label", axis=1, keepdims=0),
        helper.make_node("ArgMax", [logits], ["last"], axis=1, select_last_index=1),
        helper.make_node("TopK", [logits, "k"], ["best", "where"], "top"),
    ]
    made = {"first": [1], "last": [1, 1], "best": [1, 1], "where": [1, 1]}
    kinds = {"best": TensorProto.FLOAT}
    graph = helper.make_graph(
        nodes,
        "classes",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 16])],
        [
            helper.make_tensor_value_info(n, kinds.get(n, TensorProto.INT64), s)
            for n, s in made.items()
        ],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return weights


def selections(design):
    return [p for _, p in design.network.named() if isinstance(p, stream.LabelSelectOp)]


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
def test_labels_are_found_in_hardware(tmp_path, numerics):
    weights = classifier(tmp_path / "m.onnx", np.full((), 0.01, np.float32))
    design = qcompiler.compile(tmp_path / "m.onnx", numerics=numerics)
    assert len(selections(design)) == 3
    codes = np.random.default_rng(1).integers(-128, 128, (400, 16))
    x = (codes * X_SCALE).astype(np.float32)
    real = (codes @ weights.astype(np.int64)) * (np.float64(X_SCALE) * np.float64(np.float32(0.01)))
    logits = np.clip(np.rint(real / np.float64(Y_SCALE)) + Y_ZERO, 0, 255)
    assert (np.sort(logits)[:, -1] == np.sort(logits)[:, -2]).sum() > 3, "ties are what is hard"
    first, last, best, where = design.predict(x)
    np.testing.assert_array_equal(first.reshape(-1), logits.argmax(axis=1))
    np.testing.assert_array_equal(last.reshape(-1), 9 - logits[:, ::-1].argmax(axis=1))
    np.testing.assert_array_equal(where.reshape(-1), logits.argmax(axis=1))
    expected = (logits.max(axis=1) - Y_ZERO) * Y_SCALE
    np.testing.assert_allclose(best.reshape(-1), expected, rtol=1e-6)


def test_classes_with_scales_of_their_own_are_compared_on_the_host(tmp_path):
    scale = np.linspace(0.01, 0.02, 10).astype(np.float32)
    weights = classifier(tmp_path / "m.onnx", scale, quantized=False)
    design = qcompiler.compile(tmp_path / "m.onnx")
    assert not selections(design)
    codes = np.random.default_rng(1).integers(-128, 128, (50, 16))
    first = design.predict((codes * X_SCALE).astype(np.float32))[0]
    reals = (codes @ weights.astype(np.int64)) * scale.astype(np.float64)
    np.testing.assert_array_equal(first.reshape(-1), reals.argmax(axis=1))
