"""Work and memory are bounded: small files cannot ask for much of either, long ones are linear."""

import time

import numpy as np
import pytest
from onnx_models import F32, messages, model, node, problems, quant, quantized, save

import qcompiler

LIMIT = "may have at most"


def chain(op_type, count, *others):
    nodes = [
        node(op_type, ["q" if i == 0 else f"t{i - 1}", *others], [f"t{i}"]) for i in range(count)
    ]
    return quantized([*nodes, quant(f"t{count - 1}", "y")], {"k": F32(0.25)})


@pytest.mark.parametrize(("op_type", "others"), [("Relu", []), ("Add", ["k"]), ("Neg", [])])
def test_long_chains_compile(tmp_path, op_type, others):
    """Longer than Python's recursion goes."""
    design = qcompiler.compile(save(chain(op_type, 1200, *others), tmp_path))
    x = np.linspace(-9, 9, 40).reshape(10, 4)
    codes = np.clip(np.rint(x * 2), -8, 7) / 2
    wanted = {"Relu": np.maximum(codes, 0), "Add": codes + 300, "Neg": codes}[op_type]
    assert np.array_equal(design.predict(x), np.clip(np.rint(wanted * 2), -8, 7) / 2)


def test_sums_with_themselves_compile(tmp_path):
    nodes = [node("Add", [f"t{i - 1}" if i else "q"] * 2, [f"t{i}"]) for i in range(60)]
    design = qcompiler.compile(save(quantized([*nodes, quant("t59", "y")]), tmp_path))
    assert design.predict(np.array([[0.5, -0.5, 0, 9]])).tolist() == [[3.5, -4, 0, 3.5]]


def test_import_is_linear(tmp_path):
    def seconds(count):
        nodes = chain("Identity", count).graph.node[1:-1]
        graph = quantized([*nodes, node("Relu", [f"t{count - 1}"], ["y"])])
        path = save(graph, tmp_path)
        start = time.process_time()
        qcompiler.frontends.onnx.import_onnx(path)
        return time.process_time() - start

    seconds(10)
    assert seconds(4000) < 12 * seconds(1000) + 1


def grown(*nodes, **constants):
    """A model that adds one number to its input, made of more than that."""
    numbers = {name: np.array(value) for name, value in constants.items()}
    return quantized([*nodes, node("Add", ["q", "r"], ["y"])], {"s": F32(0.5), **numbers})


HUGE = 10**9
SUM = node("ReduceSum", ["c"], ["r"], keepdims=0)
SMALL_FILES = {
    "ConstantOfShape": grown(node("ConstantOfShape", ["n"], ["c"]), SUM, n=[HUGE]),
    "Expand": grown(node("Expand", ["s", "n"], ["c"]), SUM, n=[HUGE]),
    "Tile": grown(node("Tile", ["o", "n"], ["c"]), SUM, n=[HUGE], o=[1.0]),
    "Range": grown(node("Range", ["z", "n", "o"], ["c"]), SUM, n=HUGE, z=0, o=1),
    "Pad": quantized([node("Pad", ["q", "n"], ["y"])], {"n": np.array([0, 0, 0, HUGE])}),
    "a large input": quantized([node("Relu", ["q"], ["y"])], inputs={"x": [1, 10**8]}),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL_FILES)
def test_small_files_that_grow(tmp_path, name):
    assert any(LIMIT in message for message in messages(SMALL_FILES[name], tmp_path))


def test_many_constants_that_grow(tmp_path):
    nodes = [node("ConstantOfShape", ["n"], [f"c{i}"]) for i in range(4)]
    found = problems(grown(*nodes, node("ReduceMax", ["c0"], ["r"]), n=[2**24]), tmp_path)
    assert [p.where for p in found] == ["c2 (ONNX ConstantOfShape)", "c3 (ONNX ConstantOfShape)"]
    assert "computed while compiling" in found[0].what


def test_rank(tmp_path):
    graph = model([node("Relu", ["x"], ["y"])], inputs={"x": [1] * 3000})
    assert "x (input): an input may have at most 16 axes, got 3000" in messages(graph, tmp_path)
