"""What layers refuse: numbers that no hardware has, and tensors that do not fit, by name."""

import numpy as np
import pytest
import torch
from torch import nn

from qcompiler import ModelError, train

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: train.QuantConv2d(1, 2, 3, bits=1), "weights with a sign .* from 2 to 16, got 1"),
        (lambda: train.QuantLinear(4, 2, bits=2.5), "whole number from 2 to 16, got 2.5"),
        (lambda: train.Requantizer(17), "codes without a sign .* from 1 to 16, got 17"),
        (lambda: train.Requantizer(4, multiplier_digits=0), "multiplier_digits .* at least 1"),
        (lambda: train.Input(0), "an input without a sign .* from 1 to 16, got 0"),
        (lambda: train.Add(1), "operands must be a whole number of at least 2, got 1"),
        (lambda: train.QuantLinear(4, 2, digits=0), "digits must be"),
        (lambda: train.QuantConv2d(1, 2, (3,)), r"kernel_size .* or 2 of them, got \(3,\)"),
        (lambda: train.QuantConv1d(1, 2, 3, groups=0), "groups must be"),
        (lambda: train.QuantConv1d(1, 2, 4, padding="same"), "'same' needs strides of 1"),
        (lambda: train.QuantConv1d(1, 2, 4, padding="all"), "'same' or 'valid', got 'all'"),
        (lambda: train.FixedLinear(4, 2, per_channel=True), "one binary point for all; use"),
    ],
)
def test_numbers_that_no_hardware_has(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_padding_by_name_is_that_of_torch():
    x = torch.randint(4, (2, 1, 9)).float()
    layer = train.QuantConv1d(1, 2, 5, padding="same", dilation=2)
    wanted = nn.functional.conv1d(x, layer.codes(), None, padding="same", dilation=2)
    assert torch.equal(layer(x), wanted)


IMAGE = train.Input(4, shape=(2, 6, 6))
MISFITS = [
    ((train.QuantConv2d(3, 2, 3),), r"1 \(QuantConv2d\): it takes 3 channels, got .* in_channels"),
    ((train.QuantConv1d(2, 2, 3),), r"1 \(QuantConv1d\): it takes \[batch, channels, time\]"),
    ((train.QuantConv2d(2, 2, 7),), r"windows of \[7, 7\] elements do not fit into \[6, 6\]"),
    ((train.Requantizer(4, 5),), r"1 \(Requantizer\): it takes \[batch, 5 channels, \.\.\.\]"),
    ((train.FixedBatchNorm(3),), r"1 \(FixedBatchNorm\): it takes \[batch, 3 channels"),
    ((train.QuantLinear(6, 2),), r"1 \(QuantLinear\): .*put a torch\.nn\.Flatten before it"),
    ((train.SumPool1d(2),), r"1 \(SumPool1d\): it takes \[batch, channels, time\]"),
    ((nn.Flatten(), train.QuantLinear(70, 2)), r"2 \(QuantLinear\): it takes \[batch, 70 inputs\]"),
]


@pytest.mark.parametrize(("layers", "words"), MISFITS)
def test_tensors_that_do_not_fit_are_said_with_the_layer(layers, words):
    """The same in training and in integers."""
    model = train.Sequential(IMAGE, *layers)
    x = torch.ones(3, 2, 6, 6)
    for run in (model, model.integers):
        with pytest.raises(ModelError, match=words):
            run(x)


class Meeting(train.Model):
    def __init__(self, joint):
        super().__init__()
        self.input = train.Input(4, shape=(2, 6))
        self.pool = nn.MaxPool1d(2)
        self.joint = joint

    def forward(self, x):
        x = self.input(x)
        return self.joint(x, self.pool(x))


def test_operands_that_do_not_meet():
    x = torch.ones(3, 2, 6)
    for joint, words in (
        (train.Add(), r"joint \(Add\): .* shapes that do not meet, \[3, 2, 6\] and \[3, 2, 3\]"),
        (train.Concat(), "shapes that do not meet"),
        (train.Add(3), r"it has 3 operands, got 2; make it as Add\(2\)"),
    ):
        with pytest.raises(ModelError, match=words):
            Meeting(joint)(x)


def test_inputs_of_integers():
    model = train.Sequential(IMAGE, nn.Flatten(), train.QuantLinear(72, 3))
    with pytest.raises(ModelError, match=r"0 \(Input\): it takes \[batch, 2, 6, 6\], got \[2, 6"):
        model.integers(np.ones((2, 6, 6)))
    with pytest.raises(ValueError, match=r"the model has 1 inputs .*, got 2"):
        model.integers(np.ones((1, 2, 6, 6)), np.ones(3))
    assert model.integers(np.ones((0, 2, 6, 6))).shape == (0, 3)
    assert model.integers(np.ones((4, 2, 6, 6)).tolist()).shape == (4, 3)
    assert model.bfloat16().integers(torch.ones(4, 2, 6, 6).bfloat16()).shape == (4, 3)


def test_lost_parameters_are_not_exported(tmp_path):
    model = train.Sequential(train.Input(4, shape=(4,)), train.QuantLinear(4, 3), train.Cast(4))
    with torch.no_grad():
        model[1].weight[0] = torch.inf
        model[2].point.fraction.fill_(torch.nan)
    with pytest.raises(ModelError) as caught:
        train.export(model, tmp_path / "m.onnx")
    said = [str(problem) for problem in caught.value.problems]
    assert said[0].startswith("1 (QuantLinear): its weight is no longer finite; lower")
    assert said[1].startswith("2 (Cast): its point.fraction is no longer finite")
    with pytest.raises(ValueError, match="form must be one of qonnx, qdq, got 'onnx'"):
        train.export(model, tmp_path / "m.onnx", "onnx")
