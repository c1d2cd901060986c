"""What a text says that is most likely not meant, though the network compiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qcompiler.frontends.text.diagnostics import Diagnostic, Source
from qcompiler.frontends.text.syntax import (
    Assign,
    BlockDefinition,
    Body,
    Call,
    File,
    List,
    Name,
    NetworkDefinition,
    Reference,
    Value,
)


def warnings_of(source: Source, file: File) -> list[Diagnostic]:
    """Returns values, inputs and blocks of a text that nothing uses; names with `_` are exempt."""
    found: list[Diagnostic] = []

    def add(name: Name, what: str, remedy: str) -> None:
        if not name.text.startswith("_"):
            found.append(Diagnostic(source, name.span, what, remedy, warns=True))

    for body in _bodies(file):
        for name, again in _unused(body):
            what = f"{name.text!r} is not used"
            if again:
                what += f" before line {again.span.line} gives the name anew"
            add(name, what, f"remove it, use it, or call it _{name.text}")
    for network in file.networks:
        _unused_items(network, file, add)
    return sorted(found, key=lambda d: (d.span.line, d.span.column))


Add = Callable[[Name, str, str], None]


def _unused_items(network: NetworkDefinition, file: File, add: Add) -> None:
    """Tells inputs of a network, and blocks beside it, that nothing uses."""
    used = {r.text for r in _references_in(network.body)}
    for parameter in network.parameters:
        if parameter.name.text not in used:
            what = f"input {parameter.name.text!r} is not used"
            add(parameter.name, what, "remove it, or use it")
    called = {c.function.text for item in file.items for c in _calls(item)}
    for block in file.blocks:
        if block.name.text not in called:
            what = f"block {block.name.text!r} is not used"
            add(block.name, what, "remove it, call it, or move it to a file for import")


def references(value: Value | None) -> Iterator[Name]:
    """Returns the names that a value refers to; words and types among them."""
    match value:
        case Reference():
            yield Name(value.span, value.name)
        case List():
            for item in value.items:
                yield from references(item)
        case Call():
            for argument in value.arguments:
                yield from references(argument.value)
            if value.region is not None:
                yield from _references_in(value.region.body)
        case _:
            return


def _statement_references(statement: object) -> Iterator[Name]:
    if isinstance(statement, Assign):
        yield from references(statement.value)
        if statement.annotation is not None:
            yield from references(statement.annotation.type)
            for clause in statement.annotation.clauses:
                yield from references(clause.value)
        return
    for output in getattr(statement, "outputs", ()):
        yield from references(output.value)


def _references_in(body: Body) -> Iterator[Name]:
    for statement in body.statements:
        yield from _statement_references(statement)


def _bodies(file: File) -> Iterator[Body]:
    """Returns all bodies of a file, those of scalar functions, too."""
    for item in file.items:
        if isinstance(item, NetworkDefinition | BlockDefinition):
            yield item.body
        for call in _calls(item):
            if call.region is not None:
                yield call.region.body


def _unused(body: Body) -> Iterator[tuple[Name, Name | None]]:
    """Returns names that are given a value in vain, and where they are given another, if so."""
    waiting: dict[str, Name] = {}
    for statement in body.statements:
        for used in _statement_references(statement):
            waiting.pop(used.text, None)
        if not isinstance(statement, Assign):
            continue
        for target in statement.targets:
            if target.text in waiting:
                yield waiting[target.text], target
            waiting[target.text] = target
    for name in waiting.values():
        yield name, None


def _calls(item: object) -> Iterator[Call]:
    if isinstance(item, NetworkDefinition | BlockDefinition):
        for statement in item.body.statements:
            values = (
                [statement.value]
                if isinstance(statement, Assign)
                else [output.value for output in statement.outputs]
            )
            for value in values:
                yield from _calls_in(value)


def _calls_in(value: Value) -> Iterator[Call]:
    if isinstance(value, Call):
        yield value
        for argument in value.arguments:
            yield from _calls_in(argument.value)
        if value.region is not None:
            for statement in value.region.body.statements:
                if isinstance(statement, Assign):
                    yield from _calls_in(statement.value)
    elif isinstance(value, List):
        for item in value.items:
            yield from _calls_in(item)
