"""QONNX networks whose channels are last, as qonnx's converter for hls4ml writes them."""

from functools import partial
from unittest.mock import patch

import numpy as np
import pytest
from onnx import helper
from onnx_models import PARAMETERS, QONNX, messages, model, node, quant, save
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.infer_shapes import InferShapes

import qcompiler

F32 = np.float32
CHANNELS_LAST = "qonnx.custom_op.channels_last"
NORM = {"gain": F32([0.5, 1, -0.25, 2]), "shift": F32([0.25, 0, 1, -0.5]),
        "mean": F32([1, 0, -0.5, 0]), "variance": F32([1, 4, 1, 0.25])}  # fmt: skip


def small_cnn(shape=(1, 3, 6, 8)):
    """Two convolutions, the second depthwise, with batch norm, pool and a dense layer."""
    rng = np.random.default_rng(3)
    rank = len(shape) - 2
    side = [3] * rank
    nodes = [
        quant("x", "q"),
        quant("v", "v_q"),
        node("Conv", ["q", "v_q", "b"], ["c"], kernel_shape=side, pads=[1] * 2 * rank,
             strides=[1] * rank, dilations=[1] * rank, group=1),
        node("BatchNormalization", ["c", *NORM], ["n"], epsilon=0.0),
        node("Relu", ["n"], ["r"]),
        quant("r", "rq", signed=0),
        node("MaxPool", ["rq"], ["p"], kernel_shape=[2] * rank, strides=[2] * rank,
             pads=[0] * 2 * rank),
        quant("w", "w_q"),
        node("Conv", ["p", "w_q"], ["d"], kernel_shape=[2] * rank, pads=[0] * 2 * rank,
             strides=[1] * rank, dilations=[1] * rank, group=4),
        quant("d", "dq"),
        node("Flatten", ["dq"], ["f"]),
        quant("u", "u_q"),
        node("MatMul", ["f", "u_q"], ["m"]),
        node("Quant", ["m", "last", "q_zero", "q_bits"], ["y"], domain=QONNX, signed=1, narrow=0),
    ]  # fmt: skip
    pooled = np.prod([extent // 2 - 1 for extent in shape[2:]])
    constants = {
        **PARAMETERS, **NORM, "last": F32(4), "b": F32([0.5, -1, 0, 1.5]),
        "v": (rng.integers(-7, 8, (4, shape[1], *side)) / 2).astype(F32),
        "w": (rng.integers(-7, 8, (4, 1, *[2] * rank)) / 2).astype(F32),
        "u": (rng.integers(-7, 8, (4 * pooled, 3)) / 2).astype(F32),
    }  # fmt: skip
    return model(nodes, constants, inputs={"x": shape})


def converted(proto, *, last):
    wrapped = ModelWrapper(proto).transform(InferShapes())
    return wrapped.transform(ConvertToChannelsLastAndClean(make_input_channels_last=last))


@pytest.fixture(autouse=True)
def _ir_version():
    """Qonnx hands each node to onnxruntime, as a model of the newest version unless told."""
    with patch.object(helper, "make_model", partial(helper.make_model, ir_version=10)):
        yield


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 6, 8), (1, 2, 10)], ids=["2-D", "1-D"])
def test_converted_network_is_qonnxs(tmp_path, shape, last):
    proto = small_cnn(shape)
    wrapped = converted(proto, last=last)
    kinds = {n.op_type for n in wrapped.graph.node if n.domain == CHANNELS_LAST}
    assert kinds == {"Conv", "MaxPool", "BatchNormalization"}
    given = wrapped.graph.input[0].name
    made = wrapped.graph.output[0].name
    frames = np.random.default_rng(4).uniform(-5, 5, (12, *shape)).astype(F32)
    before = qcompiler.compile(save(proto, tmp_path, "first.onnx"))
    wanted = before.predict(frames)
    if last:
        frames = np.moveaxis(frames, 2, -1)
    assert tuple(wrapped.get_tensor_shape(given)) == frames.shape[1:]
    design = qcompiler.compile(save(wrapped.model, tmp_path), validate=True)
    qonnxs = np.stack([execute_onnx(wrapped, {given: frame})[made] for frame in frames])
    assert len(np.unique(qonnxs)) > 5
    np.testing.assert_array_equal(design.predict(frames).reshape(qonnxs.shape), qonnxs)
    np.testing.assert_array_equal(design.predict(frames), wanted)


@pytest.mark.simulation
def test_verilog_computes_the_same(tmp_path):
    design = qcompiler.compile(save(converted(small_cnn(), last=True).model, tmp_path))
    frames = np.random.default_rng(4).uniform(-5, 5, (6, 1, 6, 8, 3)).astype(F32)
    integers = design.quantize(frames)
    got, _ = design.simulate_core(integers)
    for want, have in zip(design.core(integers), got, strict=True):
        np.testing.assert_array_equal(want.reshape(have.shape), have)


def test_needs_channels(tmp_path):
    nodes = [quant("x", "q"), node("MaxPool", ["q"], ["y"], kernel_shape=[1], strides=[1],
                                   pads=[0, 0], domain=CHANNELS_LAST)]  # fmt: skip
    (found,) = messages(model(nodes, PARAMETERS), tmp_path)
    where = f"y ({CHANNELS_LAST} MaxPool)"
    assert found == f"{where}: channels last needs a tensor of rank 3 or 4, got 2"
