"""QuIP in the network: turned layers compute the same, need fewer bits, and are built so."""

import numpy as np
import pytest
import qonnx.core.onnx_exec as executor
from float_networks import Builder, float_outputs, frames, residual_network
from onnx_models import save
from qonnx.core.modelwrapper import ModelWrapper

import qcompiler
from qcompiler.quantization.batch_norm import fold_batch_norms
from qcompiler.quantization.reading import read_float_model
from qcompiler.quantization.runtime import Session, values
from qcompiler.quantization.turned_layers import turn_layers


def perceptron(*, linear: bool = False):
    """Three dense layers of 12, 16 and 10 outputs; `linear`: nothing between the first two."""
    b = Builder(3)
    x = b.op("Flatten", "image", "flat")
    for name, inputs, outputs in (("d0", 64, 12), ("d1", 12, 16), ("scores", 16, 10)):
        w = b.constant(f"{name}_w", b.random.standard_t(4, (inputs, outputs)) / inputs**0.5)
        bias = b.constant(f"{name}_b", b.random.normal(0, 0.5, outputs))
        x = b.op("Gemm", [x, w, bias], name)
        if name == "d1" or (name == "d0" and not linear):
            x = b.op("Relu", x, f"{name}_relu")
    return b.model([1, 8, 8], ["scores"])


def convolutional():
    """Two convolutions of four channels with a ReLU between, and a mean."""
    b = Builder(4)
    x = b.op("Relu", b.conv("image", "c0", 1, 4, strides=[2, 2]), "r0")
    x = b.op("Relu", b.conv(x, "c1", 4, 4), "r1")
    b.op("Flatten", b.op("GlobalAveragePool", x, "mean"), "scores")
    return b.model([1, 8, 8], ["scores"])


def folded(proto, tmp_path):
    graph = read_float_model(save(proto, tmp_path))
    fold_batch_norms(graph)
    return graph


@pytest.mark.parametrize("signs", [True, False])
@pytest.mark.parametrize(
    "proto", [residual_network(), perceptron(), perceptron(linear=True)], ids=["conv", "mlp", "lin"]
)
def test_turned_networks_compute_the_same(proto, signs, tmp_path):
    x, graph = frames(), folded(proto, tmp_path)
    turn_layers(graph, {"image": x}, 0, signs=signs)
    assert sum(node.fixed.incoherent for node in graph.nodes) >= 3
    found = values(graph, {"image": x}, ["scores"])["scores"]
    np.testing.assert_allclose(found, float_outputs(proto, x), rtol=1e-3, atol=1e-4)


def test_turns_are_folded_into_a_layer_before(tmp_path):
    graph = folded(perceptron(linear=True), tmp_path)
    turn_layers(graph, {"image": frames()}, 0)
    before, after = (graph.maker(name) for name in ("d0_1", "d1_1_turned"))
    assert (before.kind, after.inputs[0]) == ("matmul", "d0_1")
    turns = [node.output for node in graph.nodes if node.output.endswith("_product")]
    ends = ["d0_1_in", "d1_1_out", "scores_in", "scores_out"]
    assert turns == [f"{end}_product" for end in ends]


def runtime(made, x):
    if made.format == "qdq":
        return Session(made.model).run({"image": x})["scores"]
    wrapped = ModelWrapper(made.model)
    return np.concatenate(
        [executor.execute_onnx(wrapped, {"image": frame[None]})["scores"] for frame in x]
    )


@pytest.mark.parametrize(
    ("proto", "weights", "activations", "form"),
    [
        (convolutional(), 2, 5, "qonnx"),
        (perceptron(), 3, 4, "qdq"),
    ],
    ids=["conv", "mlp"],
)
def test_equals_the_runtime(proto, weights, activations, form, tmp_path):
    x = frames()
    made = qcompiler.quantize(
        save(proto, tmp_path), {"image": x}, weight_bits=weights, activation_bits=activations,
        rounding="quip", correct_biases=True, format=form,
    )  # fmt: skip
    wanted = runtime(made, x[:8])
    found = qcompiler.compile(made.write(tmp_path / "quantized.onnx")).predict(x[:8])
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-5)


def noise(proto, tmp_path, **options):
    x = frames(64)
    made = qcompiler.quantize(save(proto, tmp_path), {"image": x}, weight_bits=2, **options)
    wanted = float_outputs(proto, x)
    return np.square(runtime(made, x) - wanted).mean() / np.square(wanted).mean()


@pytest.mark.parametrize("proto", [residual_network(), perceptron()], ids=["conv", "mlp"])
def test_two_bits_lose_less_on_grids_that_reach_the_largest_weight(proto, tmp_path):
    grid = {"ranges": "min-max", "correct_biases": False}
    found = [noise(proto, tmp_path, rounding=how, **grid) for how in ("quip", "ldlq", "nearest")]
    assert found[0] < 0.6 * found[1] < found[2]


def test_weights_have_four_values_each_and_inner_products_all_bits(tmp_path):
    made = qcompiler.quantize(
        save(perceptron(), tmp_path), {"image": frames()}, weight_bits=2, rounding="quip"
    )
    layers = {node.output: node for node in made.quantized.graph.layers()}
    codes = {name: set(np.unique(w.codes)) for name, w in made.quantized.weights.items()}
    turned = [name for name, node in layers.items() if node.fixed.incoherent]
    assert [codes[name] for name in turned] == [{-3, -1, 1, 3}] * 3
    signs = [name for name, node in layers.items() if node.fixed.weight_bits == 2]
    assert len(signs) >= 6
    assert all(codes[name] == {-1, 1} for name in signs)
    exact = [name for name, node in layers.items() if node.fixed.exact]
    quantizers = made.quantized.of_values()
    assert all(quantizers[name].bits == 16 for name in exact)
    assert {layer.weight_bits for layer in made.layers()} == {2, 8}


def test_hardware_of_a_turned_network(tmp_path):
    x = frames(3)
    made = qcompiler.quantize(
        save(convolutional(), tmp_path), {"image": x}, weight_bits=2, activation_bits=4,
        rounding="quip",
    )  # fmt: skip
    design = qcompiler.compile(made.write(tmp_path / "quantized.onnx"), cycles=512)
    np.testing.assert_array_equal(design.simulate(x), design.predict(x))
