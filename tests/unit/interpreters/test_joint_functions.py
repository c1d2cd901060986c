"""Functions of two activations are what float32, or fractions, say on every pair of codes."""

from fractions import Fraction

import numpy as np
import pytest
from xdsl.dialects.builtin import TensorType
from xdsl.ir import Block, Region
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.joint_fit import fit
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.rounding import round_fraction
from qcompiler.dialects import nn, qint
from qcompiler.interpreters.joint_bodies import joining_operation
from qcompiler.interpreters.joint_functions import joint_function

A, B = IntRange(-8, 7), IntRange(0, 15)
ZERO = np.zeros(1, np.int64)


def body(meet, scales, out_scale, *, zero_points=(0, 0), relu=False, lo=-8, hi=7):
    """quantize(relu(meet(sa * (a - za), sb * (b - zb)))) as a region."""
    block = Block(arg_types=[qint.IntType(r.lo, r.hi) for r in (A, B)])
    values = []
    for argument, scale, zero in zip(block.args, scales, zero_points, strict=True):
        shifted = qint.AffineOp(argument, np.ones(1, np.int64), np.array([-zero]))
        real = qint.DequantizeOp(shifted.result, np.array([scale], np.float32), ZERO)
        block.add_ops([shifted, real])
        values.append(real.result)
    met = meet(*values)
    block.add_op(met)
    last = met.result
    if relu:
        cut = nn.ReluOp(last)
        block.add_op(cut)
        last = cut.result
    codes = qint.QuantizeOp(last, np.array([out_scale], np.float32), ZERO, IntRange(lo, hi))
    block.add_ops([codes, qint.YieldOp(codes.result)])
    return qint.ScalarBody(block), block


def pairs():
    a, b = np.meshgrid(np.arange(A.lo, A.hi + 1), np.arange(B.lo, B.hi + 1), indexing="ij")
    return a.reshape(1, -1), b.reshape(1, -1)


def expected(op, scales, out_scale, numerics, zero_points=(0, 0), relu=False, lo=-8, hi=7):
    a, b = (x[0] - z for x, z in zip(pairs(), zero_points, strict=True))
    single = [np.float32(s) for s in (*scales, out_scale)]
    if numerics == "onnxruntime":
        left, right = a.astype(np.float32) * single[0], b.astype(np.float32) * single[1]
        met = {"add": np.add, "sub": np.subtract, "mul": np.multiply}[op](left, right)
        met = np.maximum(met, np.float32(0)) if relu else met
        return np.clip(np.rint(met / single[2]), lo, hi)
    found = []
    exact = [Fraction(float(s)) for s in single]
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        left, right = x * exact[0], y * exact[1]
        met = {"add": left + right, "sub": left - right, "mul": left * right}[op]
        met = max(met, Fraction(0)) if relu else met
        found.append(min(max(round_fraction(met / exact[2], "half_even"), lo), hi))
    return np.array(found)


OPS = {"add": nn.AddOp, "sub": nn.SubOp, "mul": nn.MulOp}
SCALES = [((0.5, 0.25), 1.0), ((0.1, 0.1), 0.2), ((0.37, 0.113), 0.5), ((0.02, 0.9), 1.7)]


@pytest.mark.parametrize("numerics", ["exact", "onnxruntime"])
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(("scales", "out_scale"), SCALES)
@pytest.mark.parametrize("zero_points", [(0, 0), (-3, 7)])
@pytest.mark.parametrize("relu", [False, True])
def test_every_pair_has_its_code(numerics, op, scales, out_scale, zero_points, relu):
    given = {"zero_points": zero_points, "relu": relu}
    scalar, _keep = body(OPS[op], scales, out_scale, **given)
    wanted = expected(op, scales, out_scale, numerics, **given)
    function = joint_function(scalar, 1, numerics)
    np.testing.assert_array_equal(function.evaluate(pairs())[0], wanted)
    found = fit(function, [A, B])
    if found is not None:
        sums = sum(m.apply(x) for m, x in zip(found.maps, pairs(), strict=True))
        np.testing.assert_array_equal(found.shift.apply(sums)[0], wanted)


@pytest.mark.parametrize(("scales", "out_scale"), SCALES)
def test_sums_find_multipliers(scales, out_scale):
    scalar, _keep = body(nn.AddOp, scales, out_scale)
    assert fit(joint_function(scalar, 1, "exact"), [A, B]) is not None


def test_what_is_no_sum_or_product_is_refused_by_name():
    scalar, _keep = body(nn.MaxOp, (0.5, 0.5), 1.0)
    with pytest.raises(VerifyException, match="added, subtracted or multiplied only") as caught:
        joint_function(scalar, 1, "exact")
    assert isinstance(caught.value.op, nn.MaxOp)


def of_three(first, second):
    """quantize(second(first(a, b), c)), with scales of 1."""
    block = Block(arg_types=[qint.IntType(0, 15)] * 3)
    reals = [qint.DequantizeOp(x, np.ones(1, np.float32), ZERO) for x in block.args]
    inner = first(reals[0].result, reals[1].result)
    outer = second(inner.result, reals[2].result)
    codes = qint.QuantizeOp(outer.result, np.ones(1, np.float32), ZERO, IntRange(0, 15))
    block.add_ops([*reals, inner, outer, codes, qint.YieldOp(codes.result)])
    return qint.ScalarBody(block), outer


@pytest.mark.parametrize(
    ("first", "second", "exact_helps"),
    [
        (nn.AddOp, nn.SubOp, True),
        (nn.MulOp, nn.AddOp, False),
        (nn.AddOp, nn.MulOp, False),
        (nn.MulOp, nn.MulOp, False),
    ],
)
def test_exact_numerics_are_recommended_where_they_help(first, second, exact_helps):
    scalar, outer = of_three(first, second)
    assert joining_operation(scalar) is outer
    with pytest.raises(VerifyException, match="joins 3 activations") as caught:
        joint_function(scalar, 1, "onnxruntime")
    assert ("exact" in caught.value.remedy) == exact_helps
    if exact_helps:
        assert joint_function(scalar, 1, "exact").kind == "sum"
    else:
        with pytest.raises(VerifyException, match="joined") as caught:
            joint_function(scalar, 1, "exact")
        assert isinstance(caught.value.op, nn.MulOp)


def test_an_activation_that_is_used_again_after_the_join_is_refused():
    scalar, block = body(nn.AddOp, (0.5, 0.5), 1.0)
    add = next(op for op in block.ops if isinstance(op, nn.AddOp))
    again = nn.MulOp(add.result, add.lhs)
    block.insert_op_after(again, add)
    add.result.replace_uses_with_if(again.result, lambda use: use.operation is not again)
    with pytest.raises(VerifyException, match="again after it was joined"):
        joint_function(scalar, 1, "exact")


def test_a_join_is_an_operation_on_tensors():
    _, block = body(nn.AddOp, (0.5, 0.5), 1.0)
    operands = Block(arg_types=[TensorType(qint.IntType(r.lo, r.hi), [1, 4]) for r in (A, B)])
    block.parent_region() and block.parent_region().detach_block(block)
    join = qint.JoinOp(operands.args, 1, Region(block), IntRange(-8, 7))
    join.verify()
    assert str(join.result.type) == "tensor<1x4x!qint.int<-8, 7>>"
