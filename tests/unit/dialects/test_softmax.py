"""What `qint.softmax` refuses."""

import pytest
from xdsl.dialects import test
from xdsl.dialects.builtin import TensorType
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects import qint
from qcompiler.dialects.qint import IntType


def softmax(**changed):
    (x,) = test.TestOp(result_types=[TensorType(IntType(-128, 127), [1, 4])]).results
    parameters = {"multiplier": 2**30, "shift": 24, "least": -62} | changed
    return qint.SoftmaxOp(x, **parameters)


def test_parameters_that_fit():
    softmax().verify()
    softmax(least=-127).verify()


@pytest.mark.parametrize(
    "changed",
    [{"multiplier": 0}, {"multiplier": 2**31}, {"shift": 31}, {"least": -128}, {"least": 1}],
)
def test_numbers_that_32_bits_do_not_hold(changed):
    with pytest.raises(VerifyException, match="multiplier must have 31 bits, shift be in"):
        softmax(**changed).verify_()


def test_another_shape():
    op = softmax()
    op.operands[0] = test.TestOp(result_types=[TensorType(IntType(0, 1), [1, 3])]).results[0]
    with pytest.raises(VerifyException, match="has its shape, got"):
        op.verify_()
