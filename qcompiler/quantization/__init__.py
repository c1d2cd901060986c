"""From float models to integers: ranges, bits, rounding, and what they cost in accuracy."""

from qcompiler.quantization.evaluate import evaluate
from qcompiler.quantization.quantize import Result, quantize
from qcompiler.quantization.settings import Settings

__all__ = ["Result", "Settings", "evaluate", "quantize"]
