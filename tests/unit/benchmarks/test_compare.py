"""The pages of the comparison and of the gallery are those that their files of figures give."""

import json

import pytest

from benchmarks.compare import COMPARED, DESIGNS, DOCS, GALLERY, pages


@pytest.mark.parametrize("name", ["compare.md", "gallery.md"])
def test_page_is_made_of_its_file(name):
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run python -m benchmarks.compare"


def test_rows_say_when_and_by_what():
    told = json.loads(COMPARED.read_text())
    rows = [*told["accepted"], *told["matrix"], *json.loads(GALLERY.read_text())]
    assert all(row["date"] for row in rows)
    assert all(any(c.isdigit() for c in row.get("tool", row.get("version"))) for row in rows)
    assert {row["name"] for row in json.loads(GALLERY.read_text())} <= set(DESIGNS)
