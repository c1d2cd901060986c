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

Options: `form` forces one of shift, mul_shift, threshold, table; `lanes` is the number of channels
side by side that the cost estimate assumes.
"""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from qcompiler.analysis.channel_ranges import channel_ranges
from qcompiler.analysis.scalar_functions import scalar_function
from qcompiler.analysis.sources import source_of
from qcompiler.arith.requantizer_selection import ALL_FORMS, FormName, Selection, select
from qcompiler.dialects import qint
from qcompiler.errors import ModelError, Problem
from qcompiler.passes.rewriting import apply_patterns, numerics_of, replace


def selection_for(op: qint.RequantizeOp, forms: tuple[FormName, ...], lanes: int) -> Selection:
    """Returns the decision for one function, with all candidates that were weighed.

    Raises:
        ValueError: no form is feasible.
    """
    function = scalar_function(op.scalar_body, op.channels, numerics_of(op))
    x_lo, x_hi = channel_ranges(op.input, op.channel_axis)
    return select(function, x_lo, x_hi, forms=forms, lanes=lanes)


@dataclass
class _SelectRequantizer(RewritePattern):
    forms: tuple[FormName, ...]
    lanes: int
    problems: list[Problem]

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: qint.RequantizeOp, rewriter: PatternRewriter) -> None:
        try:
            selection = selection_for(op, self.forms, self.lanes)
        except ValueError as error:
            problem = Problem(
                source_of(op), str(error), "use fewer output bits, or scales per tensor"
            )
            if problem not in self.problems:
                self.problems.append(problem)
            return
        bounds = qint.range_of(op.result.type)
        new = qint.requantizer_op(selection.form, op.input, bounds, op.channel_axis)
        replace(rewriter, op, [new])


@dataclass(frozen=True)
class SelectRequantizerPass(ModulePass):
    """Replaces each scalar function by the cheapest integer form that is proven equal to it."""

    name = "select-requantizer"
    form: str = "auto"
    lanes: int = 4

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
        apply_patterns(op, [_SelectRequantizer(forms, self.lanes, problems)])
        if problems:
            raise ModelError(problems)
