"""Makes sums of shifted values of every product with constants in a pipeline.

Before:
```mlir
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1> {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 3>>):
    %w = qint.constant dense<[[1], [2]]> : tensor<2x1xi8> -> tensor<2x1x!qint.int<1, 2>>
    %a = qint.matmul %e, %w : (tensor<1x2x!qint.int<0, 3>>, tensor<2x1x!qint.int<1, 2>>) -> tensor<1x1x!qint.int<0, 9>>
    qint.yield %a : tensor<1x1x!qint.int<0, 9>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>
}
```
After:
```mlir
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1> {
  %y = stream.pipeline %x {
  ^bb0(%e : tensor<1x2x!qint.int<0, 3>>):
    %a = stream.adder_graph %e {ranges = dense<[[0, 3, 0], [0, 3, 0]]> : tensor<2x3xi8>, constants = dense<> : tensor<0xi8>, nodes = dense<[[0, 0, 1, 1, 1, 1, -1, 0, 0]]> : tensor<1x9xi8>, outputs = dense<[[2, 0, 1]]> : tensor<1x3xi8>} : (tensor<1x2x!qint.int<0, 3>>) -> tensor<1x1x!qint.int<0, 9>>
    qint.yield %a : tensor<1x1x!qint.int<0, 9>>
  } : (!stream.channel<!qint.int<0, 3>, frame = [2], lanes = 2>) -> !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>
  func.return %y : !stream.channel<!qint.int<0, 9>, frame = [1], lanes = 1>
}
```
Requires: form-pipelines.
Keeps: every integer.
Leaves alone: pipelines whose graphs are built, and modules without a streaming core.

Signs, factors and biases of requantizers join the sums before them; each neuron gets the form that
is cheapest for it: a line of few digits, comparisons or a table. Neurons that are equal, constant,
or that nothing depends on are left out, through all layers of a pipeline.

Options: `device` is the part whose adders count. `effort` is how hard fewer adders are searched for:
0 not at all, each step more takes about four times as long. A sum is shared by at most `shared_among`
outputs of a graph, or by all if that is 0: fewer are near each other, so a large network has shorter
wires for some more adders.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from qcompiler.adder_graphs.centring import narrowing, uncentred
from qcompiler.adder_graphs.graph import AdderGraph
from qcompiler.adder_graphs.groups import alike
from qcompiler.adder_graphs.solve import solve
from qcompiler.analysis.network import Network
from qcompiler.arith.arrays import IntArray, integers
from qcompiler.arith.requantizers import chosen_rows, rows_of
from qcompiler.dialects import qint, stream
from qcompiler.dialects.attributes import int_dense
from qcompiler.passes.adder_costs import adder_cost
from qcompiler.passes.beat_forms import Body, Form, PairStep, Step
from qcompiler.passes.neuron_forms import covering, grouped, neurons


@dataclass(frozen=True)
class BuildAdderGraphsPass(ModulePass):
    """Makes sums of shifted values of every product with constants in a pipeline."""

    name = "build-adder-graphs"
    device: str | None = None
    effort: int = 0
    shared_among: int = 0

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        network = Network.of(op)
        if network is None:
            return
        for process in network.processes:
            if isinstance(process, stream.PipelineOp) and not process.is_built:
                _Builder(process, self).build()


class _Builder:
    def __init__(self, pipeline: stream.PipelineOp, options: BuildAdderGraphsPass):
        self._pipeline = pipeline
        self._options = options
        self._cost = adder_cost(options.device)
        self._body = Body.of(pipeline.scalar_body)
        self._block = Block(arg_types=[v.type for v in pipeline.scalar_body.arguments])
        self._place: dict[int, tuple[SSAValue, int]] = {}
        """Of each scalar: the vector that holds it, and where."""
        self._width: dict[SSAValue, int] = {}

    def build(self) -> None:
        """Replaces the body."""
        old = self._pipeline.scalar_body
        for value, argument, numbers in zip(
            old.arguments, self._block.args, self._body.arguments, strict=True
        ):
            argument.name_hint = value.name_hint
            self._hold(argument, numbers)
        needed = self._body.needed()
        for step in self._body.steps:
            elements = self._elements(step.numbers, needed)
            if not elements:
                continue
            if isinstance(step, PairStep):
                self._pair(step, elements)
            else:
                self._requantize(step, elements)
        made = self._vector(self._body.made, old.yielded)
        self._block.add_op(qint.YieldOp(made))
        region = self._pipeline.body
        region.detach_block(0)
        region.add_block(self._block)

    def _pair(self, step: PairStep, elements: list[int]) -> None:
        """Makes some elements of a function of pairs."""
        one, other = (
            self._vector(form.only(elements), value)
            for form, value in zip(step.forms, step.op.operands, strict=True)
        )
        made = type(step.op)(one, other)
        if elements != list(range(len(step.numbers))):
            made.attributes[stream.ELEMENTS] = int_dense(integers(elements))
        self._add(made, step.op.result, step.op)
        self._hold(made.result, [step.numbers[i] for i in elements])

    def _requantize(self, step: Step, elements: list[int]) -> None:
        """Makes some elements of a requantizer, each by the form that is cheapest for it."""
        form = chosen_rows(step.form, elements) if rows_of(step.form) > 1 else step.form
        entered = step.entered.only(elements)
        scalars = self._body.scalars
        low, high = (integers(ends)[entered.scalars] for ends in (scalars.lo, scalars.hi))
        less = narrowing(entered.matrix, low, high)
        low, high = low - less, high - less
        centred = replace(entered, bias=entered.bias + less @ entered.matrix)
        found = neurons(centred, form, low, high, self._cost)
        columns = np.stack([neuron.column for neuron in found], axis=1)
        bias = integers([neuron.bias for neuron in found]) - less @ columns
        taken = Form(entered.scalars, columns, bias)
        vector = self._vector(taken, step.op.input)
        for group, rows in grouped(found, low, high):
            some = self._some(vector, taken, group, step.op)
            form = covering(rows, qint.range_of(some.type))
            made = qint.requantizer_op(form, some, step.op.range, 1)
            names = [elements[at] for at in group]
            if names != list(range(len(step.numbers))):
                made.attributes[stream.ELEMENTS] = int_dense(integers(names))
            self._add(made, step.op.result, step.op)
            self._hold(made.result, [step.numbers[name] for name in names])

    def _some(
        self, vector: SSAValue, form: Form, elements: list[int], source: Operation
    ) -> SSAValue:
        """Returns some elements of a form's vector: a graph of wires, unless these are all."""
        if len(elements) == len(form.bias):
            return vector
        low, high = self._body.scalars.bounds(form)
        ranges = list(zip(low.tolist(), high.tolist(), strict=True))
        wires = AdderGraph.of(ranges, [], [(at, 0, 1) for at in elements])
        made = stream.AdderGraphOp([vector], wires, _hull(wires))
        self._add(made, vector, source)
        return made.result

    def _elements(self, numbers: Sequence[int], needed: set[int]) -> list[int]:
        """Returns the elements that are needed and not there yet, each scalar once."""
        scalars = self._body.scalars
        found: dict[int, int] = {}
        for element, number in enumerate(numbers):
            varies = scalars.lo[number] < scalars.hi[number]
            if varies and number in needed and number not in self._place:
                found.setdefault(number, element)
        return list(found.values())

    def _hold(self, value: SSAValue, numbers: Sequence[int]) -> None:
        self._width[value] = len(numbers)
        for at, number in enumerate(numbers):
            self._place.setdefault(number, (value, at))

    def _add(self, op: Operation, like: SSAValue, source: Operation) -> None:
        op.location = source.location
        op.results[0].name_hint = like.name_hint
        self._block.add_op(op)

    def _vector(self, form: Form, like: SSAValue) -> SSAValue:
        """Returns the value of a form; by a graph of adders, unless it is there."""
        sources = list(dict.fromkeys(self._place[int(n)][0] for n in form.scalars))
        sources = sources or [self._block.args[0]]  # of constants alone: it says how many beats
        starts: dict[SSAValue, int] = {}
        count = 0
        for source in sources:
            starts[source] = count
            count += self._width[source]
        low, high = np.zeros(count, np.int64), np.zeros(count, np.int64)
        matrix = np.zeros((count, len(form.bias)), np.int64)
        for number, row in zip(form.scalars.tolist(), form.matrix, strict=True):
            source, at = self._place[number]
            place = starts[source] + at
            matrix[place] = row
            low[place], high[place] = self._body.scalars.lo[number], self._body.scalars.hi[number]
        plain = len(sources) == 1 and not form.bias.any()
        if plain and np.array_equal(matrix, np.eye(count, dtype=np.int64)):
            return sources[0]
        less = narrowing(matrix, low, high)
        bias: IntArray = form.bias + less @ matrix
        if np.count_nonzero(bias) > np.count_nonzero(form.bias):
            less, bias = np.zeros_like(less), form.bias
        ranges = list(zip((low - less).tolist(), (high - less).tolist(), strict=True))
        groups = alike(matrix, self._options.shared_among or len(bias)) or [[]]
        made: list[stream.AdderGraphOp] = []
        for number, group in enumerate(groups):
            some = matrix[:, group]
            graph = solve(
                some, ranges, bias=bias[group], cost=self._cost, effort=self._options.effort
            )
            graph = uncentred(graph, less)
            graph.check(some, form.bias[group])
            made.append(stream.AdderGraphOp(sources, graph, _hull(graph)))
            self._add(made[-1], like, self._source(like))
            if len(groups) > 1:
                made[-1].attributes[stream.APART] = UnitAttr()
                made[-1].result.name_hint = f"{like.name_hint or 'sum'}_group{number}"
        return made[0].result if len(made) == 1 else self._joined(made, groups, like)

    def _joined(
        self, graphs: Sequence[stream.AdderGraphOp], groups: Sequence[Sequence[int]], like: SSAValue
    ) -> SSAValue:
        """Returns what several graphs make as one vector, by wires."""
        bounds = [op.graph.output_range(i) for op in graphs for i in range(len(op.graph.outputs))]
        ranges = [(one.lo, one.hi) for one in bounds]
        at = np.argsort(np.concatenate(groups)).tolist()
        wires = AdderGraph.of(ranges, [], [(one, 0, 1) for one in at])
        made = stream.AdderGraphOp([op.result for op in graphs], wires, _hull(wires))
        self._add(made, like, self._source(like))
        return made.result

    def _source(self, like: SSAValue) -> Operation:
        source = like.owner
        return source if not isinstance(source, Block) else self._pipeline


def _hull(graph: AdderGraph) -> qint.IntType:
    ranges = [graph.output_range(i) for i in range(len(graph.outputs))]
    return qint.IntType(min(r.lo for r in ranges), max(r.hi for r in ranges))
