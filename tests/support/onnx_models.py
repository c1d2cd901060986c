"""Builds small ONNX models and imports them from a file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from qcompiler.errors import Problem
from qcompiler.frontends.onnx import InputSpec, import_onnx, inspect_problems

QONNX = "qonnx.custom_op.general"
F32 = np.float32
PARAMETERS = {"q_scale": F32(0.5), "q_zero": F32(0), "q_bits": F32(4)}


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], **attributes) -> NodeProto:
    """A node called like its first output."""
    name = attributes.pop("name", outputs[0])
    return helper.make_node(op_type, inputs, outputs, name=name, **attributes)


def quant(x: str, y: str, signed: int = 1, narrow: int = 0, **attributes) -> NodeProto:
    """A Quant node whose scale, zero point and bit width are `q_scale`, `q_zero` and `q_bits`."""
    return node(
        "Quant", [x, *PARAMETERS], [y], domain=QONNX, signed=signed, narrow=narrow, **attributes
    )


def model(
    nodes: Sequence[NodeProto],
    constants: Mapping[str, np.ndarray | np.generic] | None = None,
    *,
    inputs: Mapping[str, Sequence[int | str | None] | None] | None = None,
    outputs: Sequence[str] = ("y",),
    opset: int = 17,
    element: int = TensorProto.FLOAT,
) -> ModelProto:
    """A model with inputs of float, by default one: x of shape [1, 4]."""
    shapes = {"x": [1, 4]} if inputs is None else inputs
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(n, element, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
        [numpy_helper.from_array(np.asarray(a), n) for n, a in (constants or {}).items()],
    )
    return helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(QONNX, 1)]
    )


def quantized(nodes: Sequence[NodeProto], constants=None, **options) -> ModelProto:
    """A model as `model` makes it, with a quantizer of x (to q) added in front."""
    return model([quant("x", "q"), *nodes], {**PARAMETERS, **(constants or {})}, **options)


def save(proto: ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(proto.SerializeToString())
    return path


def imported(
    proto: ModelProto, folder: Path, inputs: Mapping[str, InputSpec] | None = None
) -> ModuleOp:
    """The verified module of a model."""
    module = import_onnx(save(proto, folder), inputs=inputs)
    module.verify()
    return module


def problems(
    proto: ModelProto, folder: Path, inputs: Mapping[str, InputSpec] | None = None
) -> list[Problem]:
    return inspect_problems(save(proto, folder), inputs)


def messages(
    proto: ModelProto, folder: Path, inputs: Mapping[str, InputSpec] | None = None
) -> list[str]:
    return [f"{p.where}: {p.what}" for p in problems(proto, folder, inputs)]


def body(module: ModuleOp) -> list[Operation]:
    (main,) = module.body.block.ops
    return list(main.regions[0].block.ops)


def names(module: ModuleOp) -> list[str]:
    """The names of the operations, without those of quantizers and constants."""
    hidden = ("qint.quantize", "qint.dequantize", "nn.constant", "func.return")
    return [op.name for op in body(module) if op.name not in hidden]


def last(module: ModuleOp) -> Operation:
    """The operation that makes the first output."""
    return body(module)[-1].operands[0].owner


def shape(module: ModuleOp) -> tuple[int, ...]:
    """The shape of the first output."""
    return body(module)[-1].operands[0].type.get_shape()
