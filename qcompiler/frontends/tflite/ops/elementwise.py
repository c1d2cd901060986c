"""Operations on each element alone, and sums of two activations."""

import math

import numpy as np
from xdsl.ir import SSAValue

from qcompiler.arith.requantizers import Table
from qcompiler.arith.tflite_kernels import logistic_codes, softmax_parameters
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.frontends.onnx.refusal import RefusalError
from qcompiler.frontends.tflite.node import NodeContext, codes_range, importer
from qcompiler.frontends.tflite.requantization import (
    activation_range,
    requantize,
    rescale,
    without_zero_point,
)

_ONE, _ZERO = np.ones(1, np.float32), np.zeros(1, np.int64)
_LEFT_SHIFT = 20


@importer("QUANTIZE")
def _quantize(node: NodeContext) -> None:
    result, given = node.output(), node.input(0)
    scale, zero_point = result.one_scale()
    bounds = codes_range(result)
    if given.kind == "FLOAT32":
        scales, zeros = np.array([scale], np.float32), np.array([zero_point])
        real = node.value(0)
        made = qint.QuantizeOp(
            real, scales, zeros, bounds, rounding="half_up", zero_point_after_rounding=True
        )
        node.bind(node.emit(made))
        return
    codes_range(given)
    before, zero = given.one_scale()
    x = without_zero_point(node, node.value(0), zero)
    factor = np.array([np.float64(np.float32(before)) / np.float64(np.float32(scale))])
    node.bind(requantize(node, x, factor, zero_point, bounds))


@importer("DEQUANTIZE")
def _dequantize(node: NodeContext) -> None:
    codes_range(node.input(0))
    scale, zero_point = node.input(0).one_scale()
    scales, zeros = np.array([scale], np.float32), np.array([zero_point])
    node.bind(node.emit(qint.DequantizeOp(node.value(0), scales, zeros)))


@importer("LOGISTIC")
def _logistic(node: NodeContext) -> None:
    made, zero = node.output().one_scale()
    if (made, zero) != (1 / 256, -128):
        raise RefusalError(
            f"its result must have scale 1/256 and zero point -128, got {made:g} and {zero}",
            "convert the model again",
        )
    codes = np.arange(-128, 128, dtype=np.int64)
    node.bind(_looked_up(node, node.codes(0), logistic_codes(codes, *node.input(0).one_scale())))


def _looked_up(node: NodeContext, codes: SSAValue, entries: Array) -> SSAValue:
    """Emits what a table has for each int8 code."""
    given = qint.range_of(codes.type)
    used = entries[given.lo + 128 : given.hi + 129].astype(np.int64)
    bounds = codes_range(node.output())
    return node.emit(qint.requantizer_op(Table(used[None], given.lo), codes, bounds, None))


@importer("SOFTMAX")
def _softmax(node: NodeContext) -> None:
    made, zero = node.output().one_scale()
    if (made, zero) != (1 / 256, -128):
        raise RefusalError(
            f"its result must have scale 1/256 and zero point -128, got {made:g} and {zero}",
            "convert the model again",
        )
    scale, beta = node.input(0).one_scale()[0], float(node.node.options["Beta"])
    if not 0 < beta < math.inf:
        raise RefusalError(f"beta must be positive, got {beta:g}", "convert the model again")
    parameters = softmax_parameters(scale, beta)
    node.bind(node.emit(qint.SoftmaxOp(node.codes(0), *parameters)))


@importer("ADD")
def _add(node: NodeContext) -> None:
    """Both operands get twice the larger scale and 20 more bits before they are added."""
    result = node.output()
    made, zero_point = result.one_scale()
    scales = [np.float32(node.input(i).one_scale()[0]) for i in range(2)]
    twice = 2.0 * float(max(scales))
    terms: list[SSAValue] = []
    for index, scale in enumerate(scales):
        zero = node.input(index).one_scale()[1]
        shifted = qint.AffineOp(
            node.codes(index), np.array([1 << _LEFT_SHIFT]), np.array([-zero << _LEFT_SHIFT])
        )
        terms.append(rescale(node, node.emit(shifted), float(scale) / twice))
    reals = [node.emit(qint.DequantizeOp(term, _ONE, _ZERO)) for term in terms]
    bounds = [qint.range_of(term.type) for term in terms]
    reached = qint.IntRange(sum(b.lo for b in bounds), sum(b.hi for b in bounds))
    total = node.emit(nn.AddOp(reals[0], reals[1]))
    sums = node.emit(qint.QuantizeOp(total, _ONE, _ZERO, reached))
    factor = np.array([twice / (float(1 << _LEFT_SHIFT) * float(np.float32(made)))])
    node.bind(requantize(node, sums, factor, zero_point, activation_range(node, result)))
