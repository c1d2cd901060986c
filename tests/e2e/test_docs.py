"""Every page of the documentation, followed literally."""

import pytest
from doc_pages import Reader, pages


@pytest.mark.simulation
@pytest.mark.parametrize("page", pages())
def test_page(page, tmp_path):
    Reader(tmp_path).follow(page)
