"""channels-last comes to an end on joins of rank 3, whose transposition is its own inverse."""

import numpy as np
import pytest
from onnx_models import imported, model, node

from qcompiler.interpreters import run_model
from qcompiler.passes.pipeline import run_passes
from qcompiler.pipelines import QINT

F32 = np.float32


@pytest.mark.parametrize("shape", [(1, 4, 6), (1, 3, 4, 6)])
def test_joins_between_transpositions(tmp_path, shape):
    swap = [0, 2, 1] if len(shape) == 3 else [0, 2, 3, 1]
    last = shape[swap[-1]]
    constants = {"s": F32(0.5), "z": np.int8(0), "c": np.arange(last, dtype=F32)}
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        node("Transpose", ["d"], ["t"], perm=swap),
        node("Add", ["t", "c"], ["e"]),
        node("QuantizeLinear", ["e", "s", "z"], ["eq"]),
        node("DequantizeLinear", ["eq", "s", "z"], ["f"]),
        node("Add", ["t", "f"], ["r"]),
        node("QuantizeLinear", ["r", "s", "z"], ["y"]),
    ]
    module = imported(model(nodes, constants, inputs={"x": list(shape)}), tmp_path)
    x = np.random.default_rng(0).integers(-50, 50, (5, *shape)).astype(F32) / 4
    expected = run_model(module, [x])[0]
    run_passes(module, QINT)
    np.testing.assert_array_equal(run_model(module, [x])[0].reshape(expected.shape), expected)
