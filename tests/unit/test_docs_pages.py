"""Pages that are made from the code: complete, and errors where documentation is missing."""

import argparse

import pytest
from generate import command_line, operations, passes, sources
from xdsl.parser import Parser
from xdsl.passes import ModulePass

from qcompiler.assembly import parse_module
from qcompiler.cli.main import COMMANDS
from qcompiler.passes.pipeline import make_context
from qcompiler.universe import DIALECTS, PASSES


def test_every_pass_has_a_section():
    page = passes.page()
    assert [name for name in PASSES if f"\n### `{name}`\n" not in page] == []


def test_a_pass_without_documentation_is_an_error(monkeypatch):
    kind = type("BarePass", (ModulePass,), {"name": "bare", "__module__": "argparse_"})
    monkeypatch.setitem(passes.sys.modules, "argparse_", argparse.Namespace(__doc__=None))
    monkeypatch.setitem(passes.PASSES, "bare", lambda: kind)
    with pytest.raises(ValueError, match="the pass bare has no documentation"):
        passes.page()


@pytest.mark.parametrize("name", DIALECTS)
def test_every_operation_has_a_section(name):
    page = operations.page(name)
    names = [op.name for op in DIALECTS[name]().operations]
    assert [name for name in names if f"\n### `{name}`\n" not in page] == []


def test_an_operation_without_docstring_is_an_error(monkeypatch):
    (kind, *_) = DIALECTS["nn"]().operations
    monkeypatch.setattr(kind, "__doc__", None)
    with pytest.raises(ValueError, match=f"{kind.__name__} of qcompiler.dialects.nn"):
        operations.page("nn")


def test_every_command_has_a_table():
    page = command_line.page()
    assert [name for name in COMMANDS if f"\n## qcc {name}\n" not in page] == []
    assert "`--pass-after NAME=PASSES`" in page
    assert "Python file" in page


def test_an_option_without_help_is_an_error(monkeypatch):
    def build():
        parser = argparse.ArgumentParser()
        subparsers = parser.add_subparsers()
        for name in COMMANDS:
            subparsers.add_parser(name).add_argument("--bare")
        return parser

    monkeypatch.setattr(command_line, "build_parser", build)
    with pytest.raises(ValueError, match="--bare has no help"):
        command_line.page()


def test_links_out_of_docs_lead_to_pages(tmp_path):
    docs = tmp_path / "docs"
    (docs / "guides").mkdir(parents=True)
    (tmp_path / "a.py").write_text("print('</code>')\n")
    page = docs / "guides" / "p.md"
    page.write_text("[a](../../a.py) [b](../b.md) [c](../../../etc/passwd)")
    made = sources.linked(docs)
    assert list(made) == ["source/a.py.md"]
    assert "print('</code>')" in made["source/a.py.md"]
    text = sources.rewritten(page.read_text(), page.relative_to(docs), docs)
    assert text == "[a](../source/a.py.md) [b](../b.md) [c](../../../etc/passwd)"


OPERATIONS = [op for name in DIALECTS for op in DIALECTS[name]().operations]
WEIGHTS = """
stream.weights @fc1 dense<1> : tensor<32x32xi8>
stream.weights @dw dense<1> : tensor<9x2xi8>
"""


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.name)
def test_examples_of_operations(kind):
    """Each operation shows itself as IR that parses and verifies; operands come from elsewhere."""
    text = operations.example(kind)
    assert text, f"{kind.__name__} has no Example in its docstring"
    op = Parser(make_context(), text).parse_operation()
    assert type(op) is kind
    module = parse_module(make_context(), WEIGHTS)
    module.body.block.add_op(op)
    for inner in op.walk():
        inner.verify(verify_nested_ops=False)
