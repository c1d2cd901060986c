"""Operations around and inside quantized parts that everyday models have, against onnxruntime."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto
from onnx_models import messages, model, node, save

import qcompiler

F32, I8, U8 = np.float32, np.int8, np.uint8
NUMBERS = {"s": F32(0.25), "z": I8(3), "ws": F32(0.125), "wz": I8(0), "p": F32(1 / 256),
           "pz": U8(0), "k": F32([0.5, -1, 2])}  # fmt: skip
HEAD = [node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["a"])]  # fmt: skip
DENSE = [*HEAD, node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
         node("MatMul", ["a", "wd"], ["m"]), node("QuantizeLinear", ["m", "s", "z"], ["mq"]),
         node("DequantizeLinear", ["mq", "s", "z"], ["d"])]  # fmt: skip


def weights(*shape):
    return np.random.default_rng(1).integers(-9, 10, shape).astype(I8)


def reference(proto, x):
    proto.ir_version = 10
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return np.concatenate([session.run(None, {"x": frame[np.newaxis]})[0] for frame in x])


def frames(*shape):
    return np.random.default_rng(2).integers(-120, 120, (30, *shape)).astype(F32) / 16


def compared(proto, x, tmp_path):
    return qcompiler.compile(save(proto, tmp_path)).predict(x), reference(proto, x)


def test_log_softmax_on_the_host(tmp_path):
    nodes = [*DENSE, node("LogSoftmax", ["d"], ["y"], axis=1)]
    proto = model(nodes, {**NUMBERS, "w": weights(4, 3)})
    np.testing.assert_allclose(*compared(proto, frames(4), tmp_path), rtol=1e-5, atol=1e-6)


def test_quantized_softmax_on_the_host(tmp_path):
    nodes = [
        *DENSE[:-1],
        node("QLinearSoftmax", ["mq", "s", "z", "p", "pi"], ["o"], domain="com.microsoft", axis=1,
             opset=13),
        node("DequantizeLinear", ["o", "p", "pi"], ["y"]),
    ]  # fmt: skip
    proto = model(nodes, {**NUMBERS, "w": weights(4, 3), "pi": I8(-128)})
    proto.opset_import.add(domain="com.microsoft", version=1)
    found, wanted = compared(proto, frames(4), tmp_path)
    assert np.abs(found - wanted).max() <= 1 / 256  # its kernel rounds in a table


def test_matrix_product_to_float(tmp_path):
    nodes = [
        *HEAD[:1],
        node("MatMulIntegerToFloat", ["q", "w", "s", "ws", "z", "wz", "k"], ["m"],
             domain="com.microsoft"),
        node("QuantizeLinear", ["m", "s", "z"], ["mq"]),
        node("DequantizeLinear", ["mq", "s", "z"], ["y"]),
    ]  # fmt: skip
    proto = model(nodes, {**NUMBERS, "w": weights(4, 3)})
    proto.opset_import.add(domain="com.microsoft", version=1)
    np.testing.assert_array_equal(*compared(proto, frames(4), tmp_path))


def test_sign_binarizes_activations_and_weights(tmp_path):
    nodes = [
        *HEAD, node("Sign", ["a"], ["b"]), node("Sign", ["w"], ["v"]),
        node("MatMul", ["b", "v"], ["m"]), node("Sign", ["m"], ["h"]),
        node("MatMul", ["h", "u"], ["y"]),
    ]  # fmt: skip
    real = np.random.default_rng(3).normal(size=(4, 3)).astype(F32)
    proto = model(nodes, {**NUMBERS, "w": real, "u": F32([[1, -1], [-1, 1], [1, 1]])})
    np.testing.assert_array_equal(*compared(proto, frames(4), tmp_path))


@pytest.mark.parametrize("pads", [[4, 4], [7, 0]])
def test_padding_wider_than_the_kernel(tmp_path, pads):
    nodes = [
        *HEAD, node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]),
        node("Conv", ["a", "wd"], ["m"], pads=pads, strides=[2]),
        node("QuantizeLinear", ["m", "s", "z"], ["mq"]),
        node("DequantizeLinear", ["mq", "s", "z"], ["y"]),
    ]  # fmt: skip
    proto = model(nodes, {**NUMBERS, "w": weights(3, 2, 3)}, inputs={"x": [1, 2, 6]})
    np.testing.assert_array_equal(*compared(proto, frames(2, 6), tmp_path))


def test_an_open_axis_of_time_is_not_taken_for_a_batch_in_silence(tmp_path):
    nodes = [
        node("Unsqueeze", ["x", "zero"], ["u"]), node("Transpose", ["u"], ["t"], perm=[0, 2, 1]),
        node("QuantizeLinear", ["t", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["a"]),
        node("DequantizeLinear", ["w", "ws", "wz"], ["wd"]), node("Conv", ["a", "wd"], ["y"]),
    ]  # fmt: skip
    constants = {**NUMBERS, "w": weights(2, 4, 3), "zero": np.array([0])}
    proto = model(nodes, constants, inputs={"x": ["T", 4]}, element=TensorProto.FLOAT)
    (message,) = messages(proto, tmp_path)
    assert "the open first axis of input 'x' was taken as a batch of one" in message
    assert not messages(model(nodes, constants, inputs={"x": [9, 4]}), tmp_path)
