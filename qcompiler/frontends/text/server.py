"""The language server: diagnostics, hover, completion, definition and layout for editors."""

from __future__ import annotations

import asyncio
import gc
import re
from pathlib import Path

from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path
from pygls.workspace import TextDocument

from qcompiler.frontends.text.diagnostics import LanguageError, Source
from qcompiler.frontends.text.formatter import formatted
from qcompiler.frontends.text.knowledge import (
    completions_at,
    hover_at,
    line_before,
    note_at,
    references_at,
    renamed_at,
    signature_at,
)
from qcompiler.frontends.text.reading import Analysis, analyse
from qcompiler.frontends.text.syntax import BlockDefinition, NetworkDefinition, Span
from qcompiler.version import VERSION

_PAUSE_S = 0.2
"""An editor tells every key; the text is looked at when no other came for so long."""

_REST_S = 2
"""After so long without a change, no hover is likely to wait for memory that is freed."""

_KINDS = {
    "operation": types.CompletionItemKind.Function,
    "block": types.CompletionItemKind.Module,
    "argument": types.CompletionItemKind.Property,
    "word": types.CompletionItemKind.EnumMember,
    "value": types.CompletionItemKind.Variable,
    "type": types.CompletionItemKind.TypeParameter,
    "keyword": types.CompletionItemKind.Keyword,
}


class ModelLanguageServer(LanguageServer):
    """Keeps what is known of each open text until it changes."""

    def __init__(self) -> None:
        # pygls leaves the types of its further options open.
        super().__init__("qcc-lsp", VERSION)  # pyright: ignore[reportUnknownMemberType]
        self._known: dict[str, tuple[int | None, Analysis]] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def analysis(self, document: TextDocument) -> Analysis:
        """Returns what is known of a text as it is now."""
        version, known = self._known.get(document.uri, (None, None))
        if known is None or version != document.version or document.version is None:
            known = analyse(self._source(document))
            self._known[document.uri] = (document.version, known)
        return known

    @staticmethod
    def _source(document: TextDocument) -> Source:
        return Source(Path(to_fs_path(document.uri) or "untitled.qnn"), document.source)

    def hover(self, document: TextDocument, line: int, column: int) -> tuple[str, Span] | None:
        """Returns what to tell about a position, and the place that it is about.

        After an edit, what was known before serves for lines that the edit did not touch: to look
        at the text anew takes long, and is under way.
        """
        _, known = self._known.get(document.uri, (None, None))
        there = line
        if known is not None:
            there = line_before(known.source.lines, self._source(document).lines, line)
        if known is None or there is None:
            known, there = self.analysis(document), line
        text, note = hover_at(known, there, column), note_at(known, there, column)
        if text is None or note is None:
            return None
        moved, span = line - there, note.span
        return text, Span(span.line + moved, span.column, span.end_line + moved, span.end_column)

    def tidy(self) -> None:
        """Frees what older analyses left behind: IR has cycles, and qcc collects none by itself.

        To be called at rest: an editor that asks meanwhile has to wait.
        """
        gc.collect()

    def forget(self, uri: str) -> None:
        """Drops what is known of a text that was closed, and its marks."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:  # else it would mark a text that is closed
            waiting.cancel()
        self._known.pop(uri, None)
        self.tidy()
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def publish(self, uri: str) -> None:
        """Tells the editor what is wrong with a text."""
        document = self.workspace.get_text_document(uri)
        analysis = self.analysis(document)
        top = Span(1, 1, 1, 1)  # for what is wrong in a file that this one imports
        marks = [
            types.Diagnostic(
                range=self.range(document, d.span if here else top),
                message=f"{d.what}\n{d.remedy}" if here else f"{d.where}: {d.what}\n{d.remedy}",
                severity=types.DiagnosticSeverity.Error,
                source="qcc",
            )
            for d in analysis.diagnostics
            for here in (d.source.path == analysis.source.path,)
        ]  # fmt: skip
        self.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri, marks, document.version)
        )

    def schedule(self, uri: str) -> None:
        """Publishes after a pause in which the text does not change."""
        waiting = self._waiting.pop(uri, None)
        if waiting is not None:
            waiting.cancel()
        self._waiting[uri] = asyncio.ensure_future(self._later(uri))

    async def _later(self, uri: str) -> None:
        await asyncio.sleep(_PAUSE_S)
        document = self.workspace.get_text_document(uri)
        version = document.version
        # In a thread, so that questions are answered meanwhile.
        known = await asyncio.to_thread(analyse, self._source(document))
        if document.version == version:
            self._known[uri] = (version, known)
            self.publish(uri)
        await asyncio.sleep(_REST_S)
        self._waiting.pop(uri, None)
        self.tidy()

    @staticmethod
    def place(document: TextDocument, position: types.Position) -> tuple[int, int]:
        """Returns an editor's position, in its own units, as line and column from 1."""
        here = document.position_codec.position_from_client_units(document.lines, position)
        return here.line + 1, here.character + 1

    @staticmethod
    def range(document: TextDocument, span: Span) -> types.Range:
        """Returns a place in the units of the editor."""
        inside = types.Range(
            types.Position(max(0, span.line - 1), max(0, span.column - 1)),
            types.Position(max(0, span.end_line - 1), max(0, span.end_column - 1)),
        )
        return document.position_codec.range_to_client_units(document.lines, inside)


def make_server() -> ModelLanguageServer:
    """Returns a server with all that it can do."""
    server = ModelLanguageServer()
    gc.freeze()  # modules stay: `tidy` need not look at them
    _add_documents(server)
    _add_questions(server)
    _add_names(server)
    return server


def _add_documents(server: ModelLanguageServer) -> None:
    """Adds what an editor tells of its texts, and their layout."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def _opened(params: types.DidOpenTextDocumentParams) -> None:
        server.publish(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def _changed(params: types.DidChangeTextDocumentParams) -> None:
        server.schedule(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def _closed(params: types.DidCloseTextDocumentParams) -> None:
        server.forget(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_FORMATTING)
    def _format(params: types.DocumentFormattingParams) -> list[types.TextEdit]:
        document = server.workspace.get_text_document(params.text_document.uri)
        try:
            made = formatted(document.source)
        except LanguageError:
            return []  # its marks are told already
        if made == document.source:
            return []
        everything = types.Range(types.Position(0, 0), types.Position(len(document.lines) + 1, 0))
        return [types.TextEdit(everything, made)]


def _add_questions(server: ModelLanguageServer) -> None:
    """Adds what an editor asks about a place."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def _hover(params: types.HoverParams) -> types.Hover | None:
        document = server.workspace.get_text_document(params.text_document.uri)
        found = server.hover(document, *server.place(document, params.position))
        if found is None:
            return None
        text, span = found
        content = types.MarkupContent(types.MarkupKind.PlainText, text)
        return types.Hover(content, server.range(document, span))

    @server.feature(
        types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["(", ",", ":"])
    )
    def _complete(params: types.CompletionParams) -> list[types.CompletionItem]:
        document = server.workspace.get_text_document(params.text_document.uri)
        found = completions_at(server.analysis(document), *server.place(document, params.position))
        return [
            types.CompletionItem(
                c.text.rstrip(": "), kind=_KINDS[c.kind], detail=c.detail, insert_text=c.text,
                sort_text=f"{index:05}",
            )
            for index, c in enumerate(found)
        ]  # fmt: skip

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def _definition(params: types.DefinitionParams) -> types.Location | None:
        document = server.workspace.get_text_document(params.text_document.uri)
        note = note_at(server.analysis(document), *server.place(document, params.position))
        if note is None or note.definition is None:
            return None
        if note.path is not None:
            there = server.workspace.get_text_document(note.path.absolute().as_uri())
            return types.Location(there.uri, server.range(there, note.definition))
        return types.Location(document.uri, server.range(document, note.definition))

    @server.feature(types.TEXT_DOCUMENT_SIGNATURE_HELP, types.SignatureHelpOptions(["(", ","]))
    def _signature(params: types.SignatureHelpParams) -> types.SignatureHelp | None:
        document = server.workspace.get_text_document(params.text_document.uri)
        found = signature_at(server.analysis(document), *server.place(document, params.position))
        return None if found is None else types.SignatureHelp([types.SignatureInformation(found)])


def _add_names(server: ModelLanguageServer) -> None:
    """Adds what an editor asks about names of a text."""

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def _references(params: types.ReferenceParams) -> list[types.Location]:
        document = server.workspace.get_text_document(params.text_document.uri)
        found = references_at(server.analysis(document), *server.place(document, params.position))
        kept = found if params.context.include_declaration else found[1:]
        return [types.Location(document.uri, server.range(document, span)) for span in kept]

    @server.feature(types.TEXT_DOCUMENT_RENAME)
    def _rename(params: types.RenameParams) -> types.WorkspaceEdit | None:
        document = server.workspace.get_text_document(params.text_document.uri)
        found = renamed_at(server.analysis(document), *server.place(document, params.position))
        if not found or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", params.new_name):
            return None
        edits = [types.TextEdit(server.range(document, span), params.new_name) for span in found]
        return types.WorkspaceEdit({document.uri: edits})

    @server.feature(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def _symbols(params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
        document = server.workspace.get_text_document(params.text_document.uri)
        return [
            types.DocumentSymbol(
                item.name.text,
                types.SymbolKind.Module
                if isinstance(item, NetworkDefinition)
                else types.SymbolKind.Function,
                server.range(document, item.span),
                server.range(document, item.name.span),
            )
            for item in server.analysis(document).file.items
            if isinstance(item, NetworkDefinition | BlockDefinition)
        ]
