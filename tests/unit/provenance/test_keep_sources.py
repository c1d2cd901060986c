"""Nodes of the model outlive the operations they came in as."""

import pytest
from cli_runner import qcc, saved_mlp
from example_models import HOST_NODES, MODELS
from written_ir import ir_after
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp, UnknownLoc

from qcompiler.assembly import parse_module, print_module
from qcompiler.compiler import compile_module, import_model
from qcompiler.dialects import nn
from qcompiler.options import Options
from qcompiler.passes.pipeline import make_context, run_pass
from qcompiler.provenance.sources import model_nodes, own_nodes, source_nodes

CHAIN = """
func.func @main(%x : tensor<1x2xf32>) -> tensor<1x2xf32> {
  %a = nn.relu %x : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("first")
  %b = nn.relu %a : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("second")
  %c = nn.relu %b : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("third")
  func.return %c : tensor<1x2xf32>
}
"""


def carried(module: ModuleOp) -> set[str]:
    return {name for op in module.walk() for name in own_nodes(op)}


@pytest.mark.parametrize("model", MODELS)
def test_no_pass_loses_a_node_and_no_operation_is_without(model):
    seen: list[str] = []

    def check(name: str, module: ModuleOp) -> None:
        seen.append(name)
        lost = model_nodes(module).keys() - carried(module)
        assert lost <= (HOST_NODES if name == "convert-stream-to-rtl" else set()), name
        for function in (op for op in module.ops if isinstance(op, func.FuncOp)):
            for op in function.walk():
                if op is not function and op.results:
                    assert source_nodes(op), f"{name}: {op}"

    module = import_model(MODELS[model], Options(cycles=2304))
    check("import", module)
    compile_module(module, Options(cycles=2304), [check])
    assert seen[-1] == "convert-stream-to-rtl"


def replaced(which: int, keep: int) -> list[tuple[str, ...]]:
    """A careless pass: relu number `which` goes, `keep` is made anew."""

    def careless(module: ModuleOp) -> None:
        relus = [op for op in module.walk() if isinstance(op, nn.ReluOp)]
        fresh = nn.ReluOp(relus[keep].input)
        block = relus[keep].parent
        assert block is not None
        block.insert_op_before(fresh, relus[keep])
        relus[keep].result.replace_all_uses_with(fresh.result)
        relus[keep].detach()
        relus[which].result.replace_all_uses_with(relus[which].input)
        relus[which].detach()

    module = parse_module(make_context(), CHAIN)
    run_pass(make_context(), module, careless)
    return [own_nodes(op) for op in module.walk() if isinstance(op, nn.ReluOp)]


def test_what_a_careless_pass_drops_goes_to_those_that_used_it():
    # "second" is dropped, and "third" made anew: nothing comes after them.
    assert replaced(1, 2) == [("first", "second", "third")] * 2
    # "first" is dropped, and "second" made anew.
    assert replaced(0, 1) == [("third", "first", "second")] * 2


def test_several_nodes_survive_text():
    module = parse_module(make_context(), CHAIN.replace('"second"', 'fused["second", "extra"]'))
    again = parse_module(make_context(), print_module(module))
    assert [own_nodes(op) for op in again.walk()] == [own_nodes(op) for op in module.walk()]
    assert ("second", "extra") in [own_nodes(op) for op in again.walk()]


def test_a_module_without_nodes_stays_as_it_is():
    bare = CHAIN.replace(' loc("first")', "").replace(' loc("second")', "")
    module = parse_module(make_context(), bare.replace(' loc("third")', ""))
    run_pass(make_context(), module, "canonicalize")
    assert all(isinstance(op.location, UnknownLoc) for op in module.walk())


def test_qcc_opt_keeps_nodes_too(capfd, tmp_path):
    qcc(capfd, "compile", saved_mlp(tmp_path), "--print-ir-after", "all", "-o", tmp_path / "out")
    file = ir_after(tmp_path / "out" / "ir", "fold-zero-points")
    passes = "fuse-requantize,channels-last,infer-ranges,split-host,select-requantizer"
    text = qcc(capfd, "opt", file, "-p", passes, "--print-debuginfo").out
    module = parse_module(make_context(), text)
    assert "relu" in model_nodes(module)
    assert model_nodes(module).keys() <= carried(module)
