"""Activation functions, which work on each element alone."""

import numpy as np
from xdsl.dialects.builtin import Float32Type, FloatAttr, StringAttr
from xdsl.ir import SSAValue
from xdsl.irdl import ParsePropInAttrDict, irdl_op_definition, prop_def
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.decimals import shortest
from qcompiler.dialects.attributes import broadcast_shapes, shape_of
from qcompiler.dialects.nn.elementwise import Binary, Unary
from qcompiler.dialects.nn.types import f32

_GELU_FORMS = ("none", "tanh")


def _number(attribute: FloatAttr[Float32Type]) -> float:
    """Returns the float32 number that an attribute denotes, whatever digits it was written with."""
    return float(np.float32(attribute.value.data))


@irdl_op_definition
class SigmoidOp(Unary):
    """Squashes to (0, 1): `y = 1 / (1 + exp(-x))`. Example: `%y = nn.sigmoid %x : (f32) -> f32`."""

    name = "nn.sigmoid"


@irdl_op_definition
class TanhOp(Unary):
    """Squashes to (-1, 1): `y = tanh(x)`. Example: `%y = nn.tanh %x : (f32) -> f32`."""

    name = "nn.tanh"


@irdl_op_definition
class ErfOp(Unary):
    """Integrates the normal distribution: `y = 2 / sqrt(pi) * (integral of exp(-t**2), 0 to x)`.

    Example: `%y = nn.erf %x : (f32) -> f32`
    """

    name = "nn.erf"


@irdl_op_definition
class HardSwishOp(Unary):
    """Gates by a ramp: `y = x * max(0, min(1, x / 6 + 1 / 2))`.

    Example: `%y = nn.hard_swish %x : (f32) -> f32`
    """

    name = "nn.hard_swish"


@irdl_op_definition
class ClipOp(Unary):
    """Cuts off outside an interval: `y = min(max(x, lo), hi)`.

    Example: `%y = nn.clip %x {lo = 0.0 : f32, hi = 6.0 : f32} : (f32) -> f32`
    """

    name = "nn.clip"
    lo = prop_def(FloatAttr[Float32Type])
    hi = prop_def(FloatAttr[Float32Type])
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, input: SSAValue, lo: float, hi: float):
        super().__init__(input, {"lo": FloatAttr(lo, f32), "hi": FloatAttr(hi, f32)})

    @property
    def parameters(self) -> tuple[float, ...]:
        return _number(self.lo), _number(self.hi)

    def verify_(self) -> None:
        super().verify_()
        if not self.lo.value.data <= self.hi.value.data:
            lo, hi = map(shortest, self.parameters)
            raise VerifyException(f"lo must not exceed hi, got lo {lo} and hi {hi}")


@irdl_op_definition
class LeakyReluOp(Unary):
    """Flattens below zero: `y = x if x >= 0 else alpha * x`.

    Example: `%y = nn.leaky_relu %x {alpha = 0.125 : f32} : (f32) -> f32`
    """

    name = "nn.leaky_relu"
    alpha = prop_def(FloatAttr[Float32Type])
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, input: SSAValue, alpha: float):
        super().__init__(input, {"alpha": FloatAttr(alpha, f32)})

    @property
    def parameters(self) -> tuple[float, ...]:
        return (_number(self.alpha),)


@irdl_op_definition
class PReluOp(Binary):
    """Flattens below zero by a slope of its own: `y = x if x >= 0 else slope * x`.

    The slope, `rhs`, broadcasts to x, `lhs`.

    Example: `%y = nn.prelu %x, %slope : (f32, f32) -> f32`
    """

    name = "nn.prelu"

    @property
    def function(self) -> str:
        return "leaky_relu"

    def verify_(self) -> None:
        x, slope = shape_of(self.lhs.type), shape_of(self.rhs.type)
        if broadcast_shapes([x, slope]) != x:
            raise VerifyException(f"slope of shape {list(slope)} does not broadcast to {list(x)}")
        super().verify_()


@irdl_op_definition
class HardSigmoidOp(Unary):
    """Squashes to [0, 1] by a ramp: `y = max(0, min(1, alpha * x + beta))`.

    Example: `%y = nn.hard_sigmoid %x {alpha = 0.25 : f32, beta = 0.5 : f32} : (f32) -> f32`
    """

    name = "nn.hard_sigmoid"
    alpha = prop_def(FloatAttr[Float32Type])
    beta = prop_def(FloatAttr[Float32Type])
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, input: SSAValue, alpha: float, beta: float):
        super().__init__(input, {"alpha": FloatAttr(alpha, f32), "beta": FloatAttr(beta, f32)})

    @property
    def parameters(self) -> tuple[float, ...]:
        return _number(self.alpha), _number(self.beta)


@irdl_op_definition
class GeluOp(Unary):
    """Gates by the normal distribution: `y = x / 2 * (1 + erf(x / sqrt(2)))`.

    With approximate "tanh": `y = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))`.

    Example: `%y = nn.gelu %x {approximate = "none"} : (f32) -> f32`
    """

    name = "nn.gelu"
    approximate = prop_def(StringAttr)
    irdl_options = (ParsePropInAttrDict(),)

    def __init__(self, input: SSAValue, approximate: str = "none"):
        super().__init__(input, {"approximate": StringAttr(approximate)})

    @property
    def function(self) -> str:
        return "gelu" if self.approximate.data == "none" else "gelu_tanh"

    def verify_(self) -> None:
        super().verify_()
        if self.approximate.data not in _GELU_FORMS:
            raise VerifyException(
                f"approximate must be one of {', '.join(_GELU_FORMS)}, got {self.approximate.data}"
            )
