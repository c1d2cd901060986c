"""Reads the region of a `qint.join` as an `arith` joint function.

Up to the operation where all operands have met, every value is a line in each operand, kept
in fractions (`exact`) or as a table of float32 numbers (`onnxruntime`). What follows is an ordinary
scalar function of the combined integer.
"""

from qcompiler.arith.joint_function import JointFunction
from qcompiler.dialects import nn, qint
from qcompiler.interpreters.joint_bodies import JoinError, meeting_of
from qcompiler.interpreters.joint_float32 import joint_function_in_float32
from qcompiler.interpreters.joint_lines import exact_joint_function

_QUANTIZED = "add quantizers before and behind it, or end the model before it"
_NORMALIZED = (
    "export it with opset 17 or newer, where a normalization is one node, or quantize none of the "
    "nodes that it is written out as"
)


def joint_function(body: qint.ScalarBody, channels: int, numerics: str) -> JointFunction:
    """Returns what a region computes, as a function of the integers that go in.

    Raises:
        JoinError: an operation keeps them apart.
        VerifyException: the operands meet in a way that has no integer form.
    """
    meeting = meeting_of(body)
    if isinstance(meeting, nn.AddOp | nn.SubOp | nn.MulOp | nn.MulAddOp):
        if numerics == "onnxruntime":
            return joint_function_in_float32(body, meeting, channels)
        return exact_joint_function(body, meeting, channels)
    if isinstance(meeting, nn.DivOp):
        raise JoinError(
            meeting,
            "divides activations, which can be done on integers with one scale each, right before "
            "a quantizer with one scale, by one divisor for each element or each row",
            _NORMALIZED if isinstance(meeting.rhs.owner, nn.SqrtOp) else _QUANTIZED,
        )
    raise JoinError(
        meeting,
        "joins activations, which can be added, subtracted or multiplied only",
        "use one of these, or end the model before it",
    )
