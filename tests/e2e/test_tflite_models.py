"""The models of MLPerf Tiny from .tflite: the codes of TensorFlow Lite's reference kernels."""

from pathlib import Path

import numpy as np
import pytest
from tflite_rebuilt import Rebuilt

from qcompiler.frontends.tflite import import_tflite
from qcompiler.interpreters import run_model

MODELS = Path(__file__).parents[2].parent / "shared" / "models" / "mlperf_tiny"
CASES = {
    "ad01_int8": [1, 640],
    "kws_dscnn_int8": [1, 49, 10, 1],
    "resnet8_int8": [1, 32, 32, 3],
}


@pytest.mark.parametrize("name", CASES)
def test_golden_vectors(name, tmp_path):
    source = MODELS / f"{name}.onnx"
    if not source.exists():
        pytest.skip("the models are not here")
    path = Rebuilt(source, CASES[name]).writer.write(tmp_path / f"{name}.tflite")
    vectors = np.load(MODELS / f"{name}.vectors.npz")
    (made,) = run_model(import_tflite(path), [vectors["x"]])
    wanted = vectors["y_tflite_ref"]
    np.testing.assert_array_equal(made.reshape(wanted.shape), wanted)
    assert len(np.unique(wanted)) > 5
