"""Cuts the network into a float head and tail for the host and an integer core for the hardware.

Before:
```mlir
func.func @main(%x : tensor<1x2xf32>) -> tensor<1x1xf32> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %q = qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  %a = qint.matmul %q, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  %y = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-3, 3>>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
```
After:
```mlir
func.func @head(%x : tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>> {
  %q = qint.quantize %x {scale = 0.5 : f32, zero_point = 0 : i64, rounding = "half_even"} : (tensor<1x2xf32>) -> tensor<1x2x!qint.int<0, 3>>
  func.return %q : tensor<1x2x!qint.int<0, 3>>
}
func.func @core(%q : tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<-3, 3>> {
  %w = qint.constant dense<[[1], [-1]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<-1, 1>>
  %a = qint.matmul %q, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<-1, 1>>) -> tensor<1x1x!qint.int<-3, 3>>
  func.return %a : tensor<1x1x!qint.int<-3, 3>>
}
func.func @tail(%a : tensor<1x1x!qint.int<-3, 3>>) -> tensor<1x1xf32> {
  %y = qint.dequantize %a {scale = 0.5 : f32, zero_point = 0 : i64} : (tensor<1x1x!qint.int<-3, 3>>) -> tensor<1x1xf32>
  func.return %y : tensor<1x1xf32>
}
```
Requires: fuse-requantize.
Keeps: tail(core(head(x))) equals main(x). If an output also depends on an input without passing
through the hardware, @tail takes the model's inputs behind the integers, computes again what it
needs of @head's operations, and tail(core(head(x)), x) equals main(x).
Leaves alone: modules without @main. A matrix product that still works on reals, or a real operation
between two integer ones, is an error that names the node: it would silently move to the host.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from qcompiler.analysis.obstacles import MainFunction, obstacles
from qcompiler.dialects import nn, qint
from qcompiler.errors import ModelError, Problem

_CONSTANTS = (nn.ConstantOp, qint.ConstantOp)

_registered: list[type[Operation]] = []


def core_operation(op_type: type[Operation]) -> type[Operation]:
    """Class decorator: the operation of a plugin works on integers, and hardware computes it.

    One that is a `qint.IntegerOp` says so itself.
    """
    _registered.append(op_type)
    return op_type


def _hardware(op: Operation) -> qint.Hardware:
    """Returns when hardware does an operation."""
    if isinstance(op, tuple(_registered)):
        return qint.Hardware.ALWAYS
    return op.HARDWARE if isinstance(op, qint.IntegerOp) else qint.Hardware.NEVER


class _Cut:
    """Sorts the operations of @main into head, core and tail."""

    def __init__(self, main: func.FuncOp):
        self.main = main
        count = len(qint.state_of(main))
        self.inputs = main.args[: len(main.args) - count]
        self.states = main.args[len(main.args) - count :]
        results = _returned(main)
        self.outputs = results[: len(results) - count]
        self.left = results[len(results) - count :]
        self.ops = [op for op in main.body.block.ops if not isinstance(op, func.ReturnOp)]
        when = {op: _hardware(op) for op in self.ops}
        alone = qint.Hardware.ALWAYS not in when.values()
        wanted = qint.Hardware.ALONE if alone else qint.Hardware.ALWAYS
        self.compute = {op for op, said in when.items() if said is wanted}
        self.possible = {op for op, said in when.items() if said is not qint.Hardware.NEVER}
        self.constant = _constant_ops(self.ops)
        self.after_core = self._reach(self.ops, forward=True)
        self.before_core = self._reach(reversed(self.ops), forward=False)
        self.core = [op for op in self.ops if self.in_core(op)]

    def _reach(self, ops: Iterable[Operation], *, forward: bool) -> set[Operation]:
        """Returns the operations that depend on (or that feed) one of the core's, or a state."""
        reached: set[Operation] = set()
        kept = {*self.states} if forward else {*self.left}
        for op in ops:
            if op in self.constant:
                continue
            neighbours = (
                {v.owner for v in op.operands}
                if forward
                else {use.operation for result in op.results for use in result.uses}
            )
            found = any(n in reached or n in self.compute for n in neighbours)
            if found or not kept.isdisjoint(op.operands if forward else op.results):
                reached.add(op)
        return reached

    def in_core(self, op: Operation) -> bool:
        """Whether the operation is computed in hardware."""
        inside = op in self.after_core and op in self.before_core
        return op in self.compute or (inside and op not in self.constant)

    def head(self) -> list[Operation]:
        """Returns the operations that make the integers for the hardware."""
        return [op for op in self.ops if op in self.before_core and not self.in_core(op)]

    def tail(self, results: Sequence[SSAValue]) -> list[Operation]:
        """Returns the operations, not of the core nor constant, that `results` need behind it.

        Those that depend on the model's inputs only may be @head's as well: both compute them.
        """
        made = {result for op in self.core for result in op.results}
        found: set[SSAValue | Operation | Block] = set()
        pending = list(results)
        while pending:
            value = pending.pop()
            owner = value.owner
            known = value in made or owner in self.constant or owner in found
            if isinstance(owner, Operation) and not known:
                found.add(owner)
                pending += owner.operands
        return [op for op in self.ops if op in found]

    def _real_states(self) -> list[Problem]:
        """Returns a problem for each state that hardware cannot keep, as it is no integer."""
        made = {result for op in (*self.core, *self.head()) for result in op.results}
        made |= {*self.inputs, *self.states}
        remedy = "quantize what is kept, where it is left"
        return [
            Problem(f"state {index}", "it is not a result of integer arithmetic", remedy)
            for index, pair in enumerate(zip(self.states, self.left, strict=True))
            if not all(map(_is_integer, pair)) or pair[1] not in made
        ]

    def problems(self) -> list[Problem]:
        """Returns why the network cannot be cut, one problem for each cause."""
        stray = {op for op in self.ops if self.in_core(op) and op not in self.possible}
        found = self._real_states() or obstacles(MainFunction(self.ops, self.constant, stray))
        if found or self.compute:
            return found
        what = "no operation works on quantized values, so there is nothing to put in hardware"
        in_text = (
            "multiply by constants with an integer type and a scale (w: int4[4, 2] scale 0.1 = ...)"
            ", or write requantize(..., int8, scale: 0.1) around activations"
        )
        return [
            Problem("model", what, "quantize the weights and the activation of a layer", in_text)
        ]


def _is_integer(value: SSAValue) -> bool:
    return isinstance(qint.element_of(value.type), qint.IntType)


def _constant_ops(ops: Sequence[Operation]) -> set[Operation]:
    """Returns the operations that depend on constants only."""
    constant: set[Operation] = set()
    for op in ops:
        if isinstance(op, _CONSTANTS) or (
            op.operands and all(value.owner in constant for value in op.operands)
        ):
            constant.add(op)
    return constant


def _needed(cut: _Cut, ops: Sequence[Operation], results: Sequence[SSAValue]) -> list[SSAValue]:
    """Returns the values that `ops` and `results` use but that none of them, nor a constant, makes."""
    made = {result for op in ops for result in op.results}
    needed: list[SSAValue] = []
    for value in [*(v for op in ops for v in op.operands), *results]:
        if value not in made and value.owner not in cut.constant and value not in needed:
            needed.append(value)
    return needed


def _function(
    name: str, arguments: Sequence[SSAValue], ops: Sequence[Operation], results: Sequence[SSAValue]
) -> func.FuncOp:
    """Returns a function with copies of `ops` and of the constants that they use."""
    block = Block(arg_types=[argument.type for argument in arguments])
    mapping: dict[SSAValue, SSAValue] = {}
    for argument, copy in zip(arguments, block.args, strict=True):
        mapping[argument] = copy
        copy.name_hint = argument.name_hint

    def add(op: Operation) -> None:
        need(op.operands)
        block.add_op(op.clone(mapping))

    def need(values: Iterable[SSAValue]) -> None:
        for value in values:
            if value not in mapping:  # made by a constant
                assert isinstance(value.owner, Operation)
                add(value.owner)

    for op in ops:
        add(op)
    need(results)
    returned = [mapping[value] for value in results]
    block.add_op(func.ReturnOp(*returned))
    types = [argument.type for argument in arguments], [value.type for value in returned]
    return func.FuncOp(name, types, Region(block))


def _returned(main: func.FuncOp) -> list[SSAValue]:
    returned = main.get_return_op()
    assert returned is not None
    return list(returned.operands)


def _functions(cut: _Cut) -> list[func.FuncOp]:
    """Returns head, core and tail; states are the core's alone."""
    tail = cut.tail(cut.outputs)
    needed = _needed(cut, cut.core, cut.left)
    inputs = [value for value in needed if value not in cut.states]
    taken = _needed(cut, tail, cut.outputs)
    integers = [value for value in taken if value not in cut.inputs]
    around = list(cut.inputs) if len(integers) < len(taken) else []
    core = _function("core", [*inputs, *cut.states], cut.core, [*integers, *cut.left])
    qint.set_state(core, qint.state_of(cut.main))
    return [
        _function("head", cut.inputs, cut.head(), inputs),
        core,
        _function("tail", [*integers, *around], tail, cut.outputs),
    ]


@dataclass(frozen=True)
class SplitHostPass(ModulePass):
    """Cuts the network into a float head and tail for the host and an integer core."""

    name = "split-host"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        main = next(
            (f for f in op.ops if isinstance(f, func.FuncOp) and f.sym_name.data == "main"), None
        )
        if main is None:
            return
        cut = _Cut(main)
        problems = cut.problems()
        if problems:
            raise ModelError(problems)
        functions = _functions(cut)
        op.body.block.insert_ops_before(functions, main)
        main.detach()
        main.erase()
