"""What TensorFlow Lite's reference kernels make of frames, one after the other.

Those of TensorFlow Lite for Microcontrollers.
"""

import numpy as np
from tflite_micro.python.tflite_micro.runtime import Interpreter

from qcompiler.frontends.tflite import import_tflite
from qcompiler.interpreters import run_model


def reference(path, frames, outputs=1):
    """Returns the outputs for frames of the one input, shape [frames, ...]; state is kept."""
    interpreter = Interpreter.from_file(str(path))
    made = []
    for frame in frames:
        interpreter.set_input(frame, 0)
        interpreter.invoke()
        made.append([interpreter.get_output(index).copy() for index in range(outputs)])
    return [np.stack(parts) for parts in zip(*made, strict=True)]


def check(tmp_path, model, shape, rng, frames=8):
    """Compares the integers of a model with those of the reference kernels."""
    path = model.write(tmp_path / "m.tflite")
    x = rng.integers(-128, 128, (frames, *shape)).astype(np.int8)
    x[0], x[1] = -128, 127
    expected = reference(path, x, len(model.main.outputs))
    got = run_model(import_tflite(path, "tflite-micro"), [x])
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_array_equal(one.reshape(other.shape), other)
        assert np.unique(other).size > 4
