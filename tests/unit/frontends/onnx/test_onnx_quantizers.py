"""Quant, BipolarQuant and Trunc mean what qonnx's own executor computes."""

from itertools import product

import numpy as np
import pytest
from onnx_models import F32, body, imported, messages, model, node, save

from qcompiler.arith.rounding import round_float
from qcompiler.dialects.attributes import numpy_from_dense
from qcompiler.frontends.onnx import import_onnx

trunc = pytest.importorskip("qonnx.custom_op.general.trunc", reason="needs qonnx, extra [dev]")
quant = pytest.importorskip("qonnx.custom_op.general.quant")
bipolar = pytest.importorskip("qonnx.custom_op.general.bipolar_quant")

MODES = ["ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "half_down"]
DOMAINS = ["onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general", ""]
# Quarters hit every tie of the scales used here, which are powers of two and so exact in float32.
X = np.arange(-40, 41, dtype=np.float32).reshape(3, 27) / F32(4)


def evaluate(module) -> list[np.ndarray]:
    """The values of the outputs, in float64, of chains of quantizers on a constant."""
    values = {}
    for op in body(module)[:-1]:
        values[op.results[0]] = _evaluate(op, [values[o] for o in op.operands])
    return [values[output] for output in body(module)[-1].operands]


def check_all(folder, cases, op: str, reference) -> None:
    """Compares with `reference(parameters, attributes)`, all in one model to be quick."""
    nodes, constants, expected = [], {"w": X}, []
    for number, (parameters, attributes) in enumerate(cases):
        names = [f"p{number}_{i}" for i in range(len(parameters))]
        constants.update(zip(names, map(np.asarray, parameters), strict=True))
        nodes.append(node(op, ["w", *names], [f"y{number}"], domain=DOMAINS[0], **attributes))
        expected.append(reference([np.asarray(p) for p in parameters], attributes))
    graph = model(nodes, constants, outputs=[n.output[0] for n in nodes])
    for found, wanted, n in zip(
        evaluate(import_onnx(save(graph, folder))), expected, nodes, strict=True
    ):
        np.testing.assert_array_equal(found, wanted, err_msg=str(n))


def attributes_of(mode):
    for signed, narrow in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        yield {"signed": signed, "narrow": narrow, "rounding_mode": mode}


def _evaluate(op, inputs):
    def spread(parameter):
        shape = [1] * inputs[0].ndim
        if parameter.size > 1:
            shape[op.channel_axis] = -1
        return parameter.reshape(shape)

    if op.name == "nn.constant":
        return numpy_from_dense(op.value).astype(np.float64)
    if op.name == "qint.affine":
        return inputs[0] * spread(op.multiplier_array) + spread(op.offset_array)
    scale, zero_point = spread(op.scale_array), spread(op.zero_point_array)
    if op.name == "qint.dequantize":
        return (inputs[0] - zero_point) * scale
    codes = round_float(inputs[0] / scale + zero_point, op.rounding.data)
    return np.clip(codes, op.range.lo, op.range.hi)


def _model(op, inputs, domain="onnx.brevitas", **attributes):
    constants = {f"p{i}": np.asarray(a) for i, a in enumerate(inputs)}
    return model([node(op, ["w", *constants], ["y"], domain=domain, **attributes)],
                 {"w": X, **constants})  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_quant(tmp_path, mode):
    scales = [F32(1), F32([[0.5], [1], [2]])]
    parameters = product(scales, [F32(0), F32(-2)], [F32(b) for b in (1, 3, 2.5)])
    check_all(
        tmp_path,
        product(parameters, attributes_of(mode)),
        "Quant",
        lambda p, a: quant.quant(X, *p, a["signed"], a["narrow"], mode),
    )


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
def test_quant_in_each_domain(tmp_path, domain, op):
    graph = _model(op, [F32(1), F32(0), F32(4)], domain, signed=1, narrow=1)
    (quantize,) = (o for o in body(imported(graph, tmp_path)) if o.name == "qint.quantize")
    assert (quantize.range.lo, quantize.range.hi) == (-7, 7)
    assert quantize.rounding.data == "half_even"


def test_parameters_along_the_last_axis(tmp_path):
    scale = np.ones(27, F32)
    module = imported(_model("Quant", [scale, F32(0), F32(4)], signed=1, narrow=0), tmp_path)
    assert body(module)[1].channel_axis == 1


def test_bipolar_quant(tmp_path):
    scales = [F32(1), F32(0.5), F32([[0.5], [1], [2]])]
    check_all(
        tmp_path,
        [([s], {}) for s in scales],
        "BipolarQuant",
        lambda p, a: bipolar.binary_quant(X, *p),
    )


def test_bipolar_quant_makes_bits(tmp_path):
    quantize, affine = body(imported(_model("BipolarQuant", [F32(0.5)]), tmp_path))[1:3]
    assert (quantize.range.lo, quantize.range.hi, quantize.rounding.data) == (0, 1, "floor")
    assert (affine.multiplier_array[0], affine.offset_array[0]) == (2, -1)


@pytest.mark.parametrize("mode", MODES)
def test_trunc_version_1(tmp_path, mode):
    scales = [F32(0.25), F32([[0.25], [0.5], [1]])]
    parameters = product(scales, [F32(0), F32(3)], [F32(8)], [F32(8), F32(6)])
    check_all(
        tmp_path,
        product(parameters, [{"rounding_mode": mode}]),
        "Trunc",
        lambda p, a: trunc.trunc_v1(X, *p, mode),
    )


@pytest.mark.parametrize("mode", MODES)
def test_trunc_version_2(tmp_path, mode):
    targets = [F32(1), F32([[0.5], [1], [2]])]
    widths = [F32(3)]
    parameters = product([F32(0.25)], [F32(0), F32(8)], [F32(8)], targets, widths)
    check_all(
        tmp_path,
        product(parameters, attributes_of(mode)),
        "Trunc",
        lambda p, a: trunc.trunc_v2(X, *p[:3], a["narrow"], a["signed"], *p[3:], mode),
    )


OK = {"signed": 1, "narrow": 0}


@pytest.mark.parametrize(
    ("parameters", "attributes", "message"),
    [
        ([F32(0), F32(0), F32(4)], OK, "scale must be positive and finite, got 0"),
        ([F32(-0.02), F32(0), F32(4)], OK, "scale must be positive and finite, got -0.02"),
        ([F32(np.nan), F32(0), F32(4)], OK, "scale must be positive and finite, got nan"),
        (
            [F32(1), F32(0.5), F32(4)],
            OK,
            "zero point must be an integer of at most 32 bits, got 0.5",
        ),
        (
            [F32(1), F32(np.inf), F32(4)],
            OK,
            "zero point must be an integer of at most 32 bits, got inf",
        ),
        ([F32(1), F32(0), F32(0.5)], OK, "bit width must be 1 to 32, got 0.5"),
        ([F32(1), F32(0), F32(33)], OK, "bit width must be 1 to 32, got 33"),
        ([F32(1), F32(0), F32(np.nan)], OK, "bit width must be 1 to 32, got nan"),
        ([F32(1), F32(0), F32([4, 4])], OK, "bit width must be one number, got shape [2]"),
        (
            [np.ones((3, 27), F32), F32(0), F32(4)],
            OK,
            "scale of shape [3, 27] varies along 2 axes",
        ),
        (
            [F32([1, 1]), F32(0), F32(4)],
            OK,
            "scale of shape [2] does not fit a tensor of shape [3, 27]",
        ),
        (
            [np.ones((1, 1, 1), F32), F32(0), F32(4)],
            OK,
            "scale of shape [1, 1, 1] does not fit a tensor of shape [3, 27]",
        ),
        (
            [np.ones((3, 1), F32), np.zeros((1, 27), F32), F32(4)],
            OK,
            "scale varies along axis 0, but zero point along axis 1",
        ),
        ([F32(1), F32(0), F32(4)], {"narrow": 0}, "attribute signed is missing"),
        (
            [F32(1), F32(0), F32(4)],
            {**OK, "rounding_mode": "NEAREST"},
            "rounding mode must be one of half_even, ceil, floor, up, down, half_up, half_down, "
            "got 'NEAREST'",
        ),
        ([F32(1), F32(0)], OK, "input 3 is missing, got 3 inputs"),
    ],
)
def test_quant_refusals(tmp_path, parameters, attributes, message):
    graph = _model("Quant", parameters, **attributes)
    assert messages(graph, tmp_path) == [f"y (onnx.brevitas Quant): {message}"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            [F32(0.25), F32(3), F32(8), F32(1), F32(4)],
            "zero point divided by output scale / scale must be an integer, got 0.75",
        ),
        (
            [F32(0.25), F32(0), F32(8), F32(0), F32(4)],
            "output scale must be positive and finite, got 0",
        ),
        (
            [np.ones((3, 1), F32), F32(0), F32(8), np.ones(27, F32), F32(4)],
            "scale varies along axis 0, but output scale along axis 1",
        ),
        (
            [F32(1), F32(0), F32(8), F32(3.5)],
            "bit widths of a truncation must be integers, got 3.5",
        ),
    ],
)
def test_trunc_refusals(tmp_path, parameters, message):
    assert messages(_model("Trunc", parameters), tmp_path) == [
        f"y (onnx.brevitas Trunc): {message}"
    ]
