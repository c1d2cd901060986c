"""Conversions between numpy arrays and the builtin attributes that hold weights and parameters."""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    AnyFloat,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    Float32Type,
    Float64Type,
    IntegerType,
    TensorType,
)
from xdsl.ir import Attribute
from xdsl.utils.exceptions import VerifyException

Array: TypeAlias = NDArray[Any]
DenseAttr: TypeAlias = DenseIntOrFPElementsAttr[IntegerType | AnyFloat]

_NUMPY_OF_FLOAT = {Float32Type: np.dtype("<f4"), Float64Type: np.dtype("<f8")}


def is_dense(value: object) -> TypeGuard[DenseAttr]:
    """Whether an attribute holds an array of integers or floats.

    As `isa` of xDSL (0.74) says, which makes the constraint anew each time, in a millisecond.
    """
    if not isinstance(value, DenseIntOrFPElementsAttr):
        return False
    held = cast(DenseIntOrFPElementsAttr[Any], value)
    return isinstance(held.get_element_type(), IntegerType | AnyFloat)


def dense_from_numpy(array: Array) -> DenseAttr:
    """Returns `array` (int8..int64, uint8, float32 or float64) as a dense elements attribute.

    Raises:
        ValueError: the element type has no counterpart in the IR.
    """
    dtype = array.dtype
    if dtype == np.float32:
        element: Attribute = Float32Type()
    elif dtype == np.float64:
        element = Float64Type()
    elif dtype.kind == "i":
        element = IntegerType(dtype.itemsize * 8)
    else:
        raise ValueError(f"no dense attribute for numpy type {dtype}")
    little = np.ascontiguousarray(array, dtype=dtype.newbyteorder("<"))
    return DenseIntOrFPElementsAttr(TensorType(element, array.shape), BytesAttr(little.tobytes()))


@cache
def _numpy_of_int(width_bits: int) -> np.dtype[Any]:
    return np.dtype(f"<i{width_bits // 8}")


def numpy_from_dense(dense: DenseAttr) -> Array:
    """Returns the elements of `dense` as a read-only numpy array of its shape."""
    element = dense.get_element_type()
    if type(element) is IntegerType:
        dtype = _numpy_of_int(element.width.data)
    elif isinstance(element, Float32Type | Float64Type):
        dtype = _NUMPY_OF_FLOAT[type(element)]
    else:
        raise ValueError(f"no numpy type for elements of type {element}")
    return np.frombuffer(dense.data.data, dtype=dtype).reshape(dense.get_shape())


def smallest_int_array(array: Array) -> Array:
    """Returns `array` in the narrowest of int8, int16, int32, int64 that holds its values."""
    if array.size == 0:
        return array.astype(np.int8)
    lo, hi = int(array.min()), int(array.max())
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= lo and hi <= np.iinfo(dtype).max:
            return array.astype(dtype)
    return array.astype(np.int64)


def int_dense(array: Array) -> DenseAttr:
    """Returns integers as a dense attribute of the narrowest standard element type."""
    return dense_from_numpy(smallest_int_array(np.asarray(array)))


def shape_of(type_: Attribute) -> tuple[int, ...]:
    """Returns the static shape of a tensor type, or () for a scalar type."""
    return type_.get_shape() if type(type_) is TensorType else ()


def element_of(type_: Attribute) -> Attribute:
    """Returns the element type of a tensor type, or the type itself when it is a scalar."""
    return type_.element_type if type(type_) is TensorType else type_


def verify_static(type_: Attribute, what: str) -> None:
    """Raises VerifyException unless `type_` is a scalar or a tensor with static shape."""
    if any(extent < 0 for extent in shape_of(type_)):
        raise VerifyException(f"{what} must have a static shape, got {type_}")


def verify_channel_parameter(count: int, axis: int | None, shape: Sequence[int], what: str) -> None:
    """Checks that a parameter with `count` values applies to a tensor of `shape` along `axis`.

    Raises:
        VerifyException: `count` is neither 1 nor the extent of the channel axis.
    """
    if count == 1:
        return
    if not shape:  # a scalar inside a region stands for every channel of the enclosing op
        return
    if axis is None:
        raise VerifyException(f"{what} has {count} values, which needs an axis")
    if not 0 <= axis < len(shape):
        raise VerifyException(f"axis must be in [0, {len(shape) - 1}], got {axis}")
    if shape[axis] != count:
        raise VerifyException(
            f"{what} has {count} values, but axis {axis} of the tensor has extent {shape[axis]}"
        )


def broadcast_shapes(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Returns the numpy broadcast of `shapes`.

    Raises:
        VerifyException: they do not broadcast.
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        listed = ", ".join(str(list(shape)) for shape in shapes)
        raise VerifyException(f"shapes {listed} do not broadcast") from None
