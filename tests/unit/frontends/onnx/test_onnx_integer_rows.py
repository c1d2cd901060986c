"""Deeploy's integer functions of a row, against its kernels' arithmetic written out in Python."""

from math import isqrt
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_models import imported, messages, model, node

from qcompiler import pipelines
from qcompiler.frontends.onnx import import_onnx, parse_input_option
from qcompiler.interpreters import run_model
from qcompiler.passes.pipeline import run_passes

MODELS = Path(__file__).parents[4].parent / "shared" / "models" / "deeploy"
F32 = np.float32
BYTES = dict([parse_input_option("x=int8:1")])
ROWS, LENGTH = 5, 12


def c_div(a, b):
    """Integers as C divides them."""
    return -(-a // b) if a < 0 else a // b


def softmax(row, A, B, C, log2, n):
    z = [min((max(row) - x) // log2, 31) for x in row]
    exps = [(A * (x - max(row) + k * log2 + B) ** 2 + C) >> k for x, k in zip(row, z, strict=True)]
    return [e * (n - 1) // sum(exps) for e in exps]


def ita_max(row, n):
    shifts = [(max(row) - x + 16) >> 5 for x in row]
    inverse = (n - 1) * 256 // sum(256 >> s for s in shifts)
    return [inverse >> s for s in shifts]


def clip(x):
    return max(min(x, 127), -128)


def rms_norm(row, weight, log2):
    root = isqrt(sum(x * x for x in row) // len(row) + 1)
    return [clip(c_div(x * w, root) >> log2) for x, w in zip(row, weight, strict=True)]


def layer_norm(row, weight, bias, log2):
    mean = c_div(sum(row), len(row))
    centred = [x - mean for x in row]
    root = isqrt(sum(x * x for x in centred) // len(row) + 1)
    return [
        clip((c_div(x * w, root) + b) >> log2)
        for x, w, b in zip(centred, weight, bias, strict=True)
    ]


RANDOM = np.random.default_rng(0)
WEIGHT = RANDOM.integers(-4000, 4000, LENGTH)
BIAS = RANDOM.integers(-3000, 3000, LENGTH)
SOFTMAX = {"coeffA": 1.0, "coeffB": 345.0, "coeffC": 62395.0, "log2": 255.0, "n_levels": 256.0}
FULL = {"w": RANDOM.integers(-9, 9, (ROWS, LENGTH)), "b": BIAS}

CASES = {
    "iSoftmax": (SOFTMAX, {}, lambda r, _: softmax(r, 1, 345, 62395, 255, 256)),
    "iSoftmax, steep": (SOFTMAX | {"log2": 17.0, "coeffB": 30.0, "coeffC": 300.0}, {},
                        lambda r, _: softmax(r, 1, 30, 300, 17, 256)),
    "ITAMax": ({"n_levels": 256}, {}, lambda r, _: ita_max(r, 256)),
    "iRMSNorm": ({"D": 64, "n_levels": 256}, {"w": WEIGHT}, lambda r, _: rms_norm(r, WEIGHT, 6)),
    "iLayerNorm": ({"D": 64, "n_levels": 256}, {"w": WEIGHT, "b": BIAS},
                   lambda r, _: layer_norm(r, WEIGHT, BIAS, 6)),
    "iNoNorm": ({"D": 1024.0, "mul": 3, "n_levels": 256}, FULL,
                lambda r, i: [clip((x * int(w) + int(b)) * 3 >> 10)
                              for x, w, b in zip(r, FULL["w"][i], BIAS, strict=True)]),
    "TrueIntegerDiv": ({"Delta": 100, "eps": 1, "eta": 7, "y": 3}, {},
                       lambda r, _: [700 * x // 22 for x in r]),
}  # fmt: skip


def graph(op_type, attributes, parameters):
    held = {k: numpy_helper.from_array(np.array([v], F32)) if isinstance(v, float) else v
            for k, v in attributes.items()}  # fmt: skip
    made = node(op_type, ["x", *parameters], ["y"], domain="PACTOps", **held)
    constants = {name: np.asarray(values, F32) for name, values in parameters.items()}
    proto = model([made], constants, inputs={"x": [1, ROWS, LENGTH]})
    proto.opset_import.append(onnx.helper.make_opsetid("PACTOps", 1))
    return proto


@pytest.mark.parametrize("case", CASES)
def test_kernels(case, tmp_path):
    attributes, parameters, kernel = CASES[case]
    module = imported(graph(case.partition(",")[0], attributes, parameters), tmp_path, BYTES)
    x = np.random.default_rng(1).integers(-128, 128, (20, 1, ROWS, LENGTH))
    x[0], x[1] = 0, -128  # equal elements
    wanted = [[kernel(row.tolist(), i) for i, row in enumerate(frame[0])] for frame in x]
    (got,) = run_model(module, [x])
    np.testing.assert_array_equal(got[:, 0], wanted)
    run_passes(module, pipelines.QINT)
    (got,) = run_model(module, [x])
    np.testing.assert_array_equal(got[:, 0], wanted)


def test_quotients_of_two_activations(tmp_path):
    attributes = {"Delta": 50, "eps": 1, "eta": 3}
    made = node("IntegerDiv", ["x", "d"], ["y"], **attributes)
    inputs = dict([parse_input_option("x=int8:1"), parse_input_option("d=uint8:1")])
    module = imported(model([made], inputs={"x": [1, 6], "d": [1, 1]}), tmp_path, inputs)
    x = np.random.default_rng(1).integers(-128, 128, (50, 1, 6))
    d = np.random.default_rng(2).integers(0, 256, (50, 1, 1))
    wanted = [
        [c_div(150 * v + (1 if v >= 0 else -1) * ((3 * k + 1) >> 1), 3 * k + 1) for v in row]
        for row, k in zip(x[:, 0].tolist(), d.reshape(-1).tolist(), strict=True)
    ]
    run_passes(module, pipelines.QINT)
    np.testing.assert_array_equal(run_model(module, [x, d])[0][:, 0], wanted)


@pytest.mark.parametrize(
    ("op_type", "change", "message"),
    [
        ("iRMSNorm", {"D": 60}, "attribute D must be a power of two, got 60"),
        ("iRMSNorm", {"D": 0}, "attribute D must be positive, got 0"),
        ("iRMSNorm", {"D": 1.5}, "attribute D must be one integer"),
        ("iSoftmax", {"log2": None}, "attribute log2 is missing"),
        ("iSoftmax", {"coeffC": -1e6}, "its exponentials are not positive"),
        ("TrueIntegerDiv", {"eps": -40}, "its divisor eta * d + eps can be -19"),
    ],
)
def test_bad_attributes_are_refused(op_type, change, message, tmp_path):
    attributes, parameters, _ = CASES[op_type]
    changed = {k: v for k, v in (attributes | change).items() if v is not None}
    (said,) = messages(graph(op_type, changed, parameters), tmp_path, BYTES)
    assert message in said


def test_what_is_no_integer_is_refused(tmp_path):
    proto = graph("ITAMax", {"n_levels": 256}, {})
    assert any(
        "works on integers, and no quantizer says which its input holds" in said
        for said in messages(proto, tmp_path)
    )
    proto = graph("iRMSNorm", {"D": 64, "n_levels": 256}, {"w": [0.5] * LENGTH})
    assert any("weight must be integers" in said for said in messages(proto, tmp_path, BYTES))
    proto = graph("iRMSNorm", {"D": 64, "n_levels": 256}, {"w": [1, 2]})
    assert any(
        "weight of shape [2] does not fit rows of [1, 5, 12]" in said
        for said in messages(proto, tmp_path, BYTES)
    )


@pytest.mark.parametrize(
    ("change", "outputs", "message"),
    [
        ({"axis": 1}, ["y"], "normalizes axes 1 to 2, and only the last one is supported"),
        ({"epsilon": 0.0}, ["y"], "epsilon must be positive, got 0"),
        ({}, ["y", "mean"], "mean and deviation as outputs are not supported"),
    ],
)
def test_other_normalizations_are_refused(change, outputs, message, tmp_path):
    made = node("LayerNormalization", ["x", "w"], outputs, **{"axis": -1, **change})
    constants = {"w": np.ones(4, F32) if change.get("axis") != 1 else np.ones((3, 4), F32)}
    said = messages(model([made], constants, inputs={"x": [1, 3, 4]}), tmp_path, BYTES)
    assert any(message in text for text in said)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("k_softmax_regular", "int8"),
        ("k_rmsnorm", "int8"),
        ("k_inonorm", "int8"),
        ("k_trueintegerdiv", "int16"),
        ("k_attention", "int8"),
    ],
)
def test_golden_data(name, given):
    path = MODELS / f"{name}.onnx"
    if not path.exists():
        pytest.skip("needs the models of others")
    (info,) = onnx.load(path).graph.input
    module = import_onnx(path, inputs=dict([parse_input_option(f"{info.name}={given}:1")]))
    run_passes(module, pipelines.QINT)
    x, wanted = (
        next(iter(np.load(path.with_suffix(f".{part}.npz")).values()))
        for part in ("inputs", "outputs")
    )
    (got,) = run_model(module, [x[None].astype(np.int64)])
    np.testing.assert_array_equal(got[0], wanted)
