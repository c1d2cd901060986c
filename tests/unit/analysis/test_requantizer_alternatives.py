"""Of a requantizer's form alone, the same is told as select-requantizer knew when it chose."""

from pathlib import Path

import pytest
from xdsl.dialects import func

from qcompiler import pipelines
from qcompiler.analysis.requantizer_alternatives import describe, reconsider
from qcompiler.arith.requantizer_selection import ALL_FORMS
from qcompiler.assembly import parse_module
from qcompiler.compiler import import_model
from qcompiler.dialects import qint
from qcompiler.options import Options
from qcompiler.passes.pipeline import make_context, run_passes
from qcompiler.passes.select_requantizer import selection_for

EXAMPLES = Path(__file__).parents[3] / "examples"
MODELS = ("digits_cnn/digits_cnn_qonnx", "digits_cnn/digits_cnn_qdq", "digits_mlp/digits_mlp")


def operations(module, kind):
    cores = [f for f in module.ops if isinstance(f, func.FuncOp) and f.sym_name.data == "core"]
    return [op for op in cores[0].body.block.ops if isinstance(op, kind)]


def known(selection):
    """The cheapest of each kind, without float_scale, which needs more than codes."""
    found = {}
    for tried in selection.candidates:
        if tried.cost is not None:
            found[tried.name] = min(tried.cost, found.get(tried.name, tried.cost))
    if selection.name != "float_scale":
        found.pop("float_scale", None)
    return found


@pytest.mark.parametrize("model", MODELS)
def test_the_choice_is_told_as_it_was_made(model):
    module = import_model(EXAMPLES / f"{model}.onnx", Options())
    passes = list(pipelines.QINT)
    run_passes(module, passes[: passes.index("select-requantizer")])
    before = [selection_for(op, ALL_FORMS, 4) for op in operations(module, qint.RequantizeOp)]
    run_passes(module, ["select-requantizer"])
    told = [reconsider(op) for op in operations(module, qint.RequantizerOp)]
    assert len(before) > 1
    for selection in before:
        same = [c for c in told if (c.name, c.cost) == (selection.name, selection.cost)]
        assert same, selection.name
        wanted = known(selection)
        assert wanted.pop(same[0].name) == same[0].cost
        others = [{o.name: o.cost for o in c.others if o.cost is not None} for c in same]
        assert wanted in others
        assert all(bool(o.reason) == (o.cost is None) for c in same for o in c.others)
        assert same[0].words == describe(selection.form)


def test_what_is_not_monotone_is_a_table_for_that_reason():
    given, made = ("tensor<1x1x!qint.int<0, 3>>",) * 2
    entries = "entries = dense<[[0, 3, 1, 2]]> : tensor<1x4xi8>, x_lo = 0 : i64"
    text = f"""
    func.func @core(%a : {given}) -> {made} {{
      %y = qint.table %a {{{entries}}} : ({given}) -> {made}
      func.return %y : {made}
    }}
    """
    (op,) = operations(parse_module(make_context(), text), qint.RequantizerOp)
    choice = reconsider(op)
    assert (choice.name, choice.words) == ("table", "4 entries; one for all channels")
    assert {o.reason for o in choice.others} == {"the function is not monotone"}
