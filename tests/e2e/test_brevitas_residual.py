"""A network of Brevitas, as its default exporters write it: QONNX and QCDQ compute its integers."""

from functools import partial
from unittest.mock import patch

import numpy as np
import onnxruntime
import pytest
from example_models import EXAMPLES
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

import qcompiler

FOLDER = EXAMPLES / "brevitas_residual"
FORMATS = ["qonnx", "qcdq"]


def file_of(name):
    return FOLDER / f"brevitas_residual_{name}.onnx"


@pytest.fixture(scope="module")
def vectors():
    return dict(np.load(FOLDER / "test_vectors.npz"))


@pytest.fixture(scope="module", params=FORMATS)
def design(request):
    return qcompiler.compile(file_of(request.param), validate=True)


def test_predicts_what_onnxruntime_computed(design, vectors):
    assert len(np.unique(vectors["outputs"])) > 50
    found = design.predict(vectors["inputs"])
    # The real result of a QONNX file is exact: codes of 8 bits times a scale of 24, in float64.
    np.testing.assert_array_equal(found.astype(np.float32), vectors["outputs"])


def test_qcdq_is_onnxruntimes(vectors):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # Brevitas lists initializers as inputs
    session = onnxruntime.InferenceSession(file_of("qcdq"), options)
    found = [session.run(None, {"x": image[np.newaxis]})[0][0] for image in vectors["inputs"]]
    np.testing.assert_array_equal(found, vectors["outputs"])


def test_qonnx_is_qonnxs(vectors):
    wrapped = ModelWrapper(str(file_of("qonnx"))).transform(InferShapes())
    output = wrapped.graph.output[0].name
    # qonnx hands each node to onnxruntime, as a model of the newest version unless told.
    with patch.object(helper, "make_model", partial(helper.make_model, ir_version=10)):
        found = [execute_onnx(wrapped, {"x": image[np.newaxis]})[output][0]
                 for image in vectors["inputs"][:20]]  # fmt: skip
    np.testing.assert_array_equal(found, vectors["outputs"][:20])


@pytest.mark.parametrize("last", [False, True])
def test_with_channels_last_as_hls4ml_takes_it(tmp_path, design, vectors, last):
    wrapped = cleanup_model(ModelWrapper(str(file_of("qonnx"))))
    wrapped = wrapped.transform(ConvertToChannelsLastAndClean(make_input_channels_last=last))
    (tmp_path / "last.onnx").write_bytes(wrapped.model.SerializeToString())
    images = np.moveaxis(vectors["inputs"], 1, -1) if last else vectors["inputs"]
    found = qcompiler.compile(tmp_path / "last.onnx")
    assert found.timing.cycles_per_frame == design.timing.cycles_per_frame
    outputs = found.predict(images).astype(np.float32)
    np.testing.assert_array_equal(outputs.reshape(-1, 5), vectors["outputs"])


def test_all_but_the_outer_quantizers_is_hardware(design, vectors):
    """What the hardware makes are the codes of the last quantizer, to be scaled only."""
    (codes,) = design.core(design.quantize(vectors["inputs"][:, np.newaxis]))
    codes = codes.reshape(-1, 5)
    assert 64 < np.abs(codes).max() < 128
    largest = np.unravel_index(np.abs(codes).argmax(), codes.shape)
    scale = vectors["outputs"][largest] / codes[largest]
    np.testing.assert_allclose(codes * scale, vectors["outputs"], rtol=1e-6)


@pytest.mark.simulation
def test_verilog_computes_the_same(design, vectors):
    integers = design.quantize(vectors["inputs"][:6, np.newaxis])
    got, _ = design.simulate_core(integers)
    for want, have in zip(design.core(integers), got, strict=True):
        np.testing.assert_array_equal(want.reshape(have.shape), have)
