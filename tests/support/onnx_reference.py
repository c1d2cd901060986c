"""Compares imported models with ONNX's reference implementation."""

import numpy as np
import onnxruntime
from onnx import ModelProto, helper
from onnx.reference import ReferenceEvaluator
from onnx_models import imported, model, node

from qcompiler.interpreters import run_model

INTEGERS = {"s": np.float32(0.5), "z": np.int8(3)}


def quantized_linear(
    nodes, constants=None, *, shape=(1, 2, 5, 6), opset=22, **options
) -> ModelProto:
    """A model whose input x is quantized to int8 and dequantized to `d`, which `nodes` take."""
    pair = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
    ]
    constants = {**INTEGERS, **(constants or {})}
    return model([*pair, *nodes], constants, inputs={"x": list(shape)}, opset=opset, **options)


def assert_equals_reference(
    proto: ModelProto, folder, *, rtol=1e-6, count=3, runtime=False
) -> None:
    """Checks that the imported model computes what ONNX's reference does, on random inputs.

    With `runtime`, onnxruntime is the reference.
    """
    module = imported(proto, folder)
    rng = np.random.default_rng(0)
    feeds = {}
    for info in proto.graph.input:
        tensor = info.type.tensor_type
        shape = (count, *(d.dim_value for d in tensor.shape.dim))
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if dtype == np.float32:
            feeds[info.name] = (rng.integers(-60, 60, shape) / 4).astype(np.float32)
        else:
            limits = np.iinfo(dtype)
            feeds[info.name] = rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    reference = ReferenceEvaluator(proto)
    if runtime:
        proto.ir_version = 10
        options = onnxruntime.SessionOptions()
        # Its optimizer breaks models of MaxPool between quantizers (1.31).
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        reference = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    found = run_model(module, [a if a.dtype == np.float32 else a.astype(np.int64)
                               for a in feeds.values()])  # fmt: skip
    for i in range(count):
        wanted = reference.run(None, {name: array[i] for name, array in feeds.items()})
        for array, expected in zip(found, wanted, strict=True):
            assert array[i].shape == expected.shape
            np.testing.assert_allclose(array[i], expected.astype(np.float64), rtol, atol=1e-6)
