"""A scalar function per channel, from an integer accumulator to an integer code.

It is a straight-line program on reals that ends in one quantizer: what stands between an
accumulator and the next integer tensor (bias, scales, batch norm, activation, rounding, clamp).
`scalar_evaluation` computes it, `scalar_builder` writes it comfortably.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from msgspec import Struct, field
from msgspec.structs import replace

from qcompiler.arith import trends
from qcompiler.arith.arrays import FloatArray, IntArray
from qcompiler.arith.decimals import shortest
from qcompiler.arith.rounding import RoundingMode
from qcompiler.arith.scalar_ops import OPS
from qcompiler.arith.trends import Trend

Numerics = Literal["exact", "onnxruntime"]
NUMERICS: tuple[Numerics, ...] = get_args(Numerics)

# Codes and zero points are added to float64 values; up to here that is exact.
_LARGEST_CODE = 2**51

# Operations whose float64 result has the right sign if the operands have.
_SIGN_SAFE = frozenset({"sqrt", "mul", "div", "neg"})


_ONE = np.asarray(1, np.int64)
_ZERO = np.asarray(0, np.int64)


class Input(Struct, frozen=True, eq=False, dict=True):
    """The accumulator as a real number: multiplier * x + offset, formed exactly in integers.

    Attributes:
        multiplier: int64, shape [] or [C].
        offset: int64, shape [] or [C].
    """

    multiplier: IntArray = field(default_factory=lambda: _ONE)
    offset: IntArray = field(default_factory=lambda: _ZERO)

    @cached_property
    def plain(self) -> bool:
        """Whether it is x itself."""
        return not ((self.multiplier != 1).any() or self.offset.any())

    @cached_property
    def largest(self) -> tuple[int, int]:
        """Largest magnitude of a multiplier, and of an offset."""
        return int(np.abs(self.multiplier).max()), int(np.abs(self.offset).max())


class Constant(Struct, frozen=True, eq=False):
    """Parameters of the model; each float64 denotes exactly the real number it is.

    Attributes:
        value: shape [] for all channels, or [C].
    """

    value: FloatArray


class Apply(Struct, frozen=True):
    """One operation of `OPS` on the results of earlier steps, named by their position."""

    op: str
    operands: tuple[int, ...]


Step = Input | Constant | Apply


class Quantizer(Struct, frozen=True, eq=False):
    """From a real v to the code clamp(round(v / scale + zero_point), lo, hi).

    Attributes:
        scale: positive, shape [] or [C].
        zero_point: integers, shape [] or [C].
        rounding: how to reach an integer.
        lo: smallest code.
        hi: largest code.
        zero_point_after_rounding: compute round(v / scale) + zero_point instead, as ONNX
            QuantizeLinear does; QONNX Quant adds first.
    """

    scale: FloatArray
    zero_point: IntArray
    rounding: RoundingMode
    lo: int
    hi: int
    zero_point_after_rounding: bool = False


class FunctionError(ValueError):
    """A function of integers that no integer arithmetic computes.

    Attributes:
        remedy: what helps in the model.
    """

    def __init__(self, what: str, remedy: str):
        self.remedy = remedy
        super().__init__(what)


class UndefinedError(FunctionError):
    """A function that divides by zero, for an integer x."""

    def __init__(self, what: str, x: int):
        super().__init__(
            f"{what} where the integer that it gets is {x}",
            "keep the divisor away from 0: add a number to it, or clip it",
        )


class ScalarFunction(Struct, frozen=True, eq=False):
    """A program: each step is a real number per channel, the quantizer takes the last one.

    Attributes:
        steps: straight-line code; operands name earlier steps.
        quantizer: what turns the last step into a code.
        numerics: "exact" is real arithmetic on the parameters; "onnxruntime" rounds the accumulator
            and the result of every step to float32, nearest even.
        channels: C, the number of channels that the parameters may distinguish.

    Raises:
        ValueError: a parameter is not finite, has the wrong shape, or (for onnxruntime) is not a
            float32 number; a scale is not positive; an operation is unknown or misused.
    """

    steps: tuple[Step, ...]
    quantizer: Quantizer
    numerics: Numerics
    channels: int

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("scalar function must have at least one step, got none")
        for position, step in enumerate(self.steps):
            self._check_step(position, step)
        self._check_quantizer()

    def _check_step(self, position: int, step: Step) -> None:
        if isinstance(step, Constant):
            self._check_parameter(f"constant of step {position}", step.value)
        elif isinstance(step, Apply):
            if step.op not in OPS:
                raise ValueError(
                    f"step {position}: operation must be one of {', '.join(OPS)}, got {step.op!r}"
                )
            if len(step.operands) != OPS[step.op].arity:
                raise ValueError(
                    f"step {position}: {step.op} takes {OPS[step.op].arity} operands, "
                    f"got {len(step.operands)}"
                )
            if not all(0 <= operand < position for operand in step.operands):
                raise ValueError(
                    f"step {position}: operands must be earlier steps, got {step.operands}"
                )

    def _check_parameter(self, what: str, value: npt.NDArray[np.number]) -> None:
        if value.shape not in ((), (self.channels,)):
            raise ValueError(f"{what} must have shape [] or [{self.channels}], got {value.shape}")
        if not np.isfinite(value).all():
            bad = float(value[~np.isfinite(value)].flat[0])
            raise ValueError(f"{what} must be finite, got {shortest(bad)}")
        if self.numerics == "onnxruntime":
            with np.errstate(over="ignore"):
                changed = value.astype(np.float32).astype(np.float64) != value
            if changed.any():
                raise ValueError(
                    f"{what} must be a float32 number for onnxruntime numerics, "
                    f"got {shortest(np.atleast_1d(value)[np.atleast_1d(changed)][0])}"
                )

    def _check_quantizer(self) -> None:
        q = self.quantizer
        self._check_parameter("quantizer scale", q.scale)
        self._check_parameter("quantizer zero point", q.zero_point)
        if not (q.scale > 0).all():
            raise ValueError(f"quantizer scale must be positive, got {shortest(q.scale.min())}")
        if q.lo > q.hi:
            raise ValueError(f"quantizer must have lo <= hi, got lo {q.lo}, hi {q.hi}")
        largest = max(abs(q.lo), abs(q.hi), int(np.abs(q.zero_point).max(initial=0)))
        if largest > _LARGEST_CODE:
            raise ValueError(
                f"codes and zero points must be at most 2**51 in magnitude, got {largest}"
            )

    @property
    def uniform(self) -> bool:
        """Whether no parameter distinguishes channels."""
        parameters = [self.quantizer.scale, self.quantizer.zero_point]
        for step in self.steps:
            if isinstance(step, Constant):
                parameters.append(step.value)
            elif isinstance(step, Input):
                parameters += [step.multiplier, step.offset]
        return all(value.ndim == 0 or bool((value == value[0]).all()) for value in parameters)

    def of_channel(self, channel: int) -> ScalarFunction:
        """Returns the function of one channel alone."""

        def one(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return value if value.ndim == 0 else value[channel : channel + 1]

        steps: list[Step] = []
        for step in self.steps:
            if isinstance(step, Constant):
                steps.append(Constant(one(step.value)))
            elif isinstance(step, Input):
                steps.append(Input(one(step.multiplier), one(step.offset)))
            else:
                steps.append(step)
        scale, zero_point = one(self.quantizer.scale), one(self.quantizer.zero_point)
        quantizer = replace(self.quantizer, scale=scale, zero_point=zero_point)
        return ScalarFunction(tuple(steps), quantizer, self.numerics, 1)

    @property
    def direction(self) -> npt.NDArray[np.int8]:
        """Per channel [C]: +1 never falls, -1 never rises, 0 constant, 2 (UNKNOWN) not known."""
        found: list[Trend] = []
        for step in self.steps:
            if isinstance(step, Input):
                found.append(trends.rising_by(step.multiplier.astype(np.float64)))
            elif isinstance(step, Constant):
                found.append(trends.steady(step.value))
            else:
                operands = [found[i] for i in step.operands]
                literal = all(isinstance(self.steps[i], Constant) for i in step.operands)
                trend = OPS[step.op].trend(*operands)
                found.append(self._with_sign(step.op, trend, operands, literal))
        # The quantizer keeps the direction: scales are positive, every rounding mode is monotone.
        return np.broadcast_to(found[-1].direction, (self.channels,))

    @staticmethod
    def _with_sign(op: str, trend: Trend, operands: list[Trend], literal: bool) -> Trend:
        """Adds what is known of a result that depends on parameters only.

        Its sign is what products need. One rounding never changes a sign, nor do roots, products
        and quotients of numbers whose signs are right, unless they underflow to zero.
        """
        constants = [operand.constant for operand in operands]
        if not (literal or op in _SIGN_SAFE) or any(constant is None for constant in constants):
            return trend
        with np.errstate(all="ignore"):
            value = np.asarray(OPS[op].ieee(*constants))
        nonzero = np.all([np.broadcast_to(c != 0, value.shape) for c in constants], axis=0)
        underflows = op in _SIGN_SAFE and bool(((value == 0) & nonzero).any())
        known = np.isfinite(value).all() and not underflows
        return replace(trend, constant=value) if known else trend
