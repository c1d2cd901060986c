"""What `qint.state` and `stream.state` refuse, and how frames follow one another."""

import numpy as np
import pytest
from xdsl.dialects import test
from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.utils.exceptions import VerifyException

from qcompiler.dialects import qint, stream
from qcompiler.dialects.qint import IntType

CHANNEL = stream.ChannelType(IntType(0, 3), [2], 1)


def keeper(initial, restart=stream.RESTART):
    left, flag = test.TestOp(result_types=[CHANNEL, restart]).results
    return stream.StateOp(left, flag, np.array(initial), CHANNEL)


def test_frames_get_what_the_one_before_left():
    left = np.array([[1, 1], [2, 2], [3, 3], [0, 0]])
    (made,) = keeper([3, 0]).evaluate([left, np.array([[0], [0], [1], [0]])])
    assert made.tolist() == [[3, 0], [1, 1], [3, 0], [3, 3]]


def test_a_keeper_of_another_size_or_without_flags():
    keeper([0, 1]).verify()
    with pytest.raises(VerifyException, match="initial has 3 integers, and"):
        keeper([0, 1, 2]).verify_()
    with pytest.raises(VerifyException, match="restart must be"):
        keeper([0, 1], CHANNEL).verify_()


def test_the_attribute_lists_tensors_for_arguments_and_results():
    function = FuncOp("core", FunctionType.from_lists([], []))
    assert qint.state_of(function) == []
    function.attributes["qint.state"] = ArrayAttr([StringAttr("x")])
    with pytest.raises(VerifyException, match="must be an array of tensors, got"):
        qint.state_of(function)
    qint.set_state(function, [np.array([1])])
    with pytest.raises(VerifyException, match="has 1 entries, for 0 arguments and 0 results"):
        qint.state_of(function)
