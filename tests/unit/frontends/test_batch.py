"""Networks exported for several images at once."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import qcompiler
from qcompiler.errors import ModelError

BATCH = 3


def save(path, tail, made, batch=BATCH):
    """A convolution on integers, with further nodes behind it."""
    weights = np.random.default_rng(0).integers(-8, 8, (4, 2, 3, 3), dtype=np.int8)
    nodes = [
        helper.make_node("ConvInteger", ["x", "w"], ["c"], "conv"),
        helper.make_node("Cast", ["c"], ["f"], to=TensorProto.FLOAT),
        *tail,
    ]
    constants = {
        "w": weights,
        "rows": np.array([batch, 36], np.int64),
        "one row": np.array([1, 36 * batch], np.int64),
        "apart": np.ones((batch, 4, 3, 3), np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "images",
        [helper.make_tensor_value_info("x", TensorProto.INT8, [batch, 2, 5, 5])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, made)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)


FLAT = helper.make_node("Reshape", ["f", "rows"], ["y"])


def test_each_image_is_a_frame(tmp_path):
    save(tmp_path / "several.onnx", [FLAT], [BATCH, 36])
    save(tmp_path / "one.onnx", [FLAT], [1, 36], batch=1)
    several = qcompiler.compile(tmp_path / "several.onnx")
    one = qcompiler.compile(tmp_path / "one.onnx")
    x = np.random.default_rng(1).integers(-128, 128, (2 * BATCH, 2, 5, 5))
    made = several.predict(x)
    assert made.shape == (2 * BATCH, 36)
    np.testing.assert_array_equal(made, one.predict(x))
    assert several.timing == one.timing


@pytest.mark.parametrize(
    ("tail", "made"),
    [
        ([helper.make_node("Reshape", ["f", "one row"], ["y"])], [1, 36 * BATCH]),
        ([helper.make_node("Softmax", ["f"], ["y"], axis=0)], [BATCH, 4, 3, 3]),
        ([helper.make_node("Mul", ["f", "apart"], ["y"])], [BATCH, 4, 3, 3]),
        ([helper.make_node("Transpose", ["f"], ["y"], perm=[1, 0, 2, 3])], [4, BATCH, 3, 3]),
    ],
    ids=["joined", "softmax over images", "constants per image", "images moved"],
)
def test_images_that_meet_are_refused(tmp_path, tail, made):
    save(tmp_path / "m.onnx", tail, made)
    with pytest.raises(ModelError, match=r"conv.*batch of 3"):
        qcompiler.compile(tmp_path / "m.onnx")
