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


class Called(nn.Module):
    """A convolution, what is called of its codes, a dense layer."""

    def __init__(self, call, elements):
        super().__init__()
        self.conv, self.call = nn.Conv2d(2, 8, 3, padding=1), call
        self.dense = nn.Linear(elements, 3)

    def forward(self, x):
        return self.dense(self.call(nn.functional.relu(self.conv(x))))


FLAT = nn.Flatten()
F = nn.functional
CALLS = {
    "view": (lambda x: x.view(x.size(0), -1), FLAT, 128),
    "reshape": (lambda x: x.reshape((x.shape[0], 128)), FLAT, 128),
    "view_to": (lambda x: x.view(-1, 128), FLAT, 128),
    "flatten": (lambda x: torch.flatten(x, start_dim=1), FLAT, 128),
    "max": (lambda x: F.max_pool2d(x, 2).flatten(1), nn.Sequential(nn.MaxPool2d(2), FLAT), 32),
    "mean": (
        lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), FLAT),
        8,
    ),
    "dropout": (lambda x: F.dropout(x, 0.1, training=False).flatten(1), FLAT, 128),
    "one beside nothing": (lambda x: torch.cat([x], 1).flatten(1), FLAT, 128),
    "relu6": (lambda x: F.relu6(x).flatten(1), nn.Sequential(nn.ReLU6(), FLAT), 128),
}


@pytest.mark.parametrize("name", CALLS)
def test_functions_are_the_modules_that_compute_the_same(name):
    call, module, elements = CALLS[name]
    torch.manual_seed(0)
    one = Called(call, elements)
    other = Called(module, elements)
    other.load_state_dict(one.state_dict())
    x = torch.randint(256, (20, 2, 4, 4)).float()
    made = [train.quantize_modules(model, example=x).eval() for model in (one, other)]
    assert len(made[0].integers(x)) == 20
    assert (made[0].integers(x) == made[1].integers(x)).all()


def test_one_tensor_may_meet_itself(tmp_path):
    twice = Called(lambda x: torch.cat([x, x], dim=1).add(torch.cat([x, x], 1)).flatten(1), 256)
    x = torch.randint(256, (20, 2, 4, 4)).float()
    made = train.quantize_modules(twice, train.Config(8, 8, multiplier_bits=12), x).eval()
    with torch.no_grad():
        assert float((twice(x) - made(x)).norm() / twice(x).norm()) < 0.2
    assert_equal_everywhere(made, tmp_path, count=100)


def test_the_shape_of_an_example_is_the_model_s(tmp_path):
    model = nn.Sequential(nn.Linear(4, 3))
    train.export(train.quantize_modules(model, example=torch.ones(2, 4)), tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="its shape is not known"):
        train.export(train.quantize_modules(model), tmp_path / "m.onnx")


def test_the_float_model_stays_as_it_is():
    model = nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)).train()
    model[1].eval()
    made = train.quantize_modules(model)
    made.train()
    assert (model.training, model[1].training) == (True, False)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda x: torch.add(x, x, alpha=3).flatten(1), "add: add of other than two tensors"),
        (lambda x: (x + 1).flatten(1), "add: add of other than two tensors"),
        (lambda x: torch.cat([x, x], 2).flatten(1), "cat: .* along the channels .*; give dim=1"),
        (lambda x: x.mean((2, 3)), r"use torch\.nn\.AdaptiveAvgPool2d\(1\) and Flatten"),
        (lambda x: x if x.sum() > 0 else -x, "Called: its forward depends on data"),
    ],
)
def test_calls_without_counterpart(call, words):
    with pytest.raises(ModelError, match=words):
        train.quantize_modules(Called(call, 8))


def test_names_of_widths_are_those_of_layers():
    with pytest.raises(ValueError, match="no layer with conv; there are 0"):
        train.quantize_modules(nn.Sequential(nn.Linear(4, 3)), train.Config(bits_of={"conv": 8}))


def test_what_has_no_counterpart_is_named_all_at_once():
    layers = nn.Conv1d(1, 2, 3, padding_mode="circular"), nn.GELU(), nn.Flatten(), nn.Linear(4, 2)
    with pytest.raises(ModelError) as caught:
        train.quantize_modules(nn.Sequential(nn.Sigmoid(), *layers))
    assert [p.where for p in caught.value.problems] == ["0"]
    with pytest.raises(ModelError, match=r"1 \(Conv1d\): only zeros as padding"):
        train.quantize_modules(nn.Sequential(nn.ReLU(), *layers))
    norm = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4))
    with pytest.raises(ModelError, match=r"1: BatchNorm1d .* it alone reads a convolution"):
        train.quantize_modules(norm)
