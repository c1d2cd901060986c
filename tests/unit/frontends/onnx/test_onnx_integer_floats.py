"""Networks of others that write integers in floats: equal to their golden data, exactly."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from qcompiler import pipelines
from qcompiler.dialects import nn, qint
from qcompiler.frontends.onnx import import_onnx, inspect_problems, parse_input_option
from qcompiler.interpreters import functions, run_model
from qcompiler.passes.pipeline import run_passes

MODELS = Path(__file__).parents[4].parent / "shared" / "models"
pytestmark = pytest.mark.skipif(not MODELS.is_dir(), reason=f"no models of others at {MODELS}")

DEEPLOY = {
    "cnn_linear1": ("int8", 5),
    "k_conv_dw_3x3_rq": ("uint8", 1),
    "k_conv_regular_1d_rq": ("uint8", 1),
    "k_conv_striddedpadded_2d_rq": ("int8", 1),
    "k_gemm_regular_rqpercolumn": ("int8", 1),
    "minimobilenet": ("uint8", 5),
}
"""Their inputs' type, and how many requantizers their hardware has."""
DORY = {"nemo_eegnet": 4, "nemo_frontnet": 7}


def imported(path: Path, kind: str):
    names = [value.name for value in onnx.load(path).graph.input]
    module = import_onnx(path, inputs=dict(parse_input_option(f"{n}={kind}:1") for n in names))
    module.verify()
    return module


def golden(path: Path):
    given, wanted = (
        np.load(path.with_name(f"{path.name.split('.')[0]}.{what}.npz"))
        for what in ("inputs", "outputs")
    )
    return [given[n][np.newaxis] for n in given.files], [wanted[n] for n in wanted.files]


def flat(outputs):
    return np.concatenate([np.asarray(a, np.float64).reshape(-1) for a in outputs])


def assert_equal_to_the_end_of_qint(module, inputs, wanted, requantizers):
    assert np.array_equal(flat(run_model(module, inputs)), flat(wanted))
    run_passes(module, pipelines.QINT)
    assert np.array_equal(flat(run_model(module, inputs)), flat(wanted))
    ops = [op for name in ("core", "tail") for op in functions(module)[name].walk()]
    assert sum(isinstance(op, qint.RequantizerOp) for op in ops) == requantizers
    assert not any(isinstance(op, nn.MulOp | nn.FloorOp | nn.TruncOp) for op in ops)


@pytest.mark.parametrize("spelling", ["", ".std"])
@pytest.mark.parametrize("name", DEEPLOY)
def test_deeploy(name, spelling):
    path = MODELS / "deeploy" / f"{name}{spelling}.onnx"
    if not path.exists():
        pytest.skip(f"there is no {path.name}")
    kind, requantizers = DEEPLOY[name]
    inputs, wanted = golden(path)
    assert_equal_to_the_end_of_qint(imported(path, kind), inputs, wanted, requantizers)


@pytest.mark.parametrize("spelling", ["", ".std"])
def test_addition_of_two_activations(spelling):
    path = MODELS / "deeploy" / f"k_add_regular_rq{spelling}.onnx"
    inputs, wanted = golden(path)
    assert np.array_equal(flat(run_model(imported(path, "int8"), inputs)), flat(wanted))


@pytest.mark.parametrize("name", DORY)
def test_dory(name):
    path = MODELS / "dory" / f"{name}.onnx"
    vectors = np.load(path.with_suffix(".vectors.npz"))
    module = imported(path, "uint8")
    inputs, wanted = [vectors["x"][np.newaxis]], [vectors["y_final_golden"]]
    assert_equal_to_the_end_of_qint(module, inputs, wanted, DORY[name])


def test_residual_network_layer_by_layer():
    """Its golden data are of layers, channels last; a sigmoid follows the last of them."""
    path = MODELS / "dory" / "nemo_residual1.onnx"
    vectors = np.load(path.with_suffix(".vectors.npz"))
    found = {}

    def listen(op, results):
        if isinstance(op, nn.ClipOp | nn.FloorOp):
            found[len(found)] = np.moveaxis(results[0][0, 0], 0, -1).reshape(-1)
        elif isinstance(op, nn.MatMulOp):
            found["end"] = results[0].reshape(-1)

    outputs = run_model(imported(path, "uint8"), [vectors["x"][np.newaxis]], listen)
    layers = [found[i] for i in (2, 3, 4, 5, 6)]
    for layer, wanted in zip(layers, ("2", "3", "4", "5", "6"), strict=True):
        assert np.array_equal(layer, vectors[f"gold_layer{wanted}"]), wanted
    assert np.array_equal(found["end"], vectors["y_final_golden"])
    assert np.array_equal(flat(outputs), flat([vectors["out0"]]))


@pytest.mark.parametrize("name", [*DORY, "nemo_residual1"])
def test_type_of_the_input_is_asked_for(name):
    """Nothing else bounds the integers."""
    first, *_ = inspect_problems(MODELS / "dory" / f"{name}.onnx")
    assert "nothing bounds the values, which may leave int64" in first.what
    assert "--input NAME=uint8:1" in first.remedy
