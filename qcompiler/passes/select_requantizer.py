"""Replaces each scalar function by the cheapest integer form that is proven equal to it.

Before:
```mlir
func.func @core(%a : tensor<1x2x!qint.int<-512, 511>>) -> tensor<1x2x!qint.int<-128, 127>> {
  %y = qint.requantize %a axis 1 {
  ^bb0(%e : !qint.int<-512, 511>):
    %x = qint.dequantize %e {scale = 0.25 : f32, zero_point = 0 : i64} : (!qint.int<-512, 511>) -> f32
    %q = qint.quantize %x {scale = 1.0 : f32, zero_point = 0 : i64, rounding = "half_even"} : (f32) -> !qint.int<-128, 127>
    qint.yield %q : !qint.int<-128, 127>
  } : (tensor<1x2x!qint.int<-512, 511>>) -> tensor<1x2x!qint.int<-128, 127>>
  func.return %y : tensor<1x2x!qint.int<-128, 127>>
}
```
After:
```mlir
func.func @core(%a : tensor<1x2x!qint.int<-512, 511>>) -> tensor<1x2x!qint.int<-128, 127>> {
  %y = qint.shift %a {axis = 1 : i64, shift = 2 : i64, bias = 2 : i64, sign = 1 : i64, tie_parity = 0 : i64} : (tensor<1x2x!qint.int<-512, 511>>) -> tensor<1x2x!qint.int<-128, 127>>
  func.return %y : tensor<1x2x!qint.int<-128, 127>>
}
```
Requires: fuse-requantize; infer-ranges makes the forms small.
Keeps: every code, on the whole proven range of the input, channel by channel: each form is checked at
every switch point of the function, or for functions that are not monotone at every input.
Leaves alone: nothing; a function with no feasible form is an error that says what was tried.

Options: `form` forces one of shift, mul_shift, float_scale, threshold, table; `device` is the part whose
look-up tables, multipliers and memories forms are compared by, else it is a guess for no part in particular;
`lanes` is the number of channels side by side that this assumes, unless `target_cycles`, the most that a
frame may take on the device, says it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from math import prod

from msgspec.structs import replace as replace_fields
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from xdsl.utils.exceptions import VerifyException

from qcompiler.analysis.area.requantizers import DeviceCost
from qcompiler.analysis.channel_ranges import channel_ranges
from qcompiler.arith.enclosures import TooLargeError
from qcompiler.arith.joint_fit import fit
from qcompiler.arith.joint_function import IntMap, JointFunction, map_range
from qcompiler.arith.ranges import IntRange
from qcompiler.arith.requantizer_cost import DEFAULT_COST_MODEL, FormCost
from qcompiler.arith.requantizer_selection import (
    ALL_FORMS,
    FormName,
    Selection,
    WideFunctionError,
    select,
    spread,
)
from qcompiler.arith.requantizers import MulShift, Requantizer, Table, rows_of
from qcompiler.arith.scalar_function import FunctionError, UndefinedError
from qcompiler.dialects import nn, qint, stream
from qcompiler.dialects.attributes import shape_of
from qcompiler.errors import ModelError, Problem
from qcompiler.interpreters.channel_kinds import ChannelKinds, channel_kinds
from qcompiler.interpreters.joint_bodies import JoinError, joining_operation
from qcompiler.interpreters.joint_functions import joint_function
from qcompiler.interpreters.scalar_functions import scalar_function
from qcompiler.passes.rewriting import apply_patterns, numerics_of, replace
from qcompiler.provenance.sources import place_of
from qcompiler.second_process import in_halves

_MANY = 8
"""Functions that are worth a second process."""


def selection_for(
    op: qint.RequantizeOp,
    forms: tuple[FormName, ...],
    lanes: int,
    model: FormCost = DEFAULT_COST_MODEL,
) -> Selection:
    """Returns the decision for one function, with all candidates that were weighed.

    Raises:
        ValueError: no form is feasible.
    """
    x_lo, x_hi = channel_ranges(op.input, op.channel_axis)
    kinds = channel_kinds(op.scalar_body, op.channels, x_lo, x_hi)
    function = scalar_function(kinds.body, kinds.count, numerics_of(op))
    # Forms clamp where the type of the result says; channels may reach less than that.
    clamp = qint.range_of(op.result.type)
    ends = x_lo[kinds.first], x_hi[kinds.first]
    found = select(function, *ends, forms=forms, lanes=lanes, model=model, clamp=clamp)
    bounds = IntRange(int(ends[0].min()), int(ends[1].max()))
    return found if kinds.kind is None else spread(found, kinds.rows, bounds, lanes, model)


def _remedy(error: Exception, otherwise: str) -> str:
    match error:
        case JoinError() | FunctionError():
            return error.remedy
        case WideFunctionError():
            return (
                "put a quantizer of at most 16 bits before the activation function, "
                "or use at most 8 output bits"
            )
        case TooLargeError():
            return "put a quantizer between these operations"
        case _:
            return otherwise


def _cause(op: qint.RequantizeOp, error: Exception) -> Operation:
    """Returns what in a function is at fault; the operation itself if nothing in particular is."""
    divisions = [one for one in op.scalar_body.operations if isinstance(one, nn.DivOp)]
    return divisions[0] if divisions and isinstance(error, UndefinedError) else op


@dataclass
class _SelectRequantizer(RewritePattern):
    forms: tuple[FormName, ...]
    assumed: Callable[[Operation], tuple[int, FormCost]]
    problems: list[Problem]
    pixels: int
    made: dict[qint.RequantizeOp, Selection] = field(
        default_factory=dict[qint.RequantizeOp, Selection]
    )

    def decide(self, module: ModuleOp) -> None:
        """Decides on what is there already, which is most, in two processes.

        A decision looks at the types of what an operation takes and makes, which stay.
        """
        walk = module.walk()
        ops = [op for op in walk if isinstance(op, qint.RequantizeOp) and op.result.uses]

        def decision(op: qint.RequantizeOp) -> Selection | None:
            try:
                return self._selection(op)
            except ValueError:  # it is refused again, and said, when its turn comes
                return None

        found = in_halves(decision, ops, worth=len(ops) >= _MANY)
        self.made = {op: one for op, one in zip(ops, found, strict=True) if one is not None}

    def _selection(self, op: qint.RequantizeOp) -> Selection:
        """Returns the decision; a table does not take several pixels, so it is none's first."""
        if op in self.made:
            return self.made[op]
        if self.pixels:
            with suppress(ValueError):  # then pack-pixels says where the table is
                others: tuple[FormName, ...] = tuple(f for f in self.forms if f != "table")
                return selection_for(op, others, *self.assumed(op))
        return selection_for(op, self.forms, *self.assumed(op))

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.RequantizeOp, rewriter: PatternRewriter) -> None:
        try:
            selection = self._selection(op)
        except ValueError as error:
            otherwise = "use fewer output bits, or the same scale and summand at more positions"
            if numerics_of(op) == "onnxruntime":  # real numbers have lines where float32 has none
                otherwise += ", or --numerics exact"
            remedy = _remedy(error, otherwise)
            if len(self.forms) < len(ALL_FORMS):
                remedy = "leave --requantizer out"
            problem = Problem(place_of(_cause(op, error)), str(error), remedy)
            if problem not in self.problems:
                self.problems.append(problem)
            return
        form = selection.form
        bounds = qint.range_of(op.result.type)
        new = qint.requantizer_op(form, op.input, bounds, op.channel_axis)
        replace(rewriter, op, [new])


def _joint_function(op: qint.JoinOp, kinds: ChannelKinds) -> JointFunction:
    try:
        return joint_function(kinds.body, kinds.count, numerics_of(op))
    except JoinError as error:  # of a copy, perhaps, which is in no model
        at = kinds.body.operations.index(error.op)
        raise JoinError(op.scalar_body.operations[at], str(error), error.remedy) from None


@dataclass
class _SelectJoin(RewritePattern):
    """Maps each operand to an integer, adds or multiplies, and requantizes that.

    Where multipliers and a shift alone give every pair of operands its code, those are taken.
    """

    forms: tuple[FormName, ...]
    assumed: Callable[[Operation], tuple[int, FormCost]]
    problems: list[Problem]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.JoinOp, rewriter: PatternRewriter) -> None:
        try:
            new = self._operations(op)
        except (ValueError, VerifyException) as error:
            found = error if isinstance(error, JoinError) else None
            remedy = _remedy(error, "quantize each activation before this node")
            in_text = None
            if found is None or "quantizer" in remedy:
                in_text = "write requantize(..., int8, scale: 0.1) around each activation before it"
            where = place_of(_place(op, found))
            problem = Problem(where, str(error), remedy, in_text)
            if problem not in self.problems:
                self.problems.append(problem)
            return
        replace(rewriter, op, new)

    def _operations(self, op: qint.JoinOp) -> list[Operation]:
        kinds = channel_kinds(op.scalar_body, op.channels)
        function = _joint_function(op, kinds)
        ranges = [qint.range_of(value.type) for value in op.inputs]
        clamp = qint.range_of(op.result.type)
        found = fit(function, ranges, clamp)
        maps = function.maps if found is None else found.maps
        new: list[Operation] = []
        images: list[SSAValue] = []
        for value, map_, bounds in zip(op.inputs, maps, ranges, strict=True):
            image = _image(op, value, map_, bounds, kinds)
            new += image
            images.append(image[-1].results[0] if image else value)
        join = qint.MulOp if function.kind == "product" else qint.AddOp
        met = images[0]
        for image in images[1:]:
            new.append(join(met, image))
            met = new[-1].results[0]
        form: Requantizer
        if isinstance(function.tail, Table):
            form = function.tail
        elif found is None:
            bounds = function.combined_range(ranges)
            lanes, model = self.assumed(op)
            form = select(
                function.tail,
                bounds.lo,
                bounds.hi,
                forms=self.forms,
                lanes=lanes,
                model=model,
                clamp=clamp,
            ).form
        else:
            form = found.shift
        made = qint.range_of(op.result.type)
        new.append(qint.requantizer_op(kinds.rows(form), met, made, op.channel_axis))
        return new


def _place(op: qint.JoinOp, found: JoinError | None) -> Operation:
    """Returns the operation of the model that an error is told at."""
    if found is None:
        return joining_operation(op.scalar_body) or op
    block = found.op.parent
    assert block is not None
    # The error may stand in a copy of the region, which no model is around.
    return op.scalar_body.operations[block.get_operation_index(found.op)]


def _image(
    op: qint.JoinOp, value: SSAValue, map_: IntMap, x: IntRange, kinds: ChannelKinds
) -> list[Operation]:
    """Returns the operations that map an operand, none for the identity."""
    if isinstance(map_, MulShift):
        if not map_.bias.any() and bool((map_.multiplier == 1).all()):
            return []
        reached = map_.sum_range(x)
        map_ = replace_fields(map_, lo=reached.lo, hi=reached.hi)
    new: list[Operation] = []
    if rows_of(map_) > 1:
        new = _repeated(value, op.channel_axis, shape_of(op.result.type))
        value = new[-1].results[0] if new else value
    axis = op.channel_axis - len(shape_of(op.result.type)) + len(shape_of(value.type))
    return [
        *new,
        qint.requantizer_op(
            kinds.rows(map_), value, map_range(map_, x), axis if axis >= 0 else None
        ),
    ]


def _repeated(value: SSAValue, axis: int, shape: Sequence[int]) -> list[Operation]:
    """Returns the operations that repeat an operand of one channel as often as there are channels."""
    given = shape_of(value.type)
    padded = (*[1] * (len(shape) - len(given)), *given)
    if padded[axis] == shape[axis]:
        return []
    new: list[Operation] = []
    if padded != given:
        new.append(qint.ReshapeOp(value, padded))
        value = new[-1].results[0]
    times = [shape[axis] if index == axis else 1 for index in range(len(shape))]
    return [*new, qint.ResizeNearestOp(value, times)]


@dataclass(frozen=True)
class SelectRequantizerPass(ModulePass):
    """Replaces each scalar function by the cheapest integer form that is proven equal to it."""

    name = "select-requantizer"
    form: str = "auto"
    lanes: int = 4
    device: str | None = None
    target_cycles: int = 0
    pixels: int = 0

    def _assumed(self, op: Operation) -> tuple[int, FormCost]:
        """Returns the lanes that a requantizer will have to be in time, and what forms then take.

        Lanes divide the channels.
        """
        if self.device is None:
            return self.lanes, DEFAULT_COST_MODEL
        cost = DeviceCost.of(self.device)
        if not self.target_cycles:
            return self.lanes, cost
        shape = shape_of(op.results[0].type)
        needed = -(-prod(shape) // self.target_cycles)
        lanes = next((n for n in stream.divisors(shape[-1]) if n >= needed), needed)
        return lanes, replace_fields(cost, cycles=self.target_cycles * lanes // prod(shape))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        forms: tuple[FormName, ...] = tuple(f for f in ALL_FORMS if self.form in ("auto", f))
        if not forms:
            raise ModelError(
                [
                    Problem(
                        "select-requantizer",
                        f"form must be auto or one of {', '.join(ALL_FORMS)}, got {self.form}",
                        "choose one of them",
                    )
                ]
            )
        problems: list[Problem] = []
        options = forms, self._assumed, problems
        functions = _SelectRequantizer(*options, self.pixels)
        functions.decide(op)
        apply_patterns(op, [functions, _SelectJoin(*options)])
        if problems:
            raise ModelError(problems)
