"""Files outside of docs/ that pages link to: shown as pages of the site."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"(\]\()(\.\./[^)#\s]+)([^)\s]*\))")
_LANGUAGES = {".py": "python", ".toml": "toml", ".v": "verilog", ".mlir": "mlir", ".yml": "yaml"}


def linked(docs: Path) -> dict[str, str]:
    """Returns the pages to make: a page for each file outside of `docs` that a page links to."""
    found: dict[str, str] = {}
    for page in sorted(docs.rglob("*.md")):
        for target in _outside(page.read_text(encoding="utf-8"), page.relative_to(docs), docs):
            found[_name(target, docs)] = _page(docs.parent / target.relative_to(docs.parent))
    return found


def rewritten(text: str, page: Path, docs: Path) -> str:
    """Returns a page's text whose links out of `docs` lead to the pages made for them."""

    def replace(found: re.Match[str]) -> str:
        target = _resolve(page, found[2], docs)
        if target is None:
            return found[0]
        made = os.path.relpath(docs / _name(target, docs), (docs / page).parent)
        return f"{found[1]}{made}{found[3]}"

    return _LINK.sub(replace, text)


def _outside(text: str, page: Path, docs: Path) -> Iterator[Path]:
    for found in _LINK.finditer(text):
        target = _resolve(page, found[2], docs)
        if target is not None:
            yield target


def _resolve(page: Path, link: str, docs: Path) -> Path | None:
    """Returns a file of the repository outside of docs/, None for any other link."""
    target = (docs / page.parent / link).resolve()
    inside = target.is_relative_to(docs) or not target.is_relative_to(docs.parent)
    return target if target.is_file() and not inside else None


def _name(target: Path, docs: Path) -> str:
    return f"source/{target.relative_to(docs.parent)}.md"


def _page(target: Path) -> str:
    text = target.read_text(encoding="utf-8")
    language = _LANGUAGES.get(target.suffix, "text")
    return f"# {target.name}\n\n~~~~{language}\n{text}\n~~~~\n"
