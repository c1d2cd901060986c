"""A network of TensorFlow Lite that ends in a softmax: hardware, then the driver's fixed point."""

import importlib.util

import numpy as np
from tflite_layers import activation, dense
from tflite_models import ModelWriter
from tflite_reference import reference

import qcompiler


def test_the_driver_gives_the_reference_kernels_codes(tmp_path):
    rng = np.random.default_rng(9)
    model = ModelWriter()
    g = model.main
    x = activation(g, [1, 16], rng)
    logits = dense(g, x, 16, 5, rng)
    y = activation(g, [1, 5], rng, zero=-128, scale=1 / 256)
    g.node("SOFTMAX", [logits], [y], Beta=0.5)
    g.inputs, g.outputs = [x], [y]
    path = model.write(tmp_path / "m.tflite")
    design = qcompiler.compile(path, cycles=40, numerics="tflite-micro")
    frames = rng.integers(-128, 128, (100, 1, 16)).astype(np.int8)
    wanted = reference(path, frames)[0].reshape(100, 5)
    np.testing.assert_array_equal(design.predict(frames), wanted)
    design.write(tmp_path / "out")
    spec = importlib.util.spec_from_file_location("own", tmp_path / "out" / "driver" / "driver.py")
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    (made,) = driver.tail(*design.core(driver.head(frames)))
    np.testing.assert_array_equal(made.reshape(100, 5), wanted)
    assert len(np.unique(wanted)) > 10
