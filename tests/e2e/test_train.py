"""Models of `qcompiler.train`: torch, integers, interpreter, qonnx's executor and RTL are equal."""

import json

import numpy as np
import onnxruntime
import pytest
import torch
from cli_runner import qcc
from torch import nn
from trained_models import assert_equal_everywhere, inputs_of, shaken

import qcompiler
from benchmarks.train_rungs import Branches, images, points
from qcompiler import train
from qcompiler.adder_graphs.digits import weight

torch.set_num_threads(1)
each_width = pytest.mark.parametrize(
    "bits",
    [
        pytest.param(bits, marks=[pytest.mark.sweep] if bits in (3, 8) else [])
        for bits in (2, 3, 4, 8)
    ],
)


@pytest.mark.simulation
@each_width
def test_images(bits, tmp_path):
    torch.manual_seed(bits)
    assert_equal_everywhere(shaken(images(bits)), tmp_path, simulated=20 * (bits == 4))


@each_width
def test_lines(bits, tmp_path):
    torch.manual_seed(bits)
    model = train.Sequential(
        train.Input(bits, signed=True, scale=0.25, shape=(1, 12)),
        train.QuantConv1d(1, 4, 5, padding=2, bits=bits),
        train.Requantizer(bits, 4),
        nn.MaxPool1d(2),
        train.QuantConv1d(4, 4, 3, bits=bits, dilation=2, signed=False),
        train.Requantizer(8, 4, signed=True, bias=False),
    )
    assert_equal_everywhere(shaken(model), tmp_path)


def test_training_learns_and_stays_exact(tmp_path):
    torch.manual_seed(0)
    model = train.Sequential(
        train.Input(4, shape=(1, 8)),
        train.QuantConv1d(1, 4, 3, padding=1, bits=3),
        train.Requantizer(3, 4),
        nn.Flatten(),
        train.QuantLinear(32, 4, bits=3),
        train.Output(),
    )
    # Where in a line a bump stands.
    labels = torch.arange(256) % 4
    x = torch.randint(4, (256, 1, 8)).float()
    x[torch.arange(256), 0, 2 * labels] += 10
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    before = nn.functional.cross_entropy(model(x), labels)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    assert nn.functional.cross_entropy(model(x), labels) < before / 4
    assert (model.integers(x).argmax(1) == labels.numpy()).mean() > 0.95
    assert_equal_everywhere(model.eval(), tmp_path)


@pytest.mark.simulation
@each_width
def test_branches(bits, tmp_path):
    torch.manual_seed(bits)
    assert_equal_everywhere(shaken(Branches(bits)), tmp_path, simulated=20 * (bits == 3))


@pytest.mark.simulation
@each_width
def test_binary_points(bits, tmp_path):
    torch.manual_seed(bits)
    assert_equal_everywhere(shaken(points(bits)), tmp_path, simulated=20 * (bits == 4))


ROUNDING = ["TRN", "TRN_ZERO", "RND", "RND_CONV", "RND_ZERO", "RND_INF", "RND_MIN_INF"]


@pytest.mark.parametrize("rounding", ROUNDING)
def test_rounding_modes(rounding, tmp_path):
    torch.manual_seed(0)
    model = train.Sequential(
        train.Input(6, signed=True, shape=(3,)),
        train.QuantLinear(3, 2, bits=3),
        train.Cast(6, -1.6, signed=True, rounding=rounding),
    )
    assert_equal_everywhere(model.eval(), tmp_path)


@pytest.mark.parametrize("digits", [1, 2])
def test_weights_of_few_digits_take_no_multiplier(digits, tmp_path):
    torch.manual_seed(digits)
    model = train.Sequential(
        train.Input(4, shape=(1, 8)),
        train.QuantConv1d(1, 4, 3, padding=1, bits=8, digits=digits),
        train.Requantizer(4, 4, multiplier_digits=digits),
        nn.Flatten(),
        train.QuantLinear(32, 5, bits=8, digits=digits),
        train.Requantizer(6, signed=True, multiplier_digits=digits),
    )
    weights = abs(model[1].codes().detach().int()).flatten().tolist()
    assert max(weight(number) for number in weights) == digits
    design = assert_equal_everywhere(shaken(model), tmp_path, cycles=8)
    assert design.report().area["DSP"] > 0, "folded, hard multipliers are used where they are"
    for options in ({"cycles": 1}, {"cycles": 8, "multipliers": "shifts"}):
        without = assert_equal_everywhere(model, tmp_path, **options)
        assert without.report().area["DSP"] == 0


@pytest.mark.simulation
def test_the_netlist_computes_what_torch_does(tmp_path, capfd):
    """The last rung; weights and requantizers of two digits, folded, without hard multipliers."""
    torch.manual_seed(3)
    model = train.Sequential(
        train.Input(4, shape=(1, 8)),
        train.QuantConv1d(1, 2, 3, padding=1, bits=4, digits=2),
        train.Requantizer(4, 2, multiplier_digits=2),
        train.QuantConv1d(2, 2, 3, padding=1, bits=4, digits=2),
        train.Requantizer(4, 2, signed=True, multiplier_digits=2),
    )
    model = shaken(model)
    options = {"cycles": 48, "multipliers": "shifts", "requantizer": "mul_shift"}
    design = qcompiler.compile(train.export(model, tmp_path / "m.onnx"), **options)
    x = inputs_of(model, 200)
    numbers = train.fixed(model, x).numbers
    with torch.no_grad():
        assert np.array_equal(model(torch.tensor(x)).numpy(), numbers)
    assert np.array_equal(design.predict(x), numbers)
    np.save(tmp_path / "x.npy", x)
    folder = design.write(tmp_path / "design")
    made = qcc(capfd, "synth", folder, "--device", "ecp5-25k", "--json")
    assert made.status == 0, made.words
    assert json.loads(made.out)["total"]["DSP"] == 0
    words = ("--netlist", "--device", "ecp5-25k", "--from-file", tmp_path / "x.npy")
    checked = qcc(capfd, "verify", folder, *words)
    assert checked.status == 0, checked.words
    assert "0 mismatches in 400 frames" in checked.out


@pytest.mark.parametrize("make", [images, Branches])
def test_qdq_means_the_same(make, tmp_path):
    torch.manual_seed(4)
    model = shaken(make(4))
    path = train.export(model, tmp_path / "m.onnx", "qdq")
    x = inputs_of(model, 300)
    wanted = train.fixed(model, x).numbers
    assert np.array_equal(qcompiler.compile(path).predict(x), wanted)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options)
    (name,) = (given.name for given in session.get_inputs())
    got = [session.run(None, {name: image[None]})[0][0] for image in x[:50]]
    assert np.array_equal(got, wanted[:50])


@pytest.mark.parametrize(
    ("cast", "words"),
    [
        (train.Cast(9), "2_cast: QDQ quantizes to 8 bits, got 9; export QONNX"),
        (train.Cast(8, rounding="RND_INF"), "2_cast: QDQ has no rounding HALF_UP; export QONNX"),
    ],
)
def test_what_qdq_cannot_say_is_refused(cast, words, tmp_path):
    model = train.Sequential(train.Input(4, shape=(3,)), train.QuantLinear(3, 2), cast)
    with pytest.raises(qcompiler.ModelError, match=words):
        train.export(model, tmp_path / "m.onnx", "qdq")


class Displaced(train.Model):
    """A convolution whose windows a branch displaces."""

    def __init__(self, *, square, fraction, groups=4, stride=1):
        super().__init__()
        self.input = train.Input(4, shape=(2, 7, 6))
        self.first = train.QuantConv2d(2, 4, 1)
        self.codes = train.Requantizer(4)
        self.deform = train.QuantDeformConv2d(
            4, 4, 3, stride, 1, groups=groups, square=square, fraction=fraction
        )
        channels = self.deform.offset_channels
        self.where = train.QuantConv2d(4, channels, 3, stride, 1)
        self.offsets = train.BoundedOffsets(3 + fraction, fraction)
        self.last = train.Requantizer(4, 4, signed=True)
        self.initialize()

    def forward(self, x):
        x = self.codes(self.first(self.input(x)))
        return self.last(self.deform(x, self.offsets(self.where(x))))


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("square", "fraction", "groups", "stride"),
    [(True, 0, 4, 1), (True, 2, 4, 1), (False, 0, 1, 2), (False, 1, 2, 1)],
)
def test_displaced_windows(square, fraction, groups, stride, tmp_path):
    torch.manual_seed(3)
    model = shaken(Displaced(square=square, fraction=fraction, groups=groups, stride=stride), 1)
    with torch.no_grad():
        model.offsets.log2_scale += 2  # offsets of some elements
    x = torch.tensor(inputs_of(model, 50))
    codes = model.offsets(model.where(model.codes(model.first(model.input(x)))))
    assert len(codes.unique()) > 4, "windows are displaced"
    assert_equal_everywhere(model, tmp_path, count=300, simulated=10 * (square and not fraction))


def test_offsets_learn():
    """A square learns to look as far away as the task asks for: the gradient reaches offsets."""
    torch.manual_seed(0)
    layer = train.QuantDeformConv2d(1, 1, 3, padding=1, square=True, fraction=2, bias=False)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 2] = 1.0  # the tap on the right
        layer.fit_step()
    ramp = torch.arange(12.0).repeat(1, 1, 12, 1)
    code = torch.zeros((1, 1, 1, 1), requires_grad=True)
    optimizer = torch.optim.Adam([code], lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        made = layer(ramp, torch.round(code).detach().expand(1, 1, 12, 12) + (code - code.detach()))
        error = made[..., 4:8, 4:7] / 7 - ramp[..., 4:8, 7:10]
        (error**2).mean().backward()
        optimizer.step()
    assert abs(code.item() - 8) < 1, "two elements farther than its tap, three to the right"


def test_squares_have_a_middle():
    with pytest.raises(ValueError, match=r"a square has a middle tap, got a kernel of \[2, 2\]"):
        train.QuantDeformConv2d(1, 1, 2, square=True)
