"""The operations that qcompiler imports: importing this package registers all of them."""

from qcompiler.frontends.onnx.ops import (
    activations,
    constants,
    elementwise,
    linear,
    normalization,
    pieces,
    qlinear,
    quantize_linear,
    quantizers,
    reductions,
    shapes,
    truncation,
    windows,
)

__all__ = [
    "activations",
    "constants",
    "elementwise",
    "linear",
    "normalization",
    "pieces",
    "qlinear",
    "quantize_linear",
    "quantizers",
    "reductions",
    "shapes",
    "truncation",
    "windows",
]
