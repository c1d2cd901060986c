import numpy as np
from xdsl.dialects import func
from xdsl.parser import Parser

from qcompiler.analysis.channel_ranges import channel_ranges
from qcompiler.passes.pipeline import make_context

TEXT = """
func.func @f(%x : tensor<1x2x!qint.int<-1, 3>>, %z : tensor<2x3x!qint.int<0, 1>>) {
  %w = qint.constant dense<[[2, 0, -1], [-1, 0, -1]]> : tensor<2x3xi8> -> tensor<2x3x!qint.int<-1, 2>>
  %constant = qint.matmul %x, %w : (tensor<1x2x!qint.int<-1, 3>>, tensor<2x3x!qint.int<-1, 2>>) -> tensor<1x3x!qint.int<-6, 7>>
  %dynamic = qint.matmul %x, %z : (tensor<1x2x!qint.int<-1, 3>>, tensor<2x3x!qint.int<0, 1>>) -> tensor<1x3x!qint.int<-2, 6>>
  func.return
}
"""  # noqa: E501


def ranges(name, axis):
    module = Parser(make_context(), TEXT).parse_module()
    (function,) = (op for op in module.ops if isinstance(op, func.FuncOp))
    values = {r.name_hint: r for op in function.body.block.ops for r in op.results}
    lo, hi = channel_ranges(values[name], axis)
    return lo.tolist(), hi.tolist()


def test_each_output_has_the_bounds_of_its_own_weights():
    assert ranges("constant", 1) == ([-5, 0, -6], [7, 0, 2])


def test_bounds_are_attained():
    x = np.array(np.meshgrid([-1, 3], [-1, 3])).reshape(2, -1).T
    products = x @ np.array([[2, 0, -1], [-1, 0, -1]])
    assert (products.min(0).tolist(), products.max(0).tolist()) == ranges("constant", 1)


def test_other_axes_and_other_products_have_the_bounds_of_the_type():
    assert ranges("constant", 0) == ([-6], [7])
    assert ranges("dynamic", 1) == ([-2] * 3, [6] * 3)
