"""Casts with a trained binary point: equal to the arithmetic of integers, gradients as derived."""

from itertools import product
from math import log
from typing import get_args

import numpy as np
import pytest
import torch
from trained_models import assert_equal_everywhere

from qcompiler import ModelError, train
from qcompiler.adder_graphs.digits import weight
from qcompiler.arith.fixed_point import FixedPoint, Overflow, Rounding
from qcompiler.train.point import cast

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("rounding", "overflow"), list(product(get_args(Rounding), get_args(Overflow)))
)
@pytest.mark.parametrize("fraction", [-2, 0, 5])
def test_torch_casts_as_the_integers_do(rounding, overflow, fraction):
    number = FixedPoint(4, fraction, True, rounding, overflow)
    x = np.arange(-600, 600) / 8 * 2.0**-fraction
    got = cast(torch.tensor(x), number, torch.tensor(float(fraction))).numpy()
    assert np.array_equal(got, number.cast(x))


def gradients(x, overflow, fraction=2.2):
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    point = torch.tensor(fraction, dtype=torch.float64, requires_grad=True)
    c = cast(x, FixedPoint(4, 0, True, "RND", overflow), point)
    c.backward()
    return float(c.detach()), float(x.grad), float(point.grad)


def test_gradients_are_those_of_the_docstring():
    c, dx, df = gradients(0.9, "SAT")
    assert (c, dx, df) == (1.0, 1.0, pytest.approx(log(2) * (0.9 - 1.0)))
    c, dx, df = gradients(9.0, "SAT")
    assert (c, dx, df) == (1.75, 0.0, pytest.approx(-log(2) * 1.75))
    c, dx, df = gradients(2.3, "WRAP")
    assert (c, dx, df) == (-1.75, 1.0, pytest.approx(log(2) * (2.3 + 1.75)))
    c, dx, df = gradients(2.3, "WRAP_SM")
    assert (c, dx, df) == (1.5, -1.0, pytest.approx(-log(2) * (2.3 + 1.5)))


def test_where_it_saturates_the_gradient_is_the_derivative():
    # The saturated value is hi * 2**-f for real f, which has finite differences.
    _, _, df = gradients(9.0, "SAT", 2.0)
    step = 1e-6
    difference = (7 * 2.0 ** -(2.0 + step) - 7 * 2.0 ** -(2.0 - step)) / (2 * step)
    assert df == pytest.approx(difference, rel=1e-6)


def test_the_point_is_learned():
    torch.manual_seed(0)
    layer = train.Cast(5, 6.0, signed=True)
    x = torch.randn(2000) * 3
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        ((layer(x) - x) ** 2).mean().backward()
        optimizer.step()
    errors = {
        f: float(((torch.tensor(FixedPoint(5, f).cast(x.double().numpy())) - x) ** 2).mean())
        for f in range(-2, 7)
    }
    assert errors[layer.point.number.fraction] < 1.3 * min(errors.values())


def test_overflow_that_qonnx_cannot_say_is_refused(tmp_path):
    model = train.Sequential(train.Input(4, shape=(3,)), train.Cast(3, 0, overflow="WRAP"))
    with pytest.raises(ModelError, match=r"1 \(Cast\): QONNX has no quantizer .* as WRAP; use"):
        train.export(model, tmp_path / "m.onnx")


def test_batch_normalization_follows_the_batch_then_the_running_means():
    torch.manual_seed(0)
    layer = train.FixedBatchNorm(3, 8)
    x = torch.randn(4000, 3, 2) * torch.tensor([1.0, 4.0, 0.5])[:, None] + 1
    for _ in range(60):
        y = layer(x)
    assert y.mean((0, 2)).abs().max() < 0.1
    assert (y.std((0, 2)) - 1).abs().max() < 0.1
    assert torch.allclose(layer.eval()(x), y, atol=0.05)


def test_points_start_where_weights_and_normal_sums_have_the_least_error():
    torch.manual_seed(0)
    layer = train.FixedLinear(64, 24, bits=4)
    model = train.Sequential(train.Input(5, shape=(64,)), layer, train.Cast(4))
    weights, biases, activation = train.binary_points(model)

    def error(places):
        number = FixedPoint(4, places, overflow="SAT_SYM")
        x = layer.weight.detach().double().numpy()
        return ((number.cast(x) - x) ** 2).sum()

    assert round(weights.item()) == min(range(8), key=error)
    assert biases.item() == weights.item() + 2
    # An unsigned number of 4 bits is best at about 2.6 root mean squares of a normal one.
    rms = model[1].spread(model[0].spread(1.0))
    assert 1.8 < 15 * 2.0 ** -activation.item() / rms < 3.7


@pytest.mark.parametrize("learned_width", [False, True])
def test_initializing_follows_weights_that_were_loaded(learned_width):
    torch.manual_seed(0)
    layer = train.FixedLinear(8, 4, bits=4, learned_width=learned_width)
    model = train.Sequential(train.Input(4, shape=(8,)), layer, train.Cast(4))
    before = layer.weight_fraction()
    with torch.no_grad():
        layer.weight *= 16
        layer.bias.fill_(0.5)
    train.initialize(model)
    assert layer.weight_fraction() == before - 4
    assert (layer.bias == 0.5).all(), "a bias in fixed point is a real number"
    steps = train.Sequential(train.Input(4, shape=(8,)), train.QuantLinear(8, 4, bits=4))
    with torch.no_grad():
        steps[1].weight *= 16
    wanted = steps[1].log2_step + 4
    train.initialize(steps)
    torch.testing.assert_close(steps[1].log2_step, wanted)


def test_points_of_activations_start_from_an_example_if_there_is_one():
    torch.manual_seed(0)
    cast, given = train.Cast(4), train.Cast(4, 3.0)
    model = train.Sequential(train.Input(8, shape=(16,)), train.FixedLinear(16, 8), cast, given)
    x = torch.randint(3, (500, 16)).float()  # of 0 to 255
    before = cast.point.number
    train.initialize(model, x)
    sums = model[1](x).detach().double().numpy()
    assert cast.point.number == before.fitted(sums)
    assert cast.point.number.fraction > before.fraction
    assert given.point.number.fraction == 3
    assert model.training


@pytest.mark.parametrize("learned_width", [False, True])
def test_weights_of_few_digits(learned_width, tmp_path):
    torch.manual_seed(0)
    options = {"bits": 6, "digits": 2, "learned_width": learned_width}
    model = train.Sequential(
        train.Input(4, shape=(1, 6)),
        train.FixedConv1d(1, 4, 3, **options),
        train.Cast(5),
        torch.nn.Flatten(),
        train.FixedLinear(16, 3, **options),
        train.Cast(6, signed=True),
    )
    model(torch.ones(2, 1, 6)).sum().backward()
    assert model[1].weight_point.fraction.grad.abs() > 0
    codes = model[4].codes().detach().abs().int().flatten().tolist()
    assert max(map(weight, codes)) == 2
    assert np.array_equal(model[4].codes_of_width(6), model[4].codes().detach().numpy())
    design = assert_equal_everywhere(model.eval(), tmp_path, cycles=6, multipliers="shifts")
    assert design.report().area["DSP"] == 0
