"""From the syntax tree to a module of nn and qint, which the pipeline takes like one from ONNX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, TensorType
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Block, SSAValue

from qcompiler.arith.ranges import IntRange
from qcompiler.arith.scalar_function import NUMERICS
from qcompiler.dialects import nn, qint
from qcompiler.errors import suggestion
from qcompiler.frontends import naming
from qcompiler.frontends.module import finished_module
from qcompiler.frontends.text.annotations import Annotations
from qcompiler.frontends.text.arguments import any_broken, is_integer, matched
from qcompiler.frontends.text.diagnostics import (
    Diagnostics,
    ExhaustedError,
    Source,
    StatementError,
)
from qcompiler.frontends.text.evaluator import Evaluator
from qcompiler.frontends.text.interface import input_type, output_name
from qcompiler.frontends.text.scope import (
    BLOCK_VALUES,
    Counter,
    Naming,
    Recorder,
    Scope,
    Site,
    TextPlace,
    context_of,
)
from qcompiler.frontends.text.states import (
    TextState,
    check_left,
    check_no_state,
    first_codes,
    returned,
)
from qcompiler.frontends.text.syntax import (
    Assign,
    BlockDefinition,
    Body,
    Call,
    NetworkDefinition,
    Parameter,
    Reference,
    Return,
    ScalarRegion,
    Span,
)
from qcompiler.frontends.text.values import Broken, Constant, Meaning, Variable

MAX_CALLS = 20


@dataclass(frozen=True)
class BlockTable:
    """The blocks that may be called.

    Attributes:
        blocks: each with the text that it stands in.
        damaged: names of those that are wrong in their heads, which is told already.
    """

    blocks: dict[str, tuple[BlockDefinition, Source]]
    damaged: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Made:
    """What became of a network.

    Attributes:
        module: None if anything was wrong.
        numerics: of the network, for ranges.
        places: where the nodes in locations stand.
    """

    module: ModuleOp | None
    numerics: str
    places: dict[str, list[TextPlace]]


class Elaborator:
    """Builds one network; what is wrong is collected, statement by statement."""

    def __init__(self, library: BlockTable, diagnostics: Diagnostics, recorder: Recorder):
        self._library = library
        self._diagnostics = diagnostics
        self._recorder = recorder
        self._exhausted = False
        self._states: list[TextState] = []
        self._kept: list[str] = []  # names of states, of those that are wrong, too
        self._evaluator = Evaluator(
            self._call_block, self._fill_region, list(library.blocks), recorder
        )
        self._annotations = Annotations(self._evaluator)

    def _report(self, scope: Scope, error: StatementError) -> None:
        if isinstance(error, ExhaustedError):
            if self._exhausted:
                return
            self._exhausted = True
        context = context_of(scope.calls, scope.source)
        for each in (error, *error.more):
            self._diagnostics.add(scope.source, each.span, each.what, each.remedy, context)

    def network(self, network: NetworkDefinition, source: Source, numerics: str | None) -> Made:
        """Builds a network.

        Args:
            network: as parsed.
            source: its text.
            numerics: what the user chose, instead of what the text says.
        """
        block = Block()
        scope = Scope(source, block, Counter(self._library.blocks))
        chosen = self._numerics(network, scope)
        inputs: list[str] = []
        self._states = []
        self._kept = [p.name.text for p in network.parameters if p.default is not None]
        for parameter in network.parameters:
            try:
                self._input(parameter, scope, inputs)
            except StatementError as error:
                self._report(scope, error)
                scope.variables.setdefault(parameter.name.text, _broken(parameter.name.span))
        if not network.parameters:
            error = StatementError(
                network.name.span,
                "the network has no inputs",
                "write them in parentheses: (x: uint8[1, 16] scale 1/255)",
            )
            self._report(scope, error)
        outputs = self._outputs(network.body, scope)
        if not self._diagnostics.all:
            self._check_quantized(network, block, scope)
        places = scope.counter.places
        if self._diagnostics.all:
            return Made(None, numerics or chosen, places)
        module = finished_module(
            block,
            network.name.text,
            inputs,
            outputs,
            numerics or chosen,
            scope.counter.nodes,
            {state.original: state.first for state in self._states},
        )
        return Made(module, numerics or chosen, places)

    def _numerics(self, network: NetworkDefinition, scope: Scope) -> str:
        chosen = "exact"
        for clause in network.clauses:
            if clause.name.text != "numerics":
                remedy = suggestion(clause.name.text, ["numerics"], "a network has numerics only")
                what = f"a network has no clause {clause.name.text!r}"
                self._report(scope, StatementError(clause.name.span, what, remedy))
            elif not isinstance(clause.value, Reference) or clause.value.name not in NUMERICS:
                said = clause.value.name if isinstance(clause.value, Reference) else "another value"
                remedy = suggestion(said, NUMERICS, "choose one of them")
                what = f"numerics must be one of {', '.join(NUMERICS)}, got {said}"
                self._report(scope, StatementError(clause.value.span, what, remedy))
            else:
                chosen = clause.value.name
        return chosen

    def _input(self, parameter: Parameter, scope: Scope, inputs: list[str]) -> None:
        """Adds an input of the network, or a state; appends the model's name of it."""
        name = parameter.name
        original = name.text if parameter.alias is None else parameter.alias.value
        before = [*inputs, *(state.original for state in self._states)]
        if name.text in scope.variables or original in before:
            raise StatementError(name.span, f"{name.text!r} is defined twice", "rename one")
        given = input_type(parameter, self._annotations, scope)
        element, shape = given.element, given.shape or ()
        codes = qint.IntType(element.lo, element.hi) if isinstance(element, IntRange) else nn.f32
        names = Naming(scope.naming(name.text).hint, original)
        first = None
        if parameter.default is not None:  # a state
            meaning = self._evaluator.evaluate(parameter.default, scope, names)
            first = first_codes(meaning, given, parameter.default)
        index = len(inputs) if first is None else len(scope.block.args)
        argument = scope.block.insert_arg(TensorType(codes, shape), index)
        argument.location = naming.location(original)
        scope.counter.note(original, TextPlace(scope.source, name.span, ""))
        argument.name_hint = names.hint
        assert parameter.annotation is not None
        meaning = self._annotations.scaled(argument, parameter.annotation, given, scope, names)
        scope.define(name, meaning)
        self._recorder.note(scope.source, name.span, meaning, name.span)
        if first is None:
            inputs.append(original)
        else:
            self._states.append(TextState(name, original, argument, meaning, first))

    # -- bodies ------------------------------------------------------------------------------

    def _statements(self, body: Body, scope: Scope) -> Return | None:
        """Runs the statements of a body; returns the one that ends it."""
        for index, statement in enumerate(body.statements):
            if self._diagnostics.full:
                return None
            if isinstance(statement, Return):
                if index + 1 < len(body.statements):
                    where = body.statements[index + 1].span
                    error = StatementError(where, "nothing may follow return", "remove it")
                    self._report(scope, error)
                return statement
            try:
                self._assign(statement, scope)
            except StatementError as error:
                self._report(scope, error)
                for target in statement.targets:
                    scope.variables[target.text] = _broken(target.span)
        end = body.span
        brace = Span(end.end_line, max(1, end.end_column - 1), end.end_line, end.end_column)
        self._report(scope, StatementError(brace, "nothing is returned", _return_of(body)))
        return None

    def _assign(self, statement: Assign, scope: Scope) -> None:
        target = statement.targets[0]
        names = scope.naming(target.text, statement.source)
        meaning = self._evaluator.evaluate(statement.value, scope, names)
        if len(statement.targets) > 1 or isinstance(meaning, tuple):
            self._unpack(statement, meaning, scope)
            return
        if not isinstance(meaning, Broken):
            meaning = self._annotations.apply(meaning, statement, scope, names)
        scope.define(target, meaning)
        self._recorder.note(scope.source, target.span, meaning, target.span)

    def _unpack(self, statement: Assign, meaning: Meaning, scope: Scope) -> None:
        targets = statement.targets
        values: Sequence[Meaning] = meaning if isinstance(meaning, tuple) else (meaning,)
        if isinstance(meaning, Broken):
            values = [meaning] * len(targets)
        if len(values) != len(targets):
            what = f"{_count(len(targets))} for {len(values)} value{'s' * (len(values) > 1)}"
            raise StatementError(statement.span, what, f"write {_count(len(values))}")
        if statement.annotation is not None:
            raise StatementError(
                statement.annotation.type.span, "several names share no type", "leave it out"
            )
        for target, value in zip(targets, values, strict=True):
            scope.define(target, value)
            self._recorder.note(scope.source, target.span, value, target.span)

    def _returned(self, statement: Return, scope: Scope, names: Naming) -> list[Meaning]:
        """Returns what a body returns; `names` are for operations that stand behind `return`."""
        found: list[Meaning] = []
        for output in statement.outputs:
            try:
                found.append(self._evaluator.evaluate(output.value, scope, names))
            except StatementError as error:
                self._report(scope, error)
                found.append(Broken())
        return found

    def _outputs(self, body: Body, scope: Scope) -> list[str]:
        """Adds the body of a network; returns the names of its outputs."""
        last = self._statements(body, scope)
        if last is None:
            return []
        try:
            check_left(self._kept, last)
        except StatementError as error:
            self._report(scope, error)
            return []
        names: list[str] = []
        operands: list[SSAValue] = []
        left: dict[str, SSAValue] = {}
        for output, meaning in zip(
            last.outputs, self._returned(last, scope, scope.naming("output")), strict=True
        ):
            try:
                made = returned(output, meaning, self._states)
                if made is None:
                    continue
                if output.state is not None:
                    left[output.state.text] = made
                    continue
                name = output_name(output, len(names), names)
            except StatementError as error:
                self._report(scope, error)
                continue
            names.append(name)
            operands.append(made)
        if operands and not self._diagnostics.all:
            scope.block.add_op(ReturnOp(*operands, *(left[s.name.text] for s in self._states)))
        return names

    def _check_quantized(self, network: NetworkDefinition, block: Block, scope: Scope) -> None:
        kinds = qint.QuantizeOp | qint.DequantizeOp | nn.Rounding
        integers = any(is_integer(value) for op in block.ops for value in op.operands)
        if not integers and not any(isinstance(op, kinds) for op in block.ops):
            error = StatementError(
                network.name.span,
                "the network has no quantizer, all of it computes in reals",
                "give inputs integer types and scales, or write quantize(...)",
            )
            self._report(scope, error)

    # -- what the evaluator asks for -----------------------------------------------------------

    def _fill_region(self, region: ScalarRegion, scope: Scope) -> None:
        last = self._statements(region.body, scope)
        broken = StatementError(region.span, "the function is not complete", "end with return q")
        if last is None:
            raise broken
        check_no_state(last)
        values = self._returned(last, scope, scope.naming("output"))
        if any_broken(values):
            raise broken
        (value, *more) = values
        if more or not isinstance(value, SSAValue) or not is_integer(value):
            raise StatementError(
                last.span,
                "a scalar function returns one integer",
                "return what quantize(...) makes",
            )
        scope.block.add_op(qint.YieldOp(value))

    def _call_block(self, call: Call, scope: Scope, names: Naming) -> Meaning | None:
        if call.function.text in self._library.damaged:
            return Broken()
        found = self._library.blocks.get(call.function.text)
        if found is None:
            return None
        block, source = found
        name = block.name.text
        described, name_span = _described(block), block.name.span
        self._recorder.note(scope.source, call.function.span, described, name_span, source.path)
        within = [site.block for site in scope.calls]
        if name in within:
            circle = [*within[within.index(name) :], name]
            raise StatementError(
                call.function.span,
                f"block {name!r} uses itself: {' -> '.join(circle)}",
                "write the steps one after the other; a block is put in where it is called",
            )
        if len(scope.calls) >= MAX_CALLS:
            raise StatementError(
                call.function.span, f"blocks are nested deeper than {MAX_CALLS}", "use fewer"
            )
        if scope.scalar or call.region is not None:
            raise StatementError(
                call.span,
                "a block has no scalar function, and stands in none",
                "write operations instead",
            )
        scope.counter.look_at(BLOCK_VALUES, call.span)
        prefix = f"{names.location}/"
        site = Site(name, scope.source, call.function.span)
        inner = Scope(source, scope.block, scope.counter, prefix, calls=(*scope.calls, site))
        self._bind(call, block, scope, inner, names)
        if any_broken([v.meaning for v in inner.variables.values()]):
            return Broken()
        last = self._statements(block.body, inner)
        if last is not None:
            check_no_state(last)
        values = [Broken()] if last is None else self._returned(last, inner, names)
        if any_broken(values):
            return Broken()
        tensors = tuple(v.operation if isinstance(v, Constant) else v for v in values)
        kept = [v for v in tensors if isinstance(v, SSAValue)]
        if len(kept) != len(values):
            raise StatementError(call.span, "a block returns tensors", "return computed values")
        return kept[0] if len(kept) == 1 else tuple(kept)

    def _bind(
        self, call: Call, block: BlockDefinition, scope: Scope, inner: Scope, names: Naming
    ) -> None:
        """Gives the parameters of a block their values."""
        _, found = matched(call, [p.name.text for p in block.parameters], variadic=False)
        for parameter in block.parameters:
            name = parameter.name.text
            if name in found:
                argument = found[name].value
                meaning = self._evaluator.evaluate(argument, scope, names)
                span = argument.span
            elif parameter.default is not None:
                meaning = self._evaluator.evaluate(parameter.default, inner, names)
                span = call.function.span
            else:
                raise StatementError(
                    call.function.span,
                    f"{block.name.text} needs {name}",
                    f"it is {_described(block)}",
                )
            if parameter.annotation is not None and not isinstance(meaning, Broken):
                wanted = self._annotations.type_of(parameter.annotation, inner)
                self._annotations.check(meaning, wanted, span, f"argument {name!r}")
            inner.define(parameter.name, meaning)


def _count(names: int) -> str:
    return "one name" if names == 1 else f"{names} names"


def _return_of(body: Body) -> str:
    """Returns what to write at the end of a body without return."""
    last = body.statements[-1] if body.statements else None
    name = last.targets[-1].text if isinstance(last, Assign) else "y"
    return f"write return {name} before it"


def _broken(span: Span) -> Variable:
    return Variable(Broken(), span)


def _described(block: BlockDefinition) -> str:
    shown = ", ".join(p.name.text for p in block.parameters)
    return f"block {block.name.text}({shown})"
