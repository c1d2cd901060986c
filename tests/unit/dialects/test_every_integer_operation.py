"""Every operation on integers answers for itself: its range, and whether hardware does it."""

import pytest

from qcompiler.arith.scalar_ops import OPS
from qcompiler.dialects import nn, qint
from qcompiler.interpreters.scalar_functions import REAL_OPS

BORDERS = (qint.QuantizeOp, qint.DequantizeOp, qint.YieldOp)
INTEGER = [op for op in qint.QINT.operations if op not in BORDERS]
CLAMPED = (qint.RequantizeOp, qint.JoinOp, *qint.RequantizerOp.__subclasses__())


@pytest.mark.parametrize("op", INTEGER, ids=lambda op: op.name)
def test_it_says_what_it_is(op):
    assert issubclass(op, qint.IntegerOp)
    assert isinstance(op.HARDWARE, qint.Hardware)
    says = op.inferred_range is not qint.IntegerOp.inferred_range
    assert says == (op not in CLAMPED)  # a clamp's own type decides


def test_what_hardware_does():
    def names(when):
        return {op.name for op in INTEGER if op.HARDWARE is when}

    assert names(qint.Hardware.NEVER) == {"qint.constant", "qint.softmax"}
    assert names(qint.Hardware.ALONE) == {"qint.transpose"}
    assert names(qint.Hardware.BETWEEN) == {"qint.affine", "qint.reshape"}


def test_the_function_of_every_real_operation_is_one_row():
    elementwise = [op for op in nn.NN.operations if issubclass(op, nn.Unary | nn.Binary)]
    assert {op.name for op in elementwise if op not in REAL_OPS} == {"nn.pow", "nn.round_to"}
    for op in REAL_OPS:
        # No operand is needed to say the function, but for the forms of gelu.
        made = op.function.fget(op) if op is not nn.GeluOp else "gelu"
        assert OPS[made].ieee is not None
    assert {"gelu", "gelu_tanh"} <= OPS.keys()
