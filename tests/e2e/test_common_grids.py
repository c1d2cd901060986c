"""Layers whose activations or weights have several scales, and activations that meet again."""

import numpy as np
import pytest
from onnx_models import save
from refusals.net import Net

import qcompiler
from benchmarks.real_parts import onnxruntime_codes
from qcompiler.dialects import qint
from qcompiler.errors import ModelError
from qcompiler.interpreters import functions

F32 = np.float32
SHAPE = (1, 4, 4, 4)


def integers(net: Net, codes: str):
    """The model with the codes as its output."""
    proto = net.model(codes)
    element = 2 if any(c.name.endswith("u8") for c in net.constants) else 3
    proto.graph.output[0].type.tensor_type.elem_type = element
    return proto


def finish(net: Net, y: str):
    return integers(net, net.q(y, 0.5, 3, np.int8))


def activation(net: Net, x="x", scale=0.25, zero=3):
    return net.quantized(x, scale, zero, np.int8)


def inputs(shape=SHAPE, count=40):
    random = np.random.default_rng(2)
    x = random.integers(-300, 300, (count, *shape)).astype(F32) / 8
    return np.concatenate([x, np.stack([np.full(shape, v, F32) for v in (-1e5, 1e5, 0)])])


def assert_equal(proto, folder, numerics=None, shape=SHAPE):
    design = qcompiler.compile(save(proto, folder), numerics=numerics, validate=True)
    wanted = onnxruntime_codes(proto, inputs(shape))
    np.testing.assert_array_equal(np.reshape(design.predict(inputs(shape)), wanted.shape), wanted)
    return design


def per_channel(net: Net, x: str, scales, zeros):
    """Quantizes and dequantizes with a scale and zero point for each channel."""
    return net.quantized(x, scales, zeros, np.int8, axis=1)


def weights(net: Net, *shape, **options):
    codes = net.const(net.random.integers(-7, 8, shape), np.int8)
    options = {"scale": 0.125, "zero": 0, **options}
    return net.dq(codes, options.pop("scale"), options.pop("zero"), np.int8, **options)


def depthwise(net: Net):
    x = per_channel(net, "x", [0.25, 0.5, 0.125, 1], [3, 0, -2, 1])
    scales = [0.125, 0.25, 0.5, 0.125, 0.25, 0.25, 0.125, 0.5]
    w = weights(net, 8, 1, 3, 3, scale=scales, zero=[0] * 8, axis=0)
    return net.op("Conv", x, w, group=4, pads=[1, 1, 1, 1])


def channels_into_convolution(net: Net):
    x = per_channel(net, "x", [0.25, 0.5, 0.125, 1], [0, 5, 0, -1])
    return net.op("Conv", x, weights(net, 3, 4, 3, 3), pads=[1, 0, 1, 0])


def weights_by_input(net: Net):
    w = weights(net, 3, 4, 1, 1, scale=[0.125, 0.25, 0.5, 0.125], zero=[0] * 4, axis=1)
    return net.op("Conv", activation(net), w)


def two_scales(net: Net):
    a = activation(net, net.op("Conv", activation(net), weights(net, 4, 4, 1, 1)), 0.5, -1)
    return a, activation(net, net.op("Neg", a), 0.125, 2)


def concatenation(net: Net):
    joined = net.op("Concat", *two_scales(net), axis=1)
    return net.op("Conv", joined, weights(net, 3, 8, 3, 3), pads=[1, 1, 1, 1])


def residual(net: Net):
    return net.op("Conv", net.op("Add", *two_scales(net)), weights(net, 3, 4, 1, 1))


def residual_relu(net: Net):
    total = net.op("Relu", net.op("Sub", *two_scales(net)))
    pooled = net.op("MaxPool", total, kernel_shape=[2, 2])
    return net.op("Conv", pooled, weights(net, 3, 4, 1, 1))


def gated_residual(net: Net):
    a, b = two_scales(net)
    row = activation(net, net.op("GlobalAveragePool", b), 0.25, 1)
    return net.op("Conv", net.op("Add", a, row), weights(net, 3, 4, 1, 1))


def relus_are_added(net: Net):
    layers = [net.op("Conv", activation(net), weights(net, 4, 4, 1, 1)) for _ in range(2)]
    a, b = (net.op("Relu", net.op("Add", y, net.const(F32([1, -2, 0.5, 0])[:, None, None])))
            for y in layers)  # fmt: skip
    return net.op("Add", a, net.op("Div", b, net.const(4)))


def constant_left(net: Net):
    w = weights(net, 5, 4, scale=[0.125, 0.5, 0.25, 1, 2], zero=[0] * 5, axis=0)
    return net.op("MatMul", w, activation(net))


def constant_left_batched(net: Net):
    return net.op("MatMul", weights(net, 1, 1, 5, 4), activation(net))


def grouped_transposed(net: Net):
    w = weights(net, 4, 3, 3, 3, scale=[0.125, 0.5, 0.25], zero=[0] * 3, axis=1)
    return net.op("ConvTranspose", activation(net), w, strides=[2, 2], group=2)


def factor_before_convolution(net: Net):
    x = net.op("Div", net.op("Mul", activation(net), net.const(-0.75)), net.const(3))
    return net.op("Conv", x, weights(net, 3, 4, 3, 3), pads=[1, 1, 1, 1])


def biases_differ(net: Net):
    """Too many pairs of operands to compare: multipliers by proof, and a bias for each channel."""
    a = activation(net)
    biases = net.const(F32([1.25, 0.5, -3, 0]))
    y = net.op("Conv", a, weights(net, 4, 4, 3, 3), biases, pads=[1, 1, 1, 1])
    return net.op("Add", y, a)


def map_for_all_channels(net: Net):
    """Channels are added to one map of pixels, which each of them multiplies by another integer."""
    a = activation(net)
    w = weights(net, 4, 4, 1, 1, scale=[0.125, 0.5, 0.25, 1], zero=[0] * 4, axis=0)
    pixels = activation(net, net.op("ReduceMax", a, net.const([1], np.int64), keepdims=1), 0.5, 1)
    return net.op("Add", net.op("Conv", a, w), pixels)


def transposed_behind_convolution(net: Net):
    """Three scales of 24 bits: their product has more than a float64."""
    x = activation(net, scale=0.12041689)
    y = net.op("Conv", x, weights(net, 4, 4, 1, 1, scale=1.3516947))
    return net.op("ConvTranspose", y, weights(net, 4, 2, 1, 1, scale=0.6387312), strides=[2, 2])


def slice_of_a_broadcast_difference(net: Net):
    a = activation(net)
    row = activation(net, net.op("ReduceMax", a, net.const([3], np.int64), keepdims=1), 0.5, 1)
    bounds = (net.const([v], np.int64) for v in (1, 3, 3))
    return net.op("Slice", net.op("Sub", a, row), *bounds)


LAYERS = [
    depthwise, channels_into_convolution, weights_by_input, concatenation, residual, residual_relu,
    gated_residual, relus_are_added, constant_left, constant_left_batched, grouped_transposed,
    factor_before_convolution, biases_differ, map_for_all_channels,
    transposed_behind_convolution, slice_of_a_broadcast_difference,
]  # fmt: skip


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.__name__)
def test_layers_of_several_scales(layer, numerics, tmp_path):
    net = Net(SHAPE, opset=20)
    assert_equal(finish(net, layer(net)), tmp_path, numerics)


@pytest.mark.simulation
def test_one_map_added_to_channels_of_several_scales_in_hardware(tmp_path):
    net = Net(SHAPE, opset=20)
    proto = finish(net, map_for_all_channels(net))
    design = qcompiler.compile(save(proto, tmp_path), cycles=300)
    x = inputs(count=12)
    made = np.reshape(design.simulate(x), (len(x), -1))
    np.testing.assert_array_equal(made, onnxruntime_codes(proto, x).reshape(len(x), -1))


def test_a_grid_is_no_finer_than_the_scales_need(tmp_path):
    """0.5 and 0.125: codes of the first are shifted by two bits, no more."""
    net = Net(SHAPE, opset=20)
    design = assert_equal(finish(net, residual(net)), tmp_path)
    core = functions(design.level("qint"))["core"]
    (total,) = (op for op in core.body.block.ops if isinstance(op, qint.AddOp))
    assert qint.range_of(total.result.type).width_bits == 11


def test_scales_that_are_far_apart_are_refused_at_the_sum(tmp_path):
    net = Net(SHAPE, opset=20)
    a = activation(net, net.op("Conv", activation(net), weights(net, 4, 4, 1, 1)), 0.11)
    total = net.op("Add", a, activation(net, net.op("Neg", a), 1.3e-7), name="residual")
    mended = net.op("Conv", total, weights(net, 3, 4, 1, 1))
    with pytest.raises(ModelError, match=r"residual \(ONNX Add\).*add a quantizer after it"):
        qcompiler.compile(save(finish(net, mended), tmp_path))


def test_a_sum_of_too_many_bits_is_refused_where_it_is(tmp_path):
    def network(mended: bool):
        net = Net(SHAPE, opset=20)
        a = activation(net, scale=0.0237)
        bias = net.const([0.3, -1.7, 0.011, 2.9], F32)
        several = {"scale": [0.0123, 0.0071, 0.0209, 0.0057], "zero": [0] * 4, "axis": 0}
        layer = net.op("Conv", a, weights(net, 4, 4, 1, 1, **several), bias)
        layer = activation(net, layer, 0.07) if mended else layer
        return save(finish(net, net.op("Add", layer, a, name="residual")), tmp_path)

    with pytest.raises(ModelError, match=r"residual \(ONNX Add\): joining .* quantize each act"):
        qcompiler.compile(network(False))
    qcompiler.compile(network(True))


READ_TWICE = {
    "gate": lambda net, d, e: net.op("Mul", d, net.op("HardSigmoid", e, alpha=0.25, beta=0.5)),
    "double": lambda net, d, e: net.op("Add", d, e),
    "square": lambda net, d, e: net.op("Mul", d, e),
    "negative part": lambda net, d, e: net.op("Sub", d, net.op("Relu", e)),
    "larger": lambda net, d, e: net.op("Max", d, e),
}
CODES = (np.arange(-140, 140, dtype=F32) / 4).reshape(-1, 1, 4)


def read_twice(function, second):
    net = Net(opset=20)
    codes = net.q("x", 0.25, 3, np.int8)
    d = net.dq(codes, 0.25, 3, np.int8)
    e = net.dq(codes, *second, np.int8) if second else d
    return finish(net, function(net, d, e))


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
@pytest.mark.parametrize("second", [(0.25, 3), (0.5, -7)])
@pytest.mark.parametrize("name", READ_TWICE)
def test_codes_that_are_dequantized_twice_meet_again(name, second, numerics, tmp_path):
    proto = read_twice(READ_TWICE[name], second)
    design = qcompiler.compile(save(proto, tmp_path), numerics=numerics)
    wanted = onnxruntime_codes(proto, CODES)
    np.testing.assert_array_equal(np.reshape(design.predict(CODES), wanted.shape), wanted)


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
def test_silu_of_two_dequantizers_is_silu_of_one(numerics, tmp_path):
    def silu(net, d, e):
        return net.op("Mul", d, net.op("Sigmoid", e))

    found = [
        qcompiler.compile(save(read_twice(silu, second), tmp_path), numerics=numerics)
        for second in ((0.25, 3), None)
    ]
    two, one = (design.predict(CODES) for design in found)
    np.testing.assert_array_equal(two, one)
    real = np.clip((CODES / 0.25).round() + 3, -128, 127) * 0.25 - 0.75
    assert np.abs(np.reshape(one, real.shape) - 3 - real / (1 + np.exp(-real)) / 0.5).max() < 0.51
