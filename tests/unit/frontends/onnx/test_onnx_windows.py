"""Convolutions and pools compute what ONNX's reference computes."""

from itertools import product

import numpy as np
import pytest
from onnx_models import messages, node
from onnx_reference import assert_equals_reference, quantized_linear

RNG = np.random.default_rng(1)


def weights(*shape):
    return RNG.integers(-8, 8, shape).astype(np.float32)


def check(folder, op, extra=(), *, shape=(1, 4, 7, 6), runtime=False, **attributes):
    constants = {f"c{i}": array for i, array in enumerate(extra)}
    graph = quantized_linear(
        [node(op, ["d", *constants], ["y"], **attributes)], constants, shape=shape
    )
    assert_equals_reference(graph, folder, runtime=runtime)


def refused(folder, op, extra=(), *, shape=(1, 4, 7, 6), **attributes):
    constants = {f"c{i}": array for i, array in enumerate(extra)}
    graph = quantized_linear(
        [node(op, ["d", *constants], ["y"], **attributes)], constants, shape=shape
    )
    (message,) = messages(graph, folder)
    return message


CONV = [
    {},
    {"strides": [2, 3]},
    {"dilations": [2, 1], "pads": [1, 0, 2, 1]},
    {"pads": [0, 1, 2, 0], "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 1]},
    {"auto_pad": "SAME_LOWER", "strides": [3, 2]},
    {"auto_pad": "VALID", "strides": [1, 2]},
]


@pytest.mark.parametrize("attributes", CONV)
@pytest.mark.parametrize("group", [1, 2, 4])
def test_conv(tmp_path, attributes, group):
    w = weights(4, 4 // group, 3, 2)
    check(tmp_path, "Conv", [w, weights(4)], group=group, **attributes)


@pytest.mark.parametrize("attributes", [{}, {"strides": [2], "pads": [2, 1]}, {"dilations": [3]}])
def test_conv_1d(tmp_path, attributes):
    check(tmp_path, "Conv", [weights(3, 2, 3)], shape=(1, 2, 9), **attributes)


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"strides": [2, 3], "output_padding": [1, 2]},
        {"strides": [2, 2], "pads": [1, 0, 0, 1]},
        {"dilations": [2, 1]},
        {"strides": [2, 2], "output_shape": [14, 11]},
        {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
        {"strides": [3, 1], "auto_pad": "SAME_LOWER"},
    ],
)
@pytest.mark.parametrize("group", [1, 2])
def test_conv_transpose(tmp_path, attributes, group):
    check(
        tmp_path,
        "ConvTranspose",
        [weights(4, 3, 3, 2), weights(3 * group)],
        group=group,
        runtime=True,  # onnx 1.23's reference fails on groups and on output_shape
        **attributes,
    )


POOLS = [
    {"strides": [2, 2]},
    {"strides": [2, 3], "pads": [1, 0, 0, 1]},
    {"pads": [1, 1, 1, 1], "strides": [3, 2]},
    {"pads": [2, 1, 2, 1], "strides": [2, 2]},
]


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_pools_with_automatic_padding(tmp_path, op, mode):
    check(tmp_path, op, kernel_shape=[3, 2], strides=[2, 2], auto_pad=mode, runtime=True)


@pytest.mark.parametrize(("attributes", "ceil"), list(product(POOLS, [0, 1])))
def test_max_pool(tmp_path, attributes, ceil):
    check(tmp_path, "MaxPool", kernel_shape=[3, 2], ceil_mode=ceil, **attributes)


def test_max_pool_with_dilation(tmp_path):
    check(tmp_path, "MaxPool", kernel_shape=[2, 2], dilations=[2, 3], shape=(1, 2, 8, 9))


@pytest.mark.parametrize(("attributes", "ceil", "counts"), list(product(POOLS, [0, 1], [0, 1])))
def test_average_pool(tmp_path, attributes, ceil, counts):
    check(tmp_path, "AveragePool", kernel_shape=[3, 2], ceil_mode=ceil, count_include_pad=counts,
          **attributes)  # fmt: skip


@pytest.mark.parametrize("op", ["GlobalAveragePool", "GlobalMaxPool"])
def test_global_pools(tmp_path, op):
    check(tmp_path, op)


def test_group_that_does_not_divide_is_refused(tmp_path):
    message = refused(tmp_path, "Conv", [weights(4, 1, 3, 3)], group=3)
    assert message == ("y (ONNX Conv): group must divide 4 input and 4 output channels, got 3")


def test_padding_of_a_whole_pool_window_is_refused(tmp_path):
    message = refused(tmp_path, "MaxPool", kernel_shape=[2, 2], pads=[2, 0, 0, 0])
    assert message == (
        "y (ONNX MaxPool): padding of a pool must be smaller than its window of 2, got 2 and 0"
    )


def test_three_dimensions_are_refused(tmp_path):
    message = refused(tmp_path, "Conv", [weights(4, 4, 1, 1, 1)], shape=(1, 4, 3, 3, 3))
    assert message.endswith(
        "input must have one or two spatial dimensions, got shape [1, 4, 3, 3, 3]"
    )


def test_too_much_output_padding_is_refused(tmp_path):
    message = refused(
        tmp_path, "ConvTranspose", [weights(4, 3, 3, 3)], strides=[2, 2], output_padding=[2, 1]
    )
    assert message.endswith("output_padding must be below stride or dilation, [2, 2], got [2, 1]")
