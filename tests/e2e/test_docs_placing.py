"""Pages that place and route, in a file of their own: a minute of each, beside the other pages."""

import pytest
from doc_pages import PLACING, Reader, pages


def test_the_pages_are_there():
    assert set(pages()) >= PLACING


@pytest.mark.simulation
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.sweep] if page == "docs/tutorial.md" else [])
        for page in sorted(PLACING)
    ],
)
def test_page(page, tmp_path):
    Reader(tmp_path).follow(page)
