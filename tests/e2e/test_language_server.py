"""The language server over its real protocol."""

import gc
import weakref

import pytest
from editor import Editor

pytest.importorskip("pygls", reason="the extra lsp is not installed")

TEXT = """# \U0001f642 a network
network n(x: uint8[1, 4] scale 1/4) {
  w: int4[4, 2] scale 0.5 = [[1, -1], [2, 0], [0, 3], [1, 1]]
  h = matmul(x, w)
  q = quantize(relu(h), uint4, scale: 8)
  return q
}
"""
URI = "file:///nowhere/n.qnn"


@pytest.fixture
def editor():
    made = Editor()
    yield made
    assert made.close() == 0


def hover(editor, line, character):
    found = editor.at("hover", URI, line, character)
    return None if found is None else found["contents"]["value"]


def test_a_session(editor):
    assert editor.capabilities["capabilities"]["hoverProvider"]
    editor.open(URI, TEXT)
    assert editor.marks() == []

    assert hover(editor, 3, 2) == "float32[1, 2]\nrange -31.875 to 127.5"
    assert hover(editor, 3, 13).splitlines() == [
        "float32[1, 4]", "codes 0 to 255, 8 bits", "scale 0.25", "range 0 to 63.75",
    ]  # fmt: skip
    assert hover(editor, 4, 2).splitlines() == ["uint4[1, 2]", "range 0 to 15, 4 bits", "scale 8"]
    assert "Multiplies matrices" in hover(editor, 3, 8)
    assert hover(editor, 4, 32) == "scale: a number, or a list of one a channel"
    assert hover(editor, 6, 0) is None

    definition = editor.at("definition", URI, 4, 20)
    assert definition["range"]["start"] == {"line": 3, "character": 2}

    # Behind `quantize(relu(h), `: arguments first, then what is in scope.
    found = {item["label"]: item for item in editor.at("completion", URI, 4, 24)}
    assert {"scale", "rounding", "half_even", "h", "w", "conv", "uint4"} <= found.keys()
    assert "q" not in found
    assert found["h"]["detail"] == "float32[1, 2]"

    editor.change(URI, 2, TEXT.replace("matmul(x, w)", 'matmul("\U0001f642", wv)'))
    first, *others = editor.marks()
    assert "nothing is called 'wv' here\ndid you mean w?" in [
        m["message"] for m in (first, *others)
    ]
    # UTF-16, as the protocol counts: the smiling face takes two units.
    assert first["range"]["start"]["line"] == 3
    assert first["range"]["end"]["character"] - first["range"]["start"]["character"] == 2

    editor.change(URI, 3, TEXT.replace("  q =", "q="))
    assert editor.marks() == []
    (edit,) = editor.ask("textDocument/formatting", textDocument={"uri": URI},
                         options={"tabSize": 2, "insertSpaces": True})  # fmt: skip
    assert edit["newText"] == TEXT


def test_lines_that_an_edit_does_not_touch_are_told_from_what_was_known(editor):
    editor.open(URI, TEXT)
    assert editor.marks() == []
    told = hover(editor, 3, 2)
    editor.change(URI, 2, "# one line more\n" + TEXT.replace("uint4", "uint3"))
    found = editor.at("hover", URI, 4, 2)
    assert found["contents"]["value"] == told
    assert found["range"]["start"] == {"line": 4, "character": 2}
    assert hover(editor, 5, 2).splitlines()[0] == "uint3[1, 2]"  # edited: looked at anew


def test_damaged_texts_do_not_end_it(editor):
    editor.open(URI, "")
    editor.marks()
    for version, text in enumerate(("network", "network n(", "\0", TEXT[:150], TEXT[30:]), 2):
        editor.change(URI, version, text)
        assert editor.marks()
        hover(editor, 0, 3)
        editor.at("completion", URI, 0, 5)


def test_old_analyses_are_freed():
    """The command line switches Python's collector off, and a server runs for days."""
    from pygls.workspace import TextDocument

    from qcompiler.frontends.text.server import make_server

    server, collecting = make_server(), gc.isenabled()
    gc.disable()
    try:
        old = weakref.ref(server.analysis(TextDocument(URI, TEXT, 1)).module)
        assert old() is not None
        server.analysis(TextDocument(URI, TEXT + "\n", 2))
        server.tidy()
        assert old() is None
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()


def test_names_and_blocks(editor, tmp_path):
    (tmp_path / "k.qnn").write_text("block k(v) {\n  return relu(v)\n}\n")
    text = 'import "k.qnn"\nblock twice(v) {\n  return add(v, v)\n}\n' + TEXT.replace(
        "relu(h)", "k(twice(h))"
    )
    uri = (tmp_path / "n.qnn").as_uri()
    editor.open(uri, text)
    assert editor.marks() == []
    symbols = editor.ask("textDocument/documentSymbol", textDocument={"uri": uri})
    assert [s["name"] for s in symbols] == ["twice", "n"]

    inside = editor.at("definition", uri, 8, 20)
    assert (inside["uri"], inside["range"]["start"]) == (uri, {"line": 1, "character": 6})
    other = editor.at("definition", uri, 8, 15)
    assert other["uri"] == (tmp_path / "k.qnn").as_uri()

    where = {"textDocument": {"uri": uri}, "position": {"line": 7, "character": 2}}
    found = editor.ask("textDocument/references", **where, context={"includeDeclaration": True})
    assert [f["range"]["start"]["line"] for f in found] == [7, 8]
    edit = editor.ask("textDocument/rename", **where, newName="hidden")
    assert {e["newText"] for e in edit["changes"][uri]} == {"hidden"}
    assert len(edit["changes"][uri]) == 2
    assert editor.ask("textDocument/rename", **where, newName="not a name") is None

    help_ = editor.at("signatureHelp", uri, 7, 13)
    assert help_["signatures"][0]["label"].startswith("matmul(a, b")
