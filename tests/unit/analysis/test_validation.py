"""A pass that is wrong by one is caught, and the operation is named."""

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from qcompiler.analysis.validation import ValidationError, Validator, random_inputs
from qcompiler.dialects import nn, qint
from qcompiler.interpreters import run
from qcompiler.passes.pipeline import make_context, run_passes

TEXT = """
func.func @main(%x : tensor<1x2x!qint.int<-4, 3>>) -> tensor<1x1xf32> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %a = qint.matmul %x, %w : (tensor<1x2x!qint.int<-4, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-8, 8>> loc("fc1")
  %q = qint.threshold %a {thresholds = dense<[[-3, 0, 5]]> : tensor<1x3xi8>, sign = 1 : i64, lo = 0 : i64} : (tensor<1x1x!qint.int<-8, 8>>) -> tensor<1x1x!qint.int<0, 3>> loc("act1")
  %b = qint.affine %q {multiplier = 1 : i64, offset = -2 : i64} : (tensor<1x1x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-2, 4>> loc("bias1")
  %y = qint.dequantize %b {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-2, 4>>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
"""  # noqa: E501


def the(module: ModuleOp, kind):
    (found,) = (op for op in module.walk() if isinstance(op, kind))
    return found


def nothing(module: ModuleOp):
    del module


def threshold_off_by_one(module: ModuleOp):
    op = the(module, qint.ThresholdOp)
    form = op.requantizer.thresholds.copy()
    form[0, 1] += 1
    op.properties["thresholds"] = qint.ConstantOp(form).value


def bias_off_by_one(module: ModuleOp):
    op = the(module, qint.AffineOp)
    op.properties["offset"] = qint.int_parameter(np.array([-1]))


def bias_out_of_range(module: ModuleOp):
    op = the(module, qint.AffineOp)
    op.properties["offset"] = qint.int_parameter(np.array([2]))


def scale_wrong(module: ModuleOp):
    the(module, qint.DequantizeOp).properties["scale"] = qint.real_parameter(np.float32([0.75]))


def validate(wrong_pass):
    module = Parser(make_context(), TEXT).parse_module()
    run_passes(module, [wrong_pass], [Validator(module, count=64).check])


def test_a_right_pass_passes():
    validate(nothing)


@pytest.mark.parametrize(
    ("wrong_pass", "message"),
    [
        (
            threshold_off_by_one,
            r"threshold_off_by_one: .* output 0 .* that of act1 \(qint.threshold\) at \[0, 0\]: "
            r"2 before, 1 after",
        ),
        (bias_off_by_one, r"the first value that differs is that of bias1 \(qint.affine\)"),
        (bias_out_of_range, r"bias_out_of_range: after this pass, bias1 .* value 5 leaves"),
        (scale_wrong, r"scale_wrong: this pass changed output 0 at \[0, 0\]: -1.0 before, -1.5"),
    ],
)
def test_a_wrong_pass_is_caught_and_the_operation_named(wrong_pass, message):
    with pytest.raises(ValidationError, match=message):
        validate(wrong_pass)


def test_inputs_begin_with_extremes():
    types = [a.type for a in Parser(make_context(), TEXT).parse_module().body.block.first_op.args]
    (integers,) = random_inputs(types, 10, seed=0)
    assert integers[0].tolist() == [[-4, -4]]
    assert integers[1].tolist() == [[3, 3]]
    assert integers[2].tolist() == [[-4, 3]]
    assert integers.min() >= -4
    assert integers.max() <= 3


# A product of 7, 24 and 24 bits is rounded in float64, so that of x, twice it, and three times it
# are: what is exactly zero is not, and its floor may be -1.
ZERO_IN_ALL_DIGITS = """
func.func @main(%x : tensor<1x1x!qint.int<65, 127>>) -> tensor<1x1xf32> {
  %b = nn.constant dense<0.10000000149011612> : tensor<1x1xf32> -> tensor<1x1xf32>
  %x2 = qint.affine %x {multiplier = 2 : i64, offset = 0 : i64} : (tensor<1x1x!qint.int<65, 127>>) -> tensor<1x1x!qint.int<130, 254>>
  %x3 = qint.affine %x {multiplier = 3 : i64, offset = 0 : i64} : (tensor<1x1x!qint.int<65, 127>>) -> tensor<1x1x!qint.int<195, 381>>
  %r1 = qint.dequantize %x {scale = 0.3333333432674408 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<65, 127>>) -> tensor<1x1xf32>
  %r2 = qint.dequantize %x2 {scale = 0.3333333432674408 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<130, 254>>) -> tensor<1x1xf32>
  %r3 = qint.dequantize %x3 {scale = 0.3333333432674408 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<195, 381>>) -> tensor<1x1xf32>
  %p1 = nn.mul %r1, %b : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %p2 = nn.mul %r2, %b : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %p3 = nn.mul %r3, %b : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %s = nn.add %p1, %p2 : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %z = nn.sub %p3, %s : (tensor<1x1xf32>, tensor<1x1xf32>) -> tensor<1x1xf32>
  %q = qint.quantize %z {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "floor"} : (tensor<1x1xf32>) -> tensor<1x1x!qint.int<-8, 7>>
  %y = qint.dequantize %q {scale = 1.0 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-8, 7>>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
"""  # noqa: E501


def always(value: float):
    """Returns a pass that gives an output the value for every input."""

    def replace(module: ModuleOp):
        (last,) = (op for op in module.walk() if op.name == "func.return")
        constant = nn.ConstantOp(np.full((1, 1), value, np.float32))
        last.parent_block().insert_op_before(constant, last)
        last.operands[0] = constant.result

    return replace


@pytest.mark.skipif(
    np.finfo(np.longdouble).nmant <= np.finfo(np.float64).nmant,
    reason="numpy has no float of more digits on this machine",
)
def test_noise_of_real_numbers_is_no_difference():
    module = Parser(make_context(), ZERO_IN_ALL_DIGITS).parse_module()
    (noisy,) = run(module, "main", [np.arange(65, 128).reshape(-1, 1, 1)])
    assert noisy.min() == -1
    run_passes(module, [always(0.0)], [Validator(module, count=64).check])


def test_what_noise_does_not_explain_is_a_difference():
    module = Parser(make_context(), ZERO_IN_ALL_DIGITS).parse_module()
    with pytest.raises(ValidationError, match="changed output 0"):
        run_passes(module, [always(-1.0)], [Validator(module, count=64).check])
