"""Writes scalar functions step by step."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from qcompiler.arith.rounding import RoundingMode
from qcompiler.arith.scalar_function import (
    Apply,
    Constant,
    Input,
    Numerics,
    Quantizer,
    ScalarFunction,
    Step,
)


class Value(Struct, frozen=True):
    """The result of one step of the function being built."""

    step: int


Parameter = float | npt.NDArray[np.floating] | npt.NDArray[np.integer]
"""A constant for all channels, or one per channel, shape [C]."""


class ScalarBuilder:
    """Collects the steps of one scalar function.

    Example:
        b = ScalarBuilder(channels=64)
        f = b.quantize(b.apply("relu", b.apply("mul", b.x, gains)), scale=0.1, lo=0, hi=15)
    """

    def __init__(
        self,
        channels: int,
        numerics: Numerics = "exact",
        *,
        multiplier: npt.NDArray[np.integer] | int = 1,
        offset: npt.NDArray[np.integer] | int = 0,
    ) -> None:
        """Starts from multiplier * x + offset, integers for all channels or one per channel."""
        self._channels = channels
        self._numerics: Numerics = numerics
        entered = Input(np.asarray(multiplier, np.int64), np.asarray(offset, np.int64))
        self._steps: list[Step] = [entered]

    @property
    def x(self) -> Value:
        """The accumulator."""
        return Value(0)

    def _append(self, step: Step) -> Value:
        self._steps.append(step)
        return Value(len(self._steps) - 1)

    def constant(self, value: Parameter) -> Value:
        """Adds parameters; float32 ones are widened, which is exact."""
        return self._append(Constant(np.asarray(value, np.float64)))

    def apply(self, op: str, *operands: Value | Parameter) -> Value:
        """Adds an operation of `OPS`; operands that are no `Value` become constants."""
        values = [v if isinstance(v, Value) else self.constant(v) for v in operands]
        return self._append(Apply(op, tuple(value.step for value in values)))

    def rescale(self, x: Value, factor: npt.NDArray[np.float32]) -> Value:
        """Adds onnxruntime's requantization: one float32 multiplication by a float32 factor.

        onnxruntime computes the factor in float32 as (a_scale * b_scale) / y_scale. The quantizer
        that follows must have scale 1 and its zero point after rounding.

        Args:
            x: normally the accumulator.
            factor: shape [] or [C]; the caller forms it, with float32 roundings of its own choice.
        """
        return self.apply("mul", x, np.asarray(factor, np.float32))

    def quantize(
        self,
        value: Value,
        *,
        scale: Parameter = 1.0,
        zero_point: int | npt.NDArray[np.integer] = 0,
        rounding: RoundingMode = "half_even",
        lo: int,
        hi: int,
        zero_point_after_rounding: bool = False,
    ) -> ScalarFunction:
        """Returns the finished function; fields as in `Quantizer`.

        Raises:
            ValueError: as `ScalarFunction`.
        """
        if value.step != len(self._steps) - 1:
            value = self.apply("identity", value)
        quantizer = Quantizer(
            np.asarray(scale, np.float64),
            np.asarray(zero_point, np.int64),
            rounding,
            lo,
            hi,
            zero_point_after_rounding,
        )
        return ScalarFunction(tuple(self._steps), quantizer, self._numerics, self._channels)
