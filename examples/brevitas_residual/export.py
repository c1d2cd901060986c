"""Trains a small residual network with Brevitas and writes it with Brevitas' own exporters.

Both files are what `export_qonnx` and `export_onnx_qcdq` write with their defaults, but with the
weights inside and without torch's stack traces. Run it only to change the network.

Needs (in a virtual environment of its own, torch is not a dependency of qcompiler):
    pip install torch==2.13.0
    pip install brevitas==0.13.4 onnx onnxscript onnxoptimizer onnxruntime qonnx
"""

import tempfile
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import onnx
import onnxruntime
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.quant import Int8ActPerTensorFloat
from torch import nn
from torch.nn import functional

HERE = Path(__file__).parent
BITS = 4
CHANNELS = 8
CLASSES = 5
STEPS = 60
SEED = 1
VECTORS = 100


def convolution(inputs: int, side: int, groups: int = 1) -> nn.Sequential:
    """A convolution of the same size with 4-bit weights, and batch normalization."""
    layer = qnn.QuantConv2d(
        inputs, CHANNELS, side, padding=side // 2, groups=groups, bias=False, weight_bit_width=BITS
    )
    return nn.Sequential(layer, nn.BatchNorm2d(CHANNELS))


def relu() -> nn.Module:
    """ReLU to 4 bits."""
    return qnn.QuantReLU(bit_width=BITS, return_quant_tensor=True)


class Network(nn.Module):
    """A convolution, a residual block of a depthwise and a pointwise one, a pool, a dense layer."""

    def __init__(self):
        super().__init__()
        self.input = qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat, return_quant_tensor=True)
        self.stem = nn.Sequential(convolution(3, 3), relu())
        self.depthwise = nn.Sequential(convolution(CHANNELS, 3, groups=CHANNELS), relu())
        self.pointwise = convolution(CHANNELS, 1)
        self.shared = qnn.QuantIdentity(bit_width=BITS, return_quant_tensor=True)
        self.relu = relu()
        self.pool = nn.MaxPool2d(2)
        self.dense = qnn.QuantLinear(CHANNELS * 16, CLASSES, bias=True, weight_bit_width=BITS)
        self.output = qnn.QuantIdentity(act_quant=Int8ActPerTensorFloat)

    def forward(self, x):
        x = self.stem(self.input(x))
        branch = self.pointwise(self.depthwise(x))
        x = self.pool(self.relu(self.shared(x) + self.shared(branch)))
        return self.output(self.dense(torch.flatten(x, 1)))


def images(count: int) -> torch.Tensor:
    """Random images of 3 x 8 x 8."""
    return torch.rand(count, 3, 8, 8) * 2 - 1


def trained() -> Network:
    """The network after a few steps, so that scales and statistics are none of a new one."""
    network = Network()
    optimizer = torch.optim.SGD(network.parameters(), 0.05)
    for _ in range(STEPS):
        x = images(32)
        wanted = x.mean(1)[:, 0, :CLASSES].argmax(1)
        loss = functional.cross_entropy(network(x), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.eval()


def stripped(model: onnx.ModelProto) -> onnx.ModelProto:
    """Removes the stack traces that torch leaves: they name files of this machine."""
    graph = model.graph
    tensors = (*graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for part in (graph, *graph.node, *tensors):
        part.ClearField("metadata_props")
    return model


def main() -> None:
    """Writes both models and the test vectors."""
    torch.manual_seed(SEED)
    network = trained()
    for export, name in ((export_qonnx, "qonnx"), (export_onnx_qcdq, "qcdq")):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            export(network, images(1), export_path=str(path))
            model = stripped(onnx.load(path))  # with the weights that torch stores beside it
        (HERE / f"brevitas_residual_{name}.onnx").write_bytes(model.SerializeToString())
    inputs = images(VECTORS).numpy()
    session = onnxruntime.InferenceSession(HERE / "brevitas_residual_qcdq.onnx")
    outputs = [session.run(None, {"x": image[np.newaxis]})[0][0] for image in inputs]
    np.savez_compressed(
        HERE / "test_vectors.npz", inputs=inputs.astype(np.float32), outputs=np.stack(outputs)
    )


if __name__ == "__main__":
    main()
