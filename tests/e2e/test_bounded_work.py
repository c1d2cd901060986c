"""Small models whose numbers are huge: bounded work, and the integers that fractions say."""

import time
from fractions import Fraction

import numpy as np
import pytest
from onnx_models import save
from refusals.net import Net

import qcompiler
from benchmarks.real_parts import onnxruntime_codes
from qcompiler.dialects import nn
from qcompiler.errors import ModelError

F32 = np.float32


def square_chain(count: int, quantizer_after: int | None = None):
    """x squared `count` times; a quantizer after each so many keeps numbers small."""
    net = Net()
    x = net.quantized(scale=0.25)
    for index in range(count):
        x = net.op("Mul", x, x)
        if quantizer_after and index % quantizer_after == quantizer_after - 1:
            x = net.quantized(x, scale=0.25)
    net.q(x, 0.25)
    model = net.model()
    model.graph.output[0].type.tensor_type.elem_type = 2
    return model


def seconds(job):
    """Returns what a job returns, and the processor seconds that it takes."""
    start = time.process_time()
    return job(), time.process_time() - start


@pytest.mark.parametrize("count", [3, 16, 200])
def test_squares_of_squares_are_those_of_float32(count, tmp_path):
    """Numbers pass what float32 holds, and are infinite then."""
    model = square_chain(count)
    design, took = seconds(lambda: qcompiler.compile(save(model, tmp_path)))
    assert took < 10
    codes = (np.arange(256, dtype=F32) / 4).reshape(64, 1, 4)
    np.testing.assert_array_equal(
        np.reshape(design.predict(codes), (64, 1, 4)), onnxruntime_codes(model, codes)
    )


@pytest.mark.parametrize("count", [16, 30])
def test_exact_squares_of_squares_are_refused_before_they_take_all_memory(count, tmp_path):
    def refused():
        with pytest.raises(ModelError, match=r"quantizelinear_1.*put a quantizer between"):
            qcompiler.compile(save(square_chain(count), tmp_path), numerics="exact")

    assert seconds(refused)[1] < 10
    path = save(square_chain(count, quantizer_after=2), tmp_path)
    assert seconds(lambda: qcompiler.compile(path, numerics="exact"))[1] < 30


@pytest.fixture(params=[24, 32])
def requantized(request, tmp_path):
    """Codes of so many bits from one scale to another, as text."""
    bits = request.param
    path = tmp_path / "n.qnn"
    path.write_text(
        f"network n(x: int{bits}[1, 4] scale 0.1) {{\n"
        f"  return quantize(x, int{bits}, scale: 0.07)\n}}\n"
    )
    design, took = seconds(lambda: qcompiler.compile(path))
    assert took < 10
    limit = 2 ** (bits - 1)
    random = np.random.default_rng(bits)
    codes = random.integers(-limit, limit, (200, 1, 4))
    codes[:3] = [[[-limit, limit - 1, 0, 1]], [[-1, 5, -5, 7]], [[35, -35, 105, 2]]]
    ratio = Fraction(float(F32(0.1))) / Fraction(float(F32(0.07)))
    wanted = [min(max(round(c * ratio), -limit), limit - 1) for c in codes.ravel().tolist()]
    return design, codes, np.reshape(wanted, codes.shape)


def test_wide_codes_get_a_wide_multiplier(requantized):
    design, codes, wanted = requantized
    (integers,) = design.core([codes])
    np.testing.assert_array_equal(integers.reshape(wanted.shape), wanted)


@pytest.mark.simulation
def test_wide_codes_in_hardware(requantized):
    design, codes, wanted = requantized
    (integers,), _ = design.simulate_core([codes.reshape(-1, 4)])
    np.testing.assert_array_equal(integers.reshape(wanted.shape), wanted)


def hard_swish():
    """x * HardSigmoid(x) as onnxruntime's quantize_static writes it, with scales that it chose."""
    net = Net()
    x = net.quantized(scale=0.041754432022571564, zero=128)
    gate = net.quantized(net.op("HardSigmoid", x, alpha=1 / 6, beta=0.5), 0.003921568859368563)
    net.q(net.op("Mul", x, gate), 0.022312602028250694, 17)
    model = net.model()
    model.graph.output[0].type.tensor_type.elem_type = 2
    return model


SCALES, ZEROS = (0.31, 0.27), (128, 120)
FACTORS = F32([1, -0.3, 2.5, 0.7])
PAIRS = {
    "sum": (lambda net, a, b: net.op("Add", a, b), lambda a, b: a + b),
    "gate": (
        lambda net, a, b: net.op("Mul", a, net.op("Sigmoid", b)),
        lambda a, b: a * sigmoid(b),
    ),
    "sum with a sigmoid": (
        lambda net, a, b: net.op("Sub", net.op("Sigmoid", b), a),
        lambda a, b: sigmoid(b) - a,
    ),
    "gate, and factors": (
        lambda net, a, b: net.op(
            "Mul", net.op("Mul", a, net.op("Sigmoid", b)), net.const(FACTORS)
        ),
        lambda a, b: a * sigmoid(b) * FACTORS,
    ),
}  # fmt: skip


def sigmoid(x):
    """Rounded to float32 once."""
    return F32(1 / (1 + np.exp(-x.astype(np.float64))))


def of_two(function, scales=SCALES, result=0.5):
    """A function of two activations: the first row of x and the second."""
    net = Net((1, 2, 4))
    parts = [net.quantized(net.op("Slice", "x", *(net.const([i], np.int64)
                                                  for i in (k, k + 1, 1))), scales[k], ZEROS[k])
             for k in (0, 1)]  # fmt: skip
    net.q(function(net, *parts), result, 128)
    model = net.model()
    model.graph.output[0].type.tensor_type.elem_type = 2
    return model


def every_pair(scales=SCALES):
    """Inputs of `of_two` that give each pair of codes."""
    codes = np.meshgrid(*(np.arange(256) - zero for zero in ZEROS), indexing="ij")
    rows = [(c * F32(s)).astype(F32).reshape(-1, 4) for c, s in zip(codes, scales, strict=True)]
    return np.stack(rows, axis=1)[:, None]


@pytest.mark.parametrize("name", PAIRS)
def test_functions_of_two_activations_on_every_pair_of_codes(name, tmp_path):
    """A sigmoid goes from 2**-60 to 1: more bits than an integer has."""
    build, function = PAIRS[name]
    model, x = of_two(build), every_pair()
    design = qcompiler.compile(save(model, tmp_path))
    made = np.reshape(design.predict(x), (len(x), 1, 1, 4))
    real = function(x[:, :, :1], x[:, :, 1:])
    np.testing.assert_array_equal(made, np.clip(np.rint(real / F32(0.5)) + 128, 0, 255))
    # onnxruntime's own sigmoid is an approximation: some ties fall to the other side.
    runtime = onnxruntime_codes(model, x).astype(int)
    assert np.abs(made - runtime).max() <= 1
    assert (made != runtime).sum() < 40


@pytest.mark.parametrize("numerics", ["onnxruntime", "exact"])
def test_a_gate_of_onnxruntime_on_every_code(numerics, tmp_path):
    model = hard_swish()
    design = qcompiler.compile(save(model, tmp_path), numerics=numerics)
    x = ((np.arange(256) - 128) * F32(0.041754432022571564)).astype(F32).reshape(64, 1, 4)
    made = np.reshape(design.predict(x), (64, 1, 4))
    np.testing.assert_array_equal(made, onnxruntime_codes(model, x))


def test_a_sum_of_round_scales_on_every_pair_of_codes(tmp_path):
    scales = 0.02, 0.03
    model, x = of_two(PAIRS["sum"][0], scales, 0.06), every_pair(scales)
    design = qcompiler.compile(save(model, tmp_path))
    made = np.reshape(design.predict(x), (len(x), 1, 1, 4))
    np.testing.assert_array_equal(made, onnxruntime_codes(model, x))


def test_steps_behind_many_moves_are_written_once(tmp_path, monkeypatch):
    """160 sums with 40 transpositions between: each sum is copied before all moves, not to each."""
    net = Net((1, 4, 4))
    x = net.quantized(scale=0.25)
    for index in range(160):
        x = net.op("Add", x, net.const(net.random.integers(-8, 9, (1, 4, 4)) / 16))
        if index % 4 == 3:
            x = net.op("Transpose", x, perm=[0, 2, 1])
    net.q(x, 0.5, 128)
    model = net.model()
    model.graph.output[0].type.tensor_type.elem_type = 2
    copies = []
    same_op = nn.same_op

    def counted(op, operands):
        copies.append(op)
        return same_op(op, operands)

    monkeypatch.setattr(nn, "same_op", counted)
    design = qcompiler.compile(save(model, tmp_path))
    assert len(copies) < 4 * 160
    values = np.random.default_rng(3).integers(-200, 200, (20, 1, 4, 4)).astype(F32) / 4
    made = np.reshape(design.predict(values), (20, 1, 4, 4))
    np.testing.assert_array_equal(made, onnxruntime_codes(model, values))
