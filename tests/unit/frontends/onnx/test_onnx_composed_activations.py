"""Activations written with several nodes fuse to one function of one integer."""

import numpy as np
import pytest
from onnx_models import F32, model, node, save

from qcompiler import pipelines
from qcompiler.dialects import qint
from qcompiler.frontends.onnx import import_onnx
from qcompiler.interpreters import functions, run_model
from qcompiler.passes.pipeline import run_passes

SILU = [node("Sigmoid", ["d"], ["g"]), node("Mul", ["d", "g"], ["a"])]
ERF_GELU = [
    node("Div", ["d", "root"], ["e"]), node("Erf", ["e"], ["f"]), node("Add", ["f", "one"], ["g"]),
    node("Mul", ["d", "g"], ["h"]), node("Mul", ["h", "half"], ["a"]),
]  # fmt: skip
TANH_GELU = [
    node("Mul", ["d", "d"], ["d2"]), node("Mul", ["d2", "d"], ["d3"]),
    node("Mul", ["d3", "cubic"], ["c"]), node("Add", ["d", "c"], ["u"]),
    node("Mul", ["u", "two_pi"], ["v"]), node("Tanh", ["v"], ["f"]),
    node("Add", ["f", "one"], ["g"]), node("Mul", ["d", "g"], ["h"]),
    node("Mul", ["h", "half"], ["a"]),
]  # fmt: skip
HARD_SWISH = [
    node("Add", ["d", "three"], ["e"]), node("Clip", ["e", "zero", "six"], ["f"]),
    node("Mul", ["d", "f"], ["h"]), node("Div", ["h", "six"], ["a"]),
]  # fmt: skip
CASES = {
    "silu": SILU,
    "gelu by erf": ERF_GELU,
    "gelu by tanh": TANH_GELU,
    "hard swish by clip": HARD_SWISH,
    "hard swish": [node("HardSwish", ["d"], ["a"])],
    "prelu": [node("PRelu", ["d", "slope"], ["a"])],
}
CONSTANTS = {
    "s": F32(0.05), "t": F32(0.04), "z": np.int8(-3), "root": F32(2**0.5), "one": F32(1),
    "half": F32(0.5), "cubic": F32(0.044715), "two_pi": F32(0.7978845608), "three": F32(3),
    "zero": F32(0), "six": F32(6), "slope": np.array([[0.25], [-0.5]], F32),
}  # fmt: skip


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
@pytest.mark.parametrize("name", CASES)
def test_between_quantizers_is_one_requantizer(tmp_path, name, numerics):
    nodes = [
        node("DequantizeLinear", ["x", "s", "z"], ["d"]),
        *CASES[name],
        node("QuantizeLinear", ["a", "t", "z"], ["q"]),
        node("DequantizeLinear", ["q", "t", "z"], ["y"]),
    ]
    used = {n for made in nodes for n in made.input}
    constants = {n: v for n, v in CONSTANTS.items() if n in used}
    graph = model(nodes, constants, inputs={"x": [1, 2, 256]}, element=3)
    module = import_onnx(save(graph, tmp_path), numerics=numerics)
    x = np.stack([np.arange(-128, 128)] * 2)[np.newaxis, np.newaxis]
    before = run_model(module, [x])[0]
    run_passes(module, pipelines.QINT)
    assert np.array_equal(run_model(module, [x])[0], before)
    core = list(functions(module)["core"].walk())
    assert sum(isinstance(op, qint.RequantizerOp) for op in core) == 1
