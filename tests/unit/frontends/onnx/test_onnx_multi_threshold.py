"""FINN's MultiThreshold: as qonnx computes it, before the passes and after."""

import numpy as np
import pytest
from onnx_models import imported, messages, model, node
from qonnx.custom_op.general.multithreshold import multithreshold

from qcompiler import pipelines
from qcompiler.dialects import qint
from qcompiler.frontends.onnx import parse_input_option
from qcompiler.interpreters import functions, run_model
from qcompiler.passes.pipeline import run_passes

F32 = np.float32
BYTES = dict([parse_input_option("x=int8:0.5")])
STEPS = np.array([[-20.0, -1.5, 0.0, 0.0, 40.25], [-3.0, 1.0, 2.0, 9.0, 63.0]], F32)


def graph(thresholds=STEPS, shape=(1, 2, 256), domain="finn.custom_op.general", **attributes):
    attributes = {"out_dtype": "", "data_layout": "NCW"} | attributes
    nodes = [node("MultiThreshold", ["x", "t"], ["y"], domain=domain, **attributes)]
    return model(nodes, {"t": thresholds}, inputs={"x": list(shape)})


@pytest.mark.parametrize("thresholds", [STEPS, STEPS[:1]])
@pytest.mark.parametrize("domain", ["finn.custom_op.general", "qonnx.custom_op.general"])
@pytest.mark.parametrize(
    ("scale", "bias"), [(1.0, 0.0), (1.0, -3.0), (2.0, -5.0), (0.25, 0.5), (0.3, 0.1)]
)
def test_equals_qonnx(tmp_path, thresholds, domain, scale, bias):
    proto = graph(thresholds, domain=domain, out_scale=scale, out_bias=bias)
    codes = np.stack([np.arange(-128, 128)] * 2)[np.newaxis]
    wanted = multithreshold(codes * 0.5, thresholds, F32(scale), F32(bias))
    module = imported(proto, tmp_path, BYTES)
    np.testing.assert_allclose(run_model(module, [codes[np.newaxis]])[0][0], wanted, 1e-6)
    before = run_model(module, [codes[np.newaxis]])[0]
    run_passes(module, pipelines.QINT)
    assert np.array_equal(run_model(module, [codes[np.newaxis]])[0], before)
    ops = [op for function in functions(module).values() for op in function.walk()]
    assert sum(isinstance(op, qint.RequantizerOp) for op in ops) == 1
    assert not any(op.name == "nn.greater_equal" for op in ops)


@pytest.mark.parametrize(("layout", "axis"), [("NWC", 2), ("NCW", 1), ("", 2)])
def test_layout_says_where_channels_are(tmp_path, layout, axis):
    """Without a layout qonnx guesses from the rank: NWC for three."""
    shape = [1, 4, 4]
    shape[axis] = 2
    proto = graph(shape=shape, data_layout=layout)
    module = imported(proto, tmp_path, BYTES)
    x = np.arange(8).reshape(shape) - 4
    channels_last = np.moveaxis(x * 0.5, axis, -1)
    wanted = np.moveaxis(multithreshold(channels_last, STEPS, channels_last=True), -1, axis)
    assert np.array_equal(run_model(module, [x[np.newaxis]])[0][0], wanted)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"data_layout": "NCHW"}, "data_layout NCHW does not fit a tensor of rank 3"),
        ({"thresholds": STEPS[0]}, "thresholds must have shape [2 or 1, steps], got [5]"),
        ({"thresholds": np.zeros((1, 256), F32)},
         "at most 255 thresholds are supported, got 256"),
        ({"out_scale": -1.0}, "out_scale must be positive, got -1"),
        ({"out_dtype": "UINT2"}, "out_dtype UINT2 does not hold results 0 to 5"),
        ({"out_dtype": "INT4", "out_bias": -9.0}, "out_dtype INT4 does not hold results -9 to -4"),
        ({"out_dtype": "BIPOLAR"}, "out_dtype BIPOLAR does not hold results 0 to 5"),
        ({"out_dtype": "FIXED<8,2>"}, "out_dtype FIXED<8,2> is not supported"),
        ({"rounding": 1}, "attributes rounding are not known"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, attributes, message):
    (found, *_) = messages(graph(**attributes), tmp_path, BYTES)
    assert found == f"y (finn.custom_op.general MultiThreshold): {message}"


@pytest.mark.parametrize("claimed", ["UINT3", "INT4", "FLOAT32", "INT32"])
def test_types_that_hold_the_results(tmp_path, claimed):
    assert messages(graph(out_dtype=claimed), tmp_path, BYTES) == []


def test_bipolar(tmp_path):
    proto = graph(STEPS[:, :1], out_dtype="BIPOLAR", out_scale=2.0, out_bias=-1.0)
    module = imported(proto, tmp_path, BYTES)
    codes = np.stack([np.arange(-128, 128)] * 2)[np.newaxis]
    assert set(run_model(module, [codes[np.newaxis]])[0].reshape(-1)) == {-1.0, 1.0}
