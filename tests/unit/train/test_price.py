"""The price of trained widths: its gradient is its difference, and training meets a budget."""

import pytest
import torch
from torch import nn
from trained_models import assert_equal_everywhere

import qcompiler
from qcompiler import train

torch.set_num_threads(1)


def model_of(bits=7):
    torch.manual_seed(0)
    return train.Sequential(
        train.Input(4, shape=(1, 8)),
        train.FixedConv1d(1, 4, 3, bits=bits, learned_width=True),
        train.Cast(bits, learned_width=True),
        nn.Flatten(),
        train.FixedLinear(24, 5, bits=bits, learned_width=True),
        train.Cast(bits, signed=True),
    )


def test_between_widths_the_price_is_a_line():
    model = model_of()
    price = train.Price(model)
    points = [model[1].weight_point.fraction, model[2].point.fraction]
    with torch.no_grad():
        for point in points:
            point -= 0.7
    price().luts.backward()
    for point in points:
        before, step = float(price().luts.detach()), 0.1
        with torch.no_grad():
            point += step
        after = float(price().luts.detach())
        with torch.no_grad():
            point -= step
        assert float(point.grad) == pytest.approx((after - before) / step, rel=1e-3)
        assert point.grad > 0


def test_training_meets_a_budget_and_stays_exact(tmp_path):
    model = model_of()
    price = train.Price(model)
    budget = float(price().luts.detach()) / 2
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (torch.relu(price().luts - budget) / budget).backward()
        optimizer.step()
    assert price().luts < 1.1 * budget
    assert model[1].weight_point.number.width < 7 or model[4].weight_point.number.width < 7
    cheap = assert_equal_everywhere(model.eval(), tmp_path, cycles=1)
    dear = qcompiler.compile(train.export(model_of(), tmp_path / "dear.onnx"), cycles=1)
    assert cheap.report().area["LUT"] < 0.8 * dear.report().area["LUT"]


def test_a_calibrated_price_is_that_of_the_whole_design(tmp_path):
    """With the window of the convolution, and what the adders of the dense layer share."""
    model = model_of()
    price = train.Price(model)
    before = float(price().luts.detach())
    price.calibrate()
    design = qcompiler.compile(train.export(model, tmp_path / "m.onnx"), cycles=1)
    assert any(layer.kind == "sliding_window" for layer in design.report().layers)
    assert float(price().luts.detach()) == design.report().area["LUT"] != round(before)
    price.calibrate(cycles=64)
    folded = qcompiler.compile(tmp_path / "m.onnx", cycles=64).report().area["LUT"]
    assert float(price().luts.detach()) == folded


def test_a_budget_that_the_calibrated_price_meets_is_met_by_the_design(tmp_path):
    model = model_of()
    price = train.Price(model)
    price.calibrate()
    budget = 0.8 * float(price().luts.detach())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    while price().luts > budget:
        for _ in range(5):
            optimizer.zero_grad()
            torch.relu(price().luts / budget - 1).backward()
            optimizer.step()
        price.calibrate()
    design = qcompiler.compile(train.export(model, tmp_path / "m.onnx"), cycles=1)
    assert 0.5 * budget < design.report().area["LUT"] <= budget


def test_effective_bit_operations_are_counted_by_hand():
    model = train.Sequential(train.Input(5, shape=(3,)), train.QuantLinear(3, 2, bits=4))
    with torch.no_grad():
        model[1].weight.fill_(1.0)
        model[1].weight[0, 0] = 0
    assert float(train.Price(model)().ebops) == 5 * 4 * 5


def test_requantizers_are_paid_for_each_channel():
    torch.manual_seed(0)
    model = train.Sequential(
        train.Input(4, shape=(1, 8)), train.QuantConv1d(1, 8, 3), train.Requantizer(4)
    )
    sums = train.Sequential(*model[:2])
    paid = float(train.Price(model)().luts - train.Price(sums)().luts)
    assert paid == pytest.approx(8 * 2 * float(model[1].width(torch.tensor(4.0))))
