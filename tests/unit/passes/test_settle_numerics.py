"""Where onnxruntime convolves in float32: the note names the cause, and its remedy works."""

import numpy as np
import pytest
from onnx_models import model, node, save

import qcompiler

F32 = np.float32
W = np.random.default_rng(3).integers(-127, 128, (4, 3, 1, 1)).astype(np.int8)
CONSTANTS = {
    "s": F32(0.1), "z": np.int8(3), "w": W, "ws": F32(0.01), "zero": np.int8(0),
    "b": F32([0.5, -0.25, 0.125, 1]), "bq": np.int32([5, -7, 0, 90]), "bs": F32(0.1) * F32(0.01),
    "bz": np.int32(0),
}  # fmt: skip


def qdq(value, name):
    return [node("QuantizeLinear", [value, "s", "z"], [f"{name}q"]),
            node("DequantizeLinear", [f"{name}q", "s", "z"], [name])]  # fmt: skip


def network(bias, *after):
    """A convolution with a bias, functions of one input behind it, and a quantizer."""
    value = after[-1].output[0] if after else "c"
    nodes = [
        *qdq("x", "a"),
        node("DequantizeLinear", ["w", "ws", "zero"], ["wd"]),
        node("DequantizeLinear", ["bq", "bs", "bz"], ["bd"]),
        node("Conv", ["a", "wd", *bias], ["c"]),
        *after, *qdq(value, "y"),
    ]  # fmt: skip
    used = {name for one in nodes for name in one.input}
    constants = {name: array for name, array in CONSTANTS.items() if name in used}
    return model(nodes, constants, inputs={"x": [1, 3, 4, 4]}, outputs=["y"], opset=14)


RELU, LEAKY = node("Relu", ["c"], ["r"]), node("LeakyRelu", ["c"], ["r"])
CASES = {
    "float bias": (["b"], (), "a convolution with a bias in floating point"),
    "float bias and ReLU": (["b"], (RELU,), "a convolution with a bias in floating point"),
    "integer bias": (["bd"], (RELU,), None),
    "integer bias and leaky ReLU": (["bd"], (LEAKY,), "a convolution that no quantizer follows"),
    "pool": ([], (node("GlobalAveragePool", ["c"], ["r"]),),
             "a convolution that no quantizer follows"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_note(case, tmp_path):
    bias, after, cause = CASES[case]
    design = qcompiler.compile(save(network(bias, *after), tmp_path), validate=True)
    said = [note.partition(" at c ")[0] for note in design.notes]
    assert said == ([f"numerics onnxruntime has no integer kernel for {cause}"] if cause else [])


@pytest.mark.parametrize("op", ["LeakyRelu", "HardSwish", "Sigmoid"])
@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
def test_joins_behind_functions_that_are_no_lines(op, numerics, tmp_path):
    """With --validate as without: refused where they have no integers, with a remedy that works."""
    bent = [node("Conv", ["a", "wd"], ["c"]), node(op, ["c"], ["r"])]
    for name, quantized in (("r", []), ("k", qdq("r", "k"))):
        nodes = [*qdq("x", "a"), *qdq("v", "d"),
                 node("DequantizeLinear", ["w", "ws", "zero"], ["wd"]), *bent, *quantized,
                 node("Add", [name, "d"], ["m"]), *qdq("m", "y")]  # fmt: skip
        constants = {n: CONSTANTS[n] for n in ("s", "z", "w", "ws", "zero")}
        shapes = {"x": [1, 3, 4, 4], "v": [1, 4, 4, 4]}
        path = save(model(nodes, constants, inputs=shapes, outputs=["y"], opset=14), tmp_path)
        if quantized:
            qcompiler.compile(path, numerics=numerics, validate=True)
            continue
        with pytest.raises(qcompiler.ModelError) as refused:
            qcompiler.compile(path, numerics=numerics, validate=True)
        (problem,) = refused.value.problems
        assert problem.where == f"r (ONNX {op})"
        assert problem.remedy == "add a quantizer after it"
