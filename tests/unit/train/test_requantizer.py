"""The requantizer: its equation by hand, its multipliers, its gradients."""

from math import floor, log2

import numpy as np
import pytest
import torch

from qcompiler.train import Requantizer
from qcompiler.train.dyadic import dyadic

torch.set_num_threads(1)


def requantizer(log2_scale, bias, **options):
    made = Requantizer(len(log2_scale) and 4, len(log2_scale), **options)
    with torch.no_grad():
        made.log2_scale.copy_(torch.tensor(log2_scale))
        made.bias.copy_(torch.tensor(bias))
    return made


@pytest.mark.parametrize("signed", [False, True])
def test_is_its_equation(signed):
    layer = requantizer([-3.3, -5.0, -1.2], [0.4, 3.6, -2.5], signed=signed)
    lo, hi = (-8, 7) if signed else (0, 15)
    m, s = (values.tolist() for values in layer.multiplier_and_shift())
    b = [0, 4, -2]  # half to even
    acc = np.arange(-300, 300).reshape(-1, 1) * np.ones((1, 3), np.int64)
    wanted = np.array(
        [
            [min(max(((m[c] * a + 2 ** (s[c] - 1)) >> s[c]) + b[c], lo), hi) for c in range(3)]
            for a in acc[:, 0].astype(int).tolist()
        ]
    )
    assert np.array_equal(layer.integers(acc.astype(np.int64)), wanted)
    assert np.array_equal(layer(torch.tensor(acc).float()).detach().numpy(), wanted)
    assert np.array_equal(layer(torch.tensor(acc)[:, :, None, None]).detach()[..., 0, 0], wanted)


def test_gradients_are_those_of_the_docstring():
    layer = requantizer([-2.5], [1.2])
    acc = torch.tensor([-40.0, 3.0, 20.0, 400.0], requires_grad=True)
    layer(acc[:, None]).sum().backward()
    scale = 2.0 ** float(-layer.multiplier_and_shift()[1]) * float(layer.multiplier_and_shift()[0])
    inside = torch.tensor([0.0, 1.0, 1.0, 0.0])
    assert acc.grad.tolist() == pytest.approx((scale * inside).tolist())
    trained = 2.0**-2.5
    assert float(layer.log2_scale.grad) == pytest.approx(np.log(2) * trained * 23)
    assert float(layer.bias.grad) == 2


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_multipliers_are_next_to_the_scale(bits):
    scales = np.exp2(np.linspace(-12, 2, 999))
    m, s = (v.numpy() for v in dyadic(torch.tensor(scales), bits, largest_shift=30))
    assert m.max() <= 2**bits
    assert s.min() >= 1
    reached = scales < 2.0 ** (bits - 1)
    assert (np.abs(m / 2.0**s / scales - 1)[reached] <= 2.0**-bits).all()


def test_few_digits():
    scales = torch.tensor(np.exp2(np.linspace(-6, 0, 200)))
    m, _ = dyadic(scales, 8, 1)
    assert set(m.tolist()) <= {1, 2}, "a shift, by at least one"
    m, s = dyadic(scales, 6, 2)
    for number, shift, scale in zip(m.tolist(), s.tolist(), scales.tolist(), strict=True):
        digits = {1, 3, 5, 7, 9, 15, 17, 31, 33, 63, 65}
        assert number in digits or shift == 1
        best = min(abs(d * 2.0**-e - scale) for d in digits for e in range(1, 40))
        assert abs(number * 2.0**-shift - scale) <= best + 2.0 ** (floor(log2(scale)) - 6)
