"""Processes compute what the qint operations that they come from compute, frame by frame."""

import numpy as np
import pytest
from xdsl.parser import Parser
from xdsl.utils.exceptions import InterpretationError

from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_context, run_passes
from qcompiler.pipelines import STREAM

CORE = """
func.func @core(%x : tensor<3x4x!qint.int<-2, 1>>) -> tensor<3x2x!qint.int<-3, 3>> {
  %w = qint.constant dense<[[3, -1], [0, 2], [-2, 2], [1, 1]]> : tensor<4x2xi8> -> tensor<4x2x!qint.int<-2, 3>>
  %a = qint.matmul %x, %w : (tensor<3x4x!qint.int<-2, 1>>, tensor<4x2x!qint.int<-2, 3>>) -> tensor<3x2x!qint.int<-12, 12>>
  %y = qint.mul_shift %a {multiplier = dense<[3, -5]> : tensor<2xi8>, bias = dense<[8, -7]> : tensor<2xi8>, shift = 4 : i64, axis = 1 : i64} : (tensor<3x2x!qint.int<-12, 12>>) -> tensor<3x2x!qint.int<-3, 3>>
  func.return %y : tensor<3x2x!qint.int<-3, 3>>
}
"""  # noqa: E501
WEIGHTS = np.array([[3, -1], [0, 2], [-2, 2], [1, 1]])


def expected(x):
    return np.clip((x @ WEIGHTS * [3, -5] + [8, -7]) >> 4, -3, 3)


def test_both_levels_are_the_formula():
    module = Parser(make_context(), CORE).parse_module()
    x = np.random.default_rng(0).integers(-2, 2, (50, 3, 4))
    for passes in ((), STREAM):
        run_passes(module, passes)
        (y,) = run(module, "core", [x])
        np.testing.assert_array_equal(y.reshape(50, 3, 2), expected(x))  # a frame is [1, 3, 2]


TOO_NARROW = """
stream.weights @w dense<2> : tensor<2x1xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1> {
  %y = stream.mvau %x weights @w pe 1 simd 1 : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 1>) -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>
}
"""  # noqa: E501


def test_a_value_that_leaves_its_range_is_an_error():
    module = Parser(make_context(), TOO_NARROW).parse_module()
    assert run(module, "core", [np.array([[1, 3]])])[0].tolist() == [[8]]
    with pytest.raises(InterpretationError, match=r"%y \(stream.mvau\): a value leaves .*\[0, 9\]"):
        run(module, "core", [np.array([[3, 3]])])
