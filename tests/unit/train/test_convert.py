"""Float models become models of integers: near them at once with many bits, exact, by name."""

import pytest
import torch
from torch import nn
from trained_models import assert_equal_everywhere

from qcompiler import ModelError, train

torch.set_num_threads(1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
        self.relu = nn.ReLU()
        self.branch = nn.Conv2d(6, 6, 3, padding=1, groups=3)
        self.pool = nn.MaxPool2d(2)
        self.side = nn.Conv2d(6, 4, 1)
        self.whole = nn.AdaptiveAvgPool2d(1)
        self.drop = nn.Dropout(0.2)
        self.dense = nn.Linear(10, 5)

    def forward(self, x):
        x = self.relu(self.stem(x))
        x = self.pool(torch.relu(x + self.branch(x)))
        x = torch.cat([x, self.relu(self.side(x))], 1)
        return self.dense(self.drop(torch.flatten(self.whole(x), 1)))


def float_model():
    torch.manual_seed(1)
    model = Residual()
    x = torch.randint(256, (400, 2, 6, 6)).float()
    for _ in range(30):
        model(x)  # running means
    return model.eval(), x


def test_with_many_bits_it_is_the_float_model():
    model, x = float_model()
    made = train.quantize_modules(model, train.Config(8, 8, multiplier_bits=12), x)
    with torch.no_grad():
        wanted, got = model(x), made.eval()(x)
    assert float((wanted - got).norm() / wanted.norm()) < 0.2


def test_requantizers_are_shifts_where_multipliers_have_one_digit(tmp_path):
    """Steps of weights make up for it: the model is still near the float one at once."""
    model = nn.Sequential(nn.Conv1d(1, 5, 5, padding=2), nn.ReLU(), nn.Conv1d(5, 2, 1)).eval()
    x = torch.randint(256, (50, 1, 20)).float()
    made = train.quantize_modules(model, train.Config(8, 8, multiplier_digits=1), x).eval()
    with torch.no_grad():
        wanted, got = model(x), made(x)
    assert float((wanted - got).norm() / wanted.norm()) < 0.03
    requantizers = [m for m in made.modules() if isinstance(m, train.Requantizer)]
    assert [m.multiplier_and_shift()[0].tolist() for m in requantizers] == [[1] * 5]
    assert_equal_everywhere(made, tmp_path)


@pytest.mark.parametrize("per_channel", [True, False])
def test_it_is_exact_everywhere(per_channel, tmp_path):
    model, _ = float_model()
    config = train.Config(4, 4, 6, per_channel=per_channel, bits_of={"dense": 6})
    made = train.quantize_modules(model, config)
    made(torch.zeros(1, 2, 6, 6))
    assert made.network.dense.bits == 6
    assert_equal_everywhere(made.eval(), tmp_path)


def test_what_has_no_counterpart_is_named_all_at_once():
    layers = nn.Conv1d(1, 2, 3, padding="same"), nn.GELU(), nn.Flatten(), nn.Linear(4, 2)
    with pytest.raises(ModelError) as caught:
        train.quantize_modules(nn.Sequential(nn.Sigmoid(), *layers))
    assert [p.where for p in caught.value.problems] == ["0"]
    with pytest.raises(ModelError, match=r"1 \(Conv1d\): only zeros as padding"):
        train.quantize_modules(nn.Sequential(nn.ReLU(), *layers))
