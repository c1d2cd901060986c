"""Shrinks a module for which a test holds, such as one on which a pass goes wrong.

Delta debugging by hierarchy: functions, then operations, then what is in their regions. Operations
are cut off at their results (a function returns an earlier value), at their operands (a value
becomes an argument), and taken out where an operand has the type of the result.
"""

from collections.abc import Callable, Iterator

from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

Test = Callable[[ModuleOp], bool]
"""Whether a module still shows what is looked for. It may change the module."""

Change = Callable[[ModuleOp], bool]
"""Makes a module smaller; returns whether it could."""


def count_operations(module: ModuleOp) -> int:
    """Returns the number of operations in a module, without itself, functions and terminators."""
    frame = (ModuleOp, func.FuncOp, func.ReturnOp)
    return sum(not isinstance(op, frame) for op in module.walk())


def reduce_module(module: ModuleOp, test: Test) -> ModuleOp:
    """Returns a smaller module for which the test holds, as it must for `module`.

    Raises:
        ValueError: the test does not hold for `module`.
    """
    if not test(module.clone()):
        raise ValueError("the test does not hold for the input")
    while True:
        before = _size(module)
        for changes in (_without_function, _earlier_result, _later_argument, _bypassed):
            module = _shrink(module, test, changes)
        if _size(module) == before:
            return module


def _size(module: ModuleOp) -> int:
    return sum(1 + len(op.operands) for op in module.walk())


def _shrink(
    module: ModuleOp, test: Test, changes: Callable[[ModuleOp], Iterator[Change]]
) -> ModuleOp:
    """Applies the first change after which the test holds, until there is none."""
    progress = True
    while progress:
        progress = False
        for change in changes(module):
            smaller = module.clone()
            if not change(smaller):
                continue
            _clean(smaller)
            if _size(smaller) < _size(module) and _holds(smaller, test):
                module, progress = smaller, True
                break
    return module


def _holds(module: ModuleOp, test: Test) -> bool:
    try:
        module.verify()
    except VerifyException:
        return False
    return test(module.clone())


def _functions(module: ModuleOp) -> list[func.FuncOp]:
    return [op for op in module.ops if isinstance(op, func.FuncOp)]


def _without_function(module: ModuleOp) -> Iterator[Change]:
    """Yields changes that drop a function or another symbol."""

    def drop(index: int) -> Change:
        def change(copy: ModuleOp) -> bool:
            op = list(copy.ops)[index]
            op.detach()
            op.erase(safe_erase=False)
            return True

        return change

    yield from (drop(index) for index in range(len(list(module.ops))))


def _earlier_result(module: ModuleOp) -> Iterator[Change]:
    """Yields changes after which a function returns one value only, an early one first."""

    def give(index: int, position: int) -> Change:
        def change(copy: ModuleOp) -> bool:
            block = _functions(copy)[index].body.block
            op = list(block.ops)[position]
            end = block.last_op
            if end is None or len(op.results) != 1 or tuple(end.operands) == (op.results[0],):
                return False
            end.operands = [op.results[0]]
            return True

        return change

    for index, function in enumerate(_functions(module)):
        count = len(list(function.body.block.ops)) - 1
        yield from (give(index, position) for position in range(count))


def _later_argument(module: ModuleOp) -> Iterator[Change]:
    """Yields changes that make arguments of the results of operations: of many, then of few."""

    def cut(index: int, positions: range) -> Change:
        def change(copy: ModuleOp) -> bool:
            block = _functions(copy)[index].body.block
            ops = list(block.ops)
            for position in positions:
                for result in ops[position].results:
                    argument = block.insert_arg(result.type, len(block.args))
                    argument.name_hint = result.name_hint
                    result.replace_all_uses_with(argument)
            return True

        return change

    for index, function in enumerate(_functions(module)):
        count = len(list(function.body.block.ops)) - 1
        size = count
        while size >= 1:
            starts = range(0, count, size)
            yield from (cut(index, range(s, min(s + size, count))) for s in reversed(starts))
            size //= 2


def _bypassed(module: ModuleOp) -> Iterator[Change]:
    """Yields changes that take an operation out: an operand of its result's type replaces it."""

    def bypass(position: int, operand: int) -> Change:
        def change(copy: ModuleOp) -> bool:
            op = list(copy.walk())[position]
            op.results[0].replace_all_uses_with(op.operands[operand])
            return True

        return change

    for position, op in enumerate(module.walk()):
        for index, operand in enumerate(op.operands):
            if len(op.results) == 1 and operand.type == op.results[0].type:
                yield bypass(position, index)


def _clean(module: ModuleOp) -> None:
    """Drops what nothing uses, and makes the types of functions follow their bodies."""
    for function in _functions(module):
        block = function.body.block
        _drop_unused(block)
        for argument in reversed(block.args):
            if not argument.uses:
                block.erase_arg(argument)
        end = block.last_op
        results: tuple[SSAValue, ...] = () if end is None else tuple(end.operands)
        function.function_type = FunctionType.from_lists(
            [argument.type for argument in block.args], [result.type for result in results]
        )


def _drop_unused(block: Block) -> None:
    def unused(op: Operation) -> bool:
        return op is not block.last_op and not any(result.uses for result in op.results)

    for op in reversed(list(block.ops)):
        if unused(op):
            op.detach()
            op.erase()
        else:
            for region in op.regions:
                for inner in region.blocks:
                    _drop_unused(inner)
