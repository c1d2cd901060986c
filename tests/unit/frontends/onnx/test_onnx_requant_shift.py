"""RequantShift: `clip(floor((x * mul + add + div / 2) / div))`; every attribute counts."""

import numpy as np
import pytest
from onnx import numpy_helper
from onnx_models import imported, messages, model, node

from qcompiler import pipelines
from qcompiler.dialects import qint
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.interpreters import functions, run_model
from qcompiler.passes.pipeline import run_passes

F32 = np.float32
BYTES = dict([parse_input_option("x=int8:1")])
PLAIN = {"div": 16.0, "n_levels": 256.0, "signed": 1.0}


def tensors(attributes):
    return {k: numpy_helper.from_array(np.array([v], F32)) for k, v in attributes.items()}


def graph(attributes, mul=3.0, add=5.0, shape=(1, 2, 4), domain="PACTOps"):
    parameters = {"mul": np.array(mul, F32), "add": np.array(add, F32)}
    shift = node("RequantShift", ["x", *parameters], ["y"], domain=domain, **attributes)
    return model([shift], parameters, inputs={"x": list(shape)})


@pytest.mark.parametrize("domain", ["PACTOps", "ai.onnx.contrib", ""])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("levels", ["n_levels", "n_levels_out"])
@pytest.mark.parametrize("write", [tensors, dict])
def test_formula(tmp_path, domain, signed, levels, write):
    attributes = write({"div": 16.0, levels: 32.0, "signed": float(signed)})
    module = imported(graph(attributes, shape=(1, 256), domain=domain), tmp_path, BYTES)
    x = np.arange(-128, 128)
    bounds = (-16, 15) if signed else (0, 31)
    wanted = np.floor((x * 3 + 5 + 8) / 16).clip(*bounds)
    assert np.array_equal(run_model(module, [x[np.newaxis]])[0].reshape(-1), wanted)
    run_passes(module, pipelines.QINT)
    assert np.array_equal(run_model(module, [x[np.newaxis]])[0].reshape(-1), wanted)
    ops = [op for function in functions(module).values() for op in function.walk()]
    assert sum(isinstance(op, qint.RequantizerOp) for op in ops) == 1


@pytest.mark.parametrize("shape", [(2, 1), (1, 2, 1), (2, 1, 1)])
def test_parameters_per_channel(tmp_path, shape):
    """Deeploy writes [channels, 1, 1] before tensors of any rank."""
    mul, add = np.array([1.0, -2.0]), np.array([0.0, 100.0])
    module = imported(
        graph(tensors(PLAIN), mul.reshape(shape), add.reshape(shape)), tmp_path, BYTES
    )
    x = np.arange(-4, 4).reshape(1, 2, 4) * 16
    (y,) = run_model(module, [x[np.newaxis]])
    assert y[0].tolist() == [[[-4, -3, -2, -1], [6, 4, 2, 0]]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"div": 12.0}, "div must be a power of two, got 12"),
        ({"div": 0.5}, "attribute div must be one integer, got 0.5"),
        ({"signed": 2.0}, "attribute signed must be 0 or 1, got 2"),
        ({"n_levels": 255.0}, "n_levels must be 2 to 4294967296, and even if signed, got 255"),
        ({"n_levels": 1.0, "signed": 0.0},
         "n_levels must be 2 to 4294967296, and even if signed, got 1"),
        ({"n_levels_out": 16.0}, "needs one of n_levels and n_levels_out, got n_levels, "
                                 "n_levels_out"),
        ({"cmsis": 1.0}, "attributes must be div, signed and n_levels or n_levels_out, got cmsis, "
                         "div, n_levels, signed"),
    ],
)  # fmt: skip
def test_attributes_that_are_refused(tmp_path, change, message):
    assert messages(graph(tensors(PLAIN | change)), tmp_path, BYTES) == [
        f"y (PACTOps RequantShift): {message}"
    ]


@pytest.mark.parametrize("name", ["div", "signed"])
def test_no_attribute_has_a_default(tmp_path, name):
    attributes = tensors({k: v for k, v in PLAIN.items() if k != name})
    (found,) = messages(graph(attributes), tmp_path, BYTES)
    assert "attributes must be div, signed and n_levels or n_levels_out" in found


@pytest.mark.parametrize(
    ("mul", "message"),
    [(0.5, "mul must be integers, got 0.5"),
     ([[1.0], [2.0], [3.0]], "mul of shape [3, 1] is not one value per channel of [1, 2, 4]")],
)  # fmt: skip
def test_parameters_that_are_refused(tmp_path, mul, message):
    assert messages(graph(tensors(PLAIN), mul=mul), tmp_path, BYTES) == [
        f"y (PACTOps RequantShift): {message}"
    ]
