"""The textual model language, .qnn: read, checked, formatted, and printed from modules."""

from qcompiler.frontends.text.diagnostics import Diagnostic, LanguageError, Source
from qcompiler.frontends.text.reading import Analysis, analyse, import_text, read_source

__all__ = [
    "Analysis", "Diagnostic", "LanguageError", "Source", "analyse", "import_text", "read_source",
]  # fmt: skip
