"""Runs a model in onnxruntime, in each of the configurations that may give other integers.

On a processor without VNNI its fast kernels for uint8 times int8 add pairs of products in 16 bits,
which saturate; `session.x64quantprecision` asks for the exact ones. Optimised graphs fuse
quantizers into kernels, plain ones compute them in float32.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from benchmarks.zoo.vectors import Batch
from qcompiler.dialects.attributes import Array

_TYPES: dict[str, type] = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int8)": np.int8,
    "tensor(uint8)": np.uint8,
    "tensor(int16)": np.int16,
    "tensor(uint16)": np.uint16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
}
_ELEMENTS: dict[int, type] = {
    1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32, 7: np.int64,
    9: np.bool_, 11: np.float64,
}  # fmt: skip
CONFIGURATIONS = (
    ("plain", False, False),
    ("plain, precise", False, True),
    ("optimised", True, False),
    ("optimised, precise", True, True),
)


_WORKS_ONCE = "AddInitialized"
"""Asked for precise kernels, onnxruntime 1.31 stops here if two nodes share a constant."""


class NotRunnable(Exception):
    """onnxruntime refuses the model; says why."""


def element_types(path: Path, names: list[str]) -> list[type]:
    """Returns numpy's type for each input of a model, float32 where numpy has none."""
    graph = onnx.load(path, load_external_data=False).graph
    found = {i.name: i.type.tensor_type.elem_type for i in graph.input}
    return [_ELEMENTS.get(found.get(name, 1), np.float32) for name in names]


def session(path: Path | bytes, optimised: bool, precise: bool) -> onnxruntime.InferenceSession:
    """Returns a session with one thread.

    Raises:
        NotRunnable: onnxruntime does not load the model.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    if precise:
        options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        try:
            return onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no common base class of their own
            if _WORKS_ONCE not in str(error):
                raise
            model = unshared(_loaded(path)).SerializeToString()
            return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    except Exception as error:  # as above
        raise NotRunnable(_short(error)) from error


def _loaded(path: Path | bytes) -> onnx.ModelProto:
    return onnx.load_from_string(path) if isinstance(path, bytes) else onnx.load(path)


def unshared(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the model with a constant of its own for each use."""
    constants = {i.name: i for i in model.graph.initializer}
    used: set[str] = set()
    for index, node in enumerate(model.graph.node):
        for place, name in enumerate(node.input):
            if name not in constants:
                continue
            if name in used:
                copy = model.graph.initializer.add()
                copy.CopyFrom(constants[name])
                copy.name = node.input[place] = f"{name}__{index}_{place}"
            used.add(name)
    return model


def run(session: onnxruntime.InferenceSession, names: list[str], batch: Batch) -> tuple[Array, ...]:
    """Returns the outputs for a batch, one vector at a time, shape [count, ...].

    A model of several images at once gets as many vectors at a time.

    Raises:
        NotRunnable: onnxruntime stops.
    """
    types = {i.name: _TYPES.get(i.type) for i in session.get_inputs()}
    arrays = {n: a.astype(types[n] or a.dtype) for n, a in zip(names, batch.reals, strict=True)}
    images = _images(session, arrays)
    rows: list[list[Array]] = []
    for k in range(0, batch.count, images):
        given = {
            n: a[k] if images == 1 else np.concatenate(a[k : k + images]) for n, a in arrays.items()
        }
        try:
            made = session.run(None, given)
        except Exception as error:  # as above
            raise NotRunnable(_short(error)) from error
        rows += [made] if images == 1 else [[o[i : i + 1] for o in made] for i in range(images)]
    return tuple(np.stack(column) for column in zip(*rows, strict=True))


def _images(session: onnxruntime.InferenceSession, arrays: Mapping[str, Array]) -> int:
    """Returns how many images the model takes at once, where vectors have one each."""
    for given in session.get_inputs():
        first, array = (given.shape or [1])[0], arrays[given.name]
        if isinstance(first, int) and array.ndim > 1 and first > array.shape[1] == 1:
            return first if len(array) % first == 0 else 1
    return 1


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text.removeprefix("[ONNXRuntimeError] : ")[:160]
