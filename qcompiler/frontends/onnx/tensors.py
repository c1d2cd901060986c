"""Tensors of an ONNX file as numpy arrays, without trusting what the file claims about them."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from ml_dtypes import int2, int4, uint2, uint4
from msgspec import Struct
from onnx import TensorProto, helper

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.refusal import RefusalError

MAX_ELEMENTS = 2**28
"""Bound on the elements of any one constant; far above any device, far below a host's memory."""

MAX_ACTIVATION = 2**23
"""Bound on the elements of a tensor that depends on the network's inputs."""

MAX_RANK = 16

MAX_FOLDED = 2**24
"""Bound on the elements of a result while compiling: a tiny file can ask for a huge one."""

_RE_EXPORT = "export the model again, the file is damaged or not what it claims to be"


class _Storage(Struct, frozen=True):
    """How ONNX stores one element type.

    Attributes:
        stored: numpy type of `raw_data` and external data.
        field: repeated field that holds the elements otherwise.
        packed: elements in each stored byte, the first in the low bits.
    """

    stored: str
    field: str
    packed: int = 1


_STORAGE: dict[int, _Storage] = {
    TensorProto.FLOAT: _Storage("<f4", "float_data"),
    TensorProto.DOUBLE: _Storage("<f8", "double_data"),
    TensorProto.FLOAT16: _Storage("<u2", "int32_data"),
    TensorProto.BFLOAT16: _Storage("<u2", "int32_data"),
    TensorProto.INT8: _Storage("<i1", "int32_data"),
    TensorProto.INT16: _Storage("<i2", "int32_data"),
    TensorProto.INT32: _Storage("<i4", "int32_data"),
    TensorProto.INT64: _Storage("<i8", "int64_data"),
    TensorProto.UINT8: _Storage("<u1", "int32_data"),
    TensorProto.UINT16: _Storage("<u2", "int32_data"),
    TensorProto.UINT32: _Storage("<u4", "uint64_data"),
    TensorProto.UINT64: _Storage("<u8", "uint64_data"),
    TensorProto.BOOL: _Storage("<u1", "int32_data"),
    TensorProto.INT4: _Storage("<u1", "int32_data", packed=2),
    TensorProto.UINT4: _Storage("<u1", "int32_data", packed=2),
    TensorProto.INT2: _Storage("<u1", "int32_data", packed=4),
    TensorProto.UINT2: _Storage("<u1", "int32_data", packed=4),
}

_PACKED_TYPES: dict[int, Any] = {
    TensorProto.INT4: int4, TensorProto.UINT4: uint4,
    TensorProto.INT2: int2, TensorProto.UINT2: uint2,
}  # fmt: skip

_CODE_TYPES = (
    TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16,
    TensorProto.INT32, TensorProto.INT4, TensorProto.UINT4, TensorProto.INT2, TensorProto.UINT2,
)  # fmt: skip


_COMMON_TYPES = (
    TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16, TensorProto.INT32,
)  # fmt: skip


def code_range(data_type: int) -> IntRange | None:
    """Returns the integers of an element type that quantized tensors have; None for other types."""
    if data_type not in _CODE_TYPES:
        return None
    name = element_type_name(data_type)
    return IntRange.for_bits(int(name.lstrip("uint")), signed=not name.startswith("u"))


HALVES: dict[int, str] = {TensorProto.FLOAT16: "float16", TensorProto.BFLOAT16: "bfloat16"}
"""Element types of floats that are shorter than float32, as `nn.round_to` calls them."""


def integer_range(data_type: int) -> IntRange | None:
    """Returns the integers of any element type of integers, 64 bits included; None for others."""
    if data_type in (TensorProto.UINT32, TensorProto.INT64):
        bits = 32 if data_type == TensorProto.UINT32 else 64
        return IntRange.for_bits(bits, signed=data_type == TensorProto.INT64)
    return code_range(data_type)


def smallest_type(range_: IntRange) -> int:
    """Returns ONNX's number of the element type of a range, or else of one that holds it."""
    exact = [data_type for data_type in _CODE_TYPES if code_range(data_type) == range_]
    for data_type in (*exact, *_COMMON_TYPES):
        found = integer_range(data_type)
        if found is not None and found.lo <= range_.lo and range_.hi <= found.hi:
            return data_type
    return TensorProto.INT64


def numpy_type(data_type: int) -> Any:
    """Returns numpy's type for an element type of ONNX."""
    return _PACKED_TYPES.get(data_type) or helper.tensor_dtype_to_np_dtype(data_type)


def code_type(array: Array) -> int:
    """Returns ONNX's number of the element type of an array of integers; UNDEFINED for others."""
    return dict(TensorProto.DataType.items()).get(array.dtype.name.upper(), TensorProto.UNDEFINED)


def element_type_name(data_type: int) -> str:
    """Returns ONNX's name of an element type in lower case, or its number if it has none."""
    if data_type in TensorProto.DataType.values():
        return TensorProto.DataType.Name(TensorProto.DataType.ValueType(data_type)).lower()
    return f"type {data_type}"


def check_elements(
    shape: Sequence[int], *, limit: int = MAX_ELEMENTS, what: str = "a tensor"
) -> int:
    """Returns how many elements a tensor of `shape` has.

    Raises:
        RefusalError: an extent is negative or zero, there are more than `limit`, or too many axes.
    """
    if len(shape) > MAX_RANK:
        raise RefusalError(
            f"{what} may have at most {MAX_RANK} axes, got {len(shape)}",
            "drop the axes of extent 1",
        )
    if any(extent < 1 for extent in shape):
        raise RefusalError(
            f"extents of {what} must be positive, got shape {list(shape)}", _RE_EXPORT
        )
    count = prod(shape)
    if count > limit:
        raise RefusalError(
            f"{what} may have at most {limit} elements, got shape {list(shape)}",
            "make the model smaller",
        )
    return count


def array_of(tensor: TensorProto, folder: Path) -> Array:
    """Returns the elements of `tensor`; float16 and bfloat16 come as float32, which is exact.

    Nothing is allocated or read before the claimed shape was compared with the data present.

    Args:
        tensor: any tensor of a model.
        folder: the model's folder, the only place from which external data is read.

    Raises:
        RefusalError: unsupported element type, or shape, data or location are not sound.
    """
    storage = _STORAGE.get(tensor.data_type)
    if storage is None:
        raise RefusalError(
            f"elements of {element_type_name(tensor.data_type)} are not supported",
            "store the tensor as float, double, float16, bool or integers of 2 to 64 bits",
        )
    shape = tuple(tensor.dims)
    # Zero elements are legal here: an empty list of axes, or the shape of a scalar.
    count = 0 if 0 in shape else check_elements(shape)
    return _to_value_type(_stored_elements(tensor, storage, count, folder), tensor).reshape(shape)


def _stored_elements(tensor: TensorProto, storage: _Storage, count: int, folder: Path) -> Array:
    stored = np.dtype(storage.stored)
    count = -(-count // storage.packed)
    if tensor.data_location == TensorProto.EXTERNAL:
        data = _external_bytes(tensor, count * stored.itemsize, folder)
        return np.frombuffer(data, stored)
    if tensor.HasField("raw_data"):
        data = tensor.raw_data  # each access copies
        _check_size(len(data), count * stored.itemsize, "bytes", tensor)
        return np.frombuffer(data, stored)
    elements: Any = getattr(tensor, storage.field)
    _check_size(len(elements), count, "elements", tensor)
    # Of packed elements, the field holds bytes as they are, sometimes sign extended.
    wide = stored if stored.kind == "f" or stored == np.uint64 else np.dtype(np.int64)
    return np.array(elements, wide).astype(stored)


def _check_size(got: int, expected: int, unit: str, tensor: TensorProto) -> None:
    if got != expected:
        raise RefusalError(
            f"shape {list(tensor.dims)} of {element_type_name(tensor.data_type)} needs {expected} "
            f"{unit}, but {got} are stored",
            _RE_EXPORT,
        )


def _to_value_type(stored: Array, tensor: TensorProto) -> Array:
    if tensor.data_type == TensorProto.FLOAT16:
        return stored.view(np.float16).astype(np.float32)
    if tensor.data_type == TensorProto.BFLOAT16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    if tensor.data_type == TensorProto.BOOL:
        return stored != 0
    if tensor.data_type in _PACKED_TYPES:
        return _unpacked(stored, tensor)
    return stored


def _unpacked(stored: Array, tensor: TensorProto) -> Array:
    """Returns elements of less than a byte, in the type of `ml_dtypes` that says which."""
    packed = _STORAGE[tensor.data_type].packed
    bits = 8 // packed
    fields = (stored[:, np.newaxis] >> (bits * np.arange(packed, dtype=np.uint8))) & (2**bits - 1)
    codes: Array = fields.reshape(-1)[: prod(tensor.dims)].astype(np.int64)
    if element_type_name(tensor.data_type).startswith("int"):
        codes -= (codes >> (bits - 1)) << bits  # sign extension
    return codes.astype(_PACKED_TYPES[tensor.data_type])


def _external_bytes(tensor: TensorProto, size: int, folder: Path) -> bytes:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    path = _external_path(entries.get("location", ""), folder)
    available = path.stat().st_size
    offset = _external_number(entries, "offset", 0)
    length = _external_number(entries, "length", max(available - offset, 0))
    if offset + length > available:
        raise RefusalError(
            f"external data lies at bytes {offset} to {offset + length}, but {path.name} has "
            f"{available} bytes",
            _RE_EXPORT,
        )
    _check_size(length, size, "bytes", tensor)
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(length)


def _external_number(entries: dict[str, str], key: str, default: int) -> int:
    text = entries.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RefusalError(f"external data has a bad {key}, got {text!r}", _RE_EXPORT)
    return int(text)


def _external_path(location: str, folder: Path) -> Path:
    """Returns the file that `location` names, which is inside `folder` with links resolved."""
    try:
        path = (folder / location).resolve()
        inside = path.is_relative_to(folder.resolve())
        found = inside and path.is_file()
    except (OSError, ValueError, RuntimeError):  # endless links, NUL bytes, names beyond the limit
        inside, found = True, False
        path = folder
    if not inside:
        raise RefusalError(
            f"external data {location!r} lies outside the model's folder",
            "move the data file next to the model and export with a relative location",
        )
    if not found:
        raise RefusalError(
            f"external data file {location!r} is missing",
            "copy it next to the model, or save the model as one file",
        )
    return path
