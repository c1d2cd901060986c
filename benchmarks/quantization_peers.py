"""Other people's quantization after training: onnxruntime's at 8 bits, Brevitas' at 4."""

import warnings
from pathlib import Path
from typing import Any

import torch
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from torch import nn

from benchmarks.float_networks import Task, of_file
from qcompiler.dialects.attributes import Array


class _Reader(CalibrationDataReader):
    def __init__(self, images: Array):
        self._rest = iter(images)

    def get_next(self) -> dict[str, Array] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        image = next(self._rest, None)
        return None if image is None else {"image": image[None]}


def by_onnxruntime(path: Path, images: Array, folder: Path) -> Path:
    """Returns the model that `quantize_static` makes: 8 bits, weights per channel."""
    made = folder / "ort.onnx"
    quantize_static(
        path, made, _Reader(images), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    return made


def by_brevitas(path: Path, task: Task, images: Array, bits: int = 4) -> float:
    """Returns the accuracy in percent of Brevitas' flow after training.

    As its guide has it: batch norms merged, layers equalized, weights per channel, inputs of layers
    per tensor, calibrated on the images, then biases corrected. The first layer's input has 8 bits,
    as ours.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from brevitas import nn as quantized
        from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
        from brevitas.graph.quantize import layerwise_quantize, preprocess_for_quantize
        from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat

        net = preprocess_for_quantize(
            of_file(path, task), equalize_iters=20, merge_bn=True, trace_model=True
        )
        kinds = {nn.Conv2d: quantized.QuantConv2d, nn.Linear: quantized.QuantLinear}
        common: dict[str, Any] = {
            "weight_quant": Int8WeightPerChannelFloat,
            "weight_bit_width": bits,
            "input_quant": Int8ActPerTensorFloat,
            "input_bit_width": bits,
            "return_quant_tensor": False,
        }
        net = layerwise_quantize(net, {kind: (made, common) for kind, made in kinds.items()}).eval()
        x = torch.from_numpy(images)
        with torch.no_grad():
            with calibration_mode(net):
                net(x)
            with bias_correction_mode(net):
                net(x)
            found = net(torch.from_numpy(task.test[0])).argmax(1).numpy()
    return float(100 * (found == task.test[1]).mean())
