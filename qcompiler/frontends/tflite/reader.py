"""Reads a TensorFlow Lite file that may be damaged, hostile, or none at all.

The package `tflite` is generated from the schema: it reads a number where the file says that it
is, without a look at where the file ends. So everything is read here, once, into plain data.
"""

import struct
from collections.abc import Callable
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import check_elements
from qcompiler.frontends.tflite.model import Model, Node, Subgraph, Tensor
from qcompiler.version import installing

MAX_FILE_BYTES = 2**31 - 1
_IDENTIFIER = b"TFL3"
_DAMAGE = (
    struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError, KeyError,
)  # fmt: skip
"""What the generated code raises where a file points outside itself, or says what is no value."""

_TYPES: dict[str, type[np.generic]] = {
    "INT8": np.int8, "UINT8": np.uint8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64,
    "FLOAT32": np.float32, "FLOAT64": np.float64, "BOOL": np.bool_,
}  # fmt: skip

_WINDOW = ("Padding", "StrideH", "StrideW", "FusedActivationFunction")
_CONV = (*_WINDOW, "DilationHFactor", "DilationWFactor")
_POOL = ("Pool2DOptions", (*_WINDOW, "FilterHeight", "FilterWidth"))
_SUM = ("FusedActivationFunction",)
_MASKS = ("BeginMask", "EndMask", "EllipsisMask", "NewAxisMask", "ShrinkAxisMask")
_OPTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "CONV_2D": ("Conv2DOptions", _CONV),
    "DEPTHWISE_CONV_2D": ("DepthwiseConv2DOptions", (*_CONV, "DepthMultiplier")),
    "FULLY_CONNECTED": (
        "FullyConnectedOptions",
        ("FusedActivationFunction", "WeightsFormat", "KeepNumDims"),
    ),
    "AVERAGE_POOL_2D": _POOL,
    "MAX_POOL_2D": _POOL,
    "ADD": ("AddOptions", _SUM),
    "CONCATENATION": ("ConcatenationOptions", ("Axis", "FusedActivationFunction")),
    "SOFTMAX": ("SoftmaxOptions", ("Beta",)),
    "STRIDED_SLICE": ("StridedSliceOptions", (*_MASKS, "Offset")),
    "SPLIT_V": ("SplitVOptions", ("NumSplits",)),
    "SPLIT": ("SplitOptions", ("NumSplits",)),
    "MEAN": ("ReducerOptions", ("KeepDims",)),
    "CALL_ONCE": ("CallOnceOptions", ("InitSubgraphIndex",)),
    "VAR_HANDLE": ("VarHandleOptions", ("Container", "SharedName")),
}
"""Per operation, the table of the schema that holds its options, and which are needed of it."""

_DEFAULTS: dict[str, int | float | str] = {
    "DilationHFactor": 1, "DilationWFactor": 1, "Container": "", "SharedName": "",
}  # fmt: skip
"""What an option is where a file leaves the whole table out, if not 0."""


def read_model(path: Path) -> Model:
    """Returns the model in a file.

    Raises:
        ModelError: the file cannot be read, is damaged, or is no TensorFlow Lite model; or the
            package that knows the schema is missing.
    """
    schema = _schema()
    data = _read(path)
    if data[4:8] != _IDENTIFIER:
        raise _error(path, "is not a TensorFlow Lite model", "give the .tflite file, complete")
    try:
        return _Reader(schema, data).model()
    except RefusalError as refusal:
        raise _error(path, refusal.what, refusal.remedy) from None
    except _DAMAGE:
        what = "is damaged or truncated: it points outside of itself"
        raise _error(path, what, "give the .tflite file that the converter wrote, complete") from (
            None
        )


def _schema() -> Any:
    try:
        return import_module("tflite")
    except ImportError as error:
        what = f"the package {error.name or 'tflite'} is missing, which knows the schema"
        remedy = installing("tflite")
        raise ModelError([Problem("TensorFlow Lite", what, remedy)]) from None


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            what = "is not a file" if path.exists() else "does not exist"
            raise _error(path, what, "give the path of a .tflite file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise _error(path, "has more than 2 GiB", "make the model smaller")
        return path.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error}"
        raise _error(path, what, "check the path and its permissions") from error


def _error(path: Path, what: str, remedy: str) -> ModelError:
    return ModelError([Problem(str(path), what, remedy)])


def _text(raw: bytes | None) -> str:
    return "" if raw is None else raw.decode("utf-8", "backslashreplace")


class _Reader:
    """One walk over a file; all that it calls may raise one of `_DAMAGE`."""

    def __init__(self, schema: Any, data: bytes):
        self.schema = schema
        self.most = len(data)  # a vector with more entries than that is damage
        self.root = schema.Model.GetRootAs(data, 0)
        self.kinds = _by_number(schema.BuiltinOperator)
        self.types = _by_number(schema.TensorType)

    def model(self) -> Model:
        """Returns the model."""
        count = self._count(self.root.SubgraphsLength())
        if not count:
            raise RefusalError("has no network", "convert the model again")
        return Model(tuple(self._subgraph(self.root.Subgraphs(i)) for i in range(count)))

    def _count(self, length: int) -> int:
        if not 0 <= length <= self.most:
            raise IndexError(length)
        return length

    def _each(self, length: int, entry: Callable[[int], Any]) -> list[Any]:
        return [entry(i) for i in range(self._count(length))]

    def _subgraph(self, graph: Any) -> Subgraph:
        tensors = tuple(
            self._tensor(tensor) for tensor in self._each(graph.TensorsLength(), graph.Tensors)
        )
        names: dict[str, int] = {}
        nodes = tuple(
            self._node(op, tensors, names)
            for op in self._each(graph.OperatorsLength(), graph.Operators)
        )
        inputs = self._indices(graph.InputsLength(), graph.Inputs, tensors)
        outputs = self._indices(graph.OutputsLength(), graph.Outputs, tensors)
        return Subgraph(tensors, inputs, outputs, nodes)

    def _indices(
        self, length: int, entry: Callable[[int], Any], tensors: tuple[Tensor, ...], least: int = 0
    ) -> tuple[int, ...]:
        found = tuple(int(i) for i in self._each(length, entry))
        if any(not least <= i < len(tensors) for i in found):
            raise IndexError(found)
        return found

    def _tensor(self, tensor: Any) -> Tensor:
        kind = self.types[tensor.Type()]
        shape = tuple(int(n) for n in self._each(tensor.ShapeLength(), tensor.Shape))
        name = _text(tensor.Name())
        if kind not in ("RESOURCE", "STRING", "VARIANT") and tensor.ShapeLength():
            check_elements(shape, what=f"tensor {name!r}")
        if tensor.Sparsity() is not None:
            raise RefusalError(f"tensor {name!r} is sparse", "convert without sparsity")
        scale, zero_point, axis = self._quantization(tensor.Quantization(), name, shape)
        data = self._data(tensor.Buffer(), kind, shape, name)
        return Tensor(name, kind, shape, scale, zero_point, axis, data)

    def _quantization(
        self, found: Any, name: str, shape: tuple[int, ...]
    ) -> tuple[Array, Array, int]:
        if found is None or not found.ScaleLength():
            return np.zeros(0, np.float32), np.zeros(0, np.int64), 0
        count = self._count(found.ScaleLength())
        scale = np.array(found.ScaleAsNumpy(), np.float32)
        zero_point = np.zeros(count, np.int64)
        if found.ZeroPointLength():
            zero_point = np.array(found.ZeroPointAsNumpy(), np.int64)
        axis = int(found.QuantizedDimension())
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            raise RefusalError(
                f"scales of tensor {name!r} must be positive and finite", "convert the model again"
            )
        fits = count == 1 or (0 <= axis < len(shape) and shape[axis] == count)
        if zero_point.size != count or not fits:
            raise RefusalError(
                f"{count} scales and {zero_point.size} zero points do not fit tensor {name!r} of "
                f"shape {list(shape)}",
                "convert the model again",
            )
        return scale, zero_point, axis

    def _data(self, buffer: int, kind: str, shape: tuple[int, ...], name: str) -> Array | None:
        if not 0 <= buffer < self._count(self.root.BuffersLength()):
            raise IndexError(buffer)
        holder = self.root.Buffers(buffer)
        size = self._count(holder.DataLength())
        if not size or kind not in _TYPES:
            return None
        element = np.dtype(_TYPES[kind])
        if size != prod(shape) * element.itemsize:
            raise RefusalError(
                f"tensor {name!r} of shape {list(shape)} has {size} bytes of data, not "
                f"{prod(shape) * element.itemsize}",
                "convert the model again",
            )
        raw = np.array(holder.DataAsNumpy(), np.uint8)
        return raw.view(element.newbyteorder("<")).astype(element).reshape(shape)

    def _node(self, op: Any, tensors: tuple[Tensor, ...], names: dict[str, int]) -> Node:
        index = op.OpcodeIndex()
        if not 0 <= index < self._count(self.root.OperatorCodesLength()):
            raise IndexError(index)
        code = self.root.OperatorCodes(index)
        # Old files have the code in the first of these, new ones in the second.
        kind = self.kinds[max(code.DeprecatedBuiltinCode(), code.BuiltinCode())]
        if kind == "CUSTOM":
            kind = f"CUSTOM {_text(code.CustomCode())}"
        inputs = self._indices(op.InputsLength(), op.Inputs, tensors, least=-1)
        outputs = self._indices(op.OutputsLength(), op.Outputs, tensors)
        wanted = tensors[outputs[0]].name.partition(";")[0] if outputs else ""
        name = wanted = wanted or kind.lower()
        while name in names:
            names[wanted] += 1
            name = f"{wanted}_{names[wanted]}"
        names[name] = 0
        return Node(name, kind, inputs, outputs, self._options(op, kind))

    def _options(self, op: Any, kind: str) -> dict[str, int | float | str]:
        if kind not in _OPTIONS:
            return {}
        table, wanted = _OPTIONS[kind]
        found = op.BuiltinOptions()
        if found is None:
            return {name: _DEFAULTS.get(name, 0) for name in wanted}
        options = getattr(self.schema, table)()
        options.Init(found.Bytes, found.Pos)
        read = {name: getattr(options, name)() for name in wanted}
        return {n: _text(v) if v is None or isinstance(v, bytes) else v for n, v in read.items()}


def _by_number(enumeration: Any) -> dict[int, str]:
    return {getattr(enumeration, name): name for name in dir(enumeration) if name.isupper()}
