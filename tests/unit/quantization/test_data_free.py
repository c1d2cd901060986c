"""Without data: inputs that have the statistics of the batch norms; torch computes as the model."""

import json
import subprocess
import sys

import numpy as np
import pytest
from float_networks import Builder, float_outputs, frames, residual_network
from onnx_models import save

import qcompiler
from qcompiler.cli.main import main
from qcompiler.errors import ModelError
from qcompiler.quantization import distill, torch_ops
from qcompiler.quantization.extra import library
from qcompiler.quantization.onnx_writer import ROWS, float_model
from qcompiler.quantization.placement import groups
from qcompiler.quantization.reading import read_float_model
from qcompiler.quantization.runtime import Session
from qcompiler.quantization.sensitivity import hutchinson

torch_ops.torch.set_num_threads(1)


def test_every_operation_has_both_rows():
    assert torch_ops.ROWS.keys() == ROWS.keys()


def everything():
    """Most operations of a vision network, one after the other."""
    b = Builder()
    x = b.conv("image", "c0", 1, 8, strides=[2, 1])
    x = b.op("PRelu", [x, b.constant("slope", np.full((8, 1, 1), 0.1))], "prelu")
    half = b.op("AveragePool", x, "mean", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    half = b.op("LeakyRelu", half, "leaky", alpha=0.2)
    half = b.op("HardSigmoid", half, "hard", alpha=0.3, beta=0.4)
    half = b.op("DepthToSpace", half, "depth", blocksize=2, mode="DCR")
    x = b.op("Tanh", b.op("MaxPool", x, "max", kernel_shape=[2, 2], pads=[0, 0, 1, 1]), "tanh")
    w = b.constant("spread", b.random.normal(0, 0.3, (8, 2, 2, 2)))
    x = b.op("ConvTranspose", [x, w], "up", strides=[1, 1], pads=[1, 0, 1, 1], group=1)
    x = b.op("HardSwish", b.norm(x, "norm", 2), "swish")
    x = b.op("Gelu", b.op("Erf", x, "erf"), "gelu")
    x = b.op("Transpose", b.op("Flatten", x, "flat"), "turned", perm=[0, 1])
    y = b.op("Flatten", half, "flat_half")
    x = b.op("Clip", b.op("Concat", [x, y], "both", axis=1), "clip")
    b.op("Softmax", b.op("Sigmoid", x, "sigmoid"), "scores", axis=1)
    return b.model([1, 8, 8], ["scores"], opset=21)


@pytest.mark.parametrize("proto", [everything(), residual_network()], ids=["all", "residual"])
def test_torch_and_written_model_compute_the_same(proto, tmp_path):
    x = frames(3)
    wanted = float_outputs(proto, x)
    graph = read_float_model(save(proto, tmp_path))
    made = torch_ops.run(graph, {"image": torch_ops.tensor(x)}, torch_ops.parameters(graph))
    np.testing.assert_allclose(made["scores"].numpy(), wanted, rtol=1e-4, atol=1e-6)
    written = Session(float_model(graph)).run({"image": x})["scores"]
    np.testing.assert_allclose(written, wanted, rtol=1e-4, atol=1e-6)


def test_distilled_inputs_come_closer(tmp_path, monkeypatch):
    monkeypatch.setattr(distill, "ITERATIONS", 60)
    graph = read_float_model(save(residual_network(), tmp_path))
    loss = distill._Loss(graph, distill.statistics(graph))
    made, again = distill.distilled(graph, 3), distill.distilled(graph, 3)
    np.testing.assert_array_equal(made["image"], again["image"])
    losses = [
        float(loss({"image": torch_ops.tensor(x["image"])}, {}))
        for x in (distill.gaussian(graph, distill.FRAMES, 3), made)
    ]
    assert losses[1] < 0.3 * losses[0]


def test_distilled_frames_are_of_classes_in_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(distill, "ITERATIONS", 60)
    graph = read_float_model(save(residual_network(), tmp_path))
    loss, constants = distill._Loss(graph, []), torch_ops.parameters(graph)
    surprises = [
        float(loss._surprise(torch_ops.run(graph, {"image": torch_ops.tensor(x)}, constants)))
        for x in (distill.gaussian(graph)["image"], distill.distilled(graph)["image"])
    ]
    assert surprises[1] < 0.9 * surprises[0]
    assert loss._surprise({"scores": torch_ops.torch.zeros(4, 1)}) == 0


def test_small_networks_take_one_thread():
    before = torch_ops.torch.get_num_threads()
    torch_ops.torch.set_num_threads(2)
    with torch_ops.few_threads(1e6):
        assert torch_ops.torch.get_num_threads() == 1
    with torch_ops.few_threads(1e12):
        assert torch_ops.torch.get_num_threads() == 2
    torch_ops.torch.set_num_threads(before)


def pixels(tmp_path, mean, deviation):
    """A network that was trained on inputs of another reach, as its batch norm says."""
    b = Builder(2)
    x = b.norm(b.conv("image", "c0", 1, 8), "n0", 8)
    b.op("GlobalAveragePool", b.op("Relu", x, "r0"), "scores")
    w = b.constants["c0_w"].reshape(8, -1)
    b.constants["n0_mean"] = (mean * w.sum(1)).astype(np.float32)
    b.constants["n0_var"] = (deviation**2 * np.square(w).sum(1)).astype(np.float32)
    return read_float_model(save(b.model([1, 8, 8], ["scores"]), tmp_path))


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (100.0, 50.0), (0.3, 0.3)])
def test_inputs_have_the_reach_that_a_batch_norm_tells(mean, deviation, tmp_path, monkeypatch):
    monkeypatch.setattr(distill, "ITERATIONS", 20)
    graph = pixels(tmp_path, mean, deviation)
    found = distill.input_statistics(graph, "image")
    assert found == pytest.approx((mean, deviation), rel=1e-2, abs=1e-3)
    made = distill.distilled(graph)["image"]
    assert made.mean() == pytest.approx(mean, abs=0.5 * deviation)
    assert made.std() == pytest.approx(deviation, rel=0.5)


def test_without_a_layer_at_the_input_its_reach_is_one(tmp_path):
    b = Builder()
    x = b.op("Relu", "image", "first")
    b.norm(b.conv(x, "c0", 1, 4), "scores", 4)
    graph = read_float_model(save(b.model([1, 8, 8], ["scores"]), tmp_path))
    assert distill.input_statistics(graph, "image") == (0.0, 1.0)


def test_inputs_of_known_range_stay_within(tmp_path, monkeypatch):
    monkeypatch.setattr(distill, "ITERATIONS", 60)
    monkeypatch.setattr(distill, "_CLASSES", 0.0)
    graph = pixels(tmp_path, 0.4, 0.3)
    free, bound = (distill.distilled(graph, within=w)["image"] for w in (None, (0.0, 1.0)))
    assert free.min() < -0.1
    assert bound.dtype == np.float32
    assert (bound.min(), bound.max()) == (0, 1)
    np.testing.assert_array_equal(bound, distill.distilled(graph, within=(0.0, 1.0))["image"])
    loss = distill._Loss(graph, distill.statistics(graph))
    start = distill._start(graph, distill.FRAMES, 0, (0.0, 1.0))["image"]
    begins = {"image": start.mean + start.deviation * start.units}
    losses = [
        float(loss({k: torch_ops.tensor(x) for k, x in of.items()}, {}))
        for of in (begins, {"image": bound})
    ]
    assert losses[1] < 0.5 * losses[0]


@pytest.mark.parametrize("shape", [(64, 3, 16, 24), (64, 16, 8), (64, 3, 1, 24)])
def test_neighbours_are_alike_in_pictures_only(shape):
    units = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    made = distill._as_pictures(units)
    if len(shape) < 4 or 1 in shape[2:]:
        np.testing.assert_array_equal(made, units)
        return
    assert (made.mean(), made.std()) == pytest.approx((0, 1), abs=1e-3)
    for axis in (2, 3):
        near = np.corrcoef(made.take(range(15), axis).flat, made.take(range(1, 16), axis).flat)
        assert near[0, 1] > 0.6


def test_a_range_that_cannot_be_is_said(tmp_path):
    graph = pixels(tmp_path, 100.0, 50.0)
    with pytest.raises(ModelError, match=r"from 0 to 1, but .* saw inputs of mean 100"):
        qcompiler.quantize(graph, input_range=(0.0, 1.0))
    for wrong in ((1.0, 0.0), (0.0, np.inf), (np.nan, 1.0)):
        with pytest.raises(ModelError, match="must be finite, the least number first"):
            qcompiler.quantize(graph, input_range=wrong)
    for given in ("gaussian", {"image": frames()}):
        with pytest.raises(ModelError, match="has no effect: it is how far distilled inputs"):
            qcompiler.quantize(graph, given, input_range=(0.0, 255.0))


def test_the_command_takes_a_range(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(distill, "ITERATIONS", 20)
    path, out = save(residual_network(), tmp_path), tmp_path / "q.onnx"
    words = ["--input-range", "-1.5", "1.5", "--ranges", "min-max", "--json"]
    assert main(["quantize", str(path), "-o", str(out), *words]) == 0
    first = json.loads(capfd.readouterr().out)["activations"][0]
    assert first["values"] == ["image"]
    assert 128 * first["scale"] == pytest.approx(1.5, rel=0.02)


def test_large_networks_get_less_effort(tmp_path):
    small = read_float_model(save(residual_network(), tmp_path))
    assert distill.effort(small) == (distill.FRAMES, distill.ITERATIONS)
    b = Builder()
    x = b.conv("image", "c0", 3, 64, kernel=7)
    b.conv(b.conv(x, "c1", 64, 128), "scores", 128, 128)
    large = read_float_model(save(b.model([3, 224, 224], ["scores"]), tmp_path))
    found, iterations = distill.effort(large)
    assert 4 <= found < distill.FRAMES
    assert 20 <= iterations < distill.ITERATIONS


def test_averages_of_made_up_frames_reach_as_far_as_their_inputs(tmp_path):
    path = save(residual_network(), tmp_path)
    made = qcompiler.quantize(path, "gaussian", ranges="mse")
    reach = {g.name: q.hi * q.scale for g, q in made.quantized.activations.items()}
    real = qcompiler.quantize(path, {"image": frames()})
    narrow = {g.name: q.hi * q.scale for g, q in real.quantized.activations.items()}
    assert narrow["mean"] < 0.9 * narrow["relu3"]
    assert reach["mean"] > 0.9 * reach["relu3"]


def test_folded_batch_norms_are_said(tmp_path):
    path = save(residual_network(norms=False), tmp_path)
    with pytest.raises(ModelError, match="has no batch norms") as caught:
        qcompiler.quantize(path)
    assert "--data gaussian" in str(caught.value)
    assert qcompiler.quantize(path, "gaussian").format == "qdq"


def exact_traces(graph, x):
    """Traces of the Hessian by weights, from second derivatives one by one."""
    torch = torch_ops.torch
    constants = torch_ops.parameters(graph)
    inputs = {"image": torch_ops.tensor(x)}
    target = torch_ops.run(graph, inputs, constants)["scores"].argmax(1)
    found = {}
    for layer in graph.layers():
        name = layer.inputs[1]

        def loss(w, name=name):
            outputs = torch_ops.run(graph, inputs, {**constants, name: w})
            return torch.nn.functional.cross_entropy(outputs["scores"], target)

        hessian = torch.func.jacrev(torch.func.jacrev(loss))(constants[name])
        size = constants[name].numel()
        found[layer.output] = float(hessian.reshape(size, size).trace()) / size
    return found


def test_hutchinson_finds_the_traces(tmp_path):
    b = Builder()
    x = b.op("Relu", b.conv("image", "c0", 1, 4, strides=[2, 2]), "r0")
    x = b.op("Flatten", b.op("GlobalAveragePool", b.conv(x, "c1", 4, 4), "m"), "f")
    b.op("Gemm", [x, b.constant("w", b.random.normal(0, 1, (4, 3)))], "scores")
    graph = read_float_model(save(b.model([1, 8, 8], ["scores"]), tmp_path))
    x = frames(8)
    inputs = {"image": torch_ops.tensor(x)}
    found = hutchinson(graph, inputs, [], None, tolerance=0.0, most=1500)
    assert found.weights == pytest.approx(exact_traces(graph, x), rel=0.05)
    assert found.probes == 1500
    early = hutchinson(graph, inputs, groups(graph), None, tolerance=0.2)
    assert early.probes < 100


def test_what_is_before_a_place_need_not_be_computed_again(tmp_path):
    graph = read_float_model(save(residual_network(norms=False), tmp_path))
    inputs = {"image": torch_ops.tensor(frames(4))}
    constants = torch_ops.parameters(graph)
    hooks = {"relu3": lambda x: x * 2, "image": lambda x: x + 1}
    wanted = torch_ops.run(graph, inputs, constants, {"relu3": hooks["relu3"]})["scores"]
    for place, before in torch_ops.steps(graph, inputs, constants):
        if "relu3" in before:
            break
        found = torch_ops.run(graph, before, constants, {"relu3": hooks["relu3"]}, place)
        np.testing.assert_array_equal(found["scores"], wanted)
    assert graph.nodes[place - 1].output == "relu3"
    assert "image" not in before
    changed = torch_ops.run(graph, inputs, constants, {"image": hooks["image"]})["scores"]
    other = {"image": inputs["image"] + 1}
    np.testing.assert_array_equal(changed, torch_ops.run(graph, other, constants)["scores"])


def test_packages_are_loaded_where_they_are_used():
    """Real data need no torch; `qcc quantize --help` nothing at all."""
    code = """
import sys, qcompiler, qcompiler.cli.quantize_command, qcompiler.cli.evaluate_command
qcompiler.quantize, qcompiler.evaluate
print([m for m in ("torch", "scipy", "sklearn", "onnxruntime") if m in sys.modules])
"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout == "[]\n"


def test_a_missing_package_is_said():
    with pytest.raises(ModelError, match="needs absent, which is not installed"):
        library("absent.part")
