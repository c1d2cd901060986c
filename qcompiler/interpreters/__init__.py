"""Runs modules at the nn, qint and stream level, in numpy, on batches of inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects import func
from xdsl.dialects.builtin import AnyFloat, ModuleOp, StringAttr
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, Operation, SSAValue

from qcompiler.dialects.attributes import Array, element_of, shape_of
from qcompiler.dialects.qint import IntType, state_of
from qcompiler.dialects.stream import ChannelType
from qcompiler.interpreters.function import FunctionFunctions
from qcompiler.interpreters.nn import NNFunctions, real_type
from qcompiler.interpreters.qint import QintFunctions
from qcompiler.interpreters.registered import RegisteredFunctions
from qcompiler.interpreters.stream import StreamFunctions

Results = tuple[Array, ...]

Listener = Callable[[Operation, tuple[Array, ...]], None]
"""Called after each operation with its results."""


def numerics(module: ModuleOp) -> str:
    """Returns the numerics a module asks for, `exact` unless it says otherwise."""
    attribute = module.attributes.get("qint.numerics")
    return attribute.data if isinstance(attribute, StringAttr) else "exact"


class _Listening(Interpreter.Listener):
    def __init__(self, heard: Listener):
        self.heard = heard

    def did_interpret_op(self, op: Operation, results: tuple[Array, ...]) -> None:
        self.heard(op, results)


def run(
    module: ModuleOp,
    name: str,
    inputs: Sequence[Array],
    listener: Listener | None = None,
    *,
    real: Any = None,
) -> tuple[Array, ...]:
    """Returns the results of a function of `module`, constant ones once for each input.

    Args:
        module: at any level above rtl.
        name: of the function.
        inputs: one array per argument, shape [batch, *argument shape], of any number type: integers
            become int64, reals the float type that the numerics ask for.
        listener: told of every operation's results.
        real: the numpy type that reals are computed in; as the numerics ask for if it is None.

    Raises:
        InterpretationError: a value leaves its range, or an operation has no numpy semantics.
    """
    real = real_type(numerics(module)) if real is None else real
    interpreter = _interpreter(module, listener, fast=listener is None, real=real)
    arguments = functions(module)[name].args
    typed = [
        _as_argument(array, argument.type, real)
        for array, argument in zip(inputs, arguments, strict=True)
    ]
    results: Results = interpreter.call_op(name, tuple(typed))
    return tuple(_for_batch(array, typed[0].shape[0] if typed else 1) for array in results)


def _for_batch(array: Array, batch: int) -> Array:
    """Returns an array once for each input of a batch, also where it depends on none."""
    return array if array.shape[0] == batch else np.repeat(array, batch, axis=0)


def _interpreter(
    module: ModuleOp,
    listener: Listener | None = None,
    *,
    fast: bool = False,
    real: Any = None,
) -> Interpreter:
    real = real_type(numerics(module)) if real is None else real
    listeners = () if listener is None else (_Listening(listener),)
    interpreter = Interpreter(module, listeners=listeners)
    implementations = (
        FunctionFunctions(), NNFunctions(real), QintFunctions(real, plain=not fast),
        StreamFunctions(), RegisteredFunctions(),
    )  # fmt: skip
    for implementation in implementations:
        interpreter.register_implementations(implementation)
    return interpreter


def run_from(
    module: ModuleOp, name: str, value: SSAValue, array: Array, *, real: Any = None
) -> Results | None:
    """Returns the results of a function if one value inside is `array`, whatever comes before it.

    Args:
        module: at any level above rtl.
        name: of the function.
        value: in its body; or an argument.
        array: shape [batch, *shape of the value].
        real: as `run` takes it.

    Returns:
        None if the results depend on more than that value.
    """
    interpreter = _interpreter(module, real=real)
    known: dict[SSAValue, Array] = {value: _as_argument(array, value.type, np.int64)}
    interpreter.set_values([*known.items()])  # some look at what their operands were made of
    for op in functions(module)[name].body.block.ops:
        if any(operand not in known for operand in op.operands):
            if isinstance(op, func.ReturnOp):
                return None
        elif isinstance(op, func.ReturnOp):
            return tuple(_for_batch(known[operand], len(array)) for operand in op.operands)
        elif value not in op.results:
            given = tuple(known[operand] for operand in op.operands)
            made = [*zip(op.results, interpreter.run_op(op, given), strict=True)]
            interpreter.set_values([*made])
            known.update(made)
    return None


Watcher = Callable[[Operation, Results, Results], Results]
"""Given an operation, its operands and its results, returns the results to go on with."""


def run_watched(
    module: ModuleOp,
    name: str,
    inputs: Sequence[Array],
    watch: Watcher,
    *,
    exact: bool = False,
) -> Results:
    """Returns the results of a function, with what `watch` puts in the place of operations' own.

    Args:
        module: at any level above rtl.
        name: of the function.
        inputs: as `run` takes them.
        watch: called after each operation.
        exact: compute reals in float64, whatever the module's numerics.
    """
    real = np.float64 if exact else real_type(numerics(module))
    interpreter = _interpreter(module, real=real)
    block = functions(module)[name].body.block
    known: dict[SSAValue, Array] = {
        argument: _as_argument(array, argument.type, real)
        for argument, array in zip(block.args, inputs, strict=True)
    }
    interpreter.set_values([*known.items()])  # some look at what their operands were made of
    results: Results = ()
    for op in block.ops:
        given = tuple(known[operand] for operand in op.operands)
        if isinstance(op, func.ReturnOp):
            results = given
            continue
        made = watch(op, given, interpreter.run_op(op, given))
        interpreter.set_values([*zip(op.results, made, strict=True)])
        known.update(zip(op.results, made, strict=True))
    return results


def run_constants(ops: Sequence[Operation]) -> dict[SSAValue, Array]:
    """Returns what operations make that depend on constants only, each rounded to float32.

    Args:
        ops: of nn and qint, operands first.
    """
    interpreter = _interpreter(ModuleOp([], {"qint.numerics": StringAttr("onnxruntime")}))
    known: dict[SSAValue, Array] = {}
    for op in ops:
        given = tuple(known[operand] for operand in op.operands)
        known.update(zip(op.results, interpreter.run_op(op, given), strict=True))
    return {value: array[0] for value, array in known.items()}


def _as_argument(array: Array, type_: Attribute, real: Any) -> Array:
    """Returns a batch in the shape and number type of a function's argument."""
    shape = type_.frame_shape if isinstance(type_, ChannelType) else shape_of(type_)
    shaped = array.reshape(array.shape[0], *shape)
    element = type_.element if isinstance(type_, ChannelType) else element_of(type_)
    if isinstance(element, AnyFloat):
        return shaped.astype(real)
    return shaped.astype(element.range.dtype if isinstance(element, IntType) else np.int64)


def functions(module: ModuleOp) -> dict[str, func.FuncOp]:
    """Returns the functions of a module by name."""
    return {op.sym_name.data: op for op in module.ops if isinstance(op, func.FuncOp)}


def run_model(
    module: ModuleOp,
    inputs: Sequence[Array],
    listener: Listener | None = None,
    *,
    real: Any = None,
) -> tuple[Array, ...]:
    """Returns the model's outputs: of @main, or of @head, @core and @tail in turn.

    Args:
        module: the network.
        inputs: of the model; then its states, if it keeps any.
        listener: told of every operation's results.
        real: as `run` takes it.

    Returns:
        The outputs; then the states that they leave.
    """
    found = functions(module)
    if "main" in found:
        return run(module, "main", inputs, listener, real=real)
    given, states = _parted(inputs, len(state_of(found["core"])))
    integers = run(module, "head", given, listener, real=real)
    made, left = _parted(run(module, "core", [*integers, *states], listener), len(states))
    outputs = run(module, "tail", tail_arguments(module, made, given), listener, real=real)
    return (*outputs, *left)


def _parted(values: Sequence[Array], states: int) -> tuple[Sequence[Array], Sequence[Array]]:
    """Returns what comes before the last `states` values, and these."""
    return values[: len(values) - states], values[len(values) - states :]


def run_frames(
    module: ModuleOp, integers: Sequence[Array], states: Sequence[Array]
) -> tuple[tuple[Array, ...], list[Array]]:
    """Returns what @core makes of frames that follow one another, and the states that are left.

    Args:
        module: that `split-host` cut.
        integers: one array per input of the hardware, shape [frames, ...].
        states: what each state is before the first of them.
    """
    made: list[Sequence[Array]] = []
    held = [state[None] for state in states]
    for frame in range(len(integers[0])):
        found = run(module, "core", [*(array[frame : frame + 1] for array in integers), *held])
        outputs, left = _parted(found, len(held))
        made.append(outputs)
        held = list(left)
    joined = tuple(np.concatenate(parts) for parts in zip(*made, strict=True))
    return joined, [state[0] for state in held]


def tail_arguments(
    module: ModuleOp, integers: Sequence[Array], inputs: Sequence[Array]
) -> list[Array]:
    """Returns what @tail takes: what leaves the hardware, and the model's inputs if it needs them.

    Args:
        module: that `split-host` cut.
        integers: what @core returns, without states.
        inputs: of the model.
    """
    count = len(functions(module)["tail"].args)
    return [*integers, *inputs] if count > len(integers) else list(integers)
