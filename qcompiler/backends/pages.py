"""What our HTML pages share: colours, and a policy under which nothing of a model runs."""

import base64
import hashlib
from collections.abc import Iterable
from importlib.resources import files


def palette() -> str:
    """Returns the colours as CSS variables, for light and dark."""
    return (files("qcompiler.backends") / "palette.css").read_text(encoding="utf-8")


def content_policy(styles: Iterable[str], scripts: Iterable[str] = ()) -> str:
    """Returns a Content-Security-Policy: only what is named by its hash, nothing from elsewhere.

    Args:
        styles: contents of all `<style>` elements.
        scripts: contents of all `<script>` elements that run.
    """
    parts = ["default-src 'none'", "base-uri 'none'", "form-action 'none'"]
    for kind, texts in (("script", scripts), ("style", styles)):
        hashes = " ".join(map(_hash, texts))
        parts += [f"{kind}-src {hashes}"] if hashes else []
    return "; ".join(parts)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
