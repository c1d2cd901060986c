"""HTML as a tree: text and attributes are escaped when it is printed, never by hand."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeGuard
from xml.etree.ElementTree import Element, tostring

from qcompiler.errors import printable

Content: TypeAlias = "str | int | Element | Iterable[Content] | None"
"""What an element holds; None is nothing."""


def el(tag: str, *content: Content, **attributes: str | None) -> Element:
    """Returns an element; `class_` is its class, `http_equiv` has a dash, None is left out."""
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), printable(value, 1000))
    for part in content:
        _append(made, part)
    return made


def _is_element(part: Content) -> "TypeGuard[Element]":
    return isinstance(part, Element)


def _append(parent: Element, part: Content) -> None:
    if part is None:
        return
    if _is_element(part):
        parent.append(part)
    elif isinstance(part, str | int):
        text = printable(part, 1000) if isinstance(part, str) else f"{part:,}"
        if len(parent):
            parent[-1].tail = (parent[-1].tail or "") + text
        else:
            parent.text = (parent.text or "") + text
    elif not isinstance(part, Element):
        for inner in part:
            _append(parent, inner)


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Content]],
    total: Sequence[Content] | None = None,
) -> Element:
    """Returns a table; a cell that is a number, or a `td` of the caller's, stays what it is.

    Args:
        columns: their titles; those that end in `#` hold numbers and stand right.
        rows: a cell for each column.
        total: a last row, set apart.
    """
    numeric = [title.endswith("#") for title in columns]
    kinds = ["number" if right else None for right in numeric]
    head = [
        el("th", title.rstrip("#"), class_=kind, scope="col")
        for title, kind in zip(columns, kinds, strict=True)
    ]
    made = el("table", el("thead", el("tr", head)), el("tbody", [_row(row, kinds) for row in rows]))
    if total is not None:
        made.append(el("tfoot", _row(total, kinds, "th")))
    # With a place in the order of tabs, keys can scroll it.
    return el("div", made, class_="wide", tabindex="0")


def _row(cells: Sequence[Content], kinds: Sequence[str | None], tag: str = "td") -> Element:
    made = [
        cell if _is_element(cell) and cell.tag == "td" else el(tag, cell, class_=kind)
        for cell, kind in zip(cells, kinds, strict=True)
    ]
    return el("tr", made)


def bar(share: float, kind: str = "", second: float | None = None) -> Element:
    """Returns a horizontal bar.

    Args:
        share: of the whole width, 0 to 1.
        kind: a class that says its colour.
        second: a thinner bar over it.
    """
    parts = [el("rect", width=_percent(share), height="100%", class_=kind or None)]
    if second is not None:
        parts.append(el("rect", width=_percent(second), height="40%", y="30%", class_="over"))
    return el("svg", parts, class_="bar", role="presentation")


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0), 1):.2f}%"


def text_of(root: Element) -> str:
    """Returns the HTML of a tree."""
    return tostring(root, encoding="unicode", method="html")
