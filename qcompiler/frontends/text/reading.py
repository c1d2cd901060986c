"""From a .qnn file, and those that it imports, to a module; and what an editor wants to know."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from qcompiler.errors import ModelError, Problem, suggestion
from qcompiler.frontends.text.diagnostics import (
    Diagnostic,
    Diagnostics,
    LanguageError,
    Source,
)
from qcompiler.frontends.text.elaborator import BlockTable, Elaborator
from qcompiler.frontends.text.files import LoadError, confined
from qcompiler.frontends.text.lints import warnings_of
from qcompiler.frontends.text.operations import FUNCTIONS, OPERATIONS
from qcompiler.frontends.text.parser import MAX_CHARACTERS, parse
from qcompiler.frontends.text.scope import Noted, Recorder, TextPlace
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
        places: where the nodes that locations name stand.
        warnings: what is most likely not meant, in this text alone.
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
    places: dict[str, list[TextPlace]] = field(default_factory=dict[str, list[TextPlace]])
    warnings: list[Diagnostic] = field(default_factory=list[Diagnostic])


def read_source(path: Path) -> Source:
    """Returns the text of a file.

    Raises:
        ModelError: it cannot be read, or is too large. LanguageError, which is one: it is no text.
    """
    try:
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            what = f"cannot be read: it has more than {4 * MAX_CHARACTERS} bytes"
            remedy = "put constants into an .npz file beside the text"
            raise ModelError([Problem(str(path), what, remedy)])
        data = path.read_bytes()
    except OSError as error:
        what = f"cannot be read: {error.strerror or error}"
        remedy = suggestion(path.name, _texts_in(path.parent), "name a .qnn file that is there")
        raise ModelError([Problem(str(path), what, remedy)]) from None
    try:
        # "utf-8-sig": editors on Windows put a mark at the beginning.
        return Source(path, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise LanguageError([_no_text(path, data, error)]) from None


def _texts_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in islice(folder.glob("*.qnn"), 1000)]
    except OSError:
        return []


def _no_text(path: Path, data: bytes, error: UnicodeDecodeError) -> Diagnostic:
    """Returns what to say of bytes that are no UTF-8, at the first of them."""
    before = data[: error.start].decode("utf-8-sig")
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    remedy = "save the text as UTF-8; a file that is no text needs the ending of its format"
    what = f"cannot be read: byte 0x{data[error.start]:02x} is no UTF-8"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        what = "cannot be read: the text is in UTF-16"
    source = Source(path, data[:10_000].decode("utf-8", "replace"))
    return Diagnostic(source, Span(line, column, line, column + 1), what, remedy)


class _Loader:
    """Reads a text and all that it imports."""

    def __init__(self, diagnostics: Diagnostics):
        self._diagnostics = diagnostics
        self.blocks: dict[str, tuple[BlockDefinition, Source]] = {}
        self.damaged: set[str] = set()
        self._seen: set[Path] = set()

    def load(self, source: Source) -> File:
        """Returns what a text defines; blocks of it and of its imports are collected."""
        self._seen.add(source.path.resolve())
        file = parse(source, self._diagnostics)
        self.damaged |= file.damaged
        for block in file.blocks:
            self._define(block, source)
        for item in file.imports:
            self._import(source, item.path.value, item.path.span)
        return file

    def _define(self, block: BlockDefinition, source: Source) -> None:
        name = block.name.text
        seen: set[str] = set()
        for parameter in block.parameters:
            if parameter.name.text in seen:
                what = f"block {name!r} has two parameters called {parameter.name.text!r}"
                self._diagnostics.add(source, parameter.name.span, what, "rename one")
                self.damaged.add(name)
            seen.add(parameter.name.text)
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
                raise LoadError(f"more than {MAX_FILES} files are imported", "put blocks together")
            self.load(read_source(path))
        except LoadError as error:
            self._diagnostics.add(source, span, str(error), error.remedy)
        except LanguageError as error:
            for d in error.diagnostics:
                self._diagnostics.add(d.source, d.span, d.what, d.remedy)
        except ModelError as error:
            problem = error.problems[0]
            self._diagnostics.add(source, span, f"{name!r} {problem.what}", problem.remedy)


def analyse(source: Source, numerics: str | None = None) -> Analysis:
    """Returns what a text means and all that is wrong with it; never raises for a wrong text.

    Args:
        source: the text; files that it names are looked for in its folder.
        numerics: what the user chose, instead of what the text says.
    """
    diagnostics, recorder = Diagnostics(), Recorder(source.path)
    loader = _Loader(diagnostics)
    file = loader.load(source)
    whole = not diagnostics.all  # what the parser left out may use what seems unused
    made = Analysis(source, file, [], notes=recorder.notes, blocks=loader.blocks)
    networks = list(file.networks)
    for extra in networks[1:]:
        what = "a file defines one network"
        diagnostics.add(source, extra.name.span, what, "move this one to a file of its own")
    if networks:
        elaborator = Elaborator(
            BlockTable(loader.blocks, frozenset(loader.damaged)), diagnostics, recorder
        )
        result = elaborator.network(networks[0], source, numerics)
        made.module, made.numerics = result.module, result.numerics
        made.places = result.places
    made.diagnostics = diagnostics.all
    if whole:
        made.warnings = warnings_of(source, file)
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
        remedy = "write network name(x: uint8[1, 16] scale 1/255) { ... }"
        if analysis.file.items:
            remedy += "; files of blocks alone are for import"
        top = Span(1, 1, 1, 1)
        raise LanguageError([Diagnostic(analysis.source, top, "defines no network", remedy)])
    return analysis.module
