"""Widths for a budget: of bytes, of bit operations, of a device's resources."""

import re

import numpy as np
import pytest
from float_networks import Builder, frames, residual_network
from onnx_models import save

import qcompiler
from qcompiler.arith.hadamard import sylvester
from qcompiler.cli.main import main
from qcompiler.devices import load_device
from qcompiler.errors import ModelError
from qcompiler.quantization.cost import bit_operations, weight_bytes
from qcompiler.quantization.graph import Graph, Node
from qcompiler.quantization.hardware import charged, compile_unlimited
from qcompiler.quantization.quantize import quantize

AUTO = {"weight_bits": "auto", "activation_bits": "auto"}


def test_bytes(tmp_path):
    path = save(residual_network(), tmp_path)
    made = quantize(path, {"image": frames()}, weight_bits="auto", size=800)
    weights = made.quantized.weights.values()
    assert sum(w.codes.size * w.bits / 8 for w in weights) <= 800
    assert {w.bits for w in weights} <= {2, 4, 8}
    hurts = [point.sensitivity for point in made.plan.front]
    assert hurts == sorted(hurts, reverse=True)
    assert made.plan.sensitivity <= hurts[0]


@pytest.mark.parametrize("measure", ["kl", "hessian"])
def test_joins_have_one_width(measure, tmp_path):
    path = save(residual_network(), tmp_path)
    made = quantize(path, {"image": frames()}, bops=400_000, sensitivity=measure, **AUTO)
    bits = {group.name: q.bits for group, q in made.quantized.activations.items()}
    assert bits["stem_relu"] == bits["conv2_norm"]
    assert bits["image"] == 8
    again = quantize(path, {"image": frames()}, bops=400_000, sensitivity=measure, **AUTO)
    assert again.model.SerializeToString() == made.model.SerializeToString()


def small(tmp_path):
    b = Builder()
    x = b.op("Relu", b.conv("image", "c0", 1, 4, strides=[2, 2]), "r0")
    x = b.op("Flatten", b.op("Relu", b.conv(x, "c1", 4, 4, strides=[2, 2]), "r1"), "f")
    b.op("Gemm", [x, b.constant("w", b.random.normal(0, 1, (16, 3)))], "scores")
    return save(b.model([1, 8, 8], ["scores"]), tmp_path, "small.onnx")


def test_look_up_tables_of_a_device(tmp_path):
    path, device = small(tmp_path), {"device": "ecp5-25k", "cycles": 576}
    options = {**AUTO, **device, "widths": (2, 8)}
    free = quantize(path, {"image": frames()}, **options)
    assert set(free.plan.budget) == {"LUT", "BRAM", "DSP"}
    most = int(free.plan.compiled["LUT"] * 0.8)
    made = quantize(path, {"image": frames()}, max_luts=most, **options)
    assert made.plan.compiled["LUT"] <= most
    assert made.plan.sensitivity > free.plan.sensitivity
    design = qcompiler.compile(made.write(tmp_path / "q.onnx"), max_luts=most, **device)
    assert sum(area.luts for area in design.areas.values()) <= most
    with pytest.raises(ModelError, match="10 of LUT cannot be kept") as caught:
        quantize(path, {"image": frames()}, max_luts=10, **options)
    least = re.search(r"the least is ([\d,]+)", str(caught.value))
    smallest = quantize(path, {"image": frames()}, weight_bits=2, activation_bits=2)
    found = compile_unlimited(smallest.model, load_device("ecp5-25k"), {"cycles": 576})
    area = sum(area.luts for area in found.areas.values())
    assert int(least[1].replace(",", "")) == pytest.approx(area, rel=0.05)


def test_a_butterfly_is_counted_as_additions():
    shapes = {"x": (1, 5, 8), "y": (1, 5, 8), "z": (1, 5, 8)}
    constants = {"h": sylvester(8).astype(np.float32), "w": np.ones((8, 8), np.float32)}
    nodes = [Node("matmul", "a", ["x", "h"], "y"), Node("matmul", "b", ["y", "w"], "z")]
    graph = Graph("turn", {"x": (1, 5, 8)}, ["z"], nodes, constants, shapes)
    assert bit_operations(graph, nodes[0], 2, 6) == 5 * 8 * 3 * 6
    assert bit_operations(graph, nodes[1], 2, 6) == 5 * 8 * 8 * 2 * 6
    assert weight_bytes(graph, nodes[0], 2) == 1
    assert weight_bytes(graph, nodes[1], 2) == 16


def test_sensitivities_are_those_of_codes_with_feedback(tmp_path):
    path = save(residual_network(), tmp_path)
    plans = [
        quantize(path, {"image": frames()}, weight_bits="auto", size=800, rounding=rounding).plan
        for rounding in ("nearest", "ldlq")
    ]
    assert plans[1].sensitivity < 0.7 * plans[0].sensitivity


def test_layers_may_share_multipliers(tmp_path):
    device = load_device("ecp5-25k")
    made = quantize(small(tmp_path), {"image": frames()}, weight_bits=4, activation_bits=4)
    design = compile_unlimited(made.model, device, {"cycles": 64})
    graph = made.quantized.graph
    layers, _, _ = charged(design, device, graph, [*made.quantized.activations])
    shared = [areas for areas in layers.values() if len(areas) > 1]
    assert shared
    assert all(areas[1].dsps < areas[0].dsps for areas in shared)
    assert all(process.style is None for process in design.network.processes)
    again, _, _ = charged(design, device, graph, [*made.quantized.activations])
    assert again == layers


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight_bits": "auto"}, "needs a budget"),
        ({"size": 100.0}, "has no effect: widths are given as numbers"),
        ({**AUTO, "size": 100.0, "bops": 1e6}, "a budget is one of them"),
        ({**AUTO, "size": 100.0, "max_luts": 5}, "--max-luts: has no effect without a device"),
        ({**AUTO, "size": -1.0}, "must be positive"),
        ({**AUTO, "device": "ecp5-25k", "fps": 1.0, "cycles": 1}, "cannot be combined with"),
    ],
)
def test_budgets_at_fault(options, said, tmp_path):
    with pytest.raises(ModelError) as caught:
        quantize(save(residual_network(), tmp_path), {"image": frames()}, **options)
    assert said in str(caught.value)


def test_command(tmp_path, capsys):
    path = save(residual_network(), tmp_path)
    np.savez(tmp_path / "data.npz", image=frames(), labels=np.zeros(24, int))
    out, plot = tmp_path / "q.onnx", tmp_path / "front.svg"
    data = ["--data", str(tmp_path / "data.npz")]
    words = ["--weight-bits", "auto", "--size", "900", "--plot", str(plot)]
    assert main(["quantize", str(path), "-o", str(out), *data, *words]) == 0
    assert "least sensitivity by bytes of weights" in capsys.readouterr().out
    assert "<svg" in plot.read_text()
    assert main(["evaluate", str(path), str(out), *data]) == 0
    assert "loses most: " in capsys.readouterr().out
    assert main(["quantize", str(path), "-o", str(path), *data]) == 1
    assert main(["quantize", str(path), "-o", str(tmp_path / "q.txt"), *data]) == 1
    assert main(["quantize", str(path), "-o", str(out), *data, "--plot", str(plot)]) == 2
    assert main(["quantize", str(path), "-o", str(tmp_path / "no" / "q.onnx"), *data]) == 1
