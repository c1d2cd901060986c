"""Operations that are not supported, or not with these attributes."""

import numpy as np
from onnx import helper

from refusals.cases import refused
from refusals.net import Net

_CHAPTER = "Operations"
_IMAGE = (1, 2, 5, 5)
_HOST = "the model ended before it"


def _activation(kind: str, **attributes):
    @refused(_CHAPTER, f"{kind}", f"{kind.lower()}_0", "Relu in its place")
    def build(net: Net, mended: bool):
        y = net.dense(net.quantized())
        y = net.op("Relu", y) if mended else net.op(kind, y, **attributes)
        net.dense(net.quantized(y))

    build.__name__ = kind.lower()


for _kind in ("Elu", "Selu", "Celu", "Mish", "Softplus", "Softsign", "Abs", "Exp"):
    _activation(_kind)


@refused(_CHAPTER, "an operation that nobody knows", "mything_0", _HOST)
def unknown(net: Net, mended: bool):
    y = net.dense(net.quantized())
    if not mended:
        net.quantized(net.op("MyThing", y, domain="my.operations"))


@refused(_CHAPTER, "a recurrent layer", "rnn_0", "a dense layer", shape=(1, 1, 4))
def recurrent(net: Net, mended: bool):
    x = net.quantized()
    if mended:
        net.dense(x)
    else:
        net.op("RNN", x, net.normal(1, 4, 4), net.normal(1, 4, 4), hidden_size=4)
        return net.model("rnn_0")
    return None


@refused(_CHAPTER, "a sum along an axis", "reducesum_0", "ReduceMean", shape=_IMAGE)
def reduce_sum(net: Net, mended: bool):
    kind = "ReduceMean" if mended else "ReduceSum"
    y = net.op(kind, net.quantized(), net.const([2, 3], np.int64), keepdims=0)
    net.dense(net.quantized(y), 2)


@refused(_CHAPTER, "bilinear interpolation", "resize_0", "nearest", shape=_IMAGE)
def bilinear(net: Net, mended: bool):
    mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
            "nearest_mode": "floor"} if mended else {"mode": "linear"}  # fmt: skip
    y = net.op("Resize", net.quantized(), "", net.const([1, 1, 2, 2]), **mode)
    net.conv(y)


@refused(_CHAPTER, "a three-dimensional convolution", "conv_0", "a two-dimensional one",
         shape=(1, 1, 4, 4))  # fmt: skip
def volume(net: Net, mended: bool):
    x = net.quantized()
    if not mended:
        x = net.op("Unsqueeze", x, net.const([2], np.int64))
    net.op("Conv", x, net.weights(2, 1, *([3, 3] if mended else [1, 3, 3])))


@refused(_CHAPTER, "padding by reflection", "pad_0", "padding with a constant", shape=_IMAGE)
def reflection(net: Net, mended: bool):
    pads = net.const([0, 0, 1, 1, 0, 0, 1, 1], np.int64)
    net.conv(net.op("Pad", net.quantized(), pads, mode="constant" if mended else "reflect"))


@refused(_CHAPTER, "the three largest", "topk_0", "k = 1")
def top_three(net: Net, mended: bool):
    y = net.dense(net.quantized())
    return net.model(*net.op("TopK", y, net.const([1 if mended else 3], np.int64), outputs=2)[1:])


@refused(_CHAPTER, "the smallest", "argmin_0", "ArgMax of the negative")
def smallest(net: Net, mended: bool):
    y = net.dense(net.quantized())
    net.op("ArgMax", net.op("Neg", y), axis=1) if mended else net.op("ArgMin", y, axis=1)


@refused(_CHAPTER, "a sum of powers pooled", "lppool_0", "AveragePool", shape=_IMAGE)
def power_pool(net: Net, mended: bool):
    kind = "AveragePool" if mended else "LpPool"
    net.conv(net.quantized(net.op(kind, net.quantized(), kernel_shape=[2, 2])))


def _deform(net: Net, *, scale=0.25, offsets=18, space=(3, 3), **attributes):
    net.input("o", (1, offsets, *space))
    positions = net.quantized("o", scale, 0, np.int8)
    return net.op("DeformConv", net.quantized(), net.weights(2, 2, 3, 3), positions, **attributes)


@refused(_CHAPTER, "offsets of a deformable convolution in tiny steps", "deformconv_0",
         "a scale of 0.125", shape=_IMAGE)  # fmt: skip
def offsets_between_elements(net: Net, mended: bool):
    _deform(net, scale=0.125 if mended else 1e-9)


@refused(_CHAPTER, "offsets of another kernel", "deformconv_0", "18 channels of offsets",
         shape=_IMAGE)  # fmt: skip
def offsets_of_another_kernel(net: Net, mended: bool):
    _deform(net, offsets=18 if mended else 16)


@refused(_CHAPTER, "parts of offsets that do not divide the channels", "deformconv_0",
         "`offset_group` of 1", shape=_IMAGE)  # fmt: skip
def offset_groups(net: Net, mended: bool):
    _deform(net, offset_group=1 if mended else 3, offsets=18 if mended else 54)


@refused(_CHAPTER, "a deformable convolution in three dimensions", "deformconv_0",
         "a two-dimensional one", shape=_IMAGE)  # fmt: skip
def deformable_volume(net: Net, mended: bool):
    if mended:
        _deform(net)
    else:
        x = net.op("Unsqueeze", net.quantized(), net.const([2], np.int64))
        net.input("o", (1, 27, 1, 3, 3))
        o = net.quantized("o", 0.25, 0, np.int8)
        net.op("DeformConv", x, net.weights(2, 2, 1, 3, 3), o)


def _grid(net: Net, shape=(1, 3, 3, 2), scale=0.25, **attributes):
    net.input("g", shape)
    positions = net.quantized("g", scale, 0, np.int8)
    return net.op("GridSample", net.quantized(), positions, **attributes)


@refused(_CHAPTER, "the largest of samples of many bits", "maxpool_0",
         "positions with a scale that is a power of two", shape=_IMAGE)  # fmt: skip
def largest_of_wide_samples(net: Net, mended: bool):
    net.op("MaxPool", _grid(net, scale=0.0078125 if mended else 0.01), kernel_shape=[2, 2])


@refused(_CHAPTER, "samples of a cubic function", "gridsample_0", "linear", shape=_IMAGE)
def cubic_samples(net: Net, mended: bool):
    _grid(net, mode="linear" if mended else "cubic")


@refused(_CHAPTER, "a grid of positions that are reflected", "gridsample_0", "border", shape=_IMAGE)
def reflected_grid(net: Net, mended: bool):
    _grid(net, padding_mode="border" if mended else "reflection")


@refused(_CHAPTER, "a grid of positions in space", "gridsample_0", "two dimensions", shape=_IMAGE)
def grid_in_space(net: Net, mended: bool):
    if mended:
        _grid(net)
    else:
        x = net.op("Unsqueeze", net.quantized(), net.const([2], np.int64))
        net.input("g", (1, 1, 3, 3, 3))
        net.op("GridSample", x, net.quantized("g", 0.25, 0, np.int8))


@refused(_CHAPTER, "windows as columns", "im2col_0", "Conv", shape=_IMAGE)
def columns(net: Net, mended: bool):
    if mended:
        net.conv(net.quantized())
    else:
        net.op("Im2Col", net.quantized(), domain="qonnx.custom_op.general", kernel_size=[3, 3])


@refused(_CHAPTER, "instance normalization", "instancenormalization_0", "BatchNormalization",
         shape=_IMAGE)  # fmt: skip
def instance_normalization(net: Net, mended: bool):
    parameters = [net.const(net.random.uniform(0.5, 2, 2)) for _ in range(4)]
    y = net.conv(net.quantized())
    if mended:
        y = net.op("BatchNormalization", y, *parameters)
    else:
        y = net.op("InstanceNormalization", y, *parameters[:2])
    net.conv(net.quantized(y))


@refused(_CHAPTER, "local response normalization", "lrn_0", "left out", shape=_IMAGE)
def local_response(net: Net, mended: bool):
    y = net.conv(net.quantized())
    net.conv(net.quantized(y if mended else net.op("LRN", y, size=3)))


@refused(_CHAPTER, "pixels that become channels", "spacetodepth_0", "left out", shape=_IMAGE)
def space_to_depth(net: Net, mended: bool):
    y = net.quantized(net.conv(net.quantized(), kernel=1))
    y = y if mended else net.op("SpaceToDepth", y, blocksize=2)
    net.conv(y, 2 if mended else 8, kernel=1)


@refused(_CHAPTER, "copies of less than nothing", "tile_0", "one copy")
def tile(net: Net, mended: bool):
    y = net.quantized(net.dense(net.quantized()))
    net.dense(net.op("Tile", y, net.const([1, 1 if mended else 0], np.int64)))


@refused(_CHAPTER, "copies to a shape that does not fit", "expand_0", "one that does")
def expand(net: Net, mended: bool):
    y = net.quantized(net.dense(net.quantized()))
    net.dense(net.op("Expand", y, net.const([3, 4 if mended else 8], np.int64)))


@refused(_CHAPTER, "very many copies", "expand_0", "fewer")
def copies(net: Net, mended: bool):
    y = net.quantized(net.dense(net.quantized()))
    net.dense(net.op("Expand", y, net.const([3 if mended else 2**30, 4], np.int64)))


@refused(_CHAPTER, "a branch that depends on values", "if_0", "the branch taken")
def control_flow(net: Net, mended: bool):
    y = net.quantized()
    if mended:
        net.dense(net.op("Relu", y))
    else:
        branch = helper.make_graph(
            [helper.make_node("Relu", [y], ["taken"])], "branch", [],
            [helper.make_tensor_value_info("taken", 1, [1, 4])],
        )  # fmt: skip
        net.dense(net.op("If", net.const(True, np.bool_), then_branch=branch, else_branch=branch))
