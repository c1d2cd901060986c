"""Instances of hardware are verified as xDSL does, whose search for the module is not repeated."""

import pytest
from xdsl.context import Context
from xdsl.dialects import builtin, comb, hw
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.parser import Parser
from xdsl.utils.exceptions import VerifyException

from qcompiler.verifying import verify

TEXT = """
hw.module @inner(in %a: i1, in %b: i1, out y: i1) { hw.output %a : i1 }
hw.module @top(in %a: i1, in %b: i1, out y: i1) {
  %y = hw.instance "one" @inner(a: %a: i1, b: %b: i1) -> (y: i1)
  hw.output %y : i1
}
"""


def parsed(text: str = TEXT) -> tuple[ModuleOp, hw.InstanceOp]:
    context = Context()
    for dialect in (builtin.Builtin, hw.HW, comb.Comb):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    (instance,) = (op for op in module.walk() if isinstance(op, hw.InstanceOp))
    return module, instance


def test_an_instance_that_fits_is_fine():
    verify(parsed()[0])


@pytest.mark.parametrize("names", [("b", "a"), ("a",), ("a", "c"), ("a", "a"), ("a", "b", "y")])
def test_names_of_ports_are_taken_as_xdsl_takes_them(names):
    module, instance = parsed()
    instance.attributes["argNames"] = ArrayAttr([StringAttr(name) for name in names])
    said = []
    for way in (ModuleOp.verify, verify):
        try:
            way(module)
            said.append(None)
        except VerifyException as error:
            said.append(str(error))
    assert said[0] == said[1]
    assert (said[0] is None) == (names == ("b", "a"))


def test_an_instance_of_no_module_is_refused():
    module, instance = parsed()
    instance.attributes["moduleName"] = SymbolRefAttr("other")
    with pytest.raises(VerifyException, match="not found"):
        verify(module)
