"""A small network that Brevitas trains and exports as QONNX compiles as it is."""

import numpy as np
import pytest
import torch
from torch import nn

import qcompiler


@pytest.mark.filterwarnings("ignore")  # Brevitas' own
def test_a_trained_network_compiles_and_equals_brevitas(tmp_path):
    from brevitas import nn as layers
    from brevitas.export import export_qonnx
    from brevitas.quant import Int8ActPerTensorFloat

    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = nn.Sequential(
        layers.QuantIdentity(bit_width=8, act_quant=Int8ActPerTensorFloat),
        layers.QuantConv2d(1, 4, 3, padding=1, weight_bit_width=4, bias=False),
        nn.BatchNorm2d(4),
        layers.QuantReLU(bit_width=4),
        nn.MaxPool2d(2),
        nn.Flatten(),
        layers.QuantLinear(36, 5, bias=True, weight_bit_width=4),
        layers.QuantIdentity(bit_width=8, act_quant=Int8ActPerTensorFloat),
    )
    x, labels = torch.randn(200, 1, 6, 6), torch.randint(5, (200,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    model.eval()
    export_qonnx(model, args=x[:1], export_path=str(tmp_path / "m.onnx"))
    got = qcompiler.compile(tmp_path / "m.onnx").predict(x.numpy())
    wanted = model(x).detach().numpy()
    codes = np.unique(wanted.astype(np.float64).round(5))
    assert len(codes) > 20
    assert np.diff(codes).min() > 1e-3, "a code that differs is told from float32 noise"
    assert np.abs(got - wanted).max() < 1e-5
