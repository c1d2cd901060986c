"""Models as torch's users know them, and what is said where one cannot be taken."""

import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from qcompiler import ModelError, train
from qcompiler.train.regularizers import multiplier_length

torch.set_num_threads(1)


def small():
    torch.manual_seed(0)
    return train.Sequential(
        train.Input(4, shape=(1, 6)),
        train.QuantConv1d(1, 2, 3, bits=3),
        train.Requantizer(3, 2),
        nn.Flatten(),
        train.QuantLinear(8, 3, bits=3),
        train.Output(),
    )


def test_state_dict_keeps_the_integers(tmp_path):
    model = small()
    with torch.no_grad():
        model[2].bias += 1.3
    torch.save(model.state_dict(), tmp_path / "state.pt")
    other = small()
    other.load_state_dict(torch.load(tmp_path / "state.pt"))
    x = np.random.default_rng(0).integers(0, 16, (50, 1, 6))
    assert np.array_equal(other.integers(x), model.integers(x))


def test_torch_compile_takes_it_whole():
    model = small()
    x = torch.randint(16, (5, 1, 6)).float()
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), model(x))


def test_scales_to_start_from_reach_the_codes():
    torch.manual_seed(0)
    layers = train.Input(4), train.QuantConv1d(8, 32, 5, bits=4), train.Requantizer(4)
    codes = train.Sequential(*layers)(torch.randint(16, (100, 8, 9)).float())
    assert codes.max() == 15
    assert 2 < codes.std() < 8


def test_the_file_names_modules(tmp_path):
    train.export(small(), tmp_path / "m.onnx")
    names = [node.name for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert "4_quantlinear" in names
    assert not [path for path in tmp_path.iterdir() if path.name != "m.onnx"]


def test_lost_numbers_end_training_with_the_name_of_the_layer():
    model = small()
    with torch.no_grad():
        model[4].weight[0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"^4 \(QuantLinear\): its weight is no longer finite"):
        model(torch.ones(1, 1, 6))
    with pytest.raises(ModelError, match=r"^0 \(Input\): what it is given is not finite; look at"):
        model(torch.full((1, 1, 6), torch.nan))


def test_sums_that_overflow_end_training_with_the_name_of_the_layer():
    model = small()
    with torch.no_grad():
        model[1].bias.fill_(3e38)
        model[1].log2_step.fill_(-20)
        model[1].weight.fill_(3e38)
    with pytest.raises(ModelError, match=r"^\d \(\w+\): its output is not finite; lower the learn"):
        model(torch.ones(1, 1, 6))


def test_all_modules_without_integers_are_refused_by_name(tmp_path):
    model = nn.Sequential(train.Input(4, shape=(2, 4)), nn.Conv1d(2, 2, 3), nn.Sigmoid())
    with pytest.raises(ModelError) as caught:
        train.export(model, tmp_path / "m.onnx")
    assert [p.where for p in caught.value.problems] == ["1 (Conv1d)", "2 (Sigmoid)"]
    assert list(tmp_path.iterdir()) == []


def test_a_layer_of_torch_alone_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError) as caught:
        train.export(nn.Linear(4, 2), tmp_path / "m.onnx")
    assert [p.where for p in caught.value.problems] == ["0 (Linear)"]


@pytest.mark.parametrize("place", ["missing/m.onnx", "."])
def test_a_place_that_cannot_be_written_is_named(place, tmp_path):
    with pytest.raises(ModelError, match=r"cannot be written: .*; name another place") as caught:
        train.export(small(), tmp_path / place)
    assert caught.value.problems[0].where == str(tmp_path / place)
    assert list(tmp_path.iterdir()) == []


class Functions(nn.Module):
    def __init__(self):
        super().__init__()
        self.input = train.Input(4)

    def forward(self, x):
        x = self.input(x)
        return torch.flatten(x + x, 1)


def test_functions_are_refused_with_what_to_use(tmp_path):
    with pytest.raises(ModelError, match=r"^add: add in forward has no integers; use .*train\.Add"):
        train.export(Functions(), tmp_path / "m.onnx")


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Branching(), "depends on data"),
        (train.Sequential(train.Input(4), nn.Flatten()), "shape is not known; give Input"),
        (nn.Sequential(nn.Flatten()), "0 .Flatten.: takes the model's input, .*train.Input"),
    ],
)
def test_models_that_cannot_be_exported(model, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        train.export(model, tmp_path / "m.onnx")


def test_a_scale_that_rounds_is_refused():
    with pytest.raises(ValueError, match="must be a power of two"):
        train.Input(8, scale=1 / 255)


def test_sums_beyond_float32_are_said(tmp_path):
    model = train.Sequential(train.Input(8, shape=(600,)), train.QuantLinear(600, 2, bits=8))
    with torch.no_grad():
        model[1].weight[:] = 1.0
    with pytest.warns(UserWarning, match=r"1 \(QuantLinear\): its numbers have more than 24 bits"):
        train.export(model, tmp_path / "m.onnx")


def test_the_regularizer_shortens_multipliers():
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    assert multiplier_length(model) > 0
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    for _ in range(150):
        optimizer.zero_grad()
        multiplier_length(model).backward()
        optimizer.step()
        decay.step()
    assert set(model[2].multiplier_and_shift()[0].tolist()) <= {1, 2}
    assert float(multiplier_length(nn.ReLU())) == 0


def test_without_torch_one_line_says_what_to_install():
    code = "import sys; sys.modules['torch'] = None; import qcompiler.train"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith("not installed; pip install 'qcompiler-hdl[train]'")
