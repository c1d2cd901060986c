"""Runs an ONNX model in another program's executor: onnxruntime, or that of QONNX's own package."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from onnx import ModelProto, NodeProto, ValueInfoProto, helper

from qcompiler.dialects.attributes import Array
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.onnx.naming import domain_of
from qcompiler.version import installing

EXTRA = "runtime"


class Runtime(Protocol):
    """What computes a model independently of this compiler.

    Attributes:
        name: of the program.
    """

    name: str

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        """Returns tensors of the model by name, those that were asked for among them."""
        ...


def runtime_of(model: ModelProto, tensors: Sequence[str]) -> Runtime:
    """Returns the runtime that a model is for: onnxruntime if all its operations are ONNX's own.

    Args:
        model: with its constants inside.
        tensors: names of those that are wanted, beside the outputs.

    Raises:
        ModelError: the package is not installed.
    """
    foreign = any(domain_of(node) not in ("", "com.microsoft") for node in model.graph.node)
    package = "qonnx" if foreign or any(map(_is_of_qonnx, model.graph.node)) else "onnxruntime"
    if find_spec(package) is None:
        what = f"is run by {package}, which is not installed"
        raise ModelError([Problem("model", what, installing(EXTRA))])
    return _Qonnx(model) if package == "qonnx" else _OnnxRuntime(model, tensors)


def _is_of_qonnx(node: NodeProto) -> bool:
    return node.op_type in ("Quant", "IntQuant", "BipolarQuant", "Trunc", "MultiThreshold")


class _OnnxRuntime:
    """onnxruntime on one thread, node by node as the model says: nothing is fused."""

    name = "onnxruntime"

    def __init__(self, model: ModelProto, tensors: Sequence[str]):
        whole = ModelProto()
        whole.CopyFrom(model)
        known = {output.name for output in whole.graph.output}
        whole.graph.output.extend(ValueInfoProto(name=n) for n in tensors if n not in known)
        onnxruntime: Any = import_module("onnxruntime")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.names = [output.name for output in whole.graph.output]
        self._session = onnxruntime.InferenceSession(whole.SerializeToString(), options)

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        found = self._session.run(None, dict(feeds))
        return dict(zip(self.names, map(np.asarray, found), strict=True))


class _Qonnx:
    """The executor of the package qonnx."""

    name = "qonnx"

    def __init__(self, model: ModelProto):
        wrapper: Any = import_module("qonnx.core.modelwrapper").ModelWrapper(model)
        shapes: Any = import_module("qonnx.transformation.infer_shapes")
        self._model = wrapper.transform(shapes.InferShapes())
        self._execute: Any = import_module("qonnx.core.onnx_exec").execute_onnx

    def run(self, feeds: Mapping[str, Array]) -> Mapping[str, Array]:
        return self._execute(self._model, dict(feeds), return_full_exec_context=True)


def inputs_of(model: ModelProto) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Returns shape (open extents are 1) and type of each input that is no constant."""
    constants = {tensor.name for tensor in model.graph.initializer}
    found: dict[str, tuple[tuple[int, ...], Any]] = {}
    for info in model.graph.input:
        if info.name not in constants:
            tensor = info.type.tensor_type
            shape = tuple(d.dim_value or 1 for d in tensor.shape.dim)
            found[info.name] = shape, helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    return found
