"""Follows a page of the documentation literally: what its blocks say is done, in order.

| language | what is done |
|---|---|
| console | lines with `$ ` are run; those below must be in what was said, `...` is anything |
| python | with `# NAME.py` as first line it becomes that file, else it is run |
| toml | with `# NAME.toml` as first line it becomes that file, else it is parsed |
| json | parsed |
| qnn | with `# NAME.qnn` as first line it becomes that file |
| mlir | parsed and verified |
| verilog | as toml with `// NAME.v`, else each line must stand in a file of the page's commands |
| text | a listing; nothing |

A command or a Python block that ends in `# fails` must fail. `cd` lasts. Icarus
Verilog may be absent. Anything else, and code without a language, is refused.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from markdown_it import MarkdownIt

from qcompiler.assembly import parse_module
from qcompiler.passes.pipeline import make_context

ROOT = Path(__file__).parents[2]
FAILS = "# fails"
LONGEST = 600
"""Seconds a command of a page may take; what takes more is shown as `text`."""
PLACING = {"docs/synthesis.md", "docs/tutorial.md"}
"""Pages with a minute of place and route."""

_FILE = re.compile(r"(?:#|//) ([\w.-]+\.(?:py|toml|qnn|v))\n")


def pages() -> list[str]:
    """The pages that people write, relative to the top of the repository."""
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """Language, text and place of each block of code."""
    tokens = MarkdownIt("commonmark").enable("table").parse((ROOT / page).read_text())
    found = []
    for token in tokens:
        if token.type in ("fence", "code_block"):
            words = token.info.split()
            place = f"{page}:{(token.map or [0])[0] + 1}"
            found.append((words[0] if words else "", token.content, place))
    return found


def _is_absent(tool: str) -> bool:
    """Whether the rest of a block needs a tool that no package brings."""
    return tool in ("iverilog", "vvp") and shutil.which(tool) is None


class Reader:
    """Somebody at the top of a clone, who has `qcc` and `python`."""

    def __init__(self, folder: Path):
        self.top = self.here = folder
        shutil.copytree(ROOT / "examples", folder / "examples")
        (folder / "qcompiler").symlink_to(ROOT / "qcompiler")
        commands = folder / ".bin"
        commands.mkdir()
        for name, words in (("qcc", "-m qcompiler.cli.main"), ("python", "")):
            script = commands / name
            script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
            script.chmod(0o755)

    def follow(self, page: str) -> None:
        for language, text, place in blocks(page):
            step = getattr(self, f"_{language}", None) if language else None
            assert step, f"{place}: code of language {language!r}; a listing is `text`"
            step(text, place)

    def _run(self, command: str, place: str) -> str:
        path = f"{self.top / '.bin'}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.here,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST,
        )
        said = f"{place}: {command}\n{(done.stdout + done.stderr)[-3000:]}"
        assert (done.returncode != 0) == command.endswith(FAILS), said
        return " ".join((done.stdout + done.stderr).split())

    def _console(self, text: str, place: str) -> None:
        said = ""
        for line in text.splitlines():
            if line.startswith("$ cd "):
                self.here = self.here / line.removeprefix("$ cd ")
                assert self.here.is_dir(), f"{place}: {line}"
            elif line.startswith("$ ") and _is_absent(line.split()[1]):
                return
            elif line.startswith("$ "):
                said = self._run(line.removeprefix("$ "), place)
            else:
                for words in " ".join(line.split()).split("..."):
                    assert words.strip() in said, f"{place}: {line!r} is not in ...{said[-3000:]!r}"

    def _file(self, text: str) -> bool:
        named = _FILE.match(text)
        if named:
            (self.here / named[1]).write_text(text)
        return bool(named)

    def _python(self, text: str, place: str) -> None:
        end = f"   {FAILS}" if text.rstrip().endswith(FAILS) else ""
        if not self._file(text):
            (self.top / ".block.py").write_text(text)
            self._run(f"python {self.top}/.block.py{end}", place)

    def _toml(self, text: str, _: str) -> None:
        if not self._file(text):
            tomllib.loads(text)

    def _qnn(self, text: str, place: str) -> None:
        assert self._file(text), f"{place}: a text needs its name, # NAME.qnn, as first line"

    def _json(self, text: str, _: str) -> None:
        json.loads(text)

    def _mlir(self, text: str, place: str) -> None:
        parse_module(make_context(), text, place)

    def _verilog(self, text: str, place: str) -> None:
        if self._file(text):
            return
        made = "\n".join(path.read_text() for path in self.here.rglob("*.v"))
        lines = {" ".join(line.split()) for line in made.splitlines()}
        for line in text.splitlines():
            words = " ".join(line.split())
            assert words in lines or words == "...", f"{place}: no Verilog has {line!r}"

    def _text(self, text: str, place: str) -> None:
        assert not text.startswith("$ "), f"{place}: a command; make it `console`"
