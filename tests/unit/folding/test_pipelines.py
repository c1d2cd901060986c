"""What stands before a pipeline: lanes that its first process does not take are adapted."""

from xdsl.dialects import func

from qcompiler.assembly import parse_module
from qcompiler.passes.pipeline import make_context, run_passes

TEXT = """
stream.weights @fc1 dense<1> : tensor<8x2xi8>
func.func @core(%x : !stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>)
    -> !stream.channel<!qint.int<0, 24>, frame = [2], lanes = 2> {
  %h = stream.mvau %x weights @fc1 pe 2 simd 8
      : (!stream.channel<!qint.int<0, 3>, frame = [8], lanes = 1>)
      -> !stream.channel<!qint.int<0, 24>, frame = [2], lanes = 2>
  func.return %h : !stream.channel<!qint.int<0, 24>, frame = [2], lanes = 2>
}
"""


def test_narrow_beats_are_widened_before_a_pipeline():
    module = parse_module(make_context(), TEXT)
    run_passes(module, ["form-pipelines", "insert-width-adapters"])
    (core,) = (op for op in module.ops if isinstance(op, func.FuncOp))
    names = [op.name for op in core.body.block.ops]
    assert names == ["stream.width_adapter", "stream.pipeline", "func.return"]
