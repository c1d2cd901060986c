"""How long work tells what it is doing."""

from collections.abc import Callable

Progress = Callable[[str], None]
"""Is told a phase in a few words, often again with other numbers: `200 of 1000 frames`."""


def silent(_words: str) -> None:
    """Is told what goes on, and tells nobody."""
