"""What each host operation computes, in plain numpy, on arrays with a leading batch axis.

The interpreters call these functions, and the driver that ships with a design carries their source.
So each is self-contained: no name from elsewhere but `np` and `math`; what they share with other
parts of the compiler is self-contained, too, and carried along.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def as_inputs(given: Any, names: Sequence[str], shapes: Sequence[Sequence[int]]) -> list[Any]:
    """Returns the arrays that are given for a model's inputs, in order.

    Args:
        given: one array if the model has one input; a list or tuple of one array for each; or
            arrays by name.
        names: of the inputs.
        shapes: of the inputs, for messages.

    Raises:
        ValueError: they are too many, too few, or of other names; says what was expected.
    """
    wanted = [
        f"{name} of shape [batch, {', '.join(map(str, s[1:] if len(s) > 1 and s[0] == 1 else s))}]"
        for name, s in zip(names, shapes, strict=True)
    ]
    if hasattr(given, "keys"):
        if set(given.keys()) != set(names):
            got = ", ".join(map(str, given.keys())) or "none"
            raise ValueError(f"inputs must be {'; '.join(wanted)}; got {got}")
        return [given[name] for name in names]
    listed: list[Any] = list(given) if type(given) in (list, tuple) else [given]
    arrays = all(isinstance(array, np.ndarray) for array in listed)
    if arrays and len(listed) == len(names):
        return listed
    if len(names) == 1 and not arrays:  # numbers in lists
        return [np.asarray(given)]
    raise ValueError(f"the model has {len(names)} inputs, {'; '.join(wanted)}; got {len(listed)}")


def as_input(
    array: Any,
    shape: Sequence[int],
    bounds: tuple[int, int] | None,
    name: str = "this input",
) -> Array:
    """Returns a batch of model inputs, shape [batch, *shape].

    Args:
        array: a batch with or without the model's own batch dimension of one, or one input.
        shape: of one model input.
        bounds: smallest and largest integer where the input takes integers, else None.
        name: of the input, for messages.

    Raises:
        ValueError: the shape does not fit, or a number is none that the input takes.
    """
    array, shape = np.asarray(array), tuple(shape)
    inner = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    if array.shape == shape:
        array = array[np.newaxis]
    elif array.ndim and array.shape[1:] in (shape, inner):
        array = array.reshape(array.shape[0], *shape)
    else:
        raise ValueError(
            f"expected input of shape {list(inner)} with a batch axis, got {list(array.shape)}"
        )
    if not array.size:
        raise ValueError("the batch is empty")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")
    if bounds is None:
        return array
    lo, hi = bounds
    if array.dtype.kind == "f" and not np.array_equal(array, np.rint(array)):
        raise ValueError(
            f"{name} takes integers from {lo} to {hi} (it was given a type and scale "
            "instead of a quantizer), got fractions; divide by the scale and round"
        )
    if array.min() < lo or array.max() > hi:
        raise ValueError(
            f"{name} takes integers from {lo} to {hi}, got {array.min()} to {array.max()}"
        )
    return array.astype(np.int64)


def per_channel(values: Array, ndim: int, axis: int | None) -> Array:
    """Returns [1] or [channels] parameters shaped to broadcast along `axis` of a batched array."""
    if axis is None or values.size == 1:
        return values.reshape((1,) * ndim)
    return values.reshape([-1 if i == axis + 1 else 1 for i in range(ndim)])


def round_to_integers(x: Array, mode: str) -> Array:
    """Returns x rounded to integers; modes as QONNX names them, exact for every float."""
    whole = np.floor(np.abs(x))
    part = np.abs(x) - whole
    if mode == "half_even":
        return np.rint(x)
    if mode == "floor":
        return np.floor(x)
    if mode == "ceil":
        return np.ceil(x)
    step = {"up": part > 0, "down": part > 1, "half_up": part >= 0.5, "half_down": part > 0.5}[mode]
    return np.copysign(whole + step, x)


def quantize(
    x: Array,
    scale: Array,
    zero_point: Array,
    axis: int | None,
    mode: str,
    lo: int,
    hi: int,
    zero_point_after_rounding: bool = False,
) -> Array:
    """Returns int64 codes clamp(round(x / scale + zero_point), lo, hi), in the float type of x.

    With `zero_point_after_rounding`, clamp(round(x / scale) + zero_point, lo, hi). What is no
    number, as the root of a negative one, is the lowest code: ONNX leaves that open, onnxruntime
    does so.
    """
    s = per_channel(scale, x.ndim, axis).astype(x.dtype)
    z = per_channel(zero_point, x.ndim, axis)
    if zero_point_after_rounding:
        least, most = (lo - z).astype(x.dtype), (hi - z).astype(x.dtype)
        scaled = np.minimum(np.fmax(x / s, least), most)
        return round_to_integers(scaled, mode).astype(np.int64) + z
    scaled = np.minimum(np.fmax(x / s + z.astype(x.dtype), lo), hi)
    return round_to_integers(scaled, mode).astype(np.int64)


def dequantize(q: Array, scale: Array, zero_point: Array, axis: int | None, real: Any) -> Array:
    """Returns the reals scale * (q - zero_point) in float type `real`."""
    shifted = q - per_channel(zero_point, q.ndim, axis)
    return shifted.astype(real) * per_channel(scale, q.ndim, axis).astype(real)


def affine(q: Array, multiplier: Array, offset: Array, axis: int | None) -> Array:
    """Returns the integers multiplier * q + offset."""
    return q * per_channel(multiplier, q.ndim, axis) + per_channel(offset, q.ndim, axis)


def matmul(lhs: Array, rhs: Array) -> Array:
    """Returns the matrix product; equal numbers give equal sums, however they lie in memory.

    A transposed array is another order of additions to the library behind numpy.

    Args:
        lhs: [batch, ..., rows, inner]; stacks of matrices broadcast behind the batch.
        rhs: [batch, ..., inner, columns].
    """
    lhs, rhs = as_stacks(lhs, rhs)
    return np.matmul(np.ascontiguousarray(lhs), np.ascontiguousarray(rhs))


def as_stacks(lhs: Array, rhs: Array) -> tuple[Array, Array]:
    """Returns arrays of one rank, with axes of one element behind the batch where some lack."""
    rank = max(lhs.ndim, rhs.ndim)
    first, second = (
        x.reshape(x.shape[0], *[1] * (rank - x.ndim), *x.shape[1:]) for x in (lhs, rhs)
    )
    return first, second


def round_to(x: Array, digits: int, smallest: int, beyond: int) -> Array:
    """Returns the nearest numbers of a binary float, ties to even; infinity where it has none.

    Args:
        x: any float type.
        digits: of the significand, the first one included.
        smallest: exponent of two of the smallest positive number.
        beyond: exponent of the first power of two that is no number.
    """
    wide = x.astype(np.float64)
    unit = np.ldexp(1.0, np.maximum(np.frexp(wide)[1] - digits, smallest))
    rounded = np.rint(wide / unit) * unit
    infinite = np.abs(rounded) >= 2.0**beyond
    return np.where(infinite, np.copysign(np.inf, wide), rounded).astype(x.dtype)


def reduce_mean(x: Array, axes: Sequence[int], keepdims: bool) -> Array:
    """Returns the mean over `axes` (not counting the batch axis)."""
    return x.mean(axis=tuple(axis + 1 for axis in axes), keepdims=keepdims)


def arg_max(x: Array, axis: int, keepdims: bool, last: bool) -> Array:
    """Returns the position of the largest element along `axis` (not counting the batch axis)."""
    if last:
        found = x.shape[axis + 1] - 1 - np.flip(x, axis + 1).argmax(axis + 1)
    else:
        found = x.argmax(axis + 1)
    return (np.expand_dims(found, axis + 1) if keepdims else found).astype(x.dtype)


def softmax(x: Array, axis: int) -> Array:
    """Returns the softmax along `axis` (not counting the batch axis)."""
    powers = np.exp(x - x.max(axis=axis + 1, keepdims=True))
    return powers / powers.sum(axis=axis + 1, keepdims=True)


def layer_norm(x: Array, scale: Array, bias: Array, epsilon: float, centered: bool) -> Array:
    """Returns the rows along the last axis, normalized by their variance, or mean square."""
    wide = x.astype(np.float64)
    if centered:
        wide = wide - wide.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((wide * wide).mean(axis=-1, keepdims=True) + np.float32(epsilon))
    return (wide / deviation * scale.reshape(-1) + bias.reshape(-1)).astype(x.dtype)


def log_softmax(x: Array, axis: int) -> Array:
    """Returns the logarithm of the softmax along `axis` (not counting the batch axis)."""
    shifted = x - x.max(axis=axis + 1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis + 1, keepdims=True))


def reshape(x: Array, shape: Sequence[int]) -> Array:
    """Returns each batch entry in another shape, row-major."""
    return x.reshape(x.shape[0], *shape)


def transpose(x: Array, permutation: Sequence[int]) -> Array:
    """Returns each batch entry with its axes permuted."""
    return x.transpose(0, *(axis + 1 for axis in permutation))


def align(x: Array, rank: int) -> Array:
    """Returns a batched array with unit axes after the batch axis, so that entries have `rank`."""
    return x.reshape(x.shape[0], *(1,) * (rank + 1 - x.ndim), *x.shape[1:])


def constant(value: Array, real: Any) -> Array:
    """Returns a constant as a batch of one, floats in float type `real`."""
    typed = value.astype(real) if value.dtype.kind == "f" else value.astype(np.int64)
    return typed[np.newaxis]
