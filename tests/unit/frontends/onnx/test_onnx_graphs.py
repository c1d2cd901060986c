"""Graphs that are not valid, or hold operations that are not supported."""

import numpy as np
import pytest
from onnx import helper
from onnx_models import (
    F32,
    PARAMETERS,
    imported,
    messages,
    model,
    names,
    node,
    problems,
    quant,
    quantized,
    save,
)

from qcompiler.frontends.onnx import inspect_problems
from qcompiler.frontends.onnx.unsupported import _ADVICE


def test_every_unsupported_node_is_reported_once(tmp_path):
    graph = quantized(
        [
            node("DepthwiseConv", ["q", "q"], ["c1"]),
            node("Relu", ["c1"], ["r"]),
            node("LpPool", ["r"], ["p"], kernel_shape=[2]),
            node("Foo", ["q"], ["y"], domain="acme"),
        ],
        outputs=["p", "y"],
    )
    found = problems(graph, tmp_path)
    assert [str(p) for p in found] == [
        "c1 (ONNX DepthwiseConv): this kind of convolution is not supported; "
        "use Conv, with groups for a depthwise one",
        "p (ONNX LpPool): this kind of pooling is not supported; "
        "use MaxPool, AveragePool or GlobalAveragePool",
        "y (acme Foo): operation acme Foo is not supported; end the model before it, or register "
        "an importer for it in a plugin",
    ]


def test_each_operation_has_one_advice():
    listed = [name for group, _, _ in _ADVICE for name in group]
    assert len(listed) == len(set(listed))


def test_control_flow(tmp_path):
    branch = helper.make_graph([node("Relu", ["q"], ["b"])], "branch", [], [])
    graph = quantized(
        [node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)], {"c": np.array(True)}
    )
    assert messages(graph, tmp_path) == ["y (ONNX If): control flow is not supported"]


def test_float_network(tmp_path):
    (problem,) = problems(model([node("Relu", ["x"], ["y"])]), tmp_path)
    assert problem.what == "the network has no quantizer, all of it computes in floating point"
    line = "qcc quantize net.onnx -o net_quantized.onnx --data FILE.npz"
    assert f"{line}, with frames of x in FILE.npz" in problem.remedy


def test_float_network_is_one_problem(tmp_path):
    nodes = [node("Elu", ["x"], ["e"]), node("Celu", ["e"], ["c"]), node("Elu", ["c"], ["y"])]
    (problem,) = problems(model(nodes), tmp_path)
    assert "; beside that, e (ONNX Elu): this function is not supported yet (use" in problem.what
    assert problem.what.endswith(", and more kinds of operations: 1")


def test_names_in_the_recipe_are_whole_or_absent(tmp_path):
    name = "x" * 200
    proto = model([node("Relu", [name], ["y"])], inputs={name: [1, 4]})
    (problem,) = inspect_problems(save(proto, tmp_path, f"{name}.onnx"))
    assert "qcc quantize model.onnx -o " in problem.remedy
    assert "frames of each input in" in problem.remedy
    assert "..." not in str(problem)


def test_dynamic_quantization_is_one_problem(tmp_path):
    nodes = [
        node("DynamicQuantizeLinear", ["x"], ["a", "s", "z"]),
        node("DequantizeLinear", ["a", "s", "z"], ["b"]),
        node("DynamicQuantizeLinear", ["b"], ["c", "t", "u"]),
        node("DequantizeLinear", ["c", "t", "u"], ["y"]),
    ]
    (problem,) = problems(model(nodes), tmp_path)
    assert problem.where == "a (ONNX DynamicQuantizeLinear)"
    assert "quantize_static" in problem.remedy


@pytest.mark.parametrize("opset", [1, 8])
def test_old_opset(tmp_path, opset):
    graph = quantized([node("Relu", ["q"], ["y"])], opset=opset)
    assert messages(graph, tmp_path) == [f"model: opset must be 9 or newer, got {opset}"]


def test_cycle(tmp_path):
    graph = quantized([node("Add", ["q", "b"], ["a"]), node("Relu", ["a"], ["b"])], outputs=["b"])
    assert messages(graph, tmp_path) == [
        "a (ONNX Add): takes 'b', which depends on what this node makes: the graph has a cycle"
    ]


def test_nodes_out_of_order_are_sorted(tmp_path):
    chain = [node("Neg", ["b"], ["y"]), node("Relu", ["a"], ["b"]), node("Add", ["q", "q"], ["a"])]
    graph = quantized(chain)
    graph.graph.node.insert(0, graph.graph.node.pop())
    assert names(imported(graph, tmp_path)) == ["nn.add", "nn.relu", "nn.mul"]


def test_undefined_names(tmp_path):
    graph = quantized([node("Add", ["q", "w"], ["a"], name="")], outputs=["a", "z"])
    assert messages(graph, tmp_path) == [
        "a (ONNX Add): takes 'w', which nothing defines",
        "z (output): is made by no node",
    ]


def test_duplicate_names(tmp_path):
    graph = quantized(
        [node("Relu", ["q"], ["y"]), node("Relu", ["y"], ["y"]), node("Relu", ["y"], ["x"])],
        outputs=["y", "y"],
    )
    graph.graph.initializer.append(graph.graph.initializer[0])
    assert messages(graph, tmp_path) == [
        "q_scale (initializer): tensor 'q_scale' is defined twice",
        "y (ONNX Relu): tensor 'y' is defined twice",
        "x (ONNX Relu): tensor 'x' is defined twice",
        "y (output): is listed twice",
    ]


def test_missing_input_of_a_node(tmp_path):
    graph = quantized([node("MatMul", ["q", ""], ["y"])])
    assert messages(graph, tmp_path) == ["y (ONNX MatMul): input 1 is missing, got 2 inputs"]


def test_optional_output_that_is_used(tmp_path):
    graph = quantized([node("Dropout", ["q"], ["d", "mask"])], outputs=["d", "mask"])
    assert messages(graph, tmp_path) == [
        "d (ONNX Dropout): output 1 ('mask') is used, but only the first 1 outputs are supported"
    ]


def test_attribute_of_wrong_type(tmp_path):
    graph = quantized([node("Flatten", ["q"], ["y"], axis="one")])
    assert messages(graph, tmp_path) == [
        "y (ONNX Flatten): attribute axis must have type INT, got STRING"
    ]


def test_input_that_is_also_initializer_is_constant(tmp_path):
    graph = quantized(
        [node("Add", ["q", "w"], ["y"])], {"w": F32([1])}, inputs={"x": [1, 4], "w": [1]}
    )
    assert [str(a) for a in imported(graph, tmp_path).attributes["nn.inputs"]] == ['"x"']


def test_parameters_that_are_not_finite(tmp_path):
    graph = quantized([node("Add", ["q", "w"], ["y"])], {"w": F32([1, np.nan, np.inf, 1])})
    assert messages(graph, tmp_path) == ["y (ONNX Add): tensor 'w' holds nan in 2 of 4 elements"]


def test_shapes_that_do_not_fit(tmp_path):
    graph = quantized([node("Add", ["q", "w"], ["y"])], {"w": F32([1, 2, 3])})
    assert messages(graph, tmp_path) == ["y (ONNX Add): shapes [1, 4], [3] do not broadcast"]


def test_result_that_is_too_large(tmp_path):
    graph = quantized(
        [node("Reshape", ["q", "s4"], ["r"]), node("Add", ["r", "q"], ["y"])],
        {"s4": np.array([2**20, 1])},
        inputs={"x": [1, 2**20]},
    )
    assert messages(graph, tmp_path) == [
        "y (ONNX Add): an activation may have at most 8388608 elements, got shape "
        "[1048576, 1048576]"
    ]


def test_unused_operations_are_dropped(tmp_path):
    graph = quantized([node("Relu", ["q"], ["y"]), node("Neg", ["q"], ["unused"])])
    assert names(imported(graph, tmp_path)) == ["nn.relu"]


def _with_functions(bodies, calls):
    graph = model([quant("x", "q"), *calls], PARAMETERS)
    graph.opset_import.append(helper.make_opsetid("local", 1))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    for name, nodes in bodies.items():
        graph.functions.append(helper.make_function("local", name, ["a"], ["b"], nodes, opsets))
    return graph


def test_local_functions_are_inlined(tmp_path):
    graph = _with_functions(
        {"F": [node("Relu", ["a"], ["t"]), node("Neg", ["t"], ["b"])]},
        [node("F", ["q"], ["y"], domain="local")],
    )
    assert names(imported(graph, tmp_path)) == ["nn.relu", "nn.mul"]


def test_recursive_functions(tmp_path):
    graph = _with_functions(
        {"F": [node("F", ["a"], ["b"], domain="local")]}, [node("F", ["q"], ["y"], domain="local")]
    )
    assert messages(graph, tmp_path) == [
        "model: model-local functions must not call themselves, but 'F' does"
    ]


def test_functions_that_grow_exponentially(tmp_path):
    def twice(name):
        return [node(name, ["a"], ["t"], domain="local"), node(name, ["t"], ["b"], domain="local")]

    bodies = {"F0": [node("Relu", ["a"], ["b"])]}
    bodies.update((f"F{i}", twice(f"F{i - 1}")) for i in range(1, 40))
    graph = _with_functions(bodies, [node("F39", ["q"], ["y"], domain="local")])
    (message,) = messages(graph, tmp_path)
    assert message.startswith("model: model-local functions may expand to at most 100000 nodes")
