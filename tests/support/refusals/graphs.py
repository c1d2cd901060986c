"""The model as a whole: its inputs, outputs and file."""

import numpy as np
from onnx import TensorProto, helper

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "The model as a whole"


@refused(_CHAPTER, "a model in floating point", "model", "quantizers, as quantize_static writes")
def floating_point(net: Net, mended: bool):
    if mended:
        net.dense(net.quantized(net.op("Relu", net.dense(net.quantized()))))
    else:
        y = net.op("Relu", net.op("MatMul", "x", net.normal(4, 4)))
        net.op("MatMul", y, net.normal(4, 4))


@refused(_CHAPTER, "an open height and width", "x (input)", "an input of [1, 2, 5, 5]")
def open_shape(net: Net, mended: bool):
    for axis, dim in enumerate(["N", 2, *([5, 5] if mended else ["height", "width"])]):
        dims = net.inputs[0].type.tensor_type.shape.dim
        if axis == 0:
            del dims[:]
        dims.add(**{"dim_value" if isinstance(dim, int) else "dim_param": dim})
    net.conv(net.quantized())


@refused(_CHAPTER, "an input of int64", "x (input)", "an input of float")
def input_of_int64(net: Net, mended: bool):
    if not mended:
        net.inputs[0].type.tensor_type.elem_type = TensorProto.INT64
    net.dense(net.quantized("x" if mended else net.op("Cast", "x", to=1)))


@refused(_CHAPTER, "QONNX and QDQ in one model", "model", "`--numerics exact`",
         mended_options={"numerics": "exact"})  # fmt: skip
def mixed_formats(net: Net, mended: bool):
    net.op("MatMul", net.quantized(), net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "an old opset", "model", "opset 13")
def old_opset(net: Net, mended: bool):
    net.opset = 13 if mended else 8
    net.op("MatMul", net.quant("x"), net.quant(net.normal(4, 4)))


@refused(_CHAPTER, "an input without a shape", "x (input)", "an input of [1, 4]")
def no_shape(net: Net, mended: bool):
    if not mended:
        net.inputs[0].type.tensor_type.ClearField("shape")
    net.dense(net.quantized())


@refused(_CHAPTER, "an input that is a sequence", "x (input)", "a tensor")
def sequence(net: Net, mended: bool):
    if not mended:
        kind = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1, 4])
        net.inputs[0].CopyFrom(kind)
    net.dense(net.quantized())


@refused(_CHAPTER, "`--input` for an input that is not there", "input option y",
         "`--input x=uint8:0.1`", options={"inputs": ["y=uint8:0.1"]},
         mended_options={"inputs": ["x=uint8:0.1"]})  # fmt: skip
def unknown_input(net: Net, mended: bool):
    net.dense("x" if mended else net.quantized())


@refused(_CHAPTER, "weights that are not finite", "quant_1", "finite weights")
def not_finite(net: Net, mended: bool):
    x = net.quant("x")
    weights = np.ones((4, 4))
    weights[1, 2] = 1 if mended else np.nan
    net.op("MatMul", x, net.quant(net.const(weights)))


@refused(_CHAPTER, "a tensor that nothing makes", "matmul_0", "the quantizer's result")
def undefined(net: Net, mended: bool):
    net.dense(net.quantized() if mended else net.quantized() and "nothing")


@refused(_CHAPTER, "two tensors of one name", "again", "a name for each")
def twice(net: Net, mended: bool):
    y = net.quantized()
    net.dense(y, name="first")
    net.dense(y, name="again")
    if not mended:
        net.nodes[-1].output[0] = "first"
    return net.model(*(["first", "again"] if mended else ["first"]))


@refused(_CHAPTER, "an output that no node makes", "nothing (output)", "the layer's result")
def missing_output(net: Net, mended: bool):
    y = net.dense(net.quantized())
    return net.model(*([y] if mended else [y, "nothing"]))


@refused(_CHAPTER, "one output twice", "matmul_0 (output)", "once")
def output_twice(net: Net, mended: bool):
    y = net.dense(net.quantized())
    return net.model(*([y] if mended else [y, y]))


@refused(_CHAPTER, "external data that is missing", "w (initializer)", "one file")
def external_data(net: Net, mended: bool):
    codes = net.const(np.ones((4, 4)), np.int8, name="w")
    net.op("MatMul", net.quantized(), net.dq(codes, 0.1, 0, np.int8))
    if not mended:
        tensor = net.constants[[c.name for c in net.constants].index("w")]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.bin")


@refused(_CHAPTER, "an image of 100,000 by 100,000", "x (input)", "100 by 100",
         shape=(1, 1, 4, 4))  # fmt: skip
def too_large(net: Net, mended: bool):
    for dim in net.inputs[0].type.tensor_type.shape.dim[2:]:
        dim.dim_value = 100 if mended else 100_000
    net.op("Conv", net.quantized(), net.weights(1, 1, 3, 3))


@refused(_CHAPTER, "nodes in a circle", "add_0", "no circle")
def circle(net: Net, mended: bool):
    y = net.quantized()
    net.op("Add", y, y if mended else "relu_0")
    net.dense(net.quantized(net.op("Relu", "add_0")))


@refused(_CHAPTER, "weights as a sparse tensor", "w (initializer)", "a dense tensor")
def sparse(net: Net, mended: bool):
    net.const(np.ones((4, 4)), np.int8, name="w")
    net.op("MatMul", net.quantized(), net.dq("w", 0.1, 0, np.int8))
    proto = net.model()
    if mended:
        return proto
    dense = next(tensor for tensor in proto.graph.initializer if tensor.name == "w")
    proto.graph.initializer.remove(dense)
    values = helper.make_tensor("w", TensorProto.INT8, [16], [1] * 16)
    indices = helper.make_tensor("", TensorProto.INT64, [16], list(range(16)))
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4, 4]))
    return proto


@refused(_CHAPTER, "no inputs", "graph", "an input")
def no_inputs(net: Net, mended: bool):
    if not mended:
        net.inputs.clear()
    net.dense(net.quantized("x" if mended else net.normal(1, 4)))


@refused(_CHAPTER, "no outputs", "graph", "an output")
def no_outputs(net: Net, mended: bool):
    net.dense(net.quantized())
    proto = net.model()
    if not mended:
        del proto.graph.output[:]
    return proto


@refused(_CHAPTER, "an extent of 0", "x (input)", "an extent of 4")
def empty_input(net: Net, mended: bool):
    net.inputs[0].type.tensor_type.shape.dim[1].dim_value = 4 if mended else 0
    net.dense(net.quantized())


def _initializer(title: str, change: str):
    """Weights w, 4 by 4 of int8, that a function breaks."""

    def register(spoil):
        @refused(_CHAPTER, title, "w (initializer)", change)
        def build(net: Net, mended: bool):
            codes = net.const(np.ones((4, 4)), np.int8, name="w")
            net.op("MatMul", net.quantized(), net.dq(codes, 0.1, 0, np.int8))
            if not mended:
                spoil(next(tensor for tensor in net.constants if tensor.name == "w"))

        build.__name__ = spoil.__name__
        return spoil

    return register


def _external(tensor: TensorProto, **entries: str) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)


@_initializer("a tensor of text", "a tensor of int8")
def text(tensor: TensorProto) -> None:
    tensor.ClearField("raw_data")
    tensor.data_type = TensorProto.STRING
    tensor.string_data.extend([b"one"] * 16)


@_initializer("a tensor that is cut short", "the whole tensor")
def cut_short(tensor: TensorProto) -> None:
    tensor.raw_data = tensor.raw_data[:9]


@_initializer("external data in another folder", "one file")
def other_folder(tensor: TensorProto) -> None:
    _external(tensor, location="../weights.bin")


@_initializer("external data beyond the end of its file", "one file")
def beyond_the_end(tensor: TensorProto) -> None:
    _external(tensor, location="model.onnx", offset="99999", length="16")


@_initializer("external data at no number", "one file")
def no_offset(tensor: TensorProto) -> None:
    _external(tensor, location="model.onnx", offset="first", length="16")


@refused(_CHAPTER, "a function that calls itself", "model", "the function written out")
def recursive_function(net: Net, mended: bool):
    y = net.quantized()
    y = net.op("Relu", y) if mended else net.op("Again", y, domain="mine")
    net.dense(y)
    proto = net.model()
    if not mended:
        again = helper.make_node("Again", ["a"], ["b"], domain="mine")
        opsets = [helper.make_opsetid("mine", 1)]
        proto.functions.append(helper.make_function("mine", "Again", ["a"], ["b"], [again], opsets))
    return proto


@refused(_CHAPTER, "a convolution of three frames that meet", "conv_0", "a batch of 1",
         shape=(1, 2, 5, 5))  # fmt: skip
def frames_that_meet(net: Net, mended: bool):
    dims = net.inputs[0].type.tensor_type.shape.dim
    dims[0].dim_value = 1 if mended else 3
    y = net.quantized(net.conv(net.quantized()))
    y = net.op("Reshape", y, net.const([1, 18 if mended else 54], np.int64))
    net.dense(y, 18 if mended else 54)


@refused(_CHAPTER, "a tensor of 3,000 axes", "x (input)", "2 axes")
def many_axes(net: Net, mended: bool):
    if not mended:
        for _ in range(3000):
            net.inputs[0].type.tensor_type.shape.dim.add(dim_value=1)
    net.dense(net.quantized())


@refused(_CHAPTER, "functions that become two million nodes", "model", "the nodes that are needed")
def exploding_functions(net: Net, mended: bool):
    y = net.quantized()
    y = net.op("Relu", y) if mended else net.op("F20", y, domain="mine")
    net.dense(y)
    proto = net.model()
    if mended:
        return proto
    opsets = [helper.make_opsetid("mine", 1), helper.make_opsetid("", 21)]
    for level in range(21):
        kind = {"op_type": f"F{level - 1}", "domain": "mine"} if level else {"op_type": "Relu"}
        nodes = [helper.make_node(**kind, inputs=[a], outputs=[b]) for a, b in ("ac", "cb")]
        function = helper.make_function("mine", f"F{level}", ["a"], ["b"], nodes, opsets)
        proto.functions.append(function)
    return proto


@refused(_CHAPTER, "an open axis that is no batch", "conv_0", "an extent of 9", shape=("time", 2))
def open_time(net: Net, mended: bool):
    if mended:
        net.inputs[0].type.tensor_type.shape.dim[0].dim_value = 9
    rows = net.op("Transpose", net.quantized(), perm=[1, 0])
    image = net.op("Unsqueeze", rows, net.const([0], np.int64))
    net.op("Conv", image, net.weights(3, 2, 3))


@refused(_CHAPTER, "a constant without a name", "", "a name")
def nameless(net: Net, mended: bool):
    net.dense(net.quantized())
    net.constants.append(helper.make_tensor("spare" * mended, TensorProto.FLOAT, [1], [1.0]))


@refused(_CHAPTER, "50 million constants that are computed", "fill_2", "2 elements each")
def computed_constants(net: Net, mended: bool):
    size = net.const([2 if mended else 2**24], np.int64)
    parts = [net.op("ConstantOfShape", size, name=f"fill_{index}") for index in range(3)]
    y = net.dense(net.quantized())
    for part in parts:
        y = net.op("Add", y, net.op("ReduceMax", part, keepdims=0))
    net.quantized(y)
