"""Finds ranges in types that are narrower than what is computed, in IR that people may have edited.

Hardware is as wide as the types say: a range that is false gives wrong integers. Quantizers and
requantizers clamp to their type, which therefore cannot be false.
"""

from collections.abc import Iterator, Sequence

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation
from xdsl.utils.exceptions import VerifyException

from qcompiler.arith.ranges import IntRange
from qcompiler.dialects import qint, stream
from qcompiler.interpreters import functions
from qcompiler.passes.infer_ranges import bounds_of


def _element(type_: Attribute) -> qint.IntType | None:
    if isinstance(type_, stream.ChannelType):
        return type_.element
    element = qint.element_of(type_)
    return element if isinstance(element, qint.IntType) else None


def _computed(op: Operation) -> IntRange | None:
    return op.inferred_range if isinstance(op, stream.Process) else bounds_of(op)


def _fault(op: Operation) -> str | None:
    """Returns what is wrong with the range of an operation's result."""
    declared = _element(op.results[0].type) if op.results else None
    if declared is None:
        return None
    try:
        computed = _computed(op)
    except (ValueError, VerifyException) as error:
        return str(error)
    if computed is None or declared.range.contains(computed):
        return None
    return (
        f"its type says {declared.lo.data} to {declared.hi.data}, but it computes "
        f"{computed.lo} to {computed.hi}; write !qint.int<{computed.lo}, {computed.hi}>"
    )


def _handed_over(
    function: func.FuncOp, given: Sequence[Attribute], giver: str
) -> Iterator[tuple[Operation, str]]:
    """Yields arguments of a function that are narrower than what another one hands over."""
    taken = [argument.type for argument in function.args]
    if len(taken) != len(given):
        what = f"takes {len(taken)} values, but @{giver} gives {len(given)}"
        yield function, what
        return
    for index, (wanted, have) in enumerate(zip(taken, given, strict=True)):
        wide, narrow = _element(have), _element(wanted)
        if wide is None or narrow is None or narrow.range.contains(wide.range):
            continue
        what = (
            f"argument {index} holds {narrow.lo.data} to {narrow.hi.data}, but @{giver} gives "
            f"{wide.lo.data} to {wide.hi.data}"
        )
        yield function, what


def _false_states(function: func.FuncOp) -> Iterator[tuple[Operation, str]]:
    """Yields states whose argument does not hold what the result leaves, or what it is at first."""
    initial = qint.state_of(function)
    taken = list(function.function_type.inputs)[len(function.args) - len(initial) :]
    left = list(function.function_type.outputs)
    for index, first in enumerate(initial):
        held, made = _element(taken[index]), _element(left[len(left) - len(initial) + index])
        if held is None or made is None:
            yield function, f"state {index} is no integer"
            continue
        needed = made.range.union(qint.initial_range(first))
        if not held.range.contains(needed):
            yield (
                function,
                f"state {index} holds {held.lo.data} to {held.hi.data}, but {needed.lo} to "
                f"{needed.hi} is left to it",
            )


def false_ranges(module: ModuleOp) -> Iterator[tuple[Operation, str]]:
    """Yields operations whose types are narrower than what they compute, and says how."""
    for op in module.walk():
        what = _fault(op)
        if what is not None:
            yield op, what
    found = functions(module)
    for function in found.values():
        yield from _false_states(function)
    states = len(qint.state_of(found["core"])) if "core" in found else 0
    for giver, taker in (("head", "core"), ("core", "tail")):
        if giver in found and taker in found:
            given = list(found[giver].function_type.outputs.data)
            if taker == "core":
                given += [a.type for a in found[taker].args[len(found[taker].args) - states :]]
            else:
                given = given[: len(given) - states]
            around = [argument.type for argument in found["head"].args] if "head" in found else []
            if taker == "tail" and len(found[taker].args) == len(given) + len(around):
                given += around
            yield from _handed_over(found[taker], given, giver)
