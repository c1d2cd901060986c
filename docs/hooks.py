"""What MkDocs calls: adds the generated pages, makes the nav, leads links to where they should."""

from pathlib import Path

from generate import command_line, mlir_lexer, operations, passes, sources
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from qcompiler.universe import DIALECTS

_GUIDES = (
    "quantize-a-model",
    "estimate-a-transformer",
    "look-inside",
    "command-line",
    "stream-with-state",
    "package-a-design",
    "write-a-pass",
    "write-an-operation",
    "write-a-device",
)
_CONCEPTS = {
    "Architecture": "architecture.md",
    "Numerics": "numerics.md",
    "Hardware": "hardware.md",
    "Trust": "trust.md",
    "Synthesis": "synthesis.md",
    "The model language": "language.md",
}
_LAST = {
    "FAQ": "faq.md",
    "Refusals": "refusals.md",
    "Dependencies": "dependencies.md",
    "Versions": "versions.md",
}
_FIRST = {"Home": "README.md", "From model to bitstream": "tutorial.md"}


def _generated(docs: Path) -> dict[str, str]:
    """Returns the pages that no file holds, by their name."""
    made = {f"reference/{name}.md": operations.page(name) for name in DIALECTS}
    made["reference/command-line.md"] = command_line.page()
    made["reference/passes.md"] = passes.page()
    made["changes.md"] = (docs.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    return made | sources.linked(docs)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the nav: pages that nobody placed stand under Measurements, guides among guides."""
    docs = Path(config.docs_dir)
    mlir_lexer.register()
    guides = [f"guides/{name}.md" for name in _GUIDES]
    guides += sorted({f"guides/{path.name}" for path in docs.glob("guides/*.md")} - {*guides})
    placed = {*_FIRST.values(), *_CONCEPTS.values(), *_LAST.values()}
    others = sorted({path.name for path in docs.glob("*.md")} - placed)
    reference = [
        {"Command line": "reference/command-line.md"},
        {"Python": "api.md"} if (docs / "api.md").exists() else {"Python": "reference/api.md"},
        {"Passes": "reference/passes.md"},
        *({f"Operations of {name}": f"reference/{name}.md"} for name in DIALECTS),
    ]
    others = [name for name in others if name != "api.md"]

    def there(pages: dict[str, str]) -> list[dict[str, str]]:
        return [{title: page} for title, page in pages.items() if (docs / page).exists()]

    config.nav = [
        *there(_FIRST),
        {"Guides": [page for page in guides if (docs / page).exists()]},
        {"Concepts": there(_CONCEPTS)},
        {"Dialects": [f"dialects/{name}.md" for name in DIALECTS]},
        {"Reference": reference},
        {"Measurements": others},
        *there(_LAST),
        {"Changes": "changes.md"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages."""
    for name, text in _generated(Path(config.docs_dir)).items():
        file = File.generated(config, name, content=text)
        if name.startswith("source/"):
            file.inclusion = file.inclusion.NOT_IN_NAV
        files.append(file)
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to files of the repository to their pages."""
    del files
    return sources.rewritten(markdown, Path(page.file.src_uri), Path(config.docs_dir))
