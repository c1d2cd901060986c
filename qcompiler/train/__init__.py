"""Training for the hardware: torch layers whose forward pass is the integer arithmetic that flows.

Between layers there are integers, held in floats while training. What `integers` computes is
what the compiled hardware computes, on every input; `export` writes it as QONNX.

>>> import torch
>>> from qcompiler import train
>>> model = train.Sequential(
...     train.Input(5, shape=(1, 8, 8)),
...     train.QuantConv2d(1, 8, 3, stride=2, padding=1, bits=4),
...     train.Requantizer(4),
...     torch.nn.Flatten(),
...     train.QuantLinear(128, 10, bits=4),
...     train.Output(),
... )
>>> optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
>>> images, labels = torch.randint(17, (32, 1, 8, 8)).float(), torch.randint(10, (32,))
>>> loss = torch.nn.functional.cross_entropy(model(images), labels)
>>> loss.backward()
>>> optimizer.step()
>>> import qcompiler, tempfile
>>> with tempfile.TemporaryDirectory() as folder:
...     design = qcompiler.compile(train.export(model, f"{folder}/m.onnx"))
>>> bool((design.predict(images.numpy()) == train.fixed(model, images).numbers).all())
True
"""

from importlib.util import find_spec

from qcompiler.version import installing

if find_spec("torch") is None:
    raise ImportError(f"qcompiler.train needs torch, which is not installed; {installing('train')}")

from qcompiler.train.binary_point import Cast, FixedBatchNorm, FixedConv1d, FixedConv2d, FixedLinear
from qcompiler.train.boundary import Input, Output
from qcompiler.train.convert import Config, quantize_modules
from qcompiler.train.crop import crop, cropped_widths
from qcompiler.train.deformable import BoundedOffsets, QuantDeformConv2d
from qcompiler.train.export import export
from qcompiler.train.joints import Add, Concat
from qcompiler.train.linear import QuantConv1d, QuantConv2d, QuantLinear
from qcompiler.train.model import Model, Sequential, fixed, initialize, integers
from qcompiler.train.point import binary_points
from qcompiler.train.pools import SumPool1d, SumPool2d
from qcompiler.train.price import Cost, Price
from qcompiler.train.regularizers import multiplier_length
from qcompiler.train.requantizer import NormRequantizer, Requantizer

__all__ = [
    "Add",
    "BoundedOffsets",
    "Cast",
    "Concat",
    "Config",
    "Cost",
    "FixedBatchNorm",
    "FixedConv1d",
    "FixedConv2d",
    "FixedLinear",
    "Input",
    "Model",
    "NormRequantizer",
    "Output",
    "Price",
    "QuantConv1d",
    "QuantConv2d",
    "QuantDeformConv2d",
    "QuantLinear",
    "Requantizer",
    "Sequential",
    "SumPool1d",
    "SumPool2d",
    "binary_points",
    "crop",
    "cropped_widths",
    "export",
    "fixed",
    "initialize",
    "integers",
    "multiplier_length",
    "quantize_modules",
]
