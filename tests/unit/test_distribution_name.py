"""The name to install by is the distribution's, on every page and in every message."""

import re
import tomllib
from pathlib import Path

from qcompiler.version import DISTRIBUTION

ROOT = Path(__file__).parents[2]
OTHER = re.compile(r"(?<![\w/])qcompiler\[|pip install +['\"]?qcompiler(?!-hdl)\b")
"""What installs the distribution of others that is called as our package is."""


def test_no_page_or_message_names_the_other_distribution():
    patterns = ("*.md", "docs/**/*.md", "qcompiler/**/*.py", "examples/**/*.*", "Makefile")
    files = [path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()]
    texts = {path: path.read_text(encoding="utf-8", errors="ignore") for path in files}
    assert [str(path) for path, text in texts.items() if OTHER.search(text)] == []


def test_extras_in_messages_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] == DISTRIBUTION
    sources = [p.read_text(encoding="utf-8") for p in (ROOT / "qcompiler").rglob("*.py")]
    named = {extra for text in sources for extra in re.findall(r"installing\(['\"](\w+)", text)}
    assert {"sim", "synth"} <= named <= set(project["optional-dependencies"])


def test_messages_say_it_by_the_one_function():
    """Without quotes, zsh takes the brackets of an extra for a pattern."""
    sources = [p for p in (ROOT / "qcompiler").rglob("*.py") if p.name != "version.py"]
    own = [p for p in sources if f"{DISTRIBUTION}[" in p.read_text(encoding="utf-8")]
    assert own == []


def test_the_other_name_is_found():
    assert OTHER.search("pip install 'qcompiler[sim]'")
    assert OTHER.search("pip install qcompiler")
    assert not OTHER.search("pip install 'qcompiler-hdl[sim]'; qcompiler.compile([1])")
