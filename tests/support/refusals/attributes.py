"""Attributes and shapes that do not fit a node."""

import numpy as np
from onnx import TensorProto, helper

from refusals.cases import refused
from refusals.net import Net

_NODES = "Attributes and shapes of nodes"
_IMAGE = (1, 2, 5, 5)


@refused(_NODES, "batch normalization that trains", "batchnormalization_0", "training_mode 0",
         shape=_IMAGE)  # fmt: skip
def training(net: Net, mended: bool):
    parameters = [net.const(net.random.uniform(0.5, 2, 2)) for _ in range(4)]
    mode = {} if mended else {"training_mode": 1}
    y = net.op("BatchNormalization", net.conv(net.quantized()), *parameters, **mode)
    net.quantized(y)


@refused(_NODES, "batch normalization with a negative variance", "batchnormalization_0",
         "a positive variance", shape=_IMAGE)  # fmt: skip
def negative_variance(net: Net, mended: bool):
    parameters = [net.const([1, 2]) for _ in range(3)]
    variance = net.const([1, 1 if mended else -1])
    net.quantized(net.op("BatchNormalization", net.conv(net.quantized()), *parameters, variance))


@refused(_NODES, "a division by a constant that holds 0", "div_0", "no 0 in it")
def division_by_zero(net: Net, mended: bool):
    divisor = net.const([1, 2, 3, 4 if mended else 0])
    net.quantized(net.op("Div", net.dense(net.quantized()), divisor))


@refused(_NODES, "Gemm on three dimensions", "gemm_0", "MatMul", shape=(1, 3, 4))
def gemm_of_rank_three(net: Net, mended: bool):
    net.op("MatMul" if mended else "Gemm", net.quantized(), net.weights(4, 2))


@refused(_NODES, "a reshape to another number of elements", "reshape_0", "[1, 4]")
def reshape(net: Net, mended: bool):
    shape = net.const([1, 4 if mended else 5], np.int64)
    net.dense(net.op("Reshape", net.quantized(), shape))


@refused(_NODES, "an axis that is not there", "concat_0", "axis 1")
def missing_axis(net: Net, mended: bool):
    x = net.quantized()
    net.dense(net.op("Concat", x, x, axis=1 if mended else 5), 8)


@refused(_NODES, "a squeeze of an extent of 4", "squeeze_0", "axis 0")
def squeeze(net: Net, mended: bool):
    y = net.op("Unsqueeze", net.quantized(), net.const([1], np.int64))
    net.dense(net.op("Squeeze", y, net.const([1 if mended else 2], np.int64)))


@refused(_NODES, "a slice that goes backwards", "slice_0", "a step of 1")
def backwards(net: Net, mended: bool):
    bounds = ([0], [4], [1], [1]) if mended else ([3], [-9], [1], [-1])
    net.dense(net.op("Slice", net.quantized(), *(net.const(b, np.int64) for b in bounds)))


@refused(_NODES, "parts that do not add up", "split_0", "2 and 2")
def split(net: Net, mended: bool):
    sizes = net.const([2, 2 if mended else 3], np.int64)
    a, _ = net.op("Split", net.quantized(), sizes, axis=1, outputs=2)
    net.dense(a, 2)


@refused(_NODES, "an index beyond the tensor", "gather_0", "an index of 3")
def gather(net: Net, mended: bool):
    index = net.const([0, 3 if mended else 4], np.int64)
    net.dense(net.op("Gather", net.quantized(), index, axis=1), 2)


@refused(_NODES, "an index from the input", "gather_0", "a constant index")
def gather_from_input(net: Net, mended: bool):
    index = net.const([0, 3], np.int64) if mended else net.input("i", [2], TensorProto.INT32)
    net.dense(net.op("Gather", net.quantized(), index, axis=1), 2)


@refused(_NODES, "padding that removes elements", "pad_0", "Slice in its place", shape=_IMAGE)
def negative_padding(net: Net, mended: bool):
    x = net.quantized()
    if mended:
        bounds = [net.const(b, np.int64) for b in ([1], [5], [2])]
        y = net.op("Slice", x, *bounds)
    else:
        y = net.op("Pad", x, net.const([0, 0, -1, 0, 0, 0, 0, 0], np.int64))
    net.conv(y)


@refused(_NODES, "padding with infinity", "pad_0", "padding with 0", shape=_IMAGE)
def infinite_padding(net: Net, mended: bool):
    pads = net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.conv(net.op("Pad", net.quantized(), pads, net.const(0 if mended else -np.inf)))


@refused(_NODES, "a resize by one and a half", "resize_0", "a resize by 2", shape=(1, 2, 4, 4))
def resize_by_fractions(net: Net, mended: bool):
    scale = 2 if mended else 1.5
    mode = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    net.conv(net.op("Resize", net.quantized(), "", net.const([1, 1, scale, scale]), **mode))


@refused(_NODES, "a resize that rounds coordinates up", "resize_0", "floor", shape=_IMAGE)
def resize_rounding_up(net: Net, mended: bool):
    mode = {"coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor" if mended else "ceil"}  # fmt: skip
    net.conv(net.op("Resize", net.quantized(), "", net.const([1, 1, 2, 2]), **mode))


@refused(_NODES, "a bound of Clip for each channel", "clip_0", "Min and Max")
def clip_bounds(net: Net, mended: bool):
    y = net.dense(net.quantized())
    bounds = net.const([0, 0, 0, 0]), net.const([1, 2, 3, 4])
    if mended:
        y = net.op("Min", net.op("Max", y, bounds[0]), bounds[1])
    else:
        y = net.op("Clip", y, *bounds)
    net.quantized(y)


@refused(_NODES, "a cast that rounds", "cast_0", "no cast, but the quantizer's rounding")
def rounding_cast(net: Net, mended: bool):
    y = net.dense(net.quantized())
    if not mended:
        y = net.op("Cast", net.op("Cast", y, to=TensorProto.FLOAT16), to=TensorProto.FLOAT)
    net.dense(net.quantized(y))


@refused(_NODES, "a kernel_shape that is not that of the weights", "conv_0", "[3, 3]",
         shape=_IMAGE)  # fmt: skip
def kernel_shape(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 2, 3, 3),
           kernel_shape=[3, 3] if mended else [2, 2])  # fmt: skip


@refused(_NODES, "auto_pad of no known value", "conv_0", "SAME_UPPER", shape=_IMAGE)
def auto_pad(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 2, 3, 3),
           auto_pad="SAME_UPPER" if mended else "SAME")  # fmt: skip


@refused(_NODES, "strides of three dimensions for two", "conv_0", "[1, 1]", shape=_IMAGE)
def strides(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 2, 3, 3),
           strides=[1, 1] if mended else [1, 1, 1])  # fmt: skip


@refused(_NODES, "weights for another number of channels", "conv_0", "2 input channels",
         shape=_IMAGE)  # fmt: skip
def channels(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 2 if mended else 3, 3, 3))


@refused(_NODES, "a bias for another number of channels", "conv_0", "2 numbers", shape=_IMAGE)
def bias(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 2, 3, 3), net.normal(2 if mended else 3))


@refused(_NODES, "a window larger than the image", "maxpool_0", "3 by 3", shape=_IMAGE)
def window(net: Net, mended: bool):
    size = 3 if mended else 9
    net.conv(net.op("MaxPool", net.quantized(), kernel_shape=[size, size]), kernel=1)


@refused(_NODES, "a pool without kernel_shape", "maxpool_0", "3 by 3", shape=_IMAGE)
def pool_without_kernel(net: Net, mended: bool):
    kernel = {"kernel_shape": [3, 3]} if mended else {}
    net.conv(net.op("MaxPool", net.quantized(), **kernel), kernel=1)


@refused(_NODES, "padding of a pool wider than its window", "maxpool_0", "smaller padding",
         shape=_IMAGE)  # fmt: skip
def pool_padding(net: Net, mended: bool):
    pads = [1 if mended else 2] * 4
    net.conv(net.op("MaxPool", net.quantized(), kernel_shape=[2, 2], pads=pads), kernel=1)


@refused(_NODES, "operands that do not broadcast", "add_0", "4 numbers")
def broadcast(net: Net, mended: bool):
    net.quantized(net.op("Add", net.dense(net.quantized()), net.normal(4 if mended else 3)))


@refused(_NODES, "matrices that do not fit", "matmul_0", "4 rows")
def inner_dimension(net: Net, mended: bool):
    net.op("MatMul", net.quantized(), net.weights(4 if mended else 3, 2))


@refused(_NODES, "more output padding than the stride", "convtranspose_0", "output_padding 1",
         shape=_IMAGE)  # fmt: skip
def output_padding(net: Net, mended: bool):
    more = [1, 1] if mended else [2, 2]
    net.op("ConvTranspose", net.quantized(), net.weights(2, 2, 3, 3), strides=[2, 2],
           output_padding=more)  # fmt: skip


@refused(_NODES, "Clip bounds of integers before reals", "clip_0", "bounds of float")
def clip_of_integers(net: Net, mended: bool):
    kind = np.float32 if mended else np.int64
    net.quantized(
        net.op("Clip", net.dense(net.quantized()), net.const(0, kind), net.const(6, kind))
    )


@refused(_NODES, "integers where reals are needed", "matmul_0", "DequantizeLinear")
def integers_into_relu(net: Net, mended: bool):
    codes = net.q("x")
    net.dense(net.op("Relu", net.dq(codes) if mended else codes))


@refused(_NODES, "a mean and a variance that training makes", "dropout_0", "one output of Dropout")
def dropout_mask(net: Net, mended: bool):
    y, mask = net.op("Dropout", net.quantized(), outputs=2)
    net.dense(y)
    return net.model() if mended else net.model("matmul_0", mask)


@refused(_NODES, "Dropout that trains", "dropout_0", "training_mode false")
def dropout(net: Net, mended: bool):
    mode = net.const(0 if mended else 1, np.bool_)
    net.dense(net.op("Dropout", net.quantized(), net.const(0.5), mode))


@refused(_NODES, "an input that a node lacks", "matmul_0", "both operands")
def missing_input(net: Net, mended: bool):
    x = net.quantized()
    net.dense(x) if mended else net.op("MatMul", x)


@refused(_NODES, "an attribute that a node lacks", "transpose_0", "perm of the right type",
         shape=(1, 2, 4))  # fmt: skip
def attribute_type(net: Net, mended: bool):
    perm = [0, 1, 2] if mended else 2
    net.dense(net.op("Transpose", net.quantized(), perm=perm))


@refused(_NODES, "a slope that is not a number", "leakyrelu_0", "a slope of 0.125")
def infinite_slope(net: Net, mended: bool):
    y = net.op("LeakyRelu", net.dense(net.quantized()), alpha=0.125 if mended else np.inf)
    net.quantized(y)


@refused(_NODES, "a shape of reals", "reshape_0", "a shape of int64")
def shape_of_reals(net: Net, mended: bool):
    net.dense(
        net.op("Reshape", net.quantized(), net.const([1, 4], np.int64 if mended else np.float32))
    )


@refused(_NODES, "a matrix product with a number", "matmul_0", "Mul")
def product_with_a_number(net: Net, mended: bool):
    y = net.dense(net.quantized(), name="layer")
    net.quantized(net.op("Mul" if mended else "MatMul", y, net.const(2), name="matmul_0"))


@refused(_NODES, "Gemm's C of another width", "gemm_0", "2 numbers")
def gemm_bias(net: Net, mended: bool):
    net.op("Gemm", net.quantized(), net.weights(4, 2), net.normal(2 if mended else 3))


@refused(_NODES, "axes named twice", "slice_0", "each axis once")
def axes_twice(net: Net, mended: bool):
    bounds = ([0], [2], [1]) if mended else ([0, 0], [2, 2], [1, 1])
    net.dense(net.op("Slice", net.quantized(), *(net.const(b, np.int64) for b in bounds)), 2)


@refused(_NODES, "starts and ends of different lengths", "slice_0", "one of each")
def slice_lengths(net: Net, mended: bool):
    bounds = ([0], [2], [1]) if mended else ([0], [2, 2], [1])
    net.dense(net.op("Slice", net.quantized(), *(net.const(b, np.int64) for b in bounds)), 2)


@refused(_NODES, "an index of reals", "gather_0", "an index of int64")
def index_of_reals(net: Net, mended: bool):
    index = net.const([0, 3], np.int64 if mended else np.float32)
    net.dense(net.op("Gather", net.quantized(), index, axis=1), 2)


@refused(_NODES, "parts of unequal size", "split_0", "2 parts")
def unequal_parts(net: Net, mended: bool):
    # Of 4 elements, 5 parts.
    count = 2 if mended else 5
    made = net.op("Split", net.quantized(), axis=1, outputs=count, num_outputs=count)
    net.dense(made[0], 2 if mended else 1)


@refused(_NODES, "a padding value for each channel", "pad_0", "one value", shape=_IMAGE)
def padding_values(net: Net, mended: bool):
    pads = net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.conv(net.op("Pad", net.quantized(), pads, net.const(0 if mended else [0, 0])))


def _resize(net: Net, scale, **mode):
    modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", **mode}
    net.conv(net.op("Resize", net.quantized(), "", net.const([1, 1, scale, scale]), **modes))


@refused(_NODES, "a resize with an antialias filter", "resize_0", "no antialias", shape=_IMAGE)
def antialias(net: Net, mended: bool):
    _resize(net, 2, **({} if mended else {"antialias": 1}))


@refused(_NODES, "a resize that crops", "resize_0", "asymmetric", shape=_IMAGE)
def cropping(net: Net, mended: bool):
    mode = "asymmetric" if mended else "tf_crop_and_resize"
    _resize(net, 2, coordinate_transformation_mode=mode)


@refused(
    _NODES, "a resize to a hundred million elements", "resize_0", "a resize by 2", shape=_IMAGE
)
def huge_resize(net: Net, mended: bool):
    _resize(net, 2 if mended else 10_000)


@refused(_NODES, "a resize by infinity", "resize_0", "a resize by 2", shape=_IMAGE)
def infinite_resize(net: Net, mended: bool):
    _resize(net, 2 if mended else np.inf)


@refused(_NODES, "Unsqueeze of one axis twice", "unsqueeze_0", "each axis once")
def unsqueeze_twice(net: Net, mended: bool):
    axes = net.const([0] if mended else [0, 0], np.int64)
    net.dense(net.op("Unsqueeze", net.quantized(), axes))


@refused(_NODES, "a kernel of millions", "maxpool_0", "2 by 2", shape=_IMAGE)
def huge_kernel(net: Net, mended: bool):
    size = 2 if mended else 2**30
    net.conv(net.op("MaxPool", net.quantized(), kernel_shape=[size, size]), kernel=1)


@refused(_NODES, "a kernel of 0", "maxpool_0", "2 by 2", shape=_IMAGE)
def empty_kernel(net: Net, mended: bool):
    size = 2 if mended else 0
    net.conv(net.op("MaxPool", net.quantized(), kernel_shape=[size, size]), kernel=1)


@refused(_NODES, "weights of one dimension for an image", "conv_0", "two dimensions", shape=_IMAGE)
def weights_rank(net: Net, mended: bool):
    net.op("Conv", net.quantized(), net.weights(2, 2, *([3, 3] if mended else [3])))


@refused(_NODES, "a global pool of a row", "globalaveragepool_0", "ReduceMean")
def global_pool_of_row(net: Net, mended: bool):
    x = net.quantized()
    if mended:
        net.quantized(net.op("ReduceMean", x, net.const([1], np.int64), name="mean"))
    else:
        net.quantized(net.op("GlobalAveragePool", x))


@refused(_NODES, "an output_shape beyond the result", "convtranspose_0", "pads", shape=_IMAGE)
def output_shape(net: Net, mended: bool):
    size = {"pads": [1, 1, 1, 1]} if mended else {"output_shape": [50, 50]}
    net.op("ConvTranspose", net.quantized(), net.weights(2, 2, 3, 3), **size)


@refused(_NODES, "a cast of what may be of any size", "cast_0", "`--input x=uint8:1`",
         options={"numerics": "exact"}, mended_options={"inputs": ["x=uint8:1"]})  # fmt: skip
def cast_unbounded(net: Net, mended: bool):
    y = net.op("Cast", net.op("Floor", net.op("Mul", "x", net.const(4))), to=TensorProto.INT32)
    net.quant(net.op("Cast", y, to=TensorProto.FLOAT), name="out")


@refused(_NODES, "a cast that may overflow", "cast_0", "a cast to int32",
         options={"inputs": ["x=uint16:1"], "numerics": "exact"})  # fmt: skip
def cast_overflow(net: Net, mended: bool):
    y = net.op("Mul", "x", net.const(2**20 if not mended else 4))
    y = net.op("Cast", y, to=TensorProto.INT32)
    net.quant(net.op("Cast", y, to=TensorProto.FLOAT), name="out")


@refused(_NODES, "a cast to a type that is told while running", "castlike_0", "Cast")
def cast_like(net: Net, mended: bool):
    y = net.dense(net.quantized())
    like = net.const(0)
    y = net.op("Cast", y, to=TensorProto.FLOAT) if mended else net.op("CastLike", y, like)
    net.quantized(y)


@refused(_NODES, "an attribute that is missing", "cast_0", "the attribute")
def attribute_missing(net: Net, mended: bool):
    to = {"to": TensorProto.FLOAT} if mended else {}
    net.quantized(net.op("Cast", net.dense(net.quantized()), **to))


@refused(_NODES, "axes that Unsqueeze lacks", "unsqueeze_0", "axes [0]")
def axes_missing(net: Net, mended: bool):
    axes = [net.const([0], np.int64)] if mended else []
    net.dense(net.op("Unsqueeze", net.quantized(), *axes))


@refused(_NODES, "a resize that keeps the ratio of sides", "resize_0", "scales", shape=_IMAGE)
def keep_ratio(net: Net, mended: bool):
    mode = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    if mended:
        y = net.op("Resize", net.quantized(), "", net.const([1, 1, 2, 2]), **mode)
    else:
        sizes = net.const([1, 2, 10, 10], np.int64)
        mode["keep_aspect_ratio_policy"] = "not_larger"
        y = net.op("Resize", net.quantized(), "", "", sizes, **mode)
    net.conv(y)


@refused(_NODES, "Slice without starts", "slice_0", "starts and ends")
def slice_without_starts(net: Net, mended: bool):
    bounds = [net.const(b, np.int64) for b in ([0], [2], [1])] if mended else []
    net.dense(net.op("Slice", net.quantized(), *bounds), 2)


@refused(_NODES, "an attribute that ONNX does not define", "relu_0", "without it")
def foreign_attribute(net: Net, mended: bool):
    more = {} if mended else {"turbo": 1}
    net.quantized(net.op("Relu", net.dense(net.quantized()), **more))


@refused(_NODES, "a requantization in attributes of a sum", "add_0",
         "Mul, Add, Div, Floor and Clip as nodes")  # fmt: skip
def requantizing_attributes(net: Net, mended: bool):
    x = net.quantized()
    parts = [net.quantized(net.dense(x)) for _ in range(2)]
    more = {} if mended else {"in1_mul": 3, "in1_shift": 2}
    if mended:
        y = net.op("Mul", parts[0], net.const(3))
        y = net.op("Floor", net.op("Div", y, net.const(4)))
        parts[0] = net.quantized(net.op("Clip", y, net.const(0), net.const(12)))
    net.quantized(net.op("Add", *parts, name="add_0", **more))


@refused(_NODES, "an attribute given twice", "leakyrelu_0", "once")
def attribute_twice(net: Net, mended: bool):
    y = net.op("LeakyRelu", net.dense(net.quantized()), alpha=0.125)
    if not mended:
        net.nodes[-1].attribute.append(helper.make_attribute("alpha", 0.25))
    net.quantized(y)


@refused(_NODES, "a sum of nothing", "sum_0", "an operand")
def sum_of_nothing(net: Net, mended: bool):
    y = net.dense(net.quantized())
    net.quantized(net.op("Sum", *([y] if mended else [])))


@refused(_NODES, "a concatenation of nothing", "concat_0", "an operand")
def concat_of_nothing(net: Net, mended: bool):
    y = net.quantized(net.dense(net.quantized()))
    net.dense(net.op("Concat", *([y] if mended else []), axis=1))


@refused(_NODES, "a hundred elements gathered", "gather_0", "Slice", shape=(1, 200))
def gather_many(net: Net, mended: bool):
    x = net.quantized()
    if mended:
        y = net.op("Slice", x, *(net.const(b, np.int64) for b in ([0], [100], [1])))
    else:
        y = net.op("Gather", x, net.const(range(100), np.int64), axis=1)
    net.dense(y, 100)


@refused(_NODES, "a constant that is a text", "constant_0", "a tensor")
def constant_text(net: Net, mended: bool):
    value = {"value_float": 2.0} if mended else {"value_string": "two"}
    net.quantized(net.op("Mul", net.dense(net.quantized()), net.op("Constant", **value)))


@refused(_NODES, "a constant expression that has no value", "det_0", "a square matrix")
def constant_expression(net: Net, mended: bool):
    factor = net.op("Det", net.const(np.eye(3) if mended else np.ones((2, 3))))
    net.quantized(net.op("Mul", net.dense(net.quantized()), factor))


@refused(_NODES, "a constant sequence", "sequenceconstruct_0", "the tensor itself")
def constant_sequence(net: Net, mended: bool):
    factor = net.const(2)
    if not mended:
        position = net.const(0, np.int64)
        factor = net.op("SequenceAt", net.op("SequenceConstruct", factor), position)
    net.quantized(net.op("Mul", net.dense(net.quantized()), factor))


@refused(_NODES, "an empty constant", "mul_0", "one number")
def empty_constant(net: Net, mended: bool):
    net.quantized(net.op("Mul", net.dense(net.quantized()), net.const([2] if mended else [])))
