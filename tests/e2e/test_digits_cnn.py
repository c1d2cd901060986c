"""The residual network that ships in two formats: equal integers everywhere, equal Verilog."""

import json
import re
import shutil
import sys
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

import qcompiler
from qcompiler.dialects import qint
from qcompiler.frontends.onnx import import_onnx
from qcompiler.interpreters import run_model
from qcompiler.provenance.sources import source_node

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "digits_cnn"))
from export import GRAPHS, load_parameters
from network import LAYERS, QUANTIZERS, Integers

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_cnn"
MODELS = {name: EXAMPLE / f"digits_cnn_{name}.onnx" for name in GRAPHS}
LOGITS_SCALE = 2.0 ** QUANTIZERS["logits"].exponent
each_format = pytest.mark.parametrize("name", GRAPHS)


def random_pixels(rng, shape=(100, 1, 8, 8)):
    """Pixels as in the data set, all that the input's type holds, its extremes, and other reals."""
    parts = (
        rng.integers(0, 17, shape),
        rng.integers(0, 256, shape),
        rng.choice([0, 255], shape),
        rng.integers(-20, 1100, shape) / 4,  # ties, and codes that saturate
    )
    return np.concatenate(parts).astype(np.float32)


@pytest.fixture(scope="module")
def vectors():
    with np.load(EXAMPLE / "test_vectors.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def pixels(vectors):
    return np.concatenate([vectors["inputs"], random_pixels(np.random.default_rng(0))])


@pytest.fixture(scope="module")
def codes(pixels):
    """What each quantizer makes of `pixels` in integer arithmetic, by its name."""
    integers = Integers(load_parameters())
    integers.run(pixels)
    return integers.codes


@cache
def design_of(name, folder):
    """The design of a model that is called the same in each format, as are its modules then."""
    path = folder / name / "digits_cnn.onnx"
    path.parent.mkdir(exist_ok=True)
    shutil.copy(MODELS[name], path)
    return qcompiler.compile(path, cycles=2304)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("digits_cnn")


@each_format
def test_model_is_the_export_of_the_stored_parameters(name):
    model = onnx.load(MODELS[name])
    onnx.checker.check_model(model, full_check=True)
    assert model == GRAPHS[name](load_parameters()).model()


def test_weights_have_the_bits_claimed():
    """They fill them for each output: none is dead."""
    parameters = load_parameters()
    for name, layer in LAYERS.items():
        weights = parameters[f"{name}_weights"]
        largest = abs(weights).reshape(len(weights), -1).max(axis=1)
        assert weights.shape == layer.shape
        assert largest.max() < 2 ** (layer.bits - 1)
        assert largest.min() >= 2 ** (layer.bits - 2) - 1


def test_accuracy_of_the_integers(vectors):
    """The accuracy that the README states; the logits are those of torch."""
    logits = Integers(load_parameters()).run(vectors["inputs"])
    assert np.array_equal(logits * LOGITS_SCALE, vectors["logits"])
    assert int((logits.argmax(1) == vectors["labels"]).sum()) == 353


def test_random_pixels_reach_the_bounds(codes):
    """Else the comparisons below would say little about saturation."""
    for name in ("input_quant", "act1", "act2", "act3", "act4"):
        assert (codes[name].min(), codes[name].max()) == QUANTIZERS[name].bounds
    assert codes["branch_quant"].max() == QUANTIZERS["branch_quant"].bounds[1]
    assert codes["logits"].min() == QUANTIZERS["logits"].bounds[0]


@each_format
def test_imported_integers(name, pixels, codes):
    """Every code of every quantizer, with the numerics that the format means."""
    found = {}

    def hear(op, results):
        if isinstance(op, qint.QuantizeOp):
            found[source_node(op)] = results[0]

    (logits,) = run_model(import_onnx(MODELS[name]), [pixels], hear)
    for quantizer, expected in codes.items():
        assert np.array_equal(found[quantizer].reshape(expected.shape), expected), quantizer
    assert np.array_equal(logits.reshape(-1, 10), codes["logits"] * LOGITS_SCALE)


def test_integers_of_qonnx(pixels, codes):
    model = ModelWrapper(GRAPHS["qonnx"](load_parameters(), len(pixels)).model())
    # qonnx 1.0 makes one-node models of onnx's newest IR version, which onnxruntime refuses.
    with patch.object(helper, "make_model", partial(helper.make_model, ir_version=10)):
        found = execute_onnx(model, {"pixels": pixels}, return_full_exec_context=True)
    for name, expected in codes.items():
        scale = 2.0 ** QUANTIZERS[name].exponent
        assert np.array_equal(found[name], expected * scale), name


@pytest.mark.parametrize("optimized", [False, True])
def test_logits_of_onnxruntime(pixels, codes, optimized):
    options = onnxruntime.SessionOptions()
    levels = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = (
        levels.ORT_ENABLE_ALL if optimized else levels.ORT_DISABLE_ALL
    )
    # Without it, integer kernels may saturate on processors without VNNI.
    options.add_session_config_entry("session.x64quantprecision", "1")
    model = GRAPHS["qdq"](load_parameters(), len(pixels)).model()
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (logits,) = session.run(None, {"pixels": pixels})
    assert np.array_equal(logits, codes["logits"] * LOGITS_SCALE)


def without_sources(text):
    """The text without the lines that name nodes which went into a block."""
    lines = text.splitlines()
    return [
        x for x in lines if not re.fullmatch(r"//   with .* \(ONNX \w+\)|//   and .* more.*", x)
    ]


def test_both_formats_give_the_same_verilog(folder):
    qonnx, qdq = (design_of(name, folder).verilog.files for name in GRAPHS)
    assert list(qonnx) == list(qdq)
    for file, text in qonnx.items():
        assert without_sources(text) == without_sources(qdq[file]), file


@pytest.mark.simulation
def test_held_out_images_in_verilog(folder, vectors, pixels, codes):
    """One format is enough: the other's Verilog is the same."""
    design = design_of("qonnx", folder)
    chosen = slice(len(vectors["inputs"]) - 20, len(vectors["inputs"]) + 20)  # images and others
    logits = design.simulate(pixels[chosen])
    assert np.array_equal(logits, codes["logits"][chosen] * LOGITS_SCALE)


@pytest.mark.simulation
@pytest.mark.parametrize(("pe", "simd", "lanes"), [(1, 9, 1), (32, 12, 24)])
def test_windows_through_width_adapters(tmp_path, pe, simd, lanes):
    path = tmp_path / "folding.json"
    path.write_text(json.dumps({"strided_mvau": {"PE": pe, "SIMD": simd}}))
    design = qcompiler.compile(MODELS["qonnx"], cycles=9216, folding=path)
    sent = {layer.name: layer.element["lanes"] for layer in design.report().layers}
    assert sent["strided_sliding_window"] == lanes
    rng = np.random.default_rng(0)
    integers = [rng.integers(0, 256, (4, 8, 8, 1))]
    got, result = design.simulate_core(integers, stall_probability_in=0, stall_probability_out=0)
    assert np.array_equal(got[0].reshape(4, -1), design.core(integers)[0].reshape(4, -1))
    assert result.cycles_per_frame == pytest.approx(design.timing.cycles_per_frame, rel=0.05)
