"""Colours for textual IR."""

from pygments.lexer import RegexLexer, words
from pygments.lexers import LEXERS
from pygments.token import (
    Comment,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
)

__all__ = ["MlirLexer"]


class MlirLexer(RegexLexer):
    """MLIR's generic and custom forms, by the look of the words."""

    name = "MLIR"
    aliases = ("mlir",)
    filenames = ("*.mlir",)
    url = "https://mlir.llvm.org/docs/LangRef/"
    tokens = {  # noqa: RUF012
        "root": [
            (r"//.*?$", Comment.Single),
            (r'"(\\.|[^"\\\n])*"', String),
            (r"%[\w$.-]+(#\d+)?", Name.Variable),
            (r"\^[\w$.-]+", Name.Label),
            (r"@[\w$.-]+", Name.Function),
            (r"![a-zA-Z_][\w.]*", Keyword.Type),
            (r"#[a-zA-Z_][\w.]*", Name.Constant),
            (words(("tensor", "memref", "vector", "index"), suffix=r"\b"), Keyword.Type),
            (r"\b(si|ui|i|f|bf)\d+\b", Keyword.Type),
            (words(("dense", "dense_resource", "array", "true", "false", "loc"), suffix=r"\b"),
             Keyword.Constant),
            (r"[a-z_]\w*(\.[a-zA-Z_]\w*)+", Name.Builtin),
            (r"-?\d+\.\d*([eE][+-]?\d+)?", Number.Float),
            (r"(?<=x)(si|ui|i|f|bf)\d+\b", Keyword.Type),
            (r"-?\d+", Number.Integer),
            (r"[a-zA-Z_]\w*(?=\s*=)", Name.Attribute),
            (r"[a-zA-Z_]\w*", Name),
            (r"->|[=:]", Operator),
            (r"[(){}\[\]<>,?*+\-/]", Punctuation),
            (r"\s+", Text),
            (r".", Text),
        ]
    }  # fmt: skip


def register() -> None:
    """Makes the language `mlir` known to Pygments."""
    LEXERS["MlirLexer"] = (__name__, MlirLexer.name, ("mlir",), ("*.mlir",), ())
