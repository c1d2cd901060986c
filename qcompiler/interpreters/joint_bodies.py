"""The regions of `qint.join`: where operands meet, what follows, and what keeps them apart."""

from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.scalar_builder import ScalarBuilder, Value
from qcompiler.arith.scalar_function import FunctionError, ScalarFunction
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.interpreters.scalar_functions import quantized, scalar_value

LARGEST = 2**62
"""Integers that are joined stay below it."""


class JoinError(VerifyException):
    """An operation keeps activations from being joined as integers.

    Attributes:
        op: which one.
        remedy: what helps.
    """

    def __init__(self, op: Operation, what: str, remedy: str):
        self.op, self.remedy = op, remedy
        super().__init__(what)


def before_join(op: Operation) -> JoinError:
    """Returns why an operation may not stand before activations meet: they meet as integers."""
    what = "its result is joined with another activation without a quantizer between"
    return JoinError(op, what, "add a quantizer after it")


def too_far_apart() -> FunctionError:
    """Returns why numbers have no unit of which all are integer multiples below `LARGEST`."""
    return FunctionError(
        "joins activations whose scales, factors and summands are too far apart for 62 bits",
        "bring them nearer to one another: a summand or scale that small may be left out",
    )


def below(op: Operation, support: dict[SSAValue, frozenset[int]]) -> set[frozenset[int]]:
    """Returns the sets of operands of the region that the operands of `op` depend on."""
    return {support[operand] for operand in op.operands if support[operand]}


def support_of(body: qint.ScalarBody) -> dict[SSAValue, frozenset[int]]:
    """Returns which operands each value depends on."""
    support: dict[SSAValue, frozenset[int]] = {
        argument: frozenset([i]) for i, argument in enumerate(body.arguments)
    }
    for op in body.operations:
        support[op.results[0]] = frozenset[int]().union(*(support[v] for v in op.operands))
    return support


def joining_operation(body: qint.ScalarBody) -> Operation | None:
    """Returns the first operation whose result depends on all operands of a region, if any."""
    support = support_of(body)
    every = frozenset(range(len(body.arguments)))
    return next((op for op in body.operations if support[op.results[0]] == every), None)


def meeting_of(body: qint.ScalarBody) -> Operation:
    """Returns the operation where all operands have met; the rest hangs on it."""
    meeting = joining_operation(body)
    if meeting is None:
        raise VerifyException("the region does not use all of its operands")
    support = support_of(body)
    every = support[meeting.results[0]]
    for op in body.operations[body.operations.index(meeting) + 1 :]:
        if any(s != every for s in below(op, support)):
            raise JoinError(
                op,
                "uses an activation again after it was joined with another",
                "add a quantizer between the two",
            )
    return meeting


def _tail_operations(body: qint.ScalarBody, meeting: Operation) -> list[Operation]:
    """Returns what follows the meeting, with parameters that are used there."""
    operations = body.operations
    after = operations[operations.index(meeting) + 1 :]
    used = {operand for op in after for operand in op.operands}
    parameters = [
        op
        for op in operations
        if isinstance(op, nn.ParameterOp) and op not in after and op.result in used
    ]
    return [*parameters, *after]


def finished(
    builder: ScalarBuilder, start: Value, body: qint.ScalarBody, meeting: Operation, channels: int
) -> ScalarFunction:
    """Returns the function that starts where the operands have met."""
    values: dict[SSAValue, Value] = {meeting.results[0]: start}
    *steps, last = _tail_operations(body, meeting)
    for op in steps:
        values[op.results[0]] = scalar_value(builder, op, values, channels)
    function = quantized(builder, last, values, channels)
    return function.of_channel(0) if function.uniform else function


def gain_of(body: qint.ScalarBody, meeting: Operation, factor: Array) -> float | None:
    """Returns the codes per unit of the combined integer, if the tail is a rounded line."""
    *steps, last = _tail_operations(body, meeting)
    if not all(isinstance(op, nn.ReluOp | nn.ClipOp) for op in steps):
        return None
    assert isinstance(last, qint.QuantizeOp)
    return float(factor[0] / last.scale_array[0])
