"""A float network becomes one of integers, equal in runtime, interpreter and Verilog."""

import numpy as np
import pytest
import qonnx.core.onnx_exec as executor
from float_networks import Builder, float_outputs, frames, residual_network
from onnx_models import model, node, save
from qonnx.core.modelwrapper import ModelWrapper

import qcompiler
from qcompiler.errors import ModelError
from qcompiler.quantization.batch_norm import fold_batch_norms
from qcompiler.quantization.placement import groups
from qcompiler.quantization.ranges import Observed, quantizer
from qcompiler.quantization.reading import read_float_model
from qcompiler.quantization.runtime import Session, values


def quantized(tmp_path, proto=None, x=None, **options):
    path = save(proto or residual_network(), tmp_path, "float.onnx")
    made = qcompiler.quantize(path, {"image": frames() if x is None else x}, **options)
    return made, made.write(tmp_path / "quantized.onnx")


def runtime(made, x):
    if made.format == "qdq":
        return Session(made.model).run({"image": x})["scores"]
    wrapped = ModelWrapper(made.model)
    return np.concatenate(
        [executor.execute_onnx(wrapped, {"image": frame[None]})["scores"] for frame in x]
    )


def noise(found, wanted):
    return np.square(found - wanted).mean() / np.square(wanted).mean()


@pytest.mark.parametrize("norms", [True, False])
@pytest.mark.parametrize(
    ("weights", "activations", "form", "most"),
    [(8, 8, "qdq", 1e-3), (4, 4, "qdq", 0.3), (8, 8, "qonnx", 1e-3), (3, 5, "qonnx", 0.4)],
)
def test_equals_the_runtime(weights, activations, form, most, norms, tmp_path):
    proto, x = residual_network(norms=norms), frames()
    made, path = quantized(
        tmp_path, proto, weight_bits=weights, activation_bits=activations, format=form
    )
    assert made.format == form
    wanted = runtime(made, x[:8])
    design = qcompiler.compile(path)
    np.testing.assert_allclose(design.predict(x[:8]).reshape(8, 10), wanted, rtol=1e-5, atol=1e-5)
    assert noise(wanted, float_outputs(proto, x[:8])) < most


def test_folded_batch_norms_compute_the_same(tmp_path):
    proto, x = residual_network(), frames()
    graph = read_float_model(save(proto, tmp_path))
    fold_batch_norms(graph)
    assert not any(node.kind == "batch_norm" for node in graph.nodes)
    found = values(graph, {"image": x}, ["scores"])["scores"]
    np.testing.assert_allclose(found, float_outputs(proto, x), rtol=1e-4, atol=1e-4)


def test_where_quantizers_are(tmp_path):
    graph = read_float_model(save(residual_network(norms=False), tmp_path))
    found = {group.values: group.joined for group in groups(graph)}
    assert found == {
        ("image",): False,
        ("stem_relu",): True,
        ("relu1",): False,
        ("conv2",): True,
        ("relu2",): False,
        ("relu3",): False,
        ("mean",): False,
    }


def test_what_is_concatenated_has_one_quantizer(tmp_path):
    b = Builder()
    parts = [b.op("Relu", b.conv("image", f"c{i}", 1, 2), f"r{i}") for i in range(2)]
    b.conv(b.op("Concat", parts, "joined", axis=1), "scores", 4, 3)
    made, path = quantized(tmp_path, b.model([1, 8, 8], ["scores"]))
    assert ("r0", "r1") in [group.values for group in made.quantized.activations]
    x = frames(4)
    np.testing.assert_allclose(
        qcompiler.compile(path).predict(x).reshape(4, 3, 8, 8), runtime(made, x), atol=1e-5
    )


def test_same_bytes_for_the_same_seed(tmp_path):
    _, path = quantized(tmp_path, ranges="mse")
    data = path.read_bytes()
    quantized(tmp_path, ranges="mse")
    assert path.read_bytes() == data
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("method", ["percentile", "mse"])
@pytest.mark.parametrize("signed", [True, False])
def test_ranges_cut_outliers_off(method, signed):
    random = np.random.default_rng(0)
    numbers = random.normal(0, 1, 30_000) if signed else random.exponential(1, 30_000)
    numbers[0] = 40
    seen = Observed()
    seen.add(numbers, random)
    wide, cut = (quantizer(seen, 4, name) for name in ("min-max", method))
    assert wide.signed == cut.signed == signed
    errors = [np.square(q.rounded(numbers[1:]) - numbers[1:]).mean() for q in (wide, cut)]
    assert wide.hi * wide.scale == pytest.approx(40)
    assert errors[1] < 0.5 * errors[0]


def problems(tmp_path, proto=None, data=None, **options):
    path = save(proto or residual_network(), tmp_path)
    with pytest.raises(ModelError) as caught:
        qcompiler.quantize(path, {"image": frames()} if data is None else data, **options)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"picture": frames()}, "has no array for the input image, but picture"),
        ({"image": frames()[:, :, :4]}, "must have the shape [frames, 1, 8, 8], got [24, 1, 4, 8]"),
        ({"image": np.full((2, 1, 8, 8), np.nan)}, "128 of its numbers are NaN or infinite"),
        ({"image": frames(), "labels": np.zeros(3, int)}, "differ in their frames: image 24, lab"),
        ({"image": frames(), "labels": np.zeros(24)}, "holds float64, but classes are integers"),
        ({"image": np.zeros((0, 1, 8, 8))}, "must have the shape [frames, 1, 8, 8], got [0, "),
    ],
)
def test_data_at_fault(data, said, tmp_path):
    (problem,) = problems(tmp_path, data=data)
    assert said in problem


def test_unsupported_operations_are_all_named(tmp_path):
    nodes = [
        node("DeformConv", ["x", "x"], ["a"]),
        node("LpPool", ["a"], ["b"], kernel_shape=[2]),
        node("Foo", ["x"], ["y"], domain="acme"),
    ]
    found = problems(tmp_path, model(nodes, outputs=["b", "y"]))
    assert [text.split(" ")[0] for text in found] == ["a", "b", "y"]


def test_quantized_models_are_refused(tmp_path):
    _, path = quantized(tmp_path)
    with pytest.raises(ModelError, match="is quantized already: ") as caught:
        qcompiler.quantize(path, {"image": frames()})
    assert len(caught.value.problems) == 1


def test_all_settings_at_fault_are_named(tmp_path):
    found = problems(tmp_path, weight_bits=1, activation_bits=17, ranges="best", format="tflite")
    options = [text.split(":")[0] for text in found]
    assert options == ["--weight-bits", "--activation-bits", "--ranges", "--format"]


def test_qdq_has_few_widths(tmp_path):
    found = problems(tmp_path, activation_bits=3, format="qdq")
    assert "has 3 bits, and QDQ only 4, 8 or 16" in found[0]
    made, _ = quantized(tmp_path, weight_bits=3, activation_bits=4, format="qdq")
    codes = [np.abs(weights.codes).max() for weights in made.quantized.weights.values()]
    assert codes == [3] * len(codes)  # weights have the next wider type
