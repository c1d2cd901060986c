"""Every page of the documentation, followed literally; those that place and route stand apart."""

import pytest
from doc_pages import PLACING, Reader, pages


@pytest.mark.simulation
@pytest.mark.parametrize("page", sorted(set(pages()) - PLACING))
def test_page(page, tmp_path):
    Reader(tmp_path).follow(page)
