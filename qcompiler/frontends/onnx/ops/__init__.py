"""The operations that qcompiler imports: importing this package registers all of them."""

from qcompiler.frontends.onnx.ops import (
    activations,
    constants,
    deeploy,
    elementwise,
    linear,
    multi_threshold,
    normalization,
    pieces,
    qlinear,
    quantize_linear,
    quantizers,
    reductions,
    requant_shift,
    shapes,
    truncation,
    windows,
)

__all__ = [
    "activations",
    "constants",
    "deeploy",
    "elementwise",
    "linear",
    "multi_threshold",
    "normalization",
    "pieces",
    "qlinear",
    "quantize_linear",
    "quantizers",
    "reductions",
    "requant_shift",
    "shapes",
    "truncation",
    "windows",
]
