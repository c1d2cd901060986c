"""qcc crop: a float ONNX model without some channels, by a share or for a device."""

import json

import numpy as np
import onnxruntime
import pytest
from cli_runner import qcc
from onnx import TensorProto, helper, numpy_helper, save

from qcompiler import ModelError
from qcompiler.cropping import crop_model as searching
from qcompiler.cropping.crop_model import Hardware, crop_model
from qcompiler.errors import Problem

RANDOM = np.random.default_rng(0)


class Net:
    def __init__(self):
        self.nodes, self.constants = [], []

    def const(self, *shape, values=None):
        array = RANDOM.standard_normal(shape) / 4 if values is None else np.asarray(values)
        name = f"c{len(self.constants)}"
        kind = np.int64 if array.dtype.kind == "i" else np.float32
        self.constants.append(numpy_helper.from_array(array.astype(kind), name))
        return name

    def op(self, kind, *inputs, name=None, **attributes):
        name = name or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def save(self, path, output, shape=(1, 3, 6, 6), outputs=(1, 4)):
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        y = helper.make_tensor_value_info(output, TensorProto.FLOAT, outputs)
        graph = helper.make_graph(self.nodes, "net", [x], [y], self.constants)
        opset = [helper.make_opsetid("", 17)]
        save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
        return path


def branches(path, dead=0):
    """A residual sum, a depthwise and a grouped layer, a concatenation, a flattened image.

    Every other channel of the first sum is zero where `dead` is set.
    """
    n = Net()
    rows = np.ones(8) if not dead else np.arange(8) % 2 * 1.0
    stem = n.const(values=RANDOM.standard_normal((8, 3, 3, 3)) * rows[:, None, None, None])
    x = n.op("Conv", "x", stem, pads=[1, 1, 1, 1], name="stem")
    norm = [n.const(values=values) for values in (np.ones(8) * 1.5, rows, rows * 0, np.ones(8))]
    x = n.op("Relu", n.op("BatchNormalization", x, *norm))
    taps = n.const(values=RANDOM.standard_normal((8, 1, 3, 3)) * rows[:, None, None, None])
    y = n.op("Conv", x, taps, group=8, pads=[1, 1, 1, 1], name="taps")
    x = n.op("Add", x, y)
    one = n.op("Conv", x, n.const(6, 4, 1, 1), n.const(6), group=2, name="grouped")
    other = n.op("Conv", x, n.const(5, 8, 1, 1), name="side")
    x = n.op("MaxPool", n.op("Concat", one, other, axis=1), kernel_shape=[2, 2], strides=[2, 2])
    x = n.op("Flatten", x)
    x = n.op("Relu", n.op("Gemm", x, n.const(99, 12), n.const(12), name="hidden"))
    return n.save(path, n.op("MatMul", x, n.const(12, 4), name="scores"))


def run(path, x):
    session = onnxruntime.InferenceSession(str(path))
    return np.concatenate([session.run(None, {"x": each[None]})[0] for each in x])


def test_a_share_of_the_weights(tmp_path, capfd):
    path, small = branches(tmp_path / "m.onnx"), tmp_path / "small.onnx"
    made = qcc(capfd, "crop", path, "--keep", "0.5", "-o", small, "--json")
    assert made.status == 0, made.words
    said = json.loads(made.out)
    assert 0.4 < said["share"] <= 0.5
    assert said["layers"]["scores"] == {"channels": 4, "before": 4}
    assert said["layers"]["grouped"]["channels"] % 2 == 0
    assert json.loads((tmp_path / "small.widths.json").read_text())["layers"] == said["layers"]
    x = RANDOM.standard_normal((3, 3, 6, 6)).astype(np.float32)
    assert run(small, x).shape == (3, 4)
    assert (
        qcc(capfd, "quantize", small, "--data", "gaussian", "-o", tmp_path / "q.onnx").status == 0
    )


def test_without_channels_of_zeros_the_model_computes_the_same(tmp_path):
    path = branches(tmp_path / "m.onnx", dead=1)
    found = crop_model(path, keep=0.3)
    assert 4 <= found.outputs["stem"][1] < 8
    x = RANDOM.standard_normal((5, 3, 6, 6)).astype(np.float32)
    whole = crop_model(path, keep=1.0)
    save(whole.model, tmp_path / "whole.onnx")
    np.testing.assert_allclose(run(tmp_path / "whole.onnx", x), run(path, x), rtol=1e-5)
    stem = found.graph.constants[found.graph.nodes[0].inputs[1]]
    assert (np.abs(stem).sum(axis=(1, 2, 3)) > 0).sum() == 4, "those with weights stay"


@pytest.mark.sweep  # it compiles eight times
def test_the_largest_model_that_fits(tmp_path, capfd):
    n = Net()
    x = n.op("Relu", n.op("MatMul", "x", n.const(16, 32), name="hidden"))
    path = n.save(tmp_path / "m.onnx", n.op("MatMul", x, n.const(32, 4), name="out"), (1, 16))
    small = tmp_path / "small.onnx"
    words = ("--device", "ice40-up5k", "--cycles", "16", "--bits", "4", "--luts", "2000")
    made = qcc(capfd, "crop", path, *words, "-o", small, "--json")
    assert made.status == 0, made.words
    assert 1 <= json.loads(made.out)["layers"]["hidden"]["channels"] < 32
    refused = qcc(capfd, "crop", path, *words[:-1], "20", "-o", tmp_path / "no.onnx")
    assert refused.status == 1
    assert "LUT too few" in refused.words
    assert not (tmp_path / "no.onnx").exists()


def test_widths_that_hardware_divides_are_tried(tmp_path, monkeypatch):
    """A device on which 12 channels take less than 11: the largest is found, and tried once."""
    n = Net()
    x = n.op("Relu", n.op("MatMul", "x", n.const(16, 16), name="hidden"))
    path = n.save(tmp_path / "m.onnx", n.op("MatMul", x, n.const(16, 4), name="out"), (1, 16))
    tried = []

    def compile_within(model, **_):
        shapes = [tuple(c.dims) for c in model.graph.initializer]
        width = max(shape[1] for shape in shapes if len(shape) == 2 and shape[0] == 16)
        tried.append(width)
        if width > (12 if width % 4 == 0 else 6):
            raise ModelError([Problem("net", "is too large", "crop")])

    monkeypatch.setattr(searching, "compile_within", compile_within)
    assert crop_model(path, hardware=Hardware({})).outputs["hidden"] == (16, 12)
    assert len(tried) == len(set(tried))
    assert crop_model(path, hardware=Hardware({}), multiple=1).outputs["hidden"][1] < 12


@pytest.mark.parametrize("share", [True, False])
def test_what_does_not_fit_says_so(tmp_path, monkeypatch, share):
    """What is short is of the smallest crop; where size is not what is wrong, it is not named."""
    n = Net()
    x = n.op("Relu", n.op("MatMul", "x", n.const(16, 8), name="hidden"))
    path = n.save(tmp_path / "m.onnx", n.op("MatMul", x, n.const(8, 4), name="out"), (1, 16))

    def compile_within(model, **_):
        raise ModelError([Problem("x", f"{len(model.SerializeToString())} LUT", "y")] * share
                         or [Problem("--device", "there is no such", "y")])  # fmt: skip

    monkeypatch.setattr(searching, "compile_within", compile_within)
    said = "even the smallest crop, 0.12 of the weights, does not fit: " if share else "--device: "
    with pytest.raises(ModelError, match=said):
        crop_model(path, hardware=Hardware({}))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--keep", "0.05"), "keep must be at least 0.12"),
        (("--keep", "0.3", "--multiple", "8"), "8 of them, of each layer stays"),
    ],
)
def test_less_than_a_channel_is_refused(tmp_path, capfd, words, said):
    n = Net()
    x = n.op("Relu", n.op("MatMul", "x", n.const(16, 8), name="hidden"))
    path = n.save(tmp_path / "m.onnx", n.op("MatMul", x, n.const(8, 4), name="out"), (1, 16))
    refused = qcc(capfd, "crop", path, *words)
    assert refused.status == 2
    assert said in " ".join(refused.words.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give --keep, or what hardware"),
        (("--keep", "0.5", "--luts", "100"), "give --keep, or what hardware"),
        (("--keep", "1.5"), "must be above 0 and at most 1"),
        (("--keep", "half"), "must be above 0 and at most 1, got half"),
        (("--fps", "1000"), "a rate alone bounds nothing: give --device"),
        (("--luts", "100", "--bits", "1"), "must be 2 to 16, got 1"),
    ],
)
def test_wrong_usage(tmp_path, capfd, words, said):
    refused = qcc(capfd, "crop", tmp_path / "m.onnx", *words)
    assert refused.status == 2
    assert said in refused.words


def test_what_is_not_known_is_named(tmp_path):
    n = Net()
    x = n.op("Transpose", "x", perm=[0, 2, 3, 1], name="turned")
    x = n.op("Conv", x, n.const(2, 6, 1, 1), name="after")
    path = n.save(tmp_path / "m.onnx", x, outputs=(1, 2, 6, 3))
    with pytest.raises(ModelError, match="turned: what transpose does with channels is not known"):
        crop_model(path, keep=0.5)
