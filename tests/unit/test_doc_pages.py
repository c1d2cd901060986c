"""The follower of pages notices what is wrong with a page."""

import doc_pages
import pytest
from doc_pages import Reader


def follow(tmp_path, monkeypatch, text):
    reader = Reader(tmp_path)
    (tmp_path / "page.md").write_text(text)
    monkeypatch.setattr(doc_pages, "ROOT", tmp_path)
    reader.follow("page.md")


GOOD = """
```console
$ echo one two
one ... two
$ false   # fails
$ mkdir there
$ cd there
$ cat ../there/../page.md
GOOD
```
"""


def test_a_page_that_is_right(tmp_path, monkeypatch):
    follow(tmp_path, monkeypatch, GOOD)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```console\n$ echo one\ntwo\n```\n", "'two' is not in"),
        ("```console\n$ false\n```\n", "false"),
        ("```console\n$ true   # fails\n```\n", "true"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```mlir\nqint.nothing\n```\n", "qint.nothing"),
        ("```json\n{\n```\n", "Expecting"),
        ("```toml\na =\n```\n", "Invalid"),
        ("```verilog\nmodule m;\n```\n", "no Verilog has"),
        ("```text\n$ qcc\n```\n", "make it `console`"),
        ("```sh\nls\n```\n", "code of language 'sh'"),
        ("    ls\n", "code of language ''"),
    ],
)
def test_a_page_that_is_wrong(tmp_path, monkeypatch, text, words):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each kind of block has its own
        follow(tmp_path, monkeypatch, text)
    assert words in getattr(caught.value, "msg", "") + str(caught.value)
