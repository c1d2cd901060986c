"""Inputs of the graph as arguments of a function."""

import numpy as np
from onnx import TensorProto, TensorShapeProto, ValueInfoProto
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Attribute, BlockArgument, Operation, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import nn
from qcompiler.dialects.qint.boundary import DequantizeOp
from qcompiler.dialects.qint.linear import AffineOp
from qcompiler.dialects.qint.types import IntType
from qcompiler.frontends.onnx import naming
from qcompiler.frontends.onnx.inputs import InputSpec
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.onnx.tensors import (
    HALVES,
    MAX_ACTIVATION,
    check_elements,
    code_range,
    element_type_name,
    integer_range,
)


def argument_type(
    info: ValueInfoProto,
    spec: InputSpec | None,
    tokens: IntRange | None = None,
    *,
    says_place: bool = False,
) -> Attribute:
    """Returns the type of the argument for a graph input; an open batch size is taken as 1.

    Args:
        info: of the input.
        spec: which integers it takes, if the user says so.
        tokens: which integers the tables have that it indexes, if it does nothing else.
        says_place: it may have 64 bits: as many as the places need are left of them.

    Raises:
        RefusalError: it is no tensor of float32, shorter floats or small integers; or its shape
            is not fixed.
    """
    if not info.type.HasField("tensor_type"):
        raise RefusalError(
            "is not a tensor (but a sequence, map or optional)", "use tensors for all inputs"
        )
    element = info.type.tensor_type.elem_type
    shape = _static_shape(info)
    check_elements(shape, limit=MAX_ACTIVATION, what="an input")
    codes = integer_range(element) if says_place else code_range(element)
    if spec is not None:
        codes = spec.range
    elif tokens is not None and element not in (TensorProto.FLOAT, *HALVES):
        codes = tokens
    elif codes is None and element not in (TensorProto.FLOAT, *HALVES):
        raise RefusalError(
            f"elements must be float or integers of 2 to 32 bits, got {element_type_name(element)}",
            "export with float inputs; --input NAME=TYPE:SCALE says which integers they stand for",
        )
    return TensorType(nn.f32 if codes is None else IntType(codes.lo, codes.hi), shape)


def _is_open(dim: TensorShapeProto.Dimension) -> bool:
    """Whether an extent is open, which exporters write as a name, as nothing, or as -1."""
    return not dim.HasField("dim_value") or dim.dim_value == -1


def has_open_batch(info: ValueInfoProto) -> bool:
    """Returns whether the first extent of a graph input is open."""
    dims = info.type.tensor_type.shape.dim
    return bool(dims) and _is_open(dims[0])


def _static_shape(info: ValueInfoProto) -> list[int]:
    tensor = info.type.tensor_type
    if not tensor.HasField("shape"):
        raise RefusalError("has no shape", "re-export with fixed input shapes")
    dims = list(tensor.shape.dim)
    opened = [_is_open(dim) for dim in dims]
    found = [
        f"axis {axis} has extent {dim.dim_param or '?'}"
        for axis, dim in enumerate(dims)
        if opened[axis] and axis > 0
    ]
    if found:
        raise RefusalError(
            f"dynamic shape: {', '.join(found)}",
            "re-export with fixed input shapes, or fix them with "
            "onnxruntime.tools.make_dynamic_shape_fixed",
        )
    return [1 if is_open else dim.dim_value for dim, is_open in zip(dims, opened, strict=True)]


def real_input(argument: BlockArgument, spec: InputSpec, name: str) -> list[Operation]:
    """Returns the operations that make reals of an integer argument; the last has the result."""
    ops: list[Operation] = []
    codes: SSAValue = argument
    if spec.bipolar:
        ops.append(AffineOp(codes, np.array([2]), np.array([-1])))
        codes = ops[-1].results[0]
    scale = np.array([spec.scale], np.float32)
    ops.append(DequantizeOp(codes, scale, np.array([spec.zero_point])))
    for op in ops:
        op.location = naming.location(name)
        op.results[0].name_hint = naming.hint(name)
    return ops
