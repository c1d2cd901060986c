"""The shipped detector with deformable windows gives the integers that torch gave."""

from pathlib import Path

import numpy as np

import qcompiler

EXAMPLE = Path(__file__).parents[2] / "examples" / "moving_shapes"


def test_the_detector_computes_what_torch_did():
    design = qcompiler.compile(EXAMPLE / "detector.onnx")
    with np.load(EXAMPLE / "test_vectors.npz") as file:
        images, wanted = file["inputs"][:4], file["outputs"][:4]
    np.testing.assert_array_equal(design.predict(images.astype(np.float32)), wanted)
