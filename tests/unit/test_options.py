"""An option is declared once; what is derived from it agrees."""

import inspect
from dataclasses import fields
from pathlib import Path

import pytest
from xdsl.dialects.builtin import ModuleOp

import qcompiler
from qcompiler.cli.main import build_parser
from qcompiler.devices import load_device
from qcompiler.errors import ModelError
from qcompiler.options import DECLARED, Options, chosen, flag, resume_options, with_options

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits_mlp" / "digits_mlp.onnx"
VALUES = {"rate": 12.5, "count": 3, "text": "a b", "choice": None}
TRAVELLING = [name for name, row in DECLARED.items() if row.travels]


def value_of(name):
    row = DECLARED[name]
    return row.choices[-1] if row.choices else VALUES[row.kind]


def test_compile_takes_every_option():
    taken = inspect.signature(qcompiler.compile).parameters
    assert [name for name in taken if name != "model"] == [entry.name for entry in fields(Options)]
    for name, row in DECLARED.items():
        assert taken[name].default == row.silent
        assert f"\n        {name}: " in qcompiler.compile.__doc__


@pytest.mark.parametrize("command", ["compile", "check"])
@pytest.mark.parametrize("name", DECLARED)
def test_the_command_line_takes_every_option(command, name):
    words = [command, "model.onnx", flag(name), str(value_of(name))]
    assert getattr(build_parser().parse_args(words), name) == value_of(name)


@pytest.mark.parametrize("name", TRAVELLING)
def test_carried(name):
    options = Options(**{name: value_of(name)})
    module = with_options(ModuleOp([]), options)
    assert resume_options(module, Options()) == options
    assert not module.attributes


def test_what_is_said_now_overrules_what_is_carried():
    module = with_options(ModuleOp([]), Options(cycles=7, mhz=20.0))
    assert resume_options(module, Options(fps=5.0)) == Options(fps=5.0, mhz=20.0)


@pytest.mark.parametrize("name", [name for name, row in DECLARED.items() if row.kind != "text"])
def test_wrong_values_are_named(name):
    wrong = "none" if DECLARED[name].kind == "choice" else -1
    (problem,) = Options(**{name: wrong}).problems()
    assert problem.where == flag(name)


@pytest.mark.parametrize("effort", ["1", 1])
def test_choices_may_be_numbers(effort):
    assert chosen("effort", effort) == "1"
    with pytest.raises(ModelError, match="--effort: must be one of 0, 1, 2, 3, got 7"):
        qcompiler.compile(EXAMPLE, cycles=1, effort=7)
    with pytest.raises(ModelError, match="--device: must be a name or a file, got Device"):
        qcompiler.compile(EXAMPLE, device=load_device("ecp5-25k"))
