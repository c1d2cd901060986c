"""Layers of small TensorFlow Lite models, with random weights and scales."""

import numpy as np
from tflite_models import ModelWriter

NONE, RELU, RELU6 = 0, 1, 3
SAME, VALID = 0, 1


def activation(graph, shape, rng, zero=None, scale=None, kind="INT8"):
    """Adds an activation with random quantization."""
    scale = rng.uniform(0.01, 0.2) if scale is None else scale
    zero = int(rng.integers(-128, 128)) if zero is None else zero
    return graph.tensor(shape, kind, np.float32(scale), zero)


def weights(graph, array, scale, axis):
    """Adds int8 weights."""
    return graph.tensor(array.shape, "INT8", scale, 0, data=array.astype(np.int8), axis=axis)


def bias(graph, x, scale, channels, rng):
    """Adds an int32 bias, whose scale is that of the sums."""
    data = rng.integers(-3000, 3000, channels).astype(np.int32)
    return graph.tensor([channels], "INT32", graph.tensors[x][2] * scale, 0, data=data)


def conv(graph, x, shape, made, kernel, rng, *, act=NONE, padding=VALID, stride=1, zero=None):
    """Adds a convolution from `shape` to `made`; returns its output."""
    scale = rng.uniform(0.001, 0.02, made[3]).astype(np.float32)
    w = rng.integers(-127, 128, (made[3], *kernel, shape[3]))
    y = activation(graph, made, rng, zero=-128 if act else zero)
    graph.node(
        "CONV_2D", [x, weights(graph, w, scale, 0), bias(graph, x, scale, made[3], rng)], [y],
        Padding=padding, StrideH=stride, StrideW=stride, FusedActivationFunction=act,
        DilationHFactor=1, DilationWFactor=1,
    )  # fmt: skip
    return y


def depthwise(graph, x, shape, made, kernel, rng, *, act=NONE, padding=VALID):
    """Adds a depthwise convolution; returns its output."""
    scale = rng.uniform(0.001, 0.02, made[3]).astype(np.float32)
    w = rng.integers(-127, 128, (1, *kernel, made[3]))
    y = activation(graph, made, rng)
    graph.node(
        "DEPTHWISE_CONV_2D",
        [x, weights(graph, w, scale, 3), bias(graph, x, scale, made[3], rng)], [y],
        Padding=padding, StrideH=1, StrideW=1, FusedActivationFunction=act,
        DilationHFactor=1, DilationWFactor=1, DepthMultiplier=made[3] // shape[3],
    )  # fmt: skip
    return y


def dense(graph, x, inputs, outputs, rng, *, act=NONE, per_channel=False):
    """Adds a fully connected layer; returns its output."""
    scale = rng.uniform(0.001, 0.02, outputs if per_channel else 1).astype(np.float32)
    w = rng.integers(-127, 128, (outputs, inputs))
    y = activation(graph, [1, outputs], rng)
    graph.node(
        "FULLY_CONNECTED",
        [x, weights(graph, w, scale, 0), bias(graph, x, scale, outputs, rng)], [y],
        FusedActivationFunction=act, WeightsFormat=0, KeepNumDims=False,
    )  # fmt: skip
    return y


def remembered(graph, x, shape, kept, name):
    """Adds a ring buffer of `kept` rows of a variable; returns them and `x` as one image.

    Args:
        graph: to add to.
        x: the rows that come, of `shape`.
        shape: [1, rows, 1, channels].
        kept: rows that the variable holds.
        name: of the variable.
    """
    scale, zero = graph.tensors[x][2:4]

    def image(rows, data=None):
        return graph.tensor([1, rows, 1, shape[3]], "INT8", scale, zero, data=data)

    handle = graph.tensor([], "RESOURCE")
    graph.node("VAR_HANDLE", [], [handle], Container="", SharedName=name)
    before, both, after = image(kept), image(kept + shape[1]), image(kept)
    graph.node("READ_VARIABLE", [handle], [before])
    graph.node("CONCATENATION", [before, x], [both], Axis=1)
    bounds = [
        graph.tensor([4], "INT32", data=np.array(v, np.int32))
        for v in ([0, shape[1], 0, 0], [0, 0, 0, 0], [1, 1, 1, 1])
    ]
    graph.node("STRIDED_SLICE", [both, *bounds], [after], BeginMask=13, EndMask=15)
    graph.node("ASSIGN_VARIABLE", [handle, after], [])
    return both


def initialized(model, states):
    """Adds the subgraph that gives variables their first values; call it before other operations.

    Args:
        model: the writer.
        states: per variable, its first value, and scale and zero point.
    """
    once = model.graph()
    for name, (data, scale, zero) in states.items():
        handle = once.tensor([], "RESOURCE")
        once.node("VAR_HANDLE", [], [handle], Container="", SharedName=name)
        value = once.tensor(data.shape, "INT8", scale, zero, data=data.astype(np.int8))
        once.node("ASSIGN_VARIABLE", [handle, value], [])
    model.main.nodes.insert(0, ("CALL_ONCE", [], [], {"InitSubgraphIndex": 1}))


def streaming(rng):
    """Returns a model of two layers that remember rows of [1, 2, 4], and how many it keeps."""
    model = ModelWriter()
    g = model.main
    x = activation(g, [1, 2, 4], rng)
    g.inputs = [x]
    scale, zero = g.tensors[x][2:4]
    image = g.tensor([1, 2, 1, 4], "INT8", scale, zero)
    shape = g.tensor([4], "INT32", data=np.array([1, 2, 1, 4], np.int32))
    g.node("RESHAPE", [x, shape], [image])
    rows = remembered(g, image, [1, 2, 1, 4], 3, "a")
    y = conv(g, rows, [1, 5, 1, 4], [1, 1, 1, 6], (5, 1), rng, zero=-4)
    more = remembered(g, y, [1, 1, 1, 6], 2, "b")
    z = depthwise(g, more, [1, 3, 1, 6], [1, 1, 1, 6], (3, 1), rng)
    flat = g.tensor([1, 6], "INT8", *g.tensors[z][2:4])
    g.node("RESHAPE", [z, g.tensor([2], "INT32", data=np.array([1, 6], np.int32))], [flat])
    g.outputs = [dense(g, flat, 6, 3, rng)]
    first = {
        "a": (rng.integers(-128, 128, (1, 3, 1, 4)), scale, zero),
        "b": (np.full((1, 2, 1, 6), -4), *g.tensors[y][2:4]),
    }
    initialized(model, first)
    return model
