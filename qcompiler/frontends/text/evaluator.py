"""What values of a text mean: numbers, names, calls of operations and of functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from xdsl.ir import Block, Region, SSAValue

from qcompiler.dialects.attributes import element_of
from qcompiler.errors import suggestion
from qcompiler.frontends.text.advice import indexed, refitted, unknown_argument, unknown_operation
from qcompiler.frontends.text.arguments import (
    Converter,
    Given,
    any_broken,
    chosen,
    matched,
    spoken,
    word_of,
    words_of,
)
from qcompiler.frontends.text.diagnostics import MisfitError, StatementError
from qcompiler.frontends.text.files import LoadError, load_array
from qcompiler.frontends.text.foreign import type_remedy
from qcompiler.frontends.text.operations import FUNCTIONS, OPERATIONS, REQUANTIZE_REALS
from qcompiler.frontends.text.parser import DAMAGED
from qcompiler.frontends.text.scope import Naming, Recorder, Scope
from qcompiler.frontends.text.signatures import Param, Signature
from qcompiler.frontends.text.syntax import (
    Argument,
    Boolean,
    Call,
    List,
    Number,
    Reference,
    ScalarRegion,
    Span,
    String,
    Value,
)
from qcompiler.frontends.text.values import (
    FLOATS,
    Broken,
    Constant,
    Meaning,
    TypeValue,
    Word,
    named_type,
    written,
)

CallBlock = Callable[[Call, Scope, Naming], Meaning | None]
"""Puts a block in; None if no block has the name."""

FillRegion = Callable[[ScalarRegion, Scope], None]
"""Reads the body of a scalar function into the block of a scope."""


class Evaluator:
    """Evaluates the values of one network and all its blocks.

    Args:
        call_block: puts blocks in.
        fill_region: reads scalar functions.
        block_names: of the blocks that may be called.
        recorder: is told what stands where.
    """

    def __init__(
        self,
        call_block: CallBlock,
        fill_region: FillRegion,
        block_names: Sequence[str],
        recorder: Recorder,
    ):
        self._call_block = call_block
        self._fill_region = fill_region
        self._block_names = block_names
        self._recorder = recorder
        self._files: dict[tuple[Path, str, str | None], Constant] = {}
        self._missing: set[tuple[Path, str]] = set()

    def evaluate(self, value: Value, scope: Scope, names: Naming) -> Meaning:
        """Returns what a value means.

        Raises:
            StatementError: it means nothing.
        """
        scope.counter.look_at(1, value.span)
        match value:
            case Number() | List():
                return self._numbers(value, scope, names)
            case String():
                return Word(value.value)
            case Boolean():
                return value.value
            case Reference():
                return self.reference(value, scope)
            case Call():
                return self._call(value, scope, names)

    def reference(self, reference: Reference, scope: Scope) -> Meaning:
        """Returns what a name stands for, or the type that it is.

        Raises:
            StatementError: neither is the case.
        """
        if reference.name == DAMAGED:
            return Broken()
        made = self._type(reference, scope)
        if made is not None:
            if any(extent < 1 for extent in made.shape or ()):
                raise StatementError(
                    reference.span,
                    f"extents must be positive, got {made}",
                    "write the shape with numbers from 1",
                )
            return made
        variable = scope.find(reference.name)
        if variable is None and reference.bounds is not None:
            what = f"there is no type {reference.name!r} with bounds"
            remedy = "write int<-9, 9>, with a scale for the step"
            raise StatementError(reference.span, what, remedy)
        if variable is None:
            raise scope.unknown(reference.name, reference.span)
        if reference.bounds is not None or reference.shape is not None:
            what = f"{reference.name!r} is {spoken(variable.meaning)}, and no type"
            raise StatementError(reference.span, what, indexed(reference, variable.meaning))
        variable.used = True
        self._recorder.note(scope.source, reference.span, variable.meaning, variable.span)
        return variable.meaning

    def _type(self, reference: Reference, scope: Scope) -> TypeValue | None:
        try:
            found = named_type(reference.name, reference.bounds)
        except ValueError as error:
            remedy = type_remedy(reference.name) or "write the lower bound first: int<-9, 9>"
            raise StatementError(reference.span, str(error), remedy) from None
        if found is None and reference.name in ("int", "uint"):
            raise StatementError(
                reference.span, f"{reference.name} needs a width", "write int4, uint8 or int<-9, 9>"
            )
        if found is None:
            variable = scope.find(reference.name)
            meaning = None if variable is None else variable.meaning
            if not isinstance(meaning, TypeValue) or reference.bounds is not None:
                return None
            found = meaning
        shape = found.shape if reference.shape is None else reference.shape
        return replace(found, shape=shape)

    def _numbers(self, value: Number | List, scope: Scope, names: Naming) -> Meaning:
        """Returns a number or nested lists of them as an array."""
        flat: list[Fraction | float] = []
        integral = True

        def collect(item: Value) -> tuple[int, ...]:
            nonlocal integral
            if isinstance(item, Number):
                scope.counter.look_at(1, item.span)
                flat.append(item.value)
                integral = integral and item.integer
                return ()
            if isinstance(item, List):
                shapes = [collect(inner) for inner in item.items]
                for inner, shape in zip(item.items, shapes, strict=True):
                    if shape != shapes[0]:
                        raise _ragged(inner, shapes[0], shape)
                return (len(item.items), *(shapes[0] if shapes else ()))
            meaning = self.evaluate(item, scope, names)
            if not isinstance(meaning, Constant):
                raise StatementError(
                    item.span,
                    f"a list holds numbers, got {spoken(meaning)}",
                    "write numbers, or names of them; tensors stand without [ ]",
                )
            scope.counter.look_at(meaning.array.size, item.span)
            exact = meaning.exact
            if exact is None:
                exact = np.array([Fraction(n) for n in meaning.array.reshape(-1).tolist()], object)
            flat.extend(exact.reshape(-1).tolist())
            integral = integral and meaning.integral
            return meaning.array.shape

        shape = collect(value)
        exact = np.empty(len(flat), object)
        exact[:] = flat
        try:
            return written(exact.reshape(shape), integral)
        except ValueError as error:
            raise StatementError(value.span, str(error), "use a smaller number") from None

    def _call(self, call: Call, scope: Scope, names: Naming) -> Meaning:
        name = call.function.text
        if name in FUNCTIONS:
            self._recorder.note(scope.source, call.function.span, FUNCTIONS[name])
            return self._function(call, scope, names)
        made = self._call_block(call, scope, names)
        if made is not None:
            return made
        if name not in OPERATIONS:
            raise unknown_operation(call, scope, self._block_names)
        return self._operation(call, scope, names)

    def given(
        self, argument: Argument, scope: Scope, names: Naming, param: Param | None = None
    ) -> Given:
        """Returns an argument, evaluated; words stand for themselves where `param` takes them."""
        word = None if param is None else word_of(param, argument.value)
        if word is not None:
            return Given(argument.value, word)
        try:
            return Given(argument.value, self.evaluate(argument.value, scope, names))
        except StatementError as error:
            words = () if param is None else words_of(param)
            if param is not None and words and isinstance(argument.value, Reference):
                name = argument.value.name
                remedy = suggestion(name, words, f"it is one of {', '.join(words)}")
                what = f"{param.name} must be {param.expectation}, got {name!r}"
                raise StatementError(error.span, what, remedy) from None
            raise

    # -- functions ---------------------------------------------------------------------------

    def _function(self, call: Call, scope: Scope, names: Naming) -> Meaning:
        if call.region is not None:
            raise StatementError(
                call.region.span, f"{call.function.text} takes no function", "remove it"
            )
        wanted = ("file", "entry") if call.function.text == "load" else ("numbers",)
        _, found = matched(call, wanted, variadic=False)
        if wanted[0] not in found:
            raise StatementError(
                call.span, f"{call.function.text} needs an argument", FUNCTIONS[call.function.text]
            )
        given = {name: self.given(argument, scope, names) for name, argument in found.items()}
        if any_broken([g.meaning for g in given.values()]):
            return Broken()
        if call.function.text == "load":
            return self._load(call, given, scope)
        constant = given["numbers"]
        if not isinstance(constant.meaning, Constant):
            what = f"{call.function.text} takes numbers, got {spoken(constant.meaning)}"
            raise StatementError(constant.span, what, "write numbers, or load(...)")
        if call.function.text == "parameter":
            return self._parameter(constant.meaning, scope, names, call.span)
        try:
            return Constant(constant.meaning.reals(FLOATS[call.function.text]))
        except ValueError as error:
            raise StatementError(call.span, str(error), "use a smaller number") from None

    def _parameter(self, constant: Constant, scope: Scope, names: Naming, span: Span) -> SSAValue:
        if not scope.scalar:
            raise StatementError(
                span, "parameter stands in scalar functions only", "write the numbers by themselves"
            )
        if constant.array.ndim > 1 or not constant.array.size:
            raise StatementError(
                span,
                f"parameter takes one number a channel, got {spoken(constant)}",
                "give a list of numbers",
            )
        return Converter(scope, names).materialized(constant, False, span)

    def _load(self, call: Call, given: dict[str, Given], scope: Scope) -> Constant | Broken:
        for argument in given.values():
            if not isinstance(argument.meaning, Word):
                what = f"load takes texts, got {spoken(argument.meaning)}"
                raise StatementError(argument.span, what, FUNCTIONS["load"])
        file, entry = (
            g.meaning.text if g is not None and isinstance(g.meaning, Word) else None
            for g in (given["file"], given.get("entry"))
        )
        assert file is not None
        key = (scope.source.path.parent, file, entry)
        if key not in self._files:
            missing = (key[0], file)
            if missing in self._missing:  # is told already
                return Broken()
            try:
                self._files[key] = Constant(load_array(*key))
            except LoadError as error:
                if error.missing:
                    self._missing.add(missing)
                raise StatementError(given["file"].span, str(error), error.remedy) from None
        return self._files[key]

    # -- operations --------------------------------------------------------------------------

    def _operation(self, call: Call, scope: Scope, names: Naming) -> Meaning:
        name = call.function.text
        signatures = OPERATIONS[name]
        if name == "requantize" and call.region is None:
            return self._requantize_reals(call, scope, names)
        first = signatures[0]
        wanted = [*first.operands, *(p.name for p in first.params)]
        unknown = unknown_argument(call, first, scope)
        rest, found = matched(call, wanted, first.variadic, unknown)
        params = {p.name: p for s in signatures for p in s.params}
        given = {
            key: self.given(argument, scope, names, params.get(key))
            for key, argument in found.items()
        }
        operands = [self.given(argument, scope, names) for argument in rest]
        if not first.variadic:
            operands = self._operands(call, first, given)
        if any_broken([g.meaning for g in (*given.values(), *operands)]):
            return Broken()
        signature = chosen(signatures, operands)
        self._note(call, signature, scope)
        if scope.scalar and not signature.scalar:
            raise StatementError(
                call.function.span,
                f"{name} cannot stand in a scalar function",
                "only what works on each element alone can",
            )
        converter = Converter(scope, names)
        inputs = [converter.operand(o, signature.integers, name) for o in operands]
        values = converter.params(signature.params, given, inputs, call)
        region = self._region(call, signature, inputs, scope)
        try:
            return scope.emit(lambda: signature.build(inputs, values, region), names, call.span)
        except MisfitError as error:
            texts = [scope.source.text_at(o.span, 30) for o in operands]
            raise refitted(error, signature, given, inputs, texts) from None

    @staticmethod
    def _operands(call: Call, signature: Signature, given: dict[str, Given]) -> list[Given]:
        missing = [name for name in signature.operands if name not in given]
        if missing:
            what = f"{call.function.text} needs {missing[0]}"
            raise StatementError(call.function.span, what, f"it is {signature}")
        return [given[name] for name in signature.operands]

    def _note(self, call: Call, signature: Signature, scope: Scope) -> None:
        text = f"{signature}\n\n{signature.summary}"
        self._recorder.note(scope.source, call.function.span, text)
        kinds = {p.name: p for p in signature.params}
        for argument in call.arguments:
            if argument.name is not None and argument.name.text in kinds:
                param = kinds[argument.name.text]
                said = f"{param.name}: {param.expectation}"
                self._recorder.note(scope.source, argument.name.span, said)

    def _requantize_reals(self, call: Call, scope: Scope, names: Naming) -> Meaning:
        """Puts reals on a grid: quantize and dequantize with the same numbers."""
        params = {p.name: p for p in REQUANTIZE_REALS}
        signature = OPERATIONS["quantize"][0]
        unknown = unknown_argument(call, signature, scope)
        _, found = matched(call, ["x", *params], variadic=False, unknown=unknown)
        given = {k: self.given(a, scope, names, params.get(k)) for k, a in found.items()}
        if "x" not in given:
            raise StatementError(call.function.span, "requantize needs x", "give it a tensor")
        if any_broken([g.meaning for g in given.values()]):
            return Broken()
        (quantize,), (dequantize,) = OPERATIONS["quantize"], OPERATIONS["dequantize"]
        self._note(call, quantize, scope)
        converter = Converter(scope, names)
        x = converter.operand(given["x"], integers=False, what="requantize")
        values = converter.params(quantize.params, given, [x], call)
        try:
            codes = scope.emit(lambda: quantize.build([x], values, None), names, call.span)
        except MisfitError as error:
            texts = [scope.source.text_at(given["x"].span, 30)]
            raise refitted(error, quantize, given, [x], texts) from None
        back = {key: values[key] for key in ("scale", "zero_point", "axis")}
        return scope.emit(lambda: dequantize.build([codes], back, None), names, call.span)

    def _region(
        self, call: Call, signature: Signature, inputs: Sequence[SSAValue], scope: Scope
    ) -> Region | None:
        """Returns the scalar function of a call."""
        if not signature.region:
            if call.region is not None:
                raise StatementError(
                    call.region.span,
                    f"{call.function.text} takes no function",
                    "only requantize and join do",
                )
            return None
        region = call.region
        if region is None:
            raise StatementError(
                call.span,
                f"{call.function.text} needs a scalar function",
                "write with (a) { ... return q } behind it",
            )
        if len(region.parameters) != len(inputs):
            what = f"the function takes {len(region.parameters)} values, but gets {len(inputs)}"
            raise StatementError(region.span, what, "give it one name for each operand")
        block = Block(arg_types=[element_of(value.type) for value in inputs])
        inner = Scope(scope.source, block, scope.counter, scope.prefix, scope, scope.calls)
        for name, argument in zip(region.parameters, block.args, strict=True):
            inner.define(name, argument)
            argument.name_hint = inner.naming(name.text).hint
            self._recorder.note(scope.source, name.span, argument, name.span)
        self._fill_region(region, inner)
        return Region(block)


def _ragged(row: Value, first: tuple[int, ...], shape: tuple[int, ...]) -> StatementError:
    """Returns the error for a row that is not like the first one."""
    first_said, said = (f"of shape {list(s)}" if s else "a number" for s in (first, shape))
    if len(first) == len(shape) == 1:
        first_said, said = (f"of {s[0]} numbers" for s in (first, shape))
    what = f"rows differ: the first is {first_said}, this one {said}"
    return StatementError(row.span, what, "write as many numbers in each row")
