"""No attribute of any operation is ignored in silence."""

import numpy as np
import pytest
from onnx import defs, helper
from onnx_models import F32, QONNX, messages, node, problems, quant, quantized

from qcompiler.frontends.onnx import RefusalError, importer
from qcompiler.frontends.onnx.attributes import NO_EFFECT, check_read
from qcompiler.frontends.onnx.ops import __all__ as _registered
from qcompiler.frontends.onnx.registry import IMPORTERS

OURS = sorted(key for key, value in IMPORTERS.items() if value.reads_all and _registered)


def attributes(domain, op_type):
    """Those that any version of the operation has."""
    every = [
        s for s in defs.get_all_schemas_with_history() if (s.domain, s.name) == (domain, op_type)
    ]
    return {name for schema in every for name in schema.attributes}


@pytest.mark.parametrize(("domain", "op_type"), OURS)
def test_every_attribute_is_read_or_refused(domain, op_type):
    """What an importer did not ask for is refused, unless it is known to have no effect."""
    for name in sorted(attributes(domain, op_type) | {"in1_mul", "anything"}):
        proto = helper.make_node(op_type, ["x"], ["y"], domain=domain, **{name: 3})
        check_read(proto, {name}, 21)
        if name not in NO_EFFECT.get(op_type, ()):
            with pytest.raises(RefusalError, match=name):
                check_read(proto, (), 21)


@pytest.mark.parametrize("op_type", NO_EFFECT)
def test_attributes_without_effect_exist(op_type):
    known = attributes("", op_type)
    assert not known or NO_EFFECT[op_type] <= known


def weights(*shape):
    return np.ones(shape, F32)


NODES = {
    "Add": (["q", "k"], {}), "Mul": (["q", "k"], {}), "Relu": (["q"], {}),
    "MatMul": (["q", "w"], {}),
    "Gemm": (["q", "w"], {}), "Flatten": (["q"], {}), "Reshape": (["q", "shape"], {}),
    "Identity": (["q"], {}), "Clip": (["q"], {}), "Concat": (["q", "q"], {"axis": 1}),
    "Softmax": (["q"], {}), "Sigmoid": (["q"], {}), "Transpose": (["q"], {}),
    "ReduceMean": (["q"], {}), "ArgMax": (["q"], {}), "Cast": (["q"], {"to": 1}),
}  # fmt: skip


@pytest.mark.parametrize("op_type", NODES)
def test_attributes_of_other_makers(tmp_path, op_type):
    inputs, known = NODES[op_type]
    constants = {"k": F32(1), "w": weights(4, 4), "shape": np.array([1, 4])}
    graph = quantized([node(op_type, inputs, ["y"], in1_mul=3, in1_shift=2, **known)], constants)
    (found,) = problems(graph, tmp_path)
    assert found.where == f"y (ONNX {op_type})"
    assert found.what == f"attributes in1_mul, in1_shift of {op_type} are none that ONNX defines"
    assert found.remedy.startswith("write the requantization that DORY and Quantlab mean")


def test_attributes_of_constant_nodes(tmp_path):
    nodes = [node("Transpose", ["w"], ["v"], scale=2.0), node("MatMul", ["q", "v"], ["y"])]
    assert messages(quantized(nodes, {"w": weights(4, 4)}), tmp_path) == [
        "v (ONNX Transpose): attribute scale of Transpose is none that ONNX defines"
    ]


def test_attributes_that_onnx_defines_elsewhere(tmp_path):
    pair = node("QLinearConv", [*"abcdefgh"], ["y"], domain="com.microsoft", channels_last=1)
    with pytest.raises(RefusalError, match="attribute channels_last would be ignored"):
        check_read(pair, {"pads", "strides"}, 17)


def test_an_attribute_given_twice(tmp_path):
    flat = node("Flatten", ["q"], ["y"], axis=1)
    flat.attribute.append(helper.make_attribute("axis", 0))
    assert messages(quantized([flat]), tmp_path) == [
        "y (ONNX Flatten): attribute axis is given twice"
    ]


def test_attributes_of_a_quantizer(tmp_path):
    graph = quantized([quant("q", "y", dither=1)])
    assert messages(graph, tmp_path) == [f"y ({QONNX} Quant): attribute dither would be ignored"]


def test_plugins_read_attributes_as_they_like(tmp_path):
    @importer("test.attributes", "Same")
    def _same(context):
        return context.value(0)

    try:
        graph = quantized([node("Same", ["q"], ["y"], domain="test.attributes", mine=1)])
        assert not problems(graph, tmp_path)
    finally:
        del IMPORTERS["test.attributes", "Same"]


@pytest.mark.parametrize(
    ("op_type", "attributes"),
    [
        ("ReduceMean", {"noop_with_empty_axes": 0}),  # as torch's exporter writes it
        ("ReduceMean", {"noop_with_empty_axes": 1}),  # there are axes
        ("ReduceMax", {"noop_with_empty_axes": 1}),
    ],
)
def test_attributes_that_say_nothing_new_are_harmless(op_type, attributes, tmp_path):
    reduced = node(op_type, ["q", "axes"], ["y"], **attributes)
    graph = quantized([reduced], {"axes": np.array([1], np.int64)}, opset=18)
    assert messages(graph, tmp_path) == []


def test_an_attribute_that_is_not_read_may_have_its_default():
    check_read(node("Resize", ["x"], ["y"], antialias=0, mode="nearest"), set(), 18)
    with pytest.raises(RefusalError, match="attribute antialias would be ignored"):
        check_read(node("Resize", ["x"], ["y"], antialias=1), set(), 18)
