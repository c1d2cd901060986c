"""A headless Chromium, where there is one."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The browser's program: $QCC_CHROMIUM, the system's, or the one playwright installed."""
    named = os.environ.get("QCC_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if named is not None:
        return named
    home = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache/ms-playwright"))
    found = sorted(home.glob("chromium-*/chrome-linux*/chrome"))
    return str(found[-1]) if found else None


@contextmanager
def browser() -> Iterator[Any]:
    """A running browser of playwright; skips the test where that or Chromium is absent."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = chromium()
    if program is None:
        pytest.skip("no Chromium: install one, or run `playwright install chromium`")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield running
        finally:
            running.close()


@contextmanager
def pages(running: Any, script: bool = True, **options: Any) -> Iterator[Callable[..., Any]]:
    """A function that opens pages; at the end, none asked the network or said anything was wrong.

    What went wrong so far is the function's `wrong`. `script`: pages say themselves when they are
    ready.
    """
    context = running.new_context(viewport={"width": 1400, "height": 900}, **options)
    page = context.new_page()
    wrong: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))

    def open_page(file: Path, place: str = "") -> Any:
        page.goto("about:blank")  # else the same address would not be read again
        page.goto(f"{file.as_uri()}#{place}")
        if script:
            page.wait_for_selector("html[data-ready]")
        return page

    open_page.wrong = wrong
    yield open_page
    assert wrong == []
    assert {url.partition(":")[0] for url in asked} <= {"file", "about"}
    context.close()
