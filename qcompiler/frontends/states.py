"""Inputs and outputs of a model that are one state: what a frame leaves for the next."""

from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from xdsl.dialects.builtin import ArrayAttr, FunctionType, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import BlockArgument, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.utils.hints import isa

from qcompiler.arith.rounding import round_float
from qcompiler.dialects import qint
from qcompiler.dialects.attributes import Array, shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.module import retyped

_QUANTIZE = "put a quantizer right behind the input that the state comes from"


class _Network(Struct):
    """The function of an imported model, with the model's names of what it takes and returns."""

    main: FuncOp
    inputs: list[str]
    outputs: list[str]

    @property
    def returned(self) -> ReturnOp:
        """What ends the function."""
        last = self.main.body.block.last_op
        assert isinstance(last, ReturnOp)
        return last


class _StateError(Exception):
    """Why a pair is no state, and what helps."""

    def __init__(self, what: str, remedy: str):
        self.what, self.remedy = what, remedy
        super().__init__(what)


def keep_states(module: ModuleOp, pairs: Mapping[str, str]) -> None:
    """Makes pairs of an input and an output states, which are 0 before the first frame.

    A state in floating point is kept as the integers of the quantizer that reads it.

    Args:
        module: an imported model without states, which is changed.
        pairs: output by input.

    Raises:
        ModelError: a pair is no state; tells all of them.
    """
    if not pairs:
        return
    main = module.body.block.first_op
    assert isinstance(main, FuncOp)
    network = _Network(main, _names(module, "inputs"), _names(module, "outputs"))
    problems: list[Problem] = []
    initial: list[Array] = []
    for given, left in pairs.items():
        try:
            initial.append(_keep(network, given, left))
        except _StateError as error:
            problems.append(Problem(f"--state {given}={left}", error.what, error.remedy))
    if len(set(pairs.values())) < len(pairs):
        what = "one output is left to several inputs"
        problems.append(Problem("--state", what, "give each output once"))
    if problems:
        raise ModelError(problems)
    _put_last(network, pairs)
    qint.set_state(main, initial)
    inputs = [name for name in network.inputs if name not in pairs]
    outputs = [name for name in network.outputs if name not in pairs.values()]
    if not inputs or not outputs:
        missing = "input" if not inputs else "output"
        what = f"all of the model's {missing}s are states"
        raise ModelError([Problem("--state", what, f"leave an {missing} that is none")])
    nodes = module.attributes.pop("nn.nodes", None)  # in the order of all front ends
    for key, names in (("inputs", inputs), ("outputs", outputs), ("states", list(pairs))):
        module.attributes[f"nn.{key}"] = ArrayAttr([StringAttr(name) for name in names])
    if nodes is not None:
        module.attributes["nn.nodes"] = nodes


def _names(module: ModuleOp, which: str) -> list[str]:
    attribute = module.attributes.get(f"nn.{which}")
    assert isa(attribute, ArrayAttr[StringAttr])
    return [name.data for name in attribute]


def _index(names: Sequence[str], name: str, kind: str) -> int:
    if name not in names:
        raise _StateError(f"the model has no {kind} {name!r}", f"it has {', '.join(names)}")
    return names.index(name)


def _keep(network: _Network, given: str, left: str) -> Array:
    """Makes argument and result of a pair integers of one kind; returns what it is at first."""
    index = _index(network.inputs, given, "input")
    argument = network.main.args[index]
    place = _index(network.outputs, left, "output")
    result = network.returned.operands[place]
    if shape_of(argument.type) != shape_of(result.type):
        shapes = f"{list(shape_of(argument.type))} and {list(shape_of(result.type))}"
        raise _StateError(f"its shapes differ: {shapes}", "leave a state of the shape it has")
    quantizer = _quantizer(argument)
    zero = 0
    if quantizer is not None:
        scaled = np.zeros(1) if quantizer.adds_after_rounding else quantizer.zero_point_array
        code = round_float(scaled.astype(np.float64), quantizer.rounding_mode)
        code = code + (quantizer.zero_point_array if quantizer.adds_after_rounding else 0)
        zero = int(np.clip(code.reshape(-1)[0], quantizer.range.lo, quantizer.range.hi))
        result = _quantized(network, place, result, quantizer)
        argument = network.main.args[index]  # of another type now
    elif _is_integer(argument):
        zero = _zero_of(argument)
    if not (_is_integer(argument) and _is_integer(result)):
        raise _StateError("it is in floating point", _QUANTIZE)
    held, made = qint.range_of(argument.type), qint.range_of(result.type)
    if not held.contains(made):
        raise _StateError(
            f"it holds {held.lo} to {held.hi}, but {made.lo} to {made.hi} is left to it",
            "leave integers of the type that is read",
        )
    return np.full(shape_of(argument.type), zero, np.int64)


def _is_integer(value: SSAValue) -> bool:
    return isinstance(qint.element_of(value.type), qint.IntType)


def _zero_of(argument: BlockArgument) -> int:
    """Returns the integer that stands for 0 where a state of integers is read."""
    users = [use.operation for use in argument.uses]
    points = {
        int(p)
        for user in users
        if isinstance(user, qint.DequantizeOp)
        for p in user.zero_point_array
    }
    return points.pop() if len(points) == 1 else 0


def _quantizer(argument: BlockArgument) -> qint.QuantizeOp | None:
    """Returns the quantizer that reads a state in floating point, and makes its integers the state.

    Raises:
        _StateError: something else reads it, too.
    """
    if _is_integer(argument):
        return None
    users = [use.operation for use in argument.uses]
    quantizers = [user for user in users if isinstance(user, qint.QuantizeOp)]
    if not quantizers or len(quantizers) < len(users):
        raise _StateError("something else than a quantizer reads it", _QUANTIZE)
    first = quantizers[0]
    alike = all(
        q.properties == first.properties and q.result.type == first.result.type for q in quantizers
    )
    if not alike or first.zero_point_array.size > 1:
        raise _StateError("it is read by several quantizers, or by channel", _QUANTIZE)
    for quantizer in quantizers:
        quantizer.result.replace_all_uses_with(argument)
        quantizer.detach()
        quantizer.erase()
    retyped(argument, first.result.type)
    return first


def _quantized(
    network: _Network, place: int, result: SSAValue, quantizer: qint.QuantizeOp
) -> SSAValue:
    """Returns a result in the integers of the state's quantizer."""
    if _is_integer(result):
        raise _StateError("it is read as a number and left as integers", "leave a number")
    own = qint.QuantizeOp.create(
        operands=[result],
        result_types=[quantizer.result.type],
        properties=dict(quantizer.properties),
    )
    own.location = quantizer.location
    own.result.name_hint = result.name_hint
    Rewriter.insert_op(own, InsertPoint.before(network.returned))
    network.returned.operands[place] = own.result
    return own.result


def _put_last(network: _Network, pairs: Mapping[str, str]) -> None:
    """Moves the arguments and results of states behind all others."""
    block, returned = network.main.body.block, network.returned
    for name in pairs:
        old = network.main.args[_index(network.inputs, name, "input")]
        moved = block.insert_arg(old.type, len(block.args))
        moved.name_hint, moved.location = old.name_hint, old.location
        old.replace_all_uses_with(moved)
        block.erase_arg(old)
        network.inputs.remove(name)
        network.inputs.append(name)
    values = dict(zip(network.outputs, returned.operands, strict=True))
    order = [name for name in network.outputs if name not in pairs.values()]
    returned.operands = [values[name] for name in (*order, *pairs.values())]
    network.main.function_type = FunctionType.from_lists(
        [argument.type for argument in network.main.args],
        [value.type for value in returned.operands],
    )
