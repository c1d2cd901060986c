"""Trains a quantized multi-layer perceptron on scikit-learn's digits and exports it as QONNX.

The network is 64-32-32-10: 5-bit pixels, 4-bit weights, 4-bit activations. The script writes
`digits_mlp.onnx` and `test_vectors.npz` next to itself; run it only to change the network.

Needs (in a virtual environment of its own, torch is not a dependency of qcompiler):
    pip install torch==2.13.0 scikit-learn onnx onnxruntime qonnx==1.0.0
"""

from functools import partial
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

HERE = Path(__file__).parent
QONNX_DOMAIN = "qonnx.custom_op.general"
SIZES = (64, 32, 32, 10)
INPUT_BITS = 5  # pixels are the integers 0 to 16, kept as they are: scale 1
BITS = 4  # of weights and of activations
ACT_SCALE = 0.25  # the largest activation is 3.75; batch normalization learns to fit it
EPOCHS = 150
SEED = 0


def integer_range(bits, signed):
    """Returns the smallest and largest integer; signed means narrow, so symmetric around 0."""
    return (1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


class _Round(torch.autograd.Function):
    """Rounds half to even; the gradient passes straight through."""

    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, grad):
        return grad


def fake_quant(x, scale, bits, signed):
    """Returns the multiples of `scale` nearest to `x` among those that `bits` can hold."""
    return _Round.apply(torch.clamp(x / scale, *integer_range(bits, signed))) * scale


class Mlp(nn.Module):
    """Hidden layers are matmul, batch normalization, ReLU, quantizer; the last one is a matmul."""

    def __init__(self):
        super().__init__()
        self.fc = nn.ModuleList(nn.Linear(*sizes, bias=False) for sizes in pairwise(SIZES))
        self.bn = nn.ModuleList(nn.BatchNorm1d(size) for size in SIZES[1:-1])

    def quant_weights(self):
        """Yields, for each layer, the quantized weights [in, out] and their scale.

        The scale maps the largest weight to the largest integer, per output channel; the last
        layer has one scale only, so that the class is also the argmax of the integers.
        """
        for fc in self.fc:
            largest = fc.weight.detach().abs().amax(1)
            largest = largest.max() if fc is self.fc[-1] else largest[None]
            scale = largest / integer_range(BITS, signed=True)[1]
            yield fake_quant(fc.weight.T, scale, BITS, signed=True), scale

    def forward(self, x):
        """Returns the logits [n, 10] of the pixels [n, 64]."""
        *hidden, (last_weights, _) = self.quant_weights()
        x = fake_quant(x, 1.0, INPUT_BITS, signed=False)
        for (weights, _), bn in zip(hidden, self.bn, strict=True):
            x = fake_quant(torch.relu(bn(x @ weights)), ACT_SCALE, BITS, signed=False)
        return x @ last_weights


def train(images, labels):
    """Returns the trained network, in inference mode."""
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    net = Mlp()
    images, labels = torch.tensor(images), torch.tensor(labels)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
        schedule.step()
    return net.eval()


def export(net):
    """Returns the network as a QONNX model; a node's output has its name, but for the logits."""
    nodes, params, shapes = [], [], []

    def param(name, value):
        params.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(op, name, inputs, shape, output=None, **attributes):
        nodes.append(helper.make_node(op, inputs, [output or name], name, **attributes))
        shapes.append(helper.make_tensor_value_info(output or name, TensorProto.FLOAT, shape))
        return name

    def quant(name, x, shape, scale, bits, signed):
        values = {"scale": scale, "zeropt": 0, "bitwidth": bits}
        inputs = [x, *(param(f"{name}_{key}", value) for key, value in values.items())]
        attributes = {"signed": int(signed), "narrow": int(signed), "rounding_mode": "ROUND"}
        return node("Quant", name, inputs, shape, domain=QONNX_DOMAIN, **attributes)

    def matmul(name, x, weights, scale, output=None):
        # The stored weights are already quantized: no reader can round one differently.
        source = param(f"{name}_weights_float", weights.detach().numpy())
        w = quant(f"{name}_weights", source, weights.shape, scale, BITS, signed=True)
        return node("MatMul", name, [x, w], [1, weights.shape[1]], output)

    *hidden, last = net.quant_weights()
    x = quant("input_quant", "pixels", [1, SIZES[0]], 1.0, INPUT_BITS, signed=False)
    for i, (layer, bn) in enumerate(zip(hidden, net.bn, strict=True), start=1):
        shape = [1, SIZES[i]]
        x = matmul(f"fc{i}", x, *layer)
        *values, _ = bn.state_dict().items()  # weight, bias, mean, variance, number of batches
        inputs = [param(f"bn{i}_{key}", value) for key, value in values]
        x = node("BatchNormalization", f"bn{i}", [x, *inputs], shape, epsilon=bn.eps)
        x = node("Relu", f"relu{i}", [x], shape)
        x = quant(f"act{i}", x, shape, ACT_SCALE, BITS, signed=False)
    matmul(f"fc{len(net.fc)}", x, *last, output="logits")
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, SIZES[0]])
    *inner, logits = shapes
    graph = helper.make_graph(nodes, "digits_mlp", [pixels], [logits], params, value_info=inner)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX_DOMAIN, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def run_qonnx(model, images):
    """Returns the logits that qonnx's own executor computes, image by image."""
    # qonnx 1.0 makes one-node models of onnx's newest IR version, which onnxruntime refuses.
    with patch.object(helper, "make_model", partial(helper.make_model, ir_version=10)):
        wrapper = ModelWrapper(model)
        logits = [execute_onnx(wrapper, {"pixels": image[None]})["logits"] for image in images]
    return np.concatenate(logits)


def run_exact(model, images):
    """Returns the logits in float64, where every sum of products is a sum of integers."""
    values = {p.name: numpy_helper.to_array(p).astype(np.float64) for p in model.graph.initializer}
    values["pixels"], scales = images.astype(np.float64), {}
    for node in model.graph.node:
        x, *rest = (values[name] for name in node.input)
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        name = node.output[0]
        if node.op_type == "Quant":  # the value kept is the integer; its scale waits for MatMul
            scales[name], _, bits = rest
            x = np.clip(x / scales[name], *integer_range(bits, attributes["signed"]))
            values[name] = np.round(x)
        elif node.op_type == "MatMul":
            values[name] = (x @ rest[0]) * (scales[node.input[0]] * scales[node.input[1]])
        elif node.op_type == "BatchNormalization":
            gamma, beta, mean, var = rest
            values[name] = (x - mean) / np.sqrt(var + attributes["epsilon"]) * gamma + beta
        else:
            values[name] = np.maximum(x, 0)
    return values["logits"]


def main():
    """Trains, exports, compares three evaluations of the test images and writes both files."""
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        x.astype(np.float32), y, test_size=360, random_state=SEED, stratify=y
    )
    net = train(x_train, y_train)
    model = export(net)
    exact, qonnx = run_exact(model, x_test), run_qonnx(model, x_test)
    in_torch = net(torch.tensor(x_test)).detach().numpy()
    for name, logits in {"exact": exact, "qonnx": qonnx, "torch": in_torch}.items():
        correct = (logits.argmax(1) == y_test).sum()
        differ = (logits.argmax(1) != exact.argmax(1)).sum()
        print(f"{name}: {correct} of {len(y_test)} correct = {correct / len(y_test):.2%},", end=" ")
        print(f"{differ} classes differ, logits by at most {np.abs(logits - exact).max():.1e}")
    onnx.save(model, HERE / "digits_mlp.onnx")
    np.savez_compressed(HERE / "test_vectors.npz", inputs=x_test, labels=y_test, logits=qonnx)


if __name__ == "__main__":
    main()
