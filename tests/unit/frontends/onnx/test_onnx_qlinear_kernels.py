"""QLinearAdd and QLinearMul are onnxruntime's own kernels, on all pairs of codes."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx_models import imported, model, node, save

import qcompiler
from qcompiler.interpreters import run_model

F32 = np.float32
CODES = np.arange(-128, 128)
PAIRS = [x.reshape(-1, 16).astype(np.int8) for x in np.meshgrid(CODES, CODES, indexing="ij")]


def kernel(op, scales, zeros):
    names = ["as", "bs", "ys"], ["az", "bz", "yz"]
    constants = {n: F32(v) for n, v in zip(names[0], scales, strict=True)}
    constants |= {n: np.int8(v) for n, v in zip(names[1], zeros, strict=True)}
    inputs = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"]
    proto = model(
        [node(op, inputs, ["y"], domain="com.microsoft")],
        constants,
        inputs={"a": [16], "b": [16]},
        element=TensorProto.INT8,
    )
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    proto.ir_version = 10
    return proto


@pytest.mark.parametrize("op", ["QLinearAdd", "QLinearMul"])
@pytest.mark.parametrize(
    ("scales", "zeros"),
    [
        ((0.02, 0.02, 0.04), (3, -7, 5)),  # ties everywhere, which an odd zero point turns
        ((0.09, 0.03, 0.05), (-100, 41, -128)),
        ((0.0137, 0.0771, 0.0613), (0, 0, 0)),
    ],
)
def test_every_pair_equals_onnxruntime(tmp_path, op, scales, zeros):
    proto = kernel(op, scales, zeros)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    rows = zip(*PAIRS, strict=True)
    wanted = np.stack([session.run(None, {"a": a, "b": b})[0] for a, b in rows])
    design = qcompiler.compile(save(proto, tmp_path))
    got = design.predict({"a": PAIRS[0], "b": PAIRS[1]})
    np.testing.assert_array_equal(np.reshape(got, wanted.shape), wanted)


@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize(
    ("scale", "zero", "classes"), [(0.05, -128, 10), (0.3, 5, 7), (0.02, 0, 512)]
)
def test_softmax_of_codes_is_that_of_the_kernel(tmp_path, opset, scale, zero, classes):
    """But where float32 errs across a half; equal codes are halves without any error."""
    proto = model(
        [node("QLinearSoftmax", ["x", "xs", "xz", "ys", "yz"], ["y"], domain="com.microsoft",
              axis=1, opset=opset)],
        {"xs": F32(scale), "xz": np.int8(zero), "ys": F32(1 / 256), "yz": np.int8(-128)},
        inputs={"x": [1, 2, classes]},
        element=TensorProto.INT8,
    )  # fmt: skip
    proto.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    proto.ir_version = 10
    codes = np.random.default_rng(0).integers(-128, 128, (200, 1, 2, classes))
    codes[0] = codes[0, 0, 0, 0]
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    wanted = np.stack([session.run(None, {"x": x.astype(np.int8)})[0] for x in codes])
    (made,) = run_model(imported(proto, tmp_path), [codes])
    wrong = made != wanted
    assert wrong.mean() < 1e-3
    assert np.abs(made - wanted).max() <= 1
    assert not wrong[0].any()
