"""Evaluates nodes of constants while importing: shape arithmetic, mostly."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, ValueInfoProto, helper, numpy_helper

from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import MAX_FOLDED, check_elements, code_type

# Their results have no static shape, but no more elements than input elements times rank.
_DATA_DEPENDENT = frozenset({"Compress", "NonZero", "Unique"})
_RANDOM_PREFIXES = ("Random", "Bernoulli", "Multinomial", "Dropout")
_SMALL = 1024  # elements; only lists of axes, extents and the like shape a result
_HALF_PRECISION_ITEMSIZE = 2


def is_deterministic(node: NodeProto) -> bool:
    """Returns whether ONNX's reference knows the node, and gives the same in each run."""
    return not naming.domain_of(node) and not node.op_type.startswith(_RANDOM_PREFIXES)


def fold(node: NodeProto, inputs: Sequence[Array | None], opset: int) -> list[Array]:
    """Returns the outputs of a node of ONNX's own domain, evaluated by ONNX's reference.

    Args:
        node: without subgraphs.
        inputs: its inputs in order; None for one that is left out.
        opset: version of the operations.

    Raises:
        RefusalError: the node is not valid, or a result is too large or of unbounded size.
    """
    given = {n: a for n, a in zip(node.input, inputs, strict=True) if a is not None}
    model = _one_node_model(node, given, opset)
    _check_result_sizes(model)
    # Slow to import, and most models of today have nothing to fold.
    from onnx.reference import ReferenceEvaluator

    try:
        with np.errstate(all="ignore"):
            evaluator: Any = ReferenceEvaluator(model)  # onnx leaves it untyped
            results = evaluator.run(None, given)
    except Exception as error:  # whatever a kernel raises on a node that is not valid
        raise _cannot_evaluate(error) from error
    return [_value(result) for result in results]


def _one_node_model(node: NodeProto, given: dict[str, Array], opset: int) -> ModelProto:
    """Returns a model of the node, in which small inputs also have their elements as defaults."""
    inputs = [_typed(name, array) for name, array in given.items()]
    outputs = [ValueInfoProto(name=name) for name in node.output if name]
    small = [
        numpy_helper.from_array(a, n)
        for n, a in given.items()
        if a.size <= _SMALL and a.dtype.kind in "iub"
    ]
    graph = helper.make_graph([node], "fold", inputs, outputs, small)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def _typed(name: str, array: Array) -> ValueInfoProto:
    element = helper.np_dtype_to_tensor_dtype(array.dtype)
    return helper.make_tensor_value_info(name, element, array.shape)


def _check_result_sizes(model: ModelProto) -> None:
    (node,) = model.graph.node
    if node.op_type in _DATA_DEPENDENT:
        return
    try:
        inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as error:
        raise _cannot_evaluate(error) from error
    for output in inferred.graph.output:
        if not output.type.HasField("tensor_type"):
            raise _no_tensor()
        tensor = output.type.tensor_type
        dims = tensor.shape.dim
        if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in dims):
            raise RefusalError(
                "result has no fixed shape while compiling",
                "export with fixed input shapes and constant folding, or run onnxsim",
            )
        if all(d.dim_value != 0 for d in dims):
            check_elements(
                [d.dim_value for d in dims], limit=MAX_FOLDED, what="a result while compiling"
            )


def _cannot_evaluate(error: Exception) -> RefusalError:
    first_line = str(error).strip().partition("\n")[0]
    return RefusalError(
        f"cannot be evaluated on its constants: {first_line or type(error).__name__}",
        "export with constant folding, or run onnxsim",
    )


def _no_tensor() -> RefusalError:
    return RefusalError(
        "makes a sequence or optional, which is not supported", "use tensors in its place"
    )


def _value(result: Any) -> Array:
    if not hasattr(result, "dtype"):
        raise _no_tensor()
    array: Array = np.asarray(result)
    if array.dtype.kind in "iub" or array.dtype in (np.dtype("f4"), np.dtype("f8")):
        return array
    if code_type(array):  # integers of less than a byte
        return array
    if array.dtype.itemsize == _HALF_PRECISION_ITEMSIZE:  # float16, or bfloat16 of ml_dtypes
        return array.astype(np.float32)
    raise RefusalError(
        f"makes elements of type {array.dtype}, which is not supported", "use float instead"
    )
