"""QuantizeLinear, DequantizeLinear and QOperator nodes mean what ONNX's reference computes."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import body, imported, messages, model, node, quant
from onnx_reference import assert_equals_reference, quantized_linear

F32 = np.float32
TYPES = [np.int8, np.uint8, np.int16, np.uint16]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("zero", [0, 3, 100])
def test_ties_round_before_the_zero_point(tmp_path, dtype, zero):
    constants = {"s": F32(0.5), "z": dtype(zero)}  # inputs are quarters: every other one is a tie
    pair = [node("QuantizeLinear", ["x", "s", "z"], ["q"]),
            node("DequantizeLinear", ["q", "s", "z"], ["y"])]  # fmt: skip
    graph = model(pair, constants, outputs=["q", "y"], opset=21)
    assert_equals_reference(graph, tmp_path)


@pytest.mark.parametrize("axis", [1, -1, 0])
def test_parameters_per_axis(tmp_path, axis):
    extent = (3, 2, 4)[axis]
    constants = {
        "s": np.arange(1, extent + 1, dtype=F32) / 4,
        "z": np.arange(extent).astype(np.int8),
    }
    pair = [node("QuantizeLinear", ["x", "s", "z"], ["q"], axis=axis),
            node("DequantizeLinear", ["q", "s", "z"], ["y"], axis=axis)]  # fmt: skip
    graph = model(pair, constants, inputs={"x": [3, 2, 4]}, outputs=["q", "y"], opset=21)
    assert_equals_reference(graph, tmp_path)


def test_without_zero_point_codes_are_unsigned(tmp_path):
    graph = model([node("QuantizeLinear", ["x", "s"], ["y"])], {"s": F32(0.5)}, opset=10)
    module = imported(graph, tmp_path)
    assert str(body(module)[-1].operands[0].type) == "tensor<1x4x!qint.int<0, 255>>"


@pytest.mark.parametrize(("data_type", "lo", "hi"), [("INT4", -8, 7), ("UINT4", 0, 15)])
def test_four_bits(tmp_path, data_type, lo, hi):
    values = [lo, -1 if lo else 1, 0, hi, 3]
    graph = model([node("DequantizeLinear", ["w", "s"], ["d"]), node("Add", ["x", "d"], ["y"])],
                  {"s": F32(0.5)}, inputs={"x": [5]}, opset=21)  # fmt: skip
    packed = helper.make_tensor("w", getattr(TensorProto, data_type), [5], values)
    graph.graph.initializer.append(packed)
    assert_equals_reference(graph, tmp_path)


@pytest.mark.parametrize("layout", [
    [node("Transpose", ["x"], ["t"], perm=[1, 0])], [node("Flatten", ["x"], ["t"], axis=0)],
])  # fmt: skip
def test_integer_inputs_may_move_before_they_become_real(tmp_path, layout):
    nodes = [*layout, node("DequantizeLinear", ["t", "s", "z"], ["y"])]
    graph = model(nodes, {"s": F32(0.5), "z": np.uint8(7)}, inputs={"x": [2, 3]}, opset=21,
                  element=TensorProto.UINT8)  # fmt: skip
    assert_equals_reference(graph, tmp_path)


def test_numerics_follow_the_format(tmp_path):
    qdq = imported(quantized_linear([node("Relu", ["d"], ["y"])]), tmp_path)
    assert qdq.attributes["qint.numerics"].data == "onnxruntime"


def test_mixed_formats_are_refused(tmp_path):
    extra = {"q_scale": F32(0.5), "q_zero": F32(0), "q_bits": F32(4)}
    (message,) = messages(quantized_linear([quant("d", "y")], extra), tmp_path)
    assert message.startswith("model: mixes y (qonnx.custom_op.general Quant), which means exact")


PARAMETERS = {"s": F32(0.5), "z": np.int8(1), "t": F32(0.25), "u": np.int8(-2)}


@pytest.mark.parametrize(("change", "expected"), [
    ({"s": F32(0)}, "scale must be positive and finite, got 0"),
    ({"s": np.array([0.5, 0.5, 0.5], F32)}, "scale must be one number or have shape [4], the "
     "extent of axis 1, got shape [3]"),
    ({"z": np.uint8(1)}, "zero point has type uint8, but 'q' holds integers in [-128, 127]"),
])  # fmt: skip
def test_unsound_parameters_are_refused(tmp_path, change, expected):
    nodes = [node("QuantizeLinear", ["x", "t", "u"], ["q"]),
             node("DequantizeLinear", ["q", "s", "z"], ["y"])]  # fmt: skip
    graph = model(nodes, PARAMETERS | change, opset=21)
    assert messages(graph, tmp_path) == [f"y (ONNX DequantizeLinear): {expected}"]


def test_blocks_and_float8_are_refused(tmp_path):
    blocked = model([node("QuantizeLinear", ["x", "s"], ["y"], block_size=2, axis=1)],
                    {"s": np.ones((1, 2), F32)}, opset=21)  # fmt: skip
    assert "blocked quantization (block_size 2) is not supported" in messages(blocked, tmp_path)[0]
    wanted = TensorProto.FLOAT8E4M3FN
    float8 = model(
        [node("QuantizeLinear", ["x", "s"], ["y"], output_dtype=wanted)], {"s": F32(1)}, opset=21
    )
    (message,) = messages(float8, tmp_path)
    assert message.endswith("codes of type float8e4m3fn are not supported")


def test_qlinear_conv(tmp_path):
    rng = np.random.default_rng(0)
    # onnxruntime's uint8 x int8 products saturate on processors without VNNI; with 7 bits, not.
    constants = {
        "xs": F32(0.02), "xz": np.uint8(120), "w": rng.integers(-64, 64, (4, 3, 3, 3), np.int8),
        "ws": np.array([0.01, 0.02, 0.03, 0.04], F32), "wz": np.zeros(4, np.int8),
        "ys": F32(0.31), "yz": np.uint8(100), "b": rng.integers(-999, 999, 4, np.int32),
    }  # fmt: skip
    conv = node(
        "QLinearConv", ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"], ["y"], pads=[1] * 4
    )
    graph = model([conv], constants, inputs={"x": [1, 3, 6, 6]}, element=TensorProto.UINT8)
    graph.graph.output[0].type.tensor_type.elem_type = TensorProto.UINT8
    assert_equals_reference(graph, tmp_path, runtime=True)


def test_matmul_integer_with_zero_points_per_column(tmp_path):
    constants = {"b": np.arange(12, dtype=np.int8).reshape(4, 3),
                 "az": np.uint8(3), "bz": np.array([-3, 4, 5], np.int8)}  # fmt: skip
    graph = model([node("MatMulInteger", ["x", "b", "az", "bz"], ["y"])], constants,
                  inputs={"x": [2, 4]}, element=TensorProto.UINT8)  # fmt: skip
    assert_equals_reference(graph, tmp_path)
