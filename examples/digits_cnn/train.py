"""Trains the network of network.py on scikit-learn's digits; writes its integers and both models.

Quantization is in the loop: weights, biases and activations are rounded in every forward pass, and
gradients pass straight through. What torch computes are the integers of the models, times their
scales. Run it only to change the network.

Needs (in a virtual environment of its own, torch is not a dependency of qcompiler):
    pip install torch==2.13.0 scikit-learn onnx
"""

from pathlib import Path

import export
import numpy as np
import torch
from network import LAYERS, QUANTIZERS, Codes, Integers, Network
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
EPOCHS = 150
SEED = 0


class _Round(torch.autograd.Function):
    """Rounds half to even; the gradient passes straight through."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, grad):
        return grad


class Cnn(Network, nn.Module):
    """The network on tensors of real numbers."""

    def __init__(self):
        super().__init__()
        self.weights, self.biases = nn.ParameterDict(), nn.ParameterDict()
        for name, layer in LAYERS.items():
            self.weights[name] = nn.init.kaiming_normal_(torch.empty(layer.shape))
            self.biases[name] = torch.zeros(layer.shape[0])
        with torch.no_grad():
            self.weights["conv"] /= 8  # pixels are as large as 16

    def integers(self, name):
        """Returns weights and bias of a layer as integers (in float), and the weights' exponents.

        The scales are the smallest powers of two, one per output, that fit the largest weights.
        """
        layer, weights = LAYERS[name], self.weights[name]
        largest = weights.detach().abs().flatten(1).amax(1)
        exponents = torch.ceil(torch.log2(largest / Codes(layer.bits, signed=True).bounds[1]))
        codes = _Round.apply(weights / 2 ** layer.per_output(exponents))
        of_sums = exponents + QUANTIZERS[layer.source].exponent
        return codes, _Round.apply(self.biases[name] / 2**of_sums), exponents

    def quant(self, name, x):
        to = QUANTIZERS[name]
        scale = 2.0**to.exponent
        return _Round.apply(torch.clamp(x / scale, *to.bounds)) * scale

    def layer(self, name, x):
        layer, (weights, bias, exponents) = LAYERS[name], self.integers(name)
        weights = weights * 2 ** layer.per_output(exponents)
        bias = bias * 2 ** (exponents + QUANTIZERS[layer.source].exponent)
        if layer.is_dense:
            return functional.linear(x, weights, bias)
        return functional.conv2d(x, weights, bias, layer.stride, layer.pad, groups=layer.groups)

    def relu(self, name, x):
        return torch.relu(x)

    def add(self, name, x, y):
        return x + y

    def mean(self, name, x):
        return x.mean((2, 3), keepdim=True)

    def flatten(self, name, x):
        return x.flatten(1)


def train(images, labels):
    """Returns the trained network."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    net = Cnn()
    images, labels = torch.tensor(images), torch.tensor(labels)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.005, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    return net


def stored(net):
    """Returns the parameters as network.py's `Integers` takes them."""
    types = {"weights": np.int8, "bias": np.int32, "exponents": np.int8}
    return {
        f"{name}_{key}": values.detach().numpy().astype(type_)
        for name in LAYERS
        for (key, type_), values in zip(types.items(), net.integers(name), strict=True)
    }


def main():
    """Trains, compares torch with integers, and writes all files."""
    x, y = load_digits(return_X_y=True)
    x = x.astype(np.float32).reshape(-1, 1, 8, 8)
    x_train, x_test, y_train, y_test = train_test_split(
        x, y, test_size=360, random_state=SEED, stratify=y
    )
    net = train(x_train, y_train)
    parameters = stored(net)
    codes = Integers(parameters).run(x_test)
    logits = codes.astype(np.float32) * np.float32(2.0 ** QUANTIZERS["logits"].exponent)
    in_torch = net(torch.tensor(x_test)).detach().numpy()
    correct = int((codes.argmax(1) == y_test).sum())
    print(f"{correct} of {len(y_test)} correct = {correct / len(y_test):.2%},", end=" ")
    print(f"{(in_torch != logits).sum()} logits of torch differ")
    np.savez_compressed(HERE / "parameters.npz", **parameters)
    np.savez_compressed(HERE / "test_vectors.npz", inputs=x_test, labels=y_test, logits=logits)
    export.main()


if __name__ == "__main__":
    main()
