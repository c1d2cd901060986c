"""Every page of the documentation, followed literally; those that place and route stand apart."""

import pytest
from doc_pages import PLACING, Reader, pages

LONG = {
    "docs/cropping.md",
    "docs/guides/command-line.md",
    "docs/faq.md",
    "docs/guides/explore-designs.md",
    "docs/guides/look-inside.md",
    "docs/guides/quantize-a-model.md",
    "docs/guides/train-for-the-hardware.md",
    "docs/guides/weights-elsewhere.md",
    "docs/guides/write-a-device.md",
    "docs/guides/write-a-pass.md",
    "docs/guides/write-an-operation.md",
    "docs/language.md",
}
"""Pages whose commands take long, and show what other tests show as well."""


@pytest.mark.simulation
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.sweep] if str(page) in LONG else [])
        for page in sorted(set(pages()) - PLACING)
    ],
)
def test_page(page, tmp_path):
    Reader(tmp_path).follow(page)
