"""The operations that qcompiler imports: importing this package registers all of them."""

from qcompiler.frontends.onnx.ops import (
    constants,
    elementwise,
    linear,
    normalization,
    quantizers,
    shapes,
    truncation,
)

__all__ = [
    "constants",
    "elementwise",
    "linear",
    "normalization",
    "quantizers",
    "shapes",
    "truncation",
]
