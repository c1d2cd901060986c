"""A requantizer that is the batch normalization in front of it, too."""

import numpy as np
import pytest
import torch

import qcompiler
from qcompiler import train

torch.set_num_threads(1)


def sums(channels=3):
    generator = torch.Generator().manual_seed(3)
    scale = torch.tensor([20.0, 300.0, 5.0])[:channels].reshape(-1, 1, 1)
    made = torch.randn(16, channels, 4, 4, generator=generator) * scale + 3 * scale
    return torch.round(made)


def test_training_rounds_what_a_batch_normalization_gives():
    acc = sums()
    layer = train.NormRequantizer(8, 3, signed=True)
    with torch.no_grad():
        layer.log2_scale.fill_(5.0)
        layer.bias.copy_(torch.tensor([0.5, -0.25, 0.0]))
    norm = torch.nn.BatchNorm2d(3, eps=1e-3)
    with torch.no_grad():
        norm.weight.fill_(32.0)
        norm.bias.copy_(torch.tensor([16.0, -8.0, 0.0]))
    wanted = torch.clamp(torch.round(norm(acc)), -128, 127)
    # Means are rounded to sums, and multipliers have eight bits.
    assert (layer(acc) - wanted).abs().max() <= 4
    assert torch.allclose(layer.running_mean.float(), norm.running_mean, atol=1e-2, rtol=1e-3)


def test_what_is_evaluated_is_what_hardware_has(tmp_path):
    torch.manual_seed(0)
    model = train.Sequential(
        train.Input(4, shape=(2, 6, 6)),
        train.QuantConv2d(2, 3, 3, padding=1),
        train.NormRequantizer(4, 3),
        train.QuantConv2d(3, 2, 3),
        train.NormRequantizer(5, 2, signed=True),
        train.Output(),
    )
    x = torch.randint(16, (32, 2, 6, 6)).float()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(4):
        optimizer.zero_grad()
        ((model(x) - 0.3) ** 2).mean().backward()
        optimizer.step()
    model.eval()
    wanted = train.fixed(model, x.numpy()).numbers
    assert np.array_equal(model(x).detach().numpy(), wanted)
    design = qcompiler.compile(train.export(model, tmp_path / "m.onnx"))
    assert np.array_equal(design.predict(x.numpy()), wanted)


def test_gradients_pass_through_mean_and_variance():
    # Where nothing is clamped, what is added to a channel changes nothing.
    acc = sums().double().requires_grad_()
    layer = train.NormRequantizer(16, 3, signed=True, multiplier_bits=20)
    with torch.no_grad():
        layer.log2_scale.fill_(9.0)
    (layer(acc) * torch.arange(16).reshape(-1, 1, 1, 1)).sum().backward()
    assert acc.grad.sum((0, 2, 3)).abs().max() <= 1e-6 * acc.grad.abs().sum()
    assert acc.grad.abs().max() > 0


def test_biases_are_counted_in_sums():
    # A step of an optimizer moves a bias as far as it moves weights, whatever the inputs' size.
    layer = train.QuantConv2d(4, 4, 1, bits=8)
    with torch.no_grad():
        layer.bias.fill_(2.0)
    before = layer.bias_values().detach()
    expected = layer.spread(100.0)
    assert float(layer.bias_unit) == pytest.approx(expected)
    assert torch.allclose(layer.bias_values(), before, atol=1)
