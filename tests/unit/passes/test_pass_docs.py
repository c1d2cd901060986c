"""The documentation of each pass is executed: Before, through the pass, must be After."""

import re
import sys

import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import parse_spec

from qcompiler.backends.verilog.emit import emit_verilog
from qcompiler.passes.pipeline import make_context, run_pass
from qcompiler.universe import PASSES

FENCE = re.compile(r"^(Before|After):.*?\n```mlir\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONS = re.compile(r"\A// options: (.*)\n")
EMITS_VERILOG = "convert-stream-to-rtl"


def documentation(name: str) -> str:
    return sys.modules[PASSES[name]().__module__].__doc__ or ""


def examples(name: str) -> dict[str, str]:
    return dict(FENCE.findall(documentation(name)))


def parse(text: str) -> ModuleOp:
    module = Parser(make_context(), text).parse_module()
    module.verify()
    return module


def configured(name: str, after: str) -> ModulePass:
    """The pass with the options that its After fence begins with."""
    options = OPTIONS.match(after)
    spec = parse_spec(f"{name}{{{options.group(1)}}}" if options else name)
    return PASSES[name]().from_spec(spec)


@pytest.mark.parametrize("name", sorted(set(PASSES) - {EMITS_VERILOG}))
def test_example_of_the_documentation(name):
    found = examples(name)
    assert sorted(found) == ["After", "Before"], "a pass documents one Before and one After"
    module = parse(found["Before"])
    run_pass(make_context(), module, configured(name, found["After"]))
    expected = parse(found["After"])
    assert module.is_structurally_equivalent(expected), f"{module}\nis not\n{expected}"


def test_hardware_of_the_example_verifies_and_becomes_verilog():
    module = parse(examples(EMITS_VERILOG)["Before"])
    run_pass(make_context(), module, EMITS_VERILOG)
    (top,) = (text for name, text in emit_verilog(module).files.items() if name == "network.v")
    assert "s_axis_0_tvalid" in top
    assert "network_y_fifo" in top


@pytest.mark.parametrize("name", sorted(PASSES))
@pytest.mark.parametrize("section", ["Requires:", "Keeps:", "Leaves alone:"])
def test_documentation_has_every_section(name, section):
    assert f"\n{section} " in documentation(name)
