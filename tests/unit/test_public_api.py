"""What users import: there, documented, typed, and the examples in the docstrings run."""

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import qcompiler
from qcompiler import devices, extend, train

ROOT = Path(__file__).parents[2]
WITH_EXAMPLES = (
    "qcompiler",
    "qcompiler.compiler",
    "qcompiler.design",
    "qcompiler.errors",
    "qcompiler.backends.compiled",
    "qcompiler.arith.fixed_point",
    "qcompiler.exploration.entry",
    "qcompiler.train",
    "qcompiler.train.price",
    "qcompiler.train.dyadic",
)
PUBLIC = [(m, name) for m in (qcompiler, extend, devices, train) for name in m.__all__]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_names_are_documented(module, name):
    value = getattr(module, name)
    assert name in dir(module)
    if callable(value):
        own = value.__doc__ if inspect.isfunction(value) else vars(value).get("__doc__")
        assert own, f"{name} has no docstring"


@pytest.mark.parametrize(("module", "name"), PUBLIC)
def test_public_functions_are_typed(module, name):
    value = getattr(module, name)
    if inspect.isfunction(value):
        signature = inspect.signature(value)
        untyped = [p.name for p in signature.parameters.values() if p.annotation is p.empty]
        assert not untyped
        assert signature.return_annotation is not signature.empty


def test_the_package_says_that_it_is_typed():
    assert (ROOT / "qcompiler" / "py.typed").exists()


def test_every_public_name_is_on_the_page():
    page = (ROOT / "docs" / "api.md").read_text()
    names = [name for module, name in PUBLIC if callable(getattr(module, name))]
    assert [name for name in names if f".{name}\n" not in page] == []
