"""The guides, followed literally: files are written, commands run, their words looked for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FAILS = "   # fails"


@pytest.fixture
def folder(tmp_path):
    """What the guides take for granted: the examples, and the commands `qcc` and `python`."""
    shutil.copy(ROOT / "examples" / "digits_mlp" / "digits_mlp.onnx", tmp_path)
    for plugin in (ROOT / "examples" / "plugins").glob("*.py"):
        shutil.copy(plugin, tmp_path)
    commands = tmp_path / ".bin"
    commands.mkdir()
    for name, words in (("qcc", "-m qcompiler.cli.main"), ("python", "")):
        script = commands / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        script.chmod(0o755)
    return tmp_path


def run(command, folder):
    path = f"{folder / '.bin'}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command.removesuffix(FAILS), shell=True, cwd=folder, env=env, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    said = f"{command}\n{done.stdout}{done.stderr}"
    assert (done.returncode != 0) == command.endswith(FAILS), said
    return " ".join((done.stdout + done.stderr).split())


def follow_console(text, folder):
    said = ""
    for line in text.splitlines():
        if line.startswith("$ "):
            said = run(line.removeprefix("$ "), folder)
        else:
            assert " ".join(line.split()) in said, f"{line!r} is not in {said!r}"


@pytest.mark.simulation
@pytest.mark.parametrize("guide", ["look-inside.md", "write-a-pass.md", "write-an-operation.md"])
def test_guide(guide, folder):
    for language, text in BLOCK.findall((ROOT / "docs" / "guides" / guide).read_text()):
        if language == "python":
            name = text.partition("\n")[0].removeprefix("# ")
            (folder / name).write_text(text)
        elif language == "console":
            follow_console(text, folder)
