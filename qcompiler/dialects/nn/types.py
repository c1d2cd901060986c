"""The real types of nn, and what many of its verifiers check."""

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, Float32Type, Float64Type, TensorType, i64
from xdsl.ir import Attribute
from xdsl.irdl import AnyOf, BaseAttr
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects.attributes import shape_of

f32 = Float32Type()
FLOAT = AnyOf((BaseAttr(Float32Type), BaseAttr(Float64Type)))
FLOAT_TENSOR = TensorType.constr(FLOAT)
REAL = AnyOf((BaseAttr(Float32Type), BaseAttr(Float64Type), FLOAT_TENSOR))
INTS = DenseArrayBase.constr(i64)


def ints(values: Sequence[int]) -> DenseArrayBase:
    """Returns integers as an attribute."""
    return DenseArrayBase.from_list(i64, list(values))


def real_like(type_: Attribute, shape: Sequence[int] | None = None) -> Attribute:
    """Returns the real type (f32) of `shape`, or with the shape of `type_`."""
    if shape is None:
        shape = shape_of(type_)
        if not shape and not isinstance(type_, TensorType):
            return f32
    return TensorType(f32, shape)


def verify_shape(result: Attribute, shape: Sequence[int]) -> None:
    """Raises VerifyException unless `result` has the given shape."""
    if tuple(shape) != shape_of(result):
        raise VerifyException(f"result must have shape {list(shape)}, got {result}")


def verify_same_shape(source: Attribute, result: Attribute) -> None:
    """Raises VerifyException unless both types have one shape."""
    if shape_of(source) != shape_of(result):
        raise VerifyException(f"input {source} and result {result} differ in shape")


def verify_axis(axis: int, rank: int) -> None:
    """Raises VerifyException unless `axis` is one of a tensor of that rank, from the front."""
    if not 0 <= axis < rank:
        raise VerifyException(f"axis must be in [0, {rank - 1}], got {axis}")
