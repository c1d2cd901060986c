"""From a .qnn file, and those that it imports, to a module; and what an editor wants to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from qcompiler.errors import ModelError, Problem
from qcompiler.frontends.text.diagnostics import (
    Diagnostic,
    Diagnostics,
    LanguageError,
    Source,
)
from qcompiler.frontends.text.elaborator import Elaborator, Library
from qcompiler.frontends.text.files import confined
from qcompiler.frontends.text.operations import FUNCTIONS, OPERATIONS
from qcompiler.frontends.text.parser import MAX_CHARACTERS, parse
from qcompiler.frontends.text.scope import Noted, Recorder
from qcompiler.frontends.text.syntax import BlockDefinition, File, Span

MAX_FILES = 100


@dataclass
class Analysis:
    """What is known of a text.

    Attributes:
        source: the text.
        file: its syntax tree, without the statements that are wrong.
        diagnostics: what is wrong, in it and in the files that it imports.
        module: the network; None if anything is wrong, or it defines none.
        numerics: of the network.
        notes: what stands where.
        blocks: what may be called, imported ones too.
    """

    source: Source
    file: File
    diagnostics: list[Diagnostic]
    module: ModuleOp | None = None
    numerics: str = "exact"
    notes: list[Noted] = field(default_factory=list[Noted])
    blocks: dict[str, tuple[BlockDefinition, Source]] = field(
        default_factory=dict[str, tuple[BlockDefinition, Source]]
    )


def read_source(path: Path) -> Source:
    """Returns the text of a file.

    Raises:
        ModelError: it cannot be read, or is too large.
    """
    try:
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            raise ValueError(f"has more than {4 * MAX_CHARACTERS} bytes")
        # "utf-8-sig": editors on Windows put a mark at the beginning.
        return Source(path, path.read_bytes().decode("utf-8-sig"))
    except (OSError, ValueError) as error:
        problem = Problem(str(path), f"cannot be read: {error}", "give a text file in UTF-8")
        raise ModelError([problem]) from None


class _Loader:
    """Reads a text and all that it imports."""

    def __init__(self, diagnostics: Diagnostics):
        self._diagnostics = diagnostics
        self.blocks: dict[str, tuple[BlockDefinition, Source]] = {}
        self._seen: set[Path] = set()

    def load(self, source: Source) -> File:
        """Returns what a text defines; blocks of it and of its imports are collected."""
        self._seen.add(source.path.resolve())
        file = parse(source, self._diagnostics)
        for block in file.blocks:
            self._define(block, source)
        for item in file.imports:
            self._import(source, item.path.value, item.path.span)
        return file

    def _define(self, block: BlockDefinition, source: Source) -> None:
        name = block.name.text
        if name in OPERATIONS or name in FUNCTIONS:
            what = f"block {name!r} has the name of an operation"
            self._diagnostics.add(source, block.name.span, what, "choose another name")
        elif name in self.blocks:
            what = f"block {name!r} is defined twice, also in {self.blocks[name][1].path.name}"
            self._diagnostics.add(source, block.name.span, what, "choose another name")
        else:
            self.blocks[name] = (block, source)

    def _import(self, source: Source, name: str, span: Span) -> None:
        try:
            path = confined(source.path.parent, name, (".qnn",))
            if path in self._seen:  # also in a circle
                return
            if len(self._seen) >= MAX_FILES:
                raise ValueError(f"more than {MAX_FILES} files are imported")
            self.load(read_source(path))
        except (ModelError, ValueError) as error:
            self._diagnostics.add(source, span, str(error), "name a file of blocks beside this one")


def analyse(source: Source, numerics: str | None = None) -> Analysis:
    """Returns what a text means and all that is wrong with it; never raises for a wrong text.

    Args:
        source: the text; files that it names are looked for in its folder.
        numerics: what the user chose, instead of what the text says.
    """
    diagnostics, recorder = Diagnostics(), Recorder(source.path)
    loader = _Loader(diagnostics)
    file = loader.load(source)
    made = Analysis(source, file, [], notes=recorder.notes, blocks=loader.blocks)
    networks = list(file.networks)
    for extra in networks[1:]:
        what = "a file defines one network"
        diagnostics.add(source, extra.name.span, what, "move this one to a file of its own")
    if networks:
        elaborator = Elaborator(Library(loader.blocks), diagnostics, recorder)
        result = elaborator.network(networks[0], source, numerics)
        made.module, made.numerics = result.module, result.numerics
    made.diagnostics = diagnostics.all
    return made


def import_text(path: str | Path, *, numerics: str | None = None) -> ModuleOp:
    """Returns the network of a .qnn file as one function `main` of nn and qint operations.

    It is what `import_onnx` makes of a model: names and numerics included.

    Args:
        path: the file; those that it names must lie in its folder or below.
        numerics: `exact` or `onnxruntime`; None for what the text says.

    Raises:
        ModelError: the file cannot be read. LanguageError, which is one: the text is wrong; lists
            everything found.
    """
    analysis = analyse(read_source(Path(path)), numerics)
    if analysis.diagnostics:
        raise LanguageError(analysis.diagnostics)
    if analysis.module is None:
        problem = Problem(str(path), "defines no network", "write network name(...) { ... }")
        raise ModelError([problem])
    return analysis.module
