"""`report.html` of a design: one page, without scripts, that needs no network.

It is made of the report's files only, so that `qcc verify` and `qcc synth` renew it within
milliseconds with what they have measured.
"""

from importlib.resources import files
from pathlib import Path
from xml.etree.ElementTree import Element

from qcompiler.backends.layout import VIEW, Layout
from qcompiler.backends.pages import content_policy, palette
from qcompiler.backends.report import sections
from qcompiler.backends.report.found import Found
from qcompiler.backends.report.markup import el, text_of
from qcompiler.errors import ModelError, Problem
from qcompiler.json_files import DAMAGE

_SECTIONS = (
    ("measured", "Estimate and measurement", sections.measured),
    ("cycles", "Cycles a frame", sections.cycles),
    ("resources", "Resources", sections.resources),
    ("products", "Use of multipliers", sections.products),
    ("widths", "Widths", sections.widths),
    ("fifos", "FIFOs", sections.fifos),
    ("layers", "Layers", sections.layers),
    ("host", "On the host", sections.host),
    ("origin", "Origin", sections.origin),
)


def build_page(found: Found) -> str:
    """Returns the page of a design."""
    style = palette() + _asset("report.css")
    top = str(found.design["top"])
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=content_policy([style])),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"{top}: report of qcompiler"),
    )
    # Not by way of `el`, which cuts long texts and removes what cannot be printed.
    head.append(Element("style"))
    head[-1].text = style
    links = [el("a", title, href=f"#{name}") for name, title, _ in _SECTIONS]
    if found.viewed:
        links.insert(0, el("a", "Inside", href=VIEW, title="the IR at every step, graphs, Verilog"))
    body = el(
        "body",
        el("header", el("h1", top), el("nav", links)),
        el(
            "main",
            sections.summary(found),
            [
                el("section", el("h2", title), build(found), id=name)
                for name, title, build in _SECTIONS
            ],
        ),
        el("footer", f"written by qcompiler {found.design['version']}"),
    )
    return "<!doctype html>\n" + text_of(el("html", head, body, lang="en")) + "\n"


def _asset(name: str) -> str:
    return (files("qcompiler.backends.report") / "assets" / name).read_text(encoding="utf-8")


def renew_page(directory: Path) -> None:
    """Writes the page of a written design anew, with what was measured since.

    A design without a page, as older versions wrote them, is left as it is.

    Raises:
        ModelError: a file of the report is absent or broken.
    """
    path = Layout(directory).page
    if not path.is_file():
        return
    try:
        text = build_page(Found.read(directory))
    except DAMAGE as error:
        what = f"a file of it is damaged: {type(error).__name__}: {error}"
        problem = Problem(str(Layout(directory).reports), what, "compile the design again")
        raise ModelError([problem]) from None
    path.write_text(text, encoding="utf-8")
