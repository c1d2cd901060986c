"""Inputs, outputs, names and locations of an imported module."""

import pytest
from onnx import TensorProto
from onnx_models import body, imported, messages, model, node, quantized, save
from xdsl.dialects.builtin import NameLoc

from qcompiler.arith.ranges import IntRange
from qcompiler.assembly import read_module
from qcompiler.errors import ModelError
from qcompiler.frontends.onnx import InputSpec, import_onnx, parse_input_option
from qcompiler.passes.pipeline import make_context


@pytest.mark.parametrize(
    ("text", "name", "spec"),
    [
        ("x=int16:0.25", "x", InputSpec(IntRange(-32768, 32767), 0.25)),
        ("x=uint8:0.5:128", "x", InputSpec(IntRange(0, 255), 0.5, 128)),
        ("x=uint1:2:-1", "x", InputSpec(IntRange(0, 1), 2.0, -1)),
        ("onnx::Add_0=bipolar:1", "onnx::Add_0", InputSpec(IntRange(0, 1), 1.0, bipolar=True)),
        ("a=b=int2:1e-3", "a=b", InputSpec(IntRange(-2, 1), 0.0010000000474974513)),
        ("x=ternary:1", "x", InputSpec(IntRange(-1, 1), 1.0)),
    ],
)
def test_input_option(text, name, spec):
    assert parse_input_option(text) == (name, spec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "must have the form NAME=TYPE:SCALE"),
        ("=int8:1", "must have the form NAME=TYPE:SCALE"),
        ("x=int8", "must have the form NAME=TYPE:SCALE"),
        ("x=int0:1", "must have 1 to 32 bits, got 'int0'"),
        ("x=uint33:1", "must have 1 to 32 bits, got 'uint33'"),
        ("x=float:1", "must be int<bits>, uint<bits>, bipolar or ternary, got 'float'"),
        ("x=int8:one", "scale must be a number, got 'one'"),
        ("x=int8:0", "scale must be positive and finite in float32, got '0'"),
        ("x=int8:-1", "scale must be positive and finite in float32, got '-1'"),
        ("x=int8:1e39", "scale must be positive and finite in float32, got '1e39'"),
        ("x=int8:nan", "scale must be positive and finite in float32, got 'nan'"),
        ("x=int8:1:0.5", "zero point must be an integer, got '0.5'"),
        ("x=bipolar:1:1", "a bipolar input has no zero point"),
    ],
)
def test_bad_input_option(text, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        parse_input_option(text)


def test_integer_input(tmp_path):
    spec = dict([parse_input_option("x=int8:0.25:3")])
    module = imported(quantized([node("Relu", ["q"], ["y"])]), tmp_path, spec)
    dequantize = body(module)[0]
    assert str(dequantize.operands[0].type) == "tensor<1x4x!qint.int<-128, 127>>"
    assert dequantize.name == "qint.dequantize"
    assert (dequantize.scale_array[0], dequantize.zero_point_array[0]) == (0.25, 3)


def test_bipolar_input(tmp_path):
    spec = dict([parse_input_option("x=bipolar:2")])
    affine, dequantize, *_ = body(imported(quantized([node("Relu", ["q"], ["y"])]), tmp_path, spec))
    assert str(affine.operands[0].type) == "tensor<1x4x!qint.int<0, 1>>"
    assert (affine.multiplier_array[0], affine.offset_array[0]) == (2, -1)
    assert str(dequantize.input.type) == "tensor<1x4x!qint.int<-1, 1>>"
    assert dequantize.scale_array[0] == 2


def test_unknown_input_name(tmp_path):
    spec = dict([parse_input_option("z=int8:1")])
    assert messages(quantized([node("Relu", ["q"], ["y"])]), tmp_path, spec) == [
        "input option z: the model has no input 'z', its inputs are x"
    ]


def test_names_are_kept(tmp_path):
    graph = quantized([node("Relu", ["q"], ["y"], name="act 1")])
    module = import_onnx(save(graph, tmp_path, "my net.onnx"))
    assert module.attributes["nn.name"].data == "my net"
    assert [a.data for a in module.attributes["nn.inputs"]] == ["x"]
    assert [a.data for a in module.attributes["nn.outputs"]] == ["y"]
    assert module.attributes["qint.numerics"].data == "exact"
    relu = body(module)[-2]
    assert isinstance(relu.location, NameLoc)
    assert relu.location.desc.data == "act 1"
    assert relu.results[0].name_hint == "y"


@pytest.mark.parametrize("extent", ["batch", None, -1])
def test_open_batch_is_one(tmp_path, extent):
    module = imported(quantized([node("Relu", ["q"], ["y"])], inputs={"x": [extent, 4]}), tmp_path)
    assert str(body(module)[0].operands[0].type) == "tensor<1x4xf32>"


def test_other_open_extents_are_refused(tmp_path):
    graph = quantized([node("Relu", ["q"], ["y"])], inputs={"x": ["batch", "length"]})
    assert messages(graph, tmp_path) == ["x (input): dynamic shape: axis 1 has extent length"]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (None, "has no shape"),
        ([1, 0], "extents of an input must be positive, got shape [1, 0]"),
        ([1, 2**40], "an input may have at most 8388608 elements, got shape [1, 1099511627776]"),
    ],
)
def test_bad_input_shapes(tmp_path, shape, message):
    graph = quantized([node("Relu", ["q"], ["y"])], inputs={"x": shape})
    assert messages(graph, tmp_path) == [f"x (input): {message}"]


def test_input_of_other_type(tmp_path):
    graph = quantized([node("Relu", ["q"], ["y"])], element=TensorProto.INT8)
    assert messages(graph, tmp_path) == [
        "q (qonnx.custom_op.general Quant): takes the integers of 'x', where reals are needed"
    ]
    imported(graph, tmp_path, dict([parse_input_option("x=int8:1")]))


def test_graph_without_inputs_or_outputs(tmp_path):
    graph = model([node("Constant", [], ["y"], value_float=1.0)], inputs={}, outputs=[])
    with pytest.raises(ModelError, match="graph: has no inputs") as error:
        import_onnx(save(graph, tmp_path))
    assert "graph: has no outputs" in str(error.value)


def test_hostile_names(tmp_path):
    name = '"; $(rm -rf /)\n`%x`\\ \u202e' + "a" * 10_000
    graph = quantized([node("Relu", ["q"], [name], name=name + "n")], outputs=[name])
    module = imported(graph, tmp_path)
    result = body(module)[-2].results[0]
    assert result.name_hint is not None
    assert len(result.name_hint) <= 40
    assert module.attributes["nn.outputs"].data[0].data == name
    bad = quantized([node("Conv", ["q", "q"], [name], name=name)], outputs=[name])
    assert len(messages(bad, tmp_path)) == 1


def test_output_that_is_constant_or_input(tmp_path):
    graph = quantized(
        [node("Constant", [], ["c"], value_floats=[1.0, 2.0])], outputs=["c", "x", "q"]
    )
    types = [str(t) for t in body(imported(graph, tmp_path))[-1].operand_types]
    assert types == ["tensor<2xf32>", "tensor<1x4xf32>", "tensor<1x4xf32>"]


def test_names_beyond_ascii_survive_as_text(tmp_path):
    graph = quantized([node("Relu", ["q"], ["größe"])], outputs=["größe"])
    text = str(imported(graph, tmp_path))
    path = tmp_path / "net.mlir"
    path.write_text(text)
    again = read_module(path, make_context())
    assert [name.data for name in again.attributes["nn.outputs"]] == ["größe"]
    assert str(again) == text
