"""From a module of nn and qint to text that is read back as the same module."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.utils.hints import isa

from qcompiler.arith.decimals import float_text
from qcompiler.dialects import nn, qint
from qcompiler.dialects.attributes import Array
from qcompiler.dialects.qint import state_of
from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.text.arguments import is_integer
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.mistakes import KEYWORDS
from qcompiler.frontends.text.operations import BY_CLASS, spoken_name
from qcompiler.frontends.text.signatures import REQUIRED, Kind, Param, Signature, read_params
from qcompiler.frontends.text.values import bounds_name, element_name, is_type_name, type_text
from qcompiler.interpreters import functions
from qcompiler.provenance.sources import model_nodes, own_nodes

INLINE_ELEMENTS = 16
"""Constants of more elements than this go to a file beside the text."""

_SUFFIX = re.compile(r"_[0-9]+$|^[0-9]")


@dataclass
class PrintedNetwork:
    """A network as text.

    Attributes:
        text: of the .qnn file.
        arrays: what the .npz file beside it must hold, by entry; empty if it needs none.
    """

    text: str
    arrays: dict[str, Array] = field(default_factory=dict[str, Array])

    def write(self, path: Path) -> list[Path]:
        """Writes text and arrays to `path` and beside it; returns the files."""
        written = [path]
        if self.arrays:
            arrays: dict[str, Any] = dict(self.arrays)
            weights = path.with_suffix(".npz")
            np.savez_compressed(weights, **arrays)
            written.append(weights)
        path.write_text(self.text, encoding="utf-8")
        return written


def print_network(
    module: ModuleOp, weights: str, *, inline: int = INLINE_ELEMENTS, types: bool = False
) -> PrintedNetwork:
    """Returns a module as text.

    Args:
        module: at the level that front ends give: one function `main` of nn and qint.
        weights: name of the .npz file beside the text.
        inline: most elements of a constant that stands in the text.
        types: write the type of every statement.

    Raises:
        ModelError: the module holds an operation that the language does not know.
    """
    return _Printer(module, weights, inline, types).run()


class _Printer:
    def __init__(self, module: ModuleOp, weights: str, inline: int, types: bool):
        self._module = module
        self._nodes = model_nodes(module)
        self._weights = weights
        self._inline = inline
        self._types = types
        self._arrays: dict[str, Array] = {}
        self._names: dict[SSAValue, str] = {}
        self._taken: set[str] = set()
        self._lines: list[str] = []

    def run(self) -> PrintedNetwork:
        main = functions(self._module).get("main")
        if main is None:
            raise ModelError([Problem("module", "has no function main", "print an imported model")])
        block = main.body.block
        kinds = ("inputs", "outputs", "states")
        inputs, outputs, states = (_texts(self._module, f"nn.{what}") for what in kinds)
        first = state_of(main)
        count = len(block.args) - len(first)
        shown = [
            self._parameter(argument, name)
            for argument, name in zip_longest(block.args[:count], inputs[:count])
        ]
        for argument, value, name in zip_longest(block.args[count:], first, states):
            shown.append(f"{self._parameter(argument, name)} = {self._first(argument, value)}")
        name = _text(self._module.attributes.get("nn.name"), "model")
        spoken = name if _is_plain(name) else _quoted(name)
        numerics = _text(self._module.attributes.get("qint.numerics"), "exact")
        clause = "" if numerics == "exact" else f" numerics {numerics}"
        self._lines.append(f"network {spoken}({', '.join(shown)}){clause} {{")
        self._body(block, outputs, block.args[count:])
        self._lines.append("}")
        return PrintedNetwork(formatted("\n".join(self._lines) + "\n"), self._arrays)

    # -- names -------------------------------------------------------------------------------

    def _name(self, value: SSAValue) -> str:
        """Gives a value a name that nothing else has.

        xDSL takes a number at the end, `_1`, for no part of a hint; nor do we. A hint that ends in
        one gets another.
        """
        base = re.sub(r"[^A-Za-z0-9_]", "_", value.name_hint or "_")
        name, count = base, 0
        forbidden = name in (*KEYWORDS, "inf") or is_type_name(name) or _SUFFIX.search(name)
        while name in self._taken or forbidden or name == "_":
            count += 1
            name = f"_{count}" if base == "_" else f"{base}_{count}"
            forbidden = None
        self._taken.add(name)
        self._names[value] = name
        return name

    def _location(self, op: Operation, name: str) -> str:
        nodes = own_nodes(op)
        if all(node == name and node not in self._nodes for node in nodes):
            return ""
        return " @ " + ", ".join(map(self._origin, nodes))

    def _origin(self, node: str) -> str:
        operation = self._nodes.get(node)
        if operation is None:
            return _quoted(node)
        plain = _is_plain(operation) and operation not in KEYWORDS
        return f"{_quoted(node)}: {operation if plain else _quoted(operation)}"

    # -- statements --------------------------------------------------------------------------

    def _parameter(self, argument: SSAValue, original: str | None) -> str:
        name = self._name(argument)
        alias = "" if original in (None, name) else f" as {_quoted(original or '')}"
        return f"{name}{alias}: {type_text(argument)}"

    def _first(self, state: SSAValue, value: Array) -> str:
        """Returns what a state is at first: one number, where all are alike."""
        alike = bool((value == value.reshape(-1)[0]).all())
        return self._numbers(
            value.reshape(-1)[:1].reshape(()) if alike else value, self._names[state]
        )

    def _body(self, block: Block, outputs: Sequence[str], states: Sequence[SSAValue] = ()) -> None:
        for op in block.ops:
            if isinstance(op, ReturnOp | qint.YieldOp):
                self._return(op, outputs, states)
            else:
                self._statement(op)

    def _return(self, op: Operation, outputs: Sequence[str], states: Sequence[SSAValue]) -> None:
        shown: list[str] = []
        count = len(op.operands) - len(states)
        for index, value in enumerate(op.operands[:count]):
            name = self._names[value]
            original = outputs[index] if index < len(outputs) else name
            shown.append(name if original == name else f"{name} as {_quoted(original)}")
        for state, value in zip(states, op.operands[count:], strict=True):
            shown.append(f"{self._names[state]} = {self._names[value]}")
        self._lines.append(f"return {', '.join(shown)}")

    def _statement(self, op: Operation) -> None:
        name = self._name(op.results[0])
        location = self._location(op, name)
        if isinstance(op, nn.ConstantOp | qint.ConstantOp):
            array = op.array
            value = self._numbers(array, name)
            self._lines.append(f"{name}: {type_text(op.result)} = {value}{location}")
            return
        if isinstance(op, nn.ParameterOp):
            self._lines.append(f"{name} = parameter({self._reals(op.array, name)}){location}")
            return
        signature = BY_CLASS.get(type(op))
        if signature is None:
            raise ModelError(
                [
                    Problem(
                        name,
                        f"operation {op.name} has no spelling in the language",
                        "compile the model itself",
                    )
                ]
            )
        operands = [self._names[operand] for operand in op.operands]
        values = read_params(signature, op)
        arguments = ", ".join([*operands, *self._params(signature, op, values, name)])
        call = f"{spoken_name(signature)}({arguments})"
        annotation = self._annotation(signature, op, values)
        self._lines.append(f"{name}{annotation} = {call}")
        if op.regions:
            self._region(op)
        self._lines[-1] += location

    def _region(self, op: Operation) -> None:
        block = op.regions[0].block
        names = ", ".join(self._name(argument) for argument in block.args)
        self._lines[-1] += f" with ({names}) {{"
        self._body(block, ())
        self._lines.append("}")

    def _annotation(self, signature: Signature, op: Operation, values: dict[str, Any]) -> str:
        """Returns the result's type where it is not what would be inferred."""
        result = op.results[0]
        if any(p.kind is Kind.TYPE for p in signature.params) or op.regions:
            return f": {type_text(result)}" if self._types else ""
        made = signature.build(list(op.operands), values, None)
        inferred = made.results[0].type
        made.erase()
        if inferred == result.type:
            return f": {type_text(result)}" if self._types else ""
        narrower = is_integer(result) and not qint.range_of(result.type).contains(
            qint.range_of(inferred)
        )
        return f": {'assume ' if narrower else ''}{type_text(result)}"

    def _params(
        self, signature: Signature, op: Operation, values: dict[str, Any], name: str
    ) -> list[str]:
        shown: list[str] = []
        for param in signature.params:
            value = values[param.name]
            if param.kind is Kind.TYPE:
                zero = np.ravel(values.get("zero_point", 0))
                inside = bool(((zero >= value.lo) & (zero <= value.hi)).all())
                shown.append(element_name(value) if inside else bounds_name(value))
            elif not _is_default(param, value, op):
                text = self._value(param, value, f"{name}_{param.name}")
                shown.append(f"{param.name}: {text}")
        return shown

    def _value(self, param: Param, value: Any, name: str) -> str:
        match param.kind:
            case Kind.BOOL:
                return "true" if value else "false"
            case Kind.WORD:
                return str(value)
            case Kind.TEXT:
                return _quoted(value)
            case Kind.REAL:
                return float_text(value, single=True)
            case Kind.REALS:
                return self._reals(value, name)
            case Kind.INTEGERS:
                return self._numbers(value if value.size > 1 else value.reshape(()), name)
            case Kind.MATRIX:
                return self._numbers(value, name)
            case Kind.INT:
                return str(value)
            case _:
                return f"[{', '.join(map(str, value))}]"

    def _reals(self, value: Array, name: str) -> str:
        text = self._numbers(value if value.size > 1 else value.reshape(()), name)
        literal = value.dtype == np.float64 and not text.startswith("load(")
        return f"float64({text})" if literal else text

    def _numbers(self, array: Array, name: str) -> str:
        """Returns numbers as text, or where they are loaded from."""
        if array.size <= self._inline:
            return _literal(array)
        integral = array.dtype.kind == "i"
        self._arrays[name] = _narrow(array) if integral else array
        return f"load({_quoted(self._weights)}, {_quoted(name)})"


def _narrow(array: Array) -> Array:
    """Returns integers in the narrowest type that holds them: files are smaller, and the same."""
    for dtype in (np.int8, np.int16, np.int32):
        if np.array_equal(array.astype(dtype), array):
            return array.astype(dtype)
    return array


def _literal(array: Array) -> str:
    if array.ndim:
        return f"[{', '.join(_literal(row) for row in array)}]"
    if array.dtype.kind == "i":
        return str(int(array))
    return float_text(float(array), single=array.dtype == np.float32)


def _is_default(param: Param, value: Any, op: Operation) -> bool:
    default = param.default_for(list(op.operands))
    if isinstance(value, np.ndarray):
        return default is not REQUIRED and np.array_equal(default, cast(Array, value))
    return type(default) is type(value) and default == value


def _text(attribute: Attribute | None, otherwise: str) -> str:
    return attribute.data if isinstance(attribute, StringAttr) else otherwise


def _texts(module: ModuleOp, name: str) -> list[str]:
    found = module.attributes.get(name)
    return [entry.data for entry in found] if isa(found, ArrayAttr[StringAttr]) else []


def _is_plain(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII)) and name not in (*KEYWORDS, "inf")


def _quoted(text: str) -> str:
    return json.dumps(text)
