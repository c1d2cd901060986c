"""The notebooks of the examples run from top to bottom."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BOOKS = sorted((Path(__file__).parents[2] / "examples" / "notebooks").glob("*.ipynb"))

CODE = """
import nbclient, nbformat, sys
book = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(book)
nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": sys.argv[2]}}).execute()
"""


def execute(book):
    """Runs a notebook as a user would, in a kernel of its own."""
    command = [sys.executable, "-c", CODE, book, book.parent]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.simulation
@pytest.mark.skipif(find_spec("nbclient") is None, reason="needs nbclient")
@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_notebook(book):
    done = execute(book)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_no_outputs_are_kept(book):
    cells = json.loads(book.read_text(encoding="utf-8"))["cells"]
    assert all(not cell.get("outputs") for cell in cells)
