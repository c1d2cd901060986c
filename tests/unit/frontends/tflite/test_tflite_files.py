"""Files that are damaged, hostile, or say what is not supported: one clear message each."""

import numpy as np
import pytest
from tflite_layers import activation, dense, streaming
from tflite_models import ModelWriter

from qcompiler.compiler import import_model
from qcompiler.errors import ModelError
from qcompiler.frontends.tflite import import_tflite, reader
from qcompiler.options import Options


def problem(tmp_path, data):
    path = tmp_path / "m.tflite"
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        import_tflite(path)
    return str(caught.value)


def small(rng, kind="FULLY_CONNECTED"):
    model = ModelWriter()
    g = model.main
    x = activation(g, [1, 8], rng)
    g.inputs, g.outputs = [x], [dense(g, x, 8, 3, rng)]
    if kind != "FULLY_CONNECTED":
        g.nodes[0] = (kind, *g.nodes[0][1:3], {})
    return model


def test_truncated_and_changed_files_are_refused_or_read(tmp_path):
    """Whatever bytes are hit: a model or a message, and neither takes long."""
    data = streaming(np.random.default_rng(0)).bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for trial in range(150):
        broken = bytearray(data)
        if trial % 3 == 0:
            del broken[int(rng.integers(8, len(data))) :]
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(8, len(broken)))
            broken[at : at + 4] = rng.integers(0, 256, 4, np.uint8).tobytes()[: len(broken) - at]
        path = tmp_path / "m.tflite"
        path.write_bytes(bytes(broken))
        try:
            import_tflite(path).verify()
        except ModelError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize("shape", [[1, 9], [1, 2, 5], [3, 1]])
def test_a_tensor_of_another_size_than_its_input(tmp_path, shape):
    """Extents of a file may be anything: a fuzzed one ended in a pass, as a fault of ours."""
    model = ModelWriter()
    g = model.main
    x = activation(g, [1, 8], np.random.default_rng(6))
    _, kind, scale, zero, *_ = g.tensors[x]
    y = g.tensor(shape, kind, scale, zero)
    g.node("RESHAPE", [x], [y])
    g.inputs, g.outputs = [x], [y]
    assert "(TFLite RESHAPE): cannot reshape" in problem(tmp_path, model.bytes())


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0" * 64, b"\xff\xff\xff\x7fTFL3" + b"\xff" * 40])
def test_what_is_no_model_says_so(tmp_path, data):
    assert "complete" in problem(tmp_path, data)


def test_an_unknown_operation_is_named(tmp_path):
    text = problem(tmp_path, small(np.random.default_rng(2), "SIN").bytes())
    assert "(TFLite SIN): operation SIN is not supported" in text


def test_floats_are_refused_with_the_remedy(tmp_path):
    model = ModelWriter()
    g = model.main
    x = g.tensor([1, 4], "FLOAT32")
    w = g.tensor([2, 4], "FLOAT32", data=np.ones((2, 4), np.float32))
    y = g.tensor([1, 2], "FLOAT32")
    g.node("FULLY_CONNECTED", [x, w, -1], [y])
    g.inputs, g.outputs = [x], [y]
    assert "convert with full integer quantization" in problem(tmp_path, model.bytes())


def test_a_variable_without_a_first_value(tmp_path):
    model = streaming(np.random.default_rng(3))
    model.main.nodes.pop(0)
    assert "has no first value" in problem(tmp_path, model.bytes())


def test_options_that_cannot_hold_are_refused(tmp_path):
    path = small(np.random.default_rng(4)).write(tmp_path / "m.tflite")
    with pytest.raises(ModelError, match="means the integers of TensorFlow Lite"):
        import_model(path, Options(numerics="onnxruntime"))


def test_their_numerics_are_theirs_alone(tmp_path):
    with pytest.raises(
        ModelError, match=r"tflite is what \.tflite files mean, and m\.onnx is none"
    ):
        import_model(tmp_path / "m.onnx", Options(numerics="tflite"))


def test_a_missing_package_is_one_line(tmp_path, monkeypatch):
    path = small(np.random.default_rng(5)).write(tmp_path / "m.tflite")

    def absent(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(reader, "import_module", absent)
    with pytest.raises(ModelError, match=r"pip install 'qcompiler-hdl\[tflite\]'"):
        import_tflite(path)
