"""Cropped models: channels that belong together go together, and shares of weights are met."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from qcompiler import ModelError, train
from qcompiler.cropping.densities import convex

torch.set_num_threads(1)


class Branches(nn.Module):
    """Sums, a concatenation, depthwise and grouped layers, a flattened image."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.residual = nn.Conv2d(16, 16, 1, bias=False)
        self.grouped = nn.Conv2d(16, 24, 3, padding=1, groups=4)
        self.side = nn.Conv2d(16, 10, 1)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(34 * 16, 20)
        self.dense = nn.Linear(20, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.stem(x)))
        x = torch.relu(x + self.residual(self.depthwise(x)))
        x = self.pool(torch.cat([self.grouped(x), self.side(x)], 1))
        return self.dense(torch.relu(self.hidden(torch.flatten(x, 1))))


def weights_of(model):
    return sum(p.numel() for p in model.parameters() if p.dim() > 1)


@pytest.mark.parametrize("densities", ["synflow", "convex"])
@pytest.mark.parametrize("keep", [0.25, 0.6])
def test_a_cropped_model_runs_and_has_its_share_of_weights(keep, densities):
    torch.manual_seed(0)
    model, x = Branches(), torch.randn(2, 3, 8, 8)
    small = train.crop(model, x, keep, densities=densities)
    assert small(x).shape == (2, 5)
    assert keep - 0.06 < weights_of(small) / weights_of(model) <= keep
    assert small.stem.out_channels == small.residual.in_channels == small.residual.out_channels
    assert small.depthwise.groups == small.stem.out_channels
    assert small.grouped.in_channels % 4 == small.grouped.out_channels % 4 == 0
    assert model.stem.out_channels == 16, "the model itself is as it was"


def test_channels_that_go_are_those_without_flow():
    """Most channels make zeros: without them, the smaller model computes the same."""
    torch.manual_seed(1)
    model, x = Branches().eval(), torch.randn(4, 3, 8, 8)
    living = {"stem": 4, "norm": 4, "depthwise": 4, "residual": 4}
    living |= {"grouped": 6, "side": 5, "hidden": 4}
    with torch.no_grad():
        for name, every in living.items():
            for parameter in getattr(model, name).parameters():
                parameter[torch.arange(len(parameter)) % every != 0] = 0
    small = train.crop(model, x, 0.15, densities="convex")
    assert small.stem.out_channels < 16
    assert small.side.out_channels < 10
    torch.testing.assert_close(small(x), model(x))


def test_widths_are_those_of_the_model():
    torch.manual_seed(2)
    model, x = Branches(), torch.zeros(1, 3, 8, 8)
    outputs = train.cropped_widths(model, x, 0.5).outputs
    small = train.crop(model, x, 0.5)
    assert outputs == {name: len(getattr(small, name).weight) for name in outputs}


def test_widths_are_multiples_of_what_is_asked_for():
    model = nn.Sequential(
        nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 4)
    )
    widths = train.cropped_widths(model, torch.zeros(1, 8), 0.4, multiple=8)
    assert widths.outputs["0"] % 8 == 0
    assert 0 < widths.outputs["2"] < 30, "8 does not divide 30"
    assert widths.outputs["4"] == 4


def test_densities_of_the_convex_program_are_optimal():
    """No shift of weights from one layer to another makes the product of densities larger."""
    sizes = [10, 400, 1000, 90]
    found = convex(sizes, 0.3)
    assert sum(p * n for p, n in zip(found, sizes, strict=True)) == pytest.approx(450)
    gain = [1 / (p * n) for p, n in zip(found, sizes, strict=True)]
    inside = [g for g, p in zip(gain, found, strict=True) if p < 1]
    assert max(inside) == pytest.approx(min(inside))
    assert all(g >= max(inside) for g, p in zip(gain, found, strict=True) if p == 1)


def test_what_is_not_known_is_named_all_at_once():
    model = nn.Sequential(nn.Conv2d(1, 6, 1), nn.PixelShuffle(1), nn.Conv2d(6, 6, 1))
    with pytest.raises(ModelError, match=r"1 \(PixelShuffle\).*crop the parts"):
        train.crop(model, torch.zeros(1, 1, 4, 4))
    with pytest.raises(ValueError, match=r"at most 1, got 1\.5"):
        train.crop(model[:1], torch.zeros(1, 1, 4, 4), 1.5)


class Functions(nn.Module):
    """Pools as functions, a layer that is called twice, a view, two outputs."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.again = nn.Conv2d(8, 8, 3, padding=1)
        self.hidden = nn.Linear(8 * 4, 12)
        self.one = nn.Linear(12, 2)
        self.other = nn.Linear(12, 3)

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.stem(x)), 2)
        x = functional.avg_pool2d(torch.relu(self.again(torch.relu(self.again(x)))), 2)
        x = torch.relu(self.hidden(x.view(x.size(0), -1)))
        return self.one(x), self.other(x)


def test_functions_and_layers_that_are_called_twice():
    torch.manual_seed(3)
    model, x = Functions(), torch.randn(2, 1, 8, 8)
    small = train.crop(model, x, 0.5)
    assert [tuple(y.shape) for y in small(x)] == [(2, 2), (2, 3)]
    assert small.stem.out_channels == small.again.in_channels == small.again.out_channels < 8
    assert weights_of(small) <= weights_of(model) / 2


@pytest.mark.parametrize(
    ("model", "shape", "error", "said"),
    [
        (nn.Sequential(nn.ReLU()), (1, 4), ModelError, "no convolution and no dense layer"),
        (nn.Linear(4, 2), (1, 4), ModelError, "a parameter outside of"),
        (nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), (1, 5, 4), ModelError, "last of more"),
        (nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)), (4,), ValueError, "got 1 axes"),
    ],
)
def test_what_cannot_be_cropped(model, shape, error, said):
    with pytest.raises(error, match=said):
        train.crop(model, torch.zeros(shape))


def _twice(x):
    return torch.cat([x, x], 1)


def _twice_from_the_end(x):
    return torch.concat(tensors=(x, torch.relu(x), x), dim=-3)


def _alone(x):
    return torch.concatenate([x], axis=1)


class Beside(nn.Module):
    """One value, joined with itself, between two convolutions."""

    def __init__(self, join, times):
        super().__init__()
        self.join = join
        self.stem = nn.Conv2d(1, 16, 1)
        self.next = nn.Conv2d(16 * times, 12, 1)
        self.last = nn.Conv2d(12, 3, 1)

    def forward(self, x):
        return self.last(torch.relu(self.next(self.join(self.stem(x)))))


@pytest.mark.parametrize(
    ("join", "times"), [(_twice, 2), (_twice_from_the_end, 3), (_alone, 1)], ids=["2", "3", "1"]
)
def test_a_value_beside_itself_loses_its_channels_everywhere(join, times):
    """Channels that make zeros go, of all copies: the smaller model computes the same."""
    torch.manual_seed(4)
    model, x = Beside(join, times), torch.randn(2, 1, 4, 4)
    with torch.no_grad():
        for layer, living in (model.stem, 4), (model.next, 2):
            for parameter in layer.parameters():
                parameter[living:] = 0
    small = train.crop(model, x, 0.1, densities="convex")
    assert small.next.in_channels == times * small.stem.out_channels < times * 16
    torch.testing.assert_close(small(x), model(x))


def test_less_than_a_channel_of_each_layer_is_refused():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    with pytest.raises(ValueError, match=r"at least 0\.12: one channel of each layer stays"):
        train.crop(model, torch.zeros(1, 4), 0.05)
