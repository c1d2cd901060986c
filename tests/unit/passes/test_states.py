"""States through the passes: arguments and results of the core, and what refuses them."""

import pytest

from qcompiler.assembly import read_module
from qcompiler.compiler import compile_module
from qcompiler.interpreters import functions
from qcompiler.options import Options
from qcompiler.passes.pipeline import make_context
from qcompiler.passes.range_check import false_ranges

MAIN = """
func.func @main(%x : tensor<1x2x!qint.int<0, 3>>, %s : tensor<1x2x!qint.int<{held}>>)
    -> (tensor<1x2x!qint.int<0, 6>>, tensor<1x2x!qint.int<0, 3>>)
    attributes {{qint.state = [dense<{initial}> : tensor<1x2xi8>]}} {{
  %y = qint.add %x, %s : (tensor<1x2x!qint.int<0, 3>>, tensor<1x2x!qint.int<{held}>>)
    -> tensor<1x2x!qint.int<{sum}>>
  func.return %y, %x : tensor<1x2x!qint.int<{sum}>>, tensor<1x2x!qint.int<0, 3>>
}}
"""


def module(tmp_path, held="0, 3", initial=1, total="0, 6"):
    path = tmp_path / "m.mlir"
    text = MAIN.format(held=held, initial=initial, sum=total).replace("0, 6>>, t", f"{total}>>, t")
    path.write_text(text)
    return read_module(path, make_context(), checks=[false_ranges])


def test_one_frame_later(tmp_path):
    design = compile_module(module(tmp_path), Options())
    core = functions(design.model)["core"]
    assert len(core.args) == 2
    assert len(functions(design.model)["head"].args) == 1
    assert len(functions(design.model)["tail"].args) == 1
    x = [[[0, 3]], [[1, 2]], [[3, 3]]]
    assert design.predict(x).tolist() == [[1, 4], [1, 5], [4, 5]]
    assert design.predict(x, state=[[[3, 0]]]).tolist()[0] == [3, 3]
    with pytest.raises(ValueError, match="state 0 has shape"):
        design.predict(x, state=[[1]])
    with pytest.raises(ValueError, match=r"must lie in \[0, 3\]"):
        design.predict(x, state=[[[4, 0]]])
    with pytest.raises(ValueError, match="keeps 1 states, got 0"):
        design.predict(x, state=[])
    assert [port.name for port, _ in design.ports] == ["s_axis_0", "s_axis_1", "m_axis_0"]


@pytest.mark.parametrize(("held", "initial", "total"), [("0, 2", 1, "0, 5"), ("0, 3", 7, "0, 6")])
def test_what_a_state_holds_is_proven(tmp_path, held, initial, total):
    with pytest.raises(Exception, match="state 0 holds 0 to"):
        module(tmp_path, held, initial, total)
